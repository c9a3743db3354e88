"""Claims about whole trainings, decided by figures 2 (E–H), 3 (B–C), 4 (B–C), 7, 8 and 10; of the autoencoder, by 9.

Errors are compared by their decimal logarithm, seed by seed, each algorithm at its best learning rate.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..single_step import CURVES
from .data import Results
from .points import NAMES
from .trainings import Training, trainings
from .verdicts import Case, Claim, above, below, collector

CLAIMS: list[Claim] = []
claim = collector(CLAIMS)

LITTLE = 0.1
"""Errors that differ by less than this power of ten, a quarter, are as good as equal."""
BEGINNING = 0.1
"""The share of the steps that is the beginning of training."""
FAR_FEWER = 0.5
AUTOENCODER = 9
END = slice(-1, None)
WHOLE = slice(1, None)
"""Parts of the times at which errors were measured."""


def beginning(training: Training) -> slice:
    """The first tenth of training."""
    times = training.errors["bp"].shape[1]
    return slice(1, 1 + max(1, round(BEGINNING * (times - 1))))


def rescaled(training: Training, rule: str) -> str:
    """The rescaled curve of a rule in this training: adaptive online, decorrelated in batches."""
    return f"{rule}_{'adaptive' if training.where['batch'] == 1 else 'decorrelated'}"


def gain(training: Training, better: str, worse: str, part: slice = END) -> np.ndarray:
    """By how many powers of ten the better curve's error is lower, a mean over a part of training, by seed."""
    return np.asarray((logs(training.errors[worse]) - logs(training.errors[better]))[:, part].mean(axis=1))


def logs(errors: np.ndarray) -> np.ndarray:
    """The decimal logarithm; of a run that diverged, that of the largest number."""
    numbers = np.finfo(np.float64)
    finite = np.nan_to_num(np.asarray(errors, np.float64), nan=numbers.max, posinf=numbers.max)
    return np.asarray(np.log10(np.maximum(finite, numbers.tiny)))


def compared(where: dict[str, Any], better: str, worse: str) -> dict[str, Any]:
    """The case's factors with the curves that it compares."""
    return {**where, "compared": f"{name(better)} with {name(worse)}"}


def name(curve: str) -> str:
    """What the paper calls a curve."""
    return " ".join(reversed(CURVES[curve].label.split(", ")))


@claim("3.1.3, figure 2E–H", "log10 of BP's over PC's error, whole training and end, > 0", figures=[2])
def pc_learns_with_fewer_samples(results: Results) -> Iterable[Case]:
    """PC is more sample efficient than BP over longer training, with both initialisations."""
    for training in trainings(results, 2, "EFGH"):
        for measured, part in (("whole training", WHOLE), ("end", END)):
            yield above({**training.where, "measured": measured}, gain(training, "pc", "bp", part))


@claim("3.1.3, figure 2F, H", "log10 of the others' over norm-preserving PC's error at the end > 0", figures=[2])
def norm_preserving_pc_is_best_in_deep_networks(results: Results) -> Iterable[Case]:
    """With eight hidden layers, PC with norm-preserving weights clearly outperforms all alternatives."""
    deep = trainings(results, 2, "FH")
    best = {
        training.where["rates"]: training.errors["pc"]
        for training in deep
        if training.where["initialisation"] == "norm-preserving"
    }
    for training in deep:
        lowest = best[training.where["rates"]]
        for curve, errors in training.errors.items():
            if errors is not lowest:
                yield above({**training.where, "rule": name(curve)}, (logs(errors) - logs(lowest))[:, -1])


@claim("3.2, figure 3B–C", "log10 of BP's over PC's error at the end, plain and rescaled, > 0", figures=[3])
def pc_beats_bp_online(results: Results) -> Iterable[Case]:
    """Online, PC and rescaled PC outperform BP and rescaled BP."""
    for training in trainings(results, 3, "BC"):
        for pc, bp in (("pc", "bp"), ("pc_adaptive", "bp_adaptive")):
            yield above(compared(training.where, pc, bp), gain(training, pc, bp))


@claim("3.2, figure 3B–C", f"log10 of plain over rescaled error in the first tenth of training < {LITTLE}", figures=[3])
def online_rescaling_helps_little_at_first(results: Results) -> Iterable[Case]:
    """Online, rescaling provides little benefit at the beginning of training."""
    for training in trainings(results, 3, "BC"):
        yield from early_gains(training)


