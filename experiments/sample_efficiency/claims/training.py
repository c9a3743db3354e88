"""Claims about whole trainings, decided by figures 2 (E–H), 3 (B–C), 4 (B–C), 7, 8 and 10.

Where the paper inverts regularised matrices, it does not say which spectrum sets the regularisation (erratum 8). The
data take the spectrum of the symmetric part, and the claims that depend on it say so.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from .data import Results
from .points import NAMES
from .trainings import LITTLE, Training, advantage, compared, logs, lower, name, rescaled, trainings
from .verdicts import Case, Claim, Where, above, below, collector

CLAIMS: list[Claim] = []
claim = collector(CLAIMS)

BEGINNING = 0.1
"""The share of the steps that is the beginning of training."""
FAR_FEWER = 0.5
CLEARLY = 0.3
"""A rule that clearly outperforms another at least halves its error; in powers of ten."""
MODELS = ("bp", "pc", "bp_adaptive", "pc_adaptive", "bp_decorrelated", "pc_decorrelated")
"""Curves that the paper has; the positive adaptive rates are ours."""
ENDS = "log10 of the other's over its error at the end, or, of two below 1e-14 of the start, steps that it saves"


@claim("3.1.3, figure 2E–H", "log10 of BP's over PC's error, a mean over training, and at the end, > 0")
def pc_learns_with_fewer_samples(results: Results) -> Iterable[Case]:
    """PC is more sample efficient than BP over longer training, with both initialisations."""
    for training in trainings(results, 2, "EFGH"):
        gain = advantage(training, "pc", "bp")[:, 1:].mean(axis=1)
        yield above({**training.where, "measured": "whole training"}, gain, least=LITTLE)
        yield lower(training, "pc", "bp", {**training.where, "measured": "end"})


@claim("3.1.3, figure 2F, H", "log10 of the others' over norm-preserving PC's error at the end > 0")
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
                gain = (logs(errors) - logs(lowest))[:, -1]
                yield above({**training.where, "rule": name(curve)}, gain, least=CLEARLY)


@claim("3.2, figure 3B–C", f"plain and rescaled PC against BP: {ENDS}, > 0")
def pc_beats_bp_online(results: Results) -> Iterable[Case]:
    """Online, PC and rescaled PC outperform BP and rescaled BP."""
    for training in trainings(results, 3, "BC"):
        for pc, bp in (("pc", "bp"), ("pc_adaptive", "bp_adaptive")):
            yield lower(training, pc, bp, compared(training.where, pc, bp))


@claim(
    "3.2, figure 3B–C",
    f"log10 of plain over rescaled error in the first tenth of training, neither above the start's, < {LITTLE}",
)
def online_rescaling_helps_little_at_first(results: Results) -> Iterable[Case]:
    """Online, rescaling provides little benefit at the beginning of training."""
    for training in trainings(results, 3, "BC"):
        yield from early_gains(training)


def early_gains(training: Training) -> Iterator[Case]:
    """Cases: rescaling gains little in the beginning, by rule; nothing is gained over a curve that explodes there."""
    beginning = slice(1, 1 + max(1, round(BEGINNING * (len(training.steps) - 1))))
    for rule, label in NAMES.items():
        plain, other = (logs(training.errors[each], most=1.0) for each in (rule, rescaled(training, rule)))
        yield below({**training.where, "rule": label}, (plain - other)[:, beginning].mean(axis=1), LITTLE)


@claim("3.2 and J.1, figures 3B–C, 8 and 10", f"rescaled against plain, online: {ENDS}, > 0")
def online_rescaling_helps_in_the_end(results: Results) -> Iterable[Case]:
    """Online, some benefits of rescaling can be observed as the number of steps becomes large."""
    for figure in (8, 10):  # their panels are figure 3's, and more
        yield from gains_of_rescaling(results, figure, online=True)


def gains_of_rescaling(results: Results, figure: int, online: bool) -> Iterator[Case]:
    """Rescaled rules against plain ones at the end."""
    for training in trainings(results, figure):
        if (training.where["batch"] == 1) == online:
            for rule, label in NAMES.items():
                yield lower(training, rescaled(training, rule), rule, {**training.where, "rule": label})


@claim(
    "3.3, figure 4B–C",
    f"share of the steps after which rescaled PC (symmetric part's spectrum) has another's last error < {FAR_FEWER}",
)
def rescaled_pc_needs_far_fewer_steps(results: Results) -> Iterable[Case]:
    """In batches, rescaled PC reaches the minimum in far fewer steps than plain PC and BP."""
    for training in trainings(results, 4, "BC"):
        errors = logs(training.errors["pc_decorrelated"])
        for rule in NAMES:
            there = errors <= logs(training.errors[rule])[:, -1:]
            first = np.where(there.any(axis=1), there.argmax(axis=1), errors.shape[1] - 1)
            yield below(compared(training.where, "pc_decorrelated", rule), first / (errors.shape[1] - 1), FAR_FEWER)


@claim("3.3, figure 4B–C", "log10 of the error's decrease in the first half minus that in the second > 0")
def plain_rules_start_fast_and_slow_down(results: Results) -> Iterable[Case]:
    """In batches, plain PC and BP make fast initial progress but slow down soon."""
    for training in trainings(results, 4, "BC"):
        for rule, label in NAMES.items():
            errors = logs(training.errors[rule])
            middle = errors[:, errors.shape[1] // 2]
            slowing = (errors[:, 0] - middle) - (middle - errors[:, -1])
            yield above({**training.where, "rule": label}, slowing, least=LITTLE)


@claim("J.1, figure 7", f"PC against BP: {ENDS}, > 0")
def pc_beats_bp_at_every_width(results: Results) -> Iterable[Case]:
    """In batches, PC outperforms BP at all widths considered, with one hidden layer."""
    for training in trainings(results, 7):
        yield lower(training, "pc", "bp", training.where)


@claim("J.1, figure 8", f"plain PC against plain BP: {ENDS}, > 0")
def pc_is_consistently_better_across_widths(results: Results) -> Iterable[Case]:
    """Plain PC performs consistently better than plain BP across widths, online and in batches."""
    for training in trainings(results, 8):
        yield lower(training, "pc", "bp", training.where)


@claim("J.1, figure 8", f"log10 of plain over rescaled error at the end < {LITTLE}")
def online_rescaling_brings_no_benefit(results: Results) -> Iterable[Case]:
    """Online, rescaling provides effectively no benefits, with one hidden layer."""
    for training in trainings(results, 8):
        if training.where["batch"] == 1:
            yield from late_gains(training, training.where)


def late_gains(training: Training, where: Where) -> Iterator[Case]:
    """Cases: rescaling gains little at the end, by rule."""
    for rule, label in NAMES.items():
        yield below({**where, "rule": label}, advantage(training, rescaled(training, rule), rule)[:, -1], LITTLE)


@claim("J.1, figure 8", f"rescaled PC (symmetric part's spectrum) against the others: {ENDS}, > 0")
def rescaled_pc_is_best_in_batches(results: Results) -> Iterable[Case]:
    """In batches, rescaled PC consistently outperforms all other models, with one hidden layer."""
    for training in trainings(results, 8):
        if training.where["batch"] > 1:
            yield from rescaled_pc_against_all(training, training.where)


def rescaled_pc_against_all(training: Training, where: Where) -> Iterator[Case]:
    """Rescaled PC against each other curve at the end."""
    for other in ("bp", "pc", "bp_decorrelated"):
        yield lower(training, "pc_decorrelated", other, compared(where, "pc_decorrelated", other))


@claim("J.1, figure 8", f"PC and rescaled PC against BP and rescaled BP: {ENDS}, > 0")
def pc_clearly_wins_online_in_wide_networks(results: Results) -> Iterable[Case]:
    """Online in the widest network, PC and rescaled PC clearly outperform BP and rescaled BP."""
    figure = trainings(results, 8)
    widest = max(training.where["width"] for training in figure)
    for training in figure:
        if training.where["batch"] == 1 and training.where["width"] == widest:
            for pc in ("pc", "pc_adaptive"):
                for bp in ("bp", "bp_adaptive"):
                    yield lower(training, pc, bp, compared(training.where, pc, bp), least=CLEARLY)


@claim(
    "J.3, figure 10",
    "log10 of plain over rescaled error at the end, in batches (symmetric part's spectrum) minus online, > 0",
)
def rescaling_helps_less_online_in_deep_networks(results: Results) -> Iterable[Case]:
    """With eight hidden layers the advantages of rescaling are diminished online."""
    figure = trainings(results, 10)
    online = {training.where["rates"]: training for training in figure if training.where["batch"] == 1}
    for training in figure:
        if training.where["batch"] > 1:
            for rule, label in NAMES.items():
                batches, single = (
                    advantage(each, rescaled(each, rule), rule)[:, -1]
                    for each in (training, online[training.where["rates"]])
                )
                yield above({"rates": training.where["rates"], "rule": label}, batches - single, least=LITTLE)


@claim("J.3, figure 10", f"rescaled (symmetric part's spectrum) against plain, in batches: {ENDS}, > 0")
def batch_rescaling_helps_in_deep_networks(results: Results) -> Iterable[Case]:
    """With eight hidden layers the advantages of rescaling return in batches of 64."""
    yield from gains_of_rescaling(results, 10, online=False)


@claim(
    "J.3, figure 10",
    "as in J.1: plain PC beats BP, online rescaling gains < 0.1 powers of ten, and in batches rescaled PC (symmetric "
    "part's spectrum) is best",
)
def all_observations_apply_to_deep_networks(results: Results) -> Iterable[Case]:
    """All observations from networks with one hidden layer also apply to those with eight."""
    for training in trainings(results, 10):
        yield lower(training, "pc", "bp", {**training.where, "observation": "PC beats BP"})
        if training.where["batch"] == 1:
            yield from late_gains(training, {**training.where, "observation": "no benefit of online rescaling"})
        else:
            yield from rescaled_pc_against_all(training, {**training.where, "observation": "rescaled PC is best"})


@claim(
    "J.1, figures 2F, H, 7, 8 and 10",
    "log10 of the error at the end, at the better end of the learning rates over the best rate between, > 0",
)
def sweeps_contain_the_optimum(results: Results) -> Iterable[Case]:
    """The sweeps are so wide that the best learning rate of each model is reached."""
    for figure, letters in {2: "FH", 7: "ABCDEF", 8: "ABCDEF", 10: "AB"}.items():
        for training in trainings(results, figure, letters):
            for curve, ends in training.ends.items():
                if curve in MODELS:
                    order = ends.mean(axis=1).argsort(kind="stable")
                    inner, outer = (order[np.isin(order, [0, len(ends) - 1]) == edge][0] for edge in (False, True))
                    where = {"figure": f"figure {figure}", **training.where, "curve": name(curve)}
                    yield above(where, ends[outer] - ends[inner], least=LITTLE)
