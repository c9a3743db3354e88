"""The runs of a sweep while they go on: dealing them out to devices, taking in what comes back, and checkpoints."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files.arrays import read_arrays, write_arrays
from ..numerics.kinds import leaves, map_leaves
from .sweep_program import Found, Work

FORMAT = 3
"""The version of checkpoints."""


class Blocks(NamedTuple):
    """How runs share the devices: runs a block, blocks a group, groups a device at most."""

    devices: int
    runs: int
    group: int
    groups: int


def share_out(devices: int, at_once: int, rates: int, seeds: int) -> Blocks:
    """Blocks of one seed, of about equal size and at most ``at_once`` runs; several a group where they are small."""
    per_seed = -(-rates // at_once)
    runs = -(-rates // per_seed)
    blocks = -(-seeds * per_seed // devices)
    group = min(blocks, max(1, at_once // runs))
    return Blocks(devices, runs, group, -(-blocks // group))


class Runs:
    """The runs of one algorithm, by learning rate and seed; all arrays have one row a run.

    Attributes:
        models: the models now.
        errors: ``(runs, T + 1)``, infinity where not known.
        loss: ``(runs, T)``, infinity where not known.
        accuracy: the largest estimated error of an equilibrium so far.
        steps: how many steps were finite.
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
        """How many runs were finite in all steps that are done."""
        return int((self.steps == done).sum())

    def deal(self, done: int, blocks: Blocks) -> tuple[np.ndarray, Work]:
        """The runs that still go on in blocks, −1 where there is none; and what the devices need of them."""
        rows = []
        for seed in np.unique(self.seeds):
            alive = np.flatnonzero((self.seeds == seed) & (self.steps == done))
            rows += [alive[start : start + blocks.runs] for start in range(0, len(alive), blocks.runs)]
        places: np.ndarray = np.full((blocks.devices, blocks.groups * blocks.group, blocks.runs), -1)
        for index, row in enumerate(rows):
            places[index % blocks.devices, index // blocks.devices, : len(row)] = row
        used = (places[..., 0] >= 0).sum(axis=1)
        places = np.reshape(places, (-1, blocks.runs))
        stand_ins = np.where(places < 0, np.maximum(places[:, :1], 0), places)
        models = map_leaves(lambda leaf: leaf[stand_ins], self.models)
        groups = -(-used // blocks.group)
        return places, Work(models, self.rates[stand_ins], self.seeds[stand_ins[:, 0]], groups)

    def collect(self, done: int, count: int, places: np.ndarray, found: Found) -> None:
        """Take in the curves of ``count`` steps."""
        runs, there = places[places >= 0], places >= 0

        def of_runs(by_block: np.ndarray) -> np.ndarray:
            return np.moveaxis(by_block[:, :count], 1, 2)[there]

        errors, loss = of_runs(found.errors), of_runs(found.loss)
        finite = np.cumprod(np.isfinite(errors) & np.isfinite(loss), axis=1).sum(axis=1)
        until = np.arange(count) <= finite[:, None]
        self.errors[runs, done + 1 : done + count + 1] = np.where(until & np.isfinite(errors), errors, np.inf)
        self.loss[runs, done : done + count] = np.where(until & np.isfinite(loss), loss, np.inf)
        self.accuracy[runs] = np.maximum(self.accuracy[runs], found.accuracy[there])
        self.steps[runs] = done + finite

    def keep(self, places: np.ndarray, models: Any) -> None:
        """Take in the models."""
        runs, there = places[places >= 0], places >= 0
        for leaf, new in zip(leaves(self.models), leaves(models), strict=True):
            leaf[runs] = new[there]

    def state(self) -> dict[str, np.ndarray]:
        """Everything that changes, by name."""
        models = {f"models/{index}": leaf for index, leaf in enumerate(leaves(self.models))}
        return {"errors": self.errors, "loss": self.loss, "accuracy": self.accuracy, "steps": self.steps, **models}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state`."""
        for name, array in self.state().items():
            array[...] = state[name]


def fingerprint(*parts: Any) -> str:
    """A digest of records and tuples: structure, static fields, and every number."""
    digest = hashlib.sha256(f"{FORMAT}".encode())
    digest.update(repr(map_leaves(lambda _: "array", parts)).encode())
    for leaf in leaves(parts):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, key: str, done: int, runs: Sequence[Runs]) -> None:
    """Write where the sweep stands, whole or not at all."""
    arrays = {f"{index}/{name}": array for index, each in enumerate(runs) for name, array in each.state().items()}
    write_arrays(path, arrays, {"sweep": key, "done": done})


def load_checkpoint(path: Path, key: str, runs: Sequence[Runs]) -> int:
    """Go on from a checkpoint: how many steps are done."""
    arrays, note = read_arrays(path)
    if not isinstance(note, dict) or note.get("sweep") != key:
        raise ValueError(
            f"`checkpoint` is {path}, which is not of this sweep: another configuration or data, or no checkpoint. "
            "Name another file, or delete it."
        )
    for index, each in enumerate(runs):
        prefix = f"{index}/"
        each.restore({n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)})
    return int(note["done"])