def early_gains(training: Training) -> Iterator[Case]:
    """Whether rescaling gains little in the beginning, by rule."""
    for rule, label in NAMES.items():
        early = gain(training, rescaled(training, rule), rule, beginning(training))
        yield below({**training.where, "rule": label}, early, LITTLE)


@claim("3.2, figure 3B–C", "log10 of plain over rescaled PC's error at the end > 0", figures=[3])
def online_rescaling_helps_in_the_end(results: Results) -> Iterable[Case]:
    """Online, some benefits of rescaling PC can be observed as the number of steps becomes large."""
    for training in trainings(results, 3, "BC"):
        yield above(training.where, gain(training, "pc_adaptive", "pc"))


@claim("3.3, figure 4B–C", f"steps of rescaled PC to another's last error, over all steps, < {FAR_FEWER}", figures=[4])
def rescaled_pc_needs_far_fewer_steps(results: Results) -> Iterable[Case]:
    """In batches, rescaled PC reaches the minimum in far fewer steps than plain PC and BP."""
    for training in trainings(results, 4, "BC"):
        mean = training.errors["pc_decorrelated"].mean(axis=0)
        for rule in NAMES:
            reached = np.flatnonzero(mean <= training.errors[rule].mean(axis=0)[-1])
            share = reached[0] / (len(mean) - 1) if len(reached) else 1.0
            yield Case(compared(training.where, "pc_decorrelated", rule), float(share), FAR_FEWER, at_most=True)


