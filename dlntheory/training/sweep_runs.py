"""The runs of a sweep while they go on: dealing them out to devices, and collecting results."""

from typing import Any, NamedTuple

import numpy as np

from ..numerics.kinds import leaves, map_leaves
from .sweep_program import Found, Span, Work


class Shape(NamedTuple):
    """The layout of runs on devices: groups per device, blocks per group, and runs of one seed per block."""

    devices: int
    groups: int
    blocks: int
    runs: int


def share_out(devices: int, at_once: int, rates: int, seeds: int) -> Shape:
    """Blocks of about equal size and at most ``at_once`` runs; several per group where they are small."""
    per_seed = -(-rates // at_once)
    runs = -(-rates // per_seed)
    blocks = -(-seeds * per_seed // devices)
    group = min(blocks, max(1, at_once // runs))
    return Shape(devices, -(-blocks // group), group, runs)


class Runs:
    """The runs of one algorithm, by learning rate and seed; all arrays have one row per run.

    Attributes:
        models: the models now.
        errors: ``(runs, T + 1)``, infinity where not known.
        loss: ``(runs, T)``, infinity where not known.
        accuracy: the largest estimated error of an equilibrium so far.
        steps: the number of steps that were finite.
    """

    def __init__(self, models: Any, errors: np.ndarray, rates: np.ndarray, steps: int):
        """Start from the models and errors of every seed."""
        self.rates, self.seeds = np.repeat(rates, len(errors)), np.tile(np.arange(len(errors)), len(rates))
        count = len(self.rates)
        self.models = map_leaves(lambda leaf: np.asarray(leaf)[self.seeds], models)
        self.errors = np.full((count, steps + 1), np.inf, rates.dtype)
        self.errors[:, 0] = errors[self.seeds]
        self.loss = np.full((count, steps), np.inf, rates.dtype)
        self.accuracy = np.zeros(count, rates.dtype)
        self.steps = np.zeros(count, int)

    def going_on(self, done: int) -> int:
        """The number of runs that were finite in all steps that are done."""
        return int((self.steps == done).sum())

    def deal(self, done: int, shape: Shape) -> tuple[np.ndarray, Work]:
        """The places of the runs that go on, by group and block, −1 for none; and the arrays that devices need."""
        rows = []
        for seed in np.unique(self.seeds):
            alive = np.flatnonzero((self.seeds == seed) & (self.steps == done))
            rows += [alive[start : start + shape.runs] for start in range(0, len(alive), shape.runs)]
        places: np.ndarray = np.full((shape.groups, shape.blocks, shape.devices, shape.runs), -1)
        for place, row in zip(places.reshape(-1, shape.runs), rows, strict=False):
            place[: len(row)] = row
        places = np.moveaxis(places, 2, 0).reshape(-1, shape.blocks, shape.runs)
        runs = np.where(places < 0, np.maximum(places[..., :1], 0), places)
        models = map_leaves(lambda leaf: leaf[runs], self.models)
        return places, Work(models, self.rates[runs], self.seeds[runs[..., 0]], (places >= 0).any(axis=(1, 2)))

    def collect(self, span: Span, places: np.ndarray, found: Found) -> None:
        """Take in the steps of a span."""
        there, stop = places >= 0, span.start + span.count
        runs = places[there]
        self.errors[runs, span.start + 1 : stop + 1] = found.errors[there][:, : span.count]
        self.loss[runs, span.start : stop] = found.loss[there][:, : span.count]
        self.accuracy[runs] = np.maximum(self.accuracy[runs], found.accuracy[there])
        self.steps[runs] += found.steps[there]
        for leaf, new in zip(leaves(self.models), leaves(found.models), strict=True):
            leaf[runs] = new[there]

    def state(self) -> list[np.ndarray]:
        """The arrays that change."""
        return [self.errors, self.loss, self.accuracy, self.steps, *leaves(self.models)]
