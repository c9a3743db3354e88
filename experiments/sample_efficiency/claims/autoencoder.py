"""Claims about the nonlinear autoencoder, decided by figure 9."""

from collections.abc import Iterable
from itertools import pairwise

from .data import Results
from .points import NAMES
from .training import early_gains
from .trainings import LITTLE, advantage, compared, lower, rescaled, trainings
from .verdicts import Case, Claim, above, collector

CLAIMS: list[Claim] = []
claim = collector(CLAIMS)

FIGURE = 9
VISIBLE = 0.02
"""Errors that differ by less than this power of ten, a twentieth, look alike on the linear scale of the figure."""
PARTS = {"whole training": slice(1, None), "end": slice(-1, None)}


@claim("3.2 and J.2, figures 3D and 9", f"log10 of plain over rescaled error in the first tenth of training < {LITTLE}")
def autoencoder_rescaling_helps_little_at_first(results: Results) -> Iterable[Case]:
    """In the nonlinear autoencoder, rescaling provides limited benefit at the beginning of online training."""
    for training in trainings(results, FIGURE):
        if training.where["batch"] == 1:
            yield from early_gains(training)


@claim("3.3, figures 4D and 9", "log10 of the next over a curve's error, a mean over training, > 0")
def autoencoder_order_in_batches(results: Results) -> Iterable[Case]:
    """In the autoencoder in batches, rescaled PC is fastest, followed by PC, rescaled BP and BP."""
    for training in trainings(results, FIGURE):
        if training.where["batch"] > 1:
            for faster, slower in pairwise(("pc_decorrelated", "pc", "bp_decorrelated", "bp")):
                gain = advantage(training, faster, slower)[:, PARTS["whole training"]]
                yield above(compared(training.where, faster, slower), gain.mean(axis=1), least=VISIBLE)


@claim("J.2, figure 9", "log10 of BP's over PC's error at the end, plain and rescaled, > 0")
def autoencoder_pc_ends_lower(results: Results) -> Iterable[Case]:
    """In the autoencoder the final error of PC is lower than that of BP, online and in batches."""
    for training in trainings(results, FIGURE):
        for pc, bp in (("pc", "bp"), (rescaled(training, "pc"), rescaled(training, "bp"))):
            yield lower(training, pc, bp, compared(training.where, pc, bp), least=VISIBLE)


@claim("J.2, figure 9", "log10 of plain over rescaled error, a mean over training and at the end: batches > 0 > online")
def autoencoder_rescaling_needs_batches(results: Results) -> Iterable[Case]:
    """In the autoencoder the rescaled algorithms benefit from larger batches, and from these alone."""
    for training in trainings(results, FIGURE):
        for rule, label in NAMES.items():
            for measured, part in PARTS.items():
                gain = advantage(training, rescaled(training, rule), rule)[:, part]
                where = {**training.where, "rule": label, "measured": measured}
                case = above(where, gain.mean(axis=1), least=VISIBLE)
                yield case if training.where["batch"] > 1 else case._replace(at_most=True)