@claim("3.3, figure 4B–C", "log10 of the error's decrease in the first half minus that in the second > 0", figures=[4])
def plain_rules_start_fast_and_slow_down(results: Results) -> Iterable[Case]:
    """In batches, plain PC and BP make fast initial progress but slow down soon."""
    for training in trainings(results, 4, "BC"):
        for rule, label in NAMES.items():
            errors = logs(training.errors[rule])
            middle = errors[:, errors.shape[1] // 2]
            yield above({**training.where, "rule": label}, (errors[:, 0] - middle) - (middle - errors[:, -1]))


@claim("J.1, figure 7", "log10 of BP's over PC's error at the end > 0", figures=[7])
def pc_beats_bp_at_every_width(results: Results) -> Iterable[Case]:
    """In batches, PC outperforms BP at all widths considered, with one hidden layer."""
    for training in trainings(results, 7):
        yield above(training.where, gain(training, "pc", "bp"))


@claim("J.1, figure 8", f"log10 of plain over rescaled error at the end < {LITTLE}", figures=[8])
def online_rescaling_brings_no_benefit(results: Results) -> Iterable[Case]:
    """Online, rescaling provides effectively no benefits, with one hidden layer."""
    yield from late_gains(results, 8)


def late_gains(results: Results, figure: int) -> Iterator[Case]:
    """Whether rescaling gains little at the end of online training, by rule."""
    for training in trainings(results, figure):
        if training.where["batch"] == 1:
            for rule, label in NAMES.items():
                late = gain(training, rescaled(training, rule), rule)
                yield below({**training.where, "rule": label}, late, LITTLE)


@claim("J.1, figure 8", "log10 of the others' over rescaled PC's error at the end > 0", figures=[8])
def rescaled_pc_is_best_in_batches(results: Results) -> Iterable[Case]:
    """In batches, rescaled PC consistently outperforms all other models, with one hidden layer."""
    yield from rescaled_pc_against_all(results, 8)


def rescaled_pc_against_all(results: Results, figure: int) -> Iterator[Case]:
    """Rescaled PC's error at the end against each other curve's, in batches."""
    for training in trainings(results, figure):
        if training.where["batch"] > 1:
            for other in ("bp", "pc", "bp_decorrelated"):
                yield above(
                    compared(training.where, "pc_decorrelated", other), gain(training, "pc_decorrelated", other)
                )


@claim("J.1, figure 8", "log10 of BP's and rescaled BP's over PC's and rescaled PC's error at the end > 0", figures=[8])
def pc_clearly_wins_online_in_wide_networks(results: Results) -> Iterable[Case]:
    """Online in the widest network, PC and rescaled PC clearly outperform BP and rescaled BP."""
    figure = trainings(results, 8)
    widest = max(training.where["width"] for training in figure)
    for training in figure:
        if training.where["batch"] == 1 and training.where["width"] == widest:
            for pc in ("pc", "pc_adaptive"):
                for bp in ("bp", "bp_adaptive"):
                    yield above(compared(training.where, pc, bp), gain(training, pc, bp))


@claim("J.3, figure 10", f"log10 of plain over rescaled error at the end < {LITTLE}", figures=[10])
def online_rescaling_brings_no_benefit_in_deep_networks(results: Results) -> Iterable[Case]:
    """With eight hidden layers the advantages of rescaling are diminished online."""
    yield from late_gains(results, 10)


@claim("J.3, figure 10", "log10 of plain over rescaled error at the end, in batches, > 0", figures=[10])
def batch_rescaling_helps_in_deep_networks(results: Results) -> Iterable[Case]:
    """With eight hidden layers the advantages of rescaling return in batches of 64."""
    for training in trainings(results, 10):
        if training.where["batch"] > 1:
            for rule, label in NAMES.items():
                yield above({**training.where, "rule": label}, gain(training, rescaled(training, rule), rule))


@claim("J.3, figure 10", "log10 of the others' over rescaled PC's error at the end > 0", figures=[10])
def rescaled_pc_is_best_in_deep_networks(results: Results) -> Iterable[Case]:
    """All observations of networks with one hidden layer apply to eight: in batches rescaled PC is best."""
    yield from rescaled_pc_against_all(results, 10)


@claim(
    "J.1, figures 7, 8 and 10",
    "1 if the best learning rate is at an end of the sweep, else 0; wanted 0",
    figures=[7, 8, 10],
)
def sweeps_contain_the_optimum(results: Results) -> Iterable[Case]:
    """The sweeps are so wide that the best learning rate of each model is reached."""
    for figure in (7, 8, 10):
        for training in trainings(results, figure):
            for curve, best in training.best.items():
                edge = float(best in {0, len(training.learning_rates) - 1})
                yield below({"figure": f"figure {figure}", **training.where, "curve": name(curve)}, edge, 0.5)


@claim("3.2 and J.2, figures 3D and 9", f"log10 of plain over rescaled error, first tenth, < {LITTLE}", figures=[9])
def autoencoder_gains_little_from_rescaling_at_first(results: Results) -> Iterable[Case]:
    """In the nonlinear autoencoder, rescaling provides limited benefit at the beginning of online training."""
    for training in trainings(results, AUTOENCODER):
        if training.where["batch"] == 1:
            yield from early_gains(training)


@claim("3.3, figures 4D and 9", "log10 of the next over a curve's error, a mean over training, > 0", figures=[9])
def autoencoder_order_in_batches(results: Results) -> Iterable[Case]:
    """In the autoencoder in batches, rescaled PC is fastest, followed by PC, rescaled BP and BP."""
    for training in trainings(results, AUTOENCODER):
        if training.where["batch"] > 1:
            for faster, slower in pairwise(("pc_decorrelated", "pc", "bp_decorrelated", "bp")):
                yield above(compared(training.where, faster, slower), gain(training, faster, slower, WHOLE))


@claim("J.2, figure 9", "log10 of BP's over PC's error at the end, plain and rescaled, > 0", figures=[9])
def autoencoder_pc_ends_lower(results: Results) -> Iterable[Case]:
    """In the autoencoder the final error of PC is lower than that of BP, online and in batches."""
    for training in trainings(results, AUTOENCODER):
        for pc, bp in (("pc", "bp"), (rescaled(training, "pc"), rescaled(training, "bp"))):
            yield above(compared(training.where, pc, bp), gain(training, pc, bp))


@claim("J.2, figure 9", "log10 of plain over rescaled error at the end, > 0 in batches, else < 0.1", figures=[9])
def autoencoder_rescaling_needs_batches(results: Results) -> Iterable[Case]:
    """In the autoencoder the rescaled algorithms only benefit from larger batches."""
    for training in trainings(results, AUTOENCODER):
        for rule, label in NAMES.items():
            found, where = gain(training, rescaled(training, rule), rule), {**training.where, "rule": label}
            yield above(where, found) if training.where["batch"] > 1 else below(where, found, LITTLE)
