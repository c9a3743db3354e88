"""The paper's observations on single steps, by the theory of random networks; the figures have samples.

Single samples unless something is said, targets independent of the inputs, an infinitesimal step. Numbers are exact for
large widths, or the mean at a width, so that no case is within noise.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from dlntheory.random_networks.expected import ExpectedAlignment, expected_alignment

from ...random_networks.lines import random_layers
from .data import INITIALISATIONS, Results
from .verdicts import Case, Claim, below, collector

CLAIMS: list[Claim] = []
claim = collector(CLAIMS)

INITS = ("kaiming_uniform", "norm_preserving")
HIDDEN = (1, 2, 3, 4, 5, 6, 7, 8)
DEEP = (*HIDDEN, 16, 32, 64)
SQUARE, HIDDEN_WIDTHS = 512, (128, 256, 512, 1024)
CONDITIONS = (1.0, 2.0, 10.0, 50.0, 1e3, 1e12)
BATCHES = (1, 32, 128, 512, 2048)


@cache
def found(
    rule: str, init: str, hidden: tuple[int, ...], square: int = SQUARE, residual: bool = False
) -> ExpectedAlignment:
    """The expectation for a network between ``square`` inputs and outputs."""
    widths = [square, *hidden, square]
    if residual:
        return expected_alignment(layers=random_layers(widths, init, residual=True), rule=rule)  # type: ignore[arg-type]
    return expected_alignment(widths, init, rule)  # type: ignore[arg-type]


def deep(rule: str, init: str, hidden: int, square: int = SQUARE, residual: bool = False) -> ExpectedAlignment:
    """The alignment to expect of a network of equal widths."""
    return found(rule, init, (square,) * hidden, square, residual)


def limit(rule: str, init: str, hidden: int) -> float:
    """The alignment at large width, of equal widths."""
    return float(deep(rule, init, hidden).limit)


def at(init: str, **factors: Any) -> dict[str, Any]:
    """The factors of a case."""
    return {"initialisation": INITIALISATIONS[init], **factors}


def span(values: Sequence[float]) -> float:
    """The largest minus the smallest."""
    return max(values) - min(values)


@claim("3.1.3, figure 2A, C, by formula", "mean alignment of PC minus that of BP > 0")
def expected_pc_is_better_aligned(_: Results) -> Iterable[Case]:
    """By formula, PC is better aligned than BP with a single sample, at every depth and width."""
    for init in INITS:
        for hidden in DEEP:
            for square in (64, SQUARE) if hidden in HIDDEN else ():  # deeper, the depth is no longer small beside 64
                gap = float(deep("pc", init, hidden, square).mean - deep("bp", init, hidden, square).mean)
                yield Case(at(init, **{"hidden layers": hidden, "width": str(square)}), gap)
            gap = limit("pc", init, hidden) - limit("bp", init, hidden)
            yield Case(at(init, **{"hidden layers": hidden, "width": "infinite"}), gap)


@claim("3.1.2, figure 2A–D, by formula", "largest minus smallest alignment of PC < 0.05")
def expected_pc_by_architecture(_: Results) -> Iterable[Case]:
    """By formula, PC's interference does not depend on the architecture: neither on depth nor on width."""
    for init in INITS:
        yield below(at(init, varied="depth"), span([limit("pc", init, hidden) for hidden in HIDDEN]), 0.05)
        widths = [float(found("pc", init, (width,)).limit) for width in HIDDEN_WIDTHS]
        yield below(at(init, varied="width"), span(widths), 0.05)


@claim("3.1.3, figure 2C, by formula", "alignment of PC > 0.95")
def expected_pc_is_nearly_perfect(_: Results) -> Iterable[Case]:
    """By formula, norm-preserving weights make PC's alignment with a single sample nearly perfect."""
    for hidden in DEEP:
        yield Case({"hidden layers": hidden}, limit("pc", "norm_preserving", hidden), 0.95)


@claim("3.1.3, figure 2C, by formula", "PC's loss of alignment from one hidden layer on < 0.1")
def expected_pc_falls_slightly(_: Results) -> Iterable[Case]:
    """By formula, PC's alignment decreases only slightly with depth where weights preserve norms."""
    first = limit("pc", "norm_preserving", 1)
    for hidden in DEEP[1:]:
        yield below({"hidden layers": hidden}, first - limit("pc", "norm_preserving", hidden), 0.1)


@claim("3.1.3, figure 2D, by formula", "largest minus smallest alignment of PC over the widths < 0.05")
def expected_pc_by_width(_: Results) -> Iterable[Case]:
    """By formula, with norm-preserving weights PC's alignment hardly depends on the width of one hidden layer."""
    for widths in (HIDDEN_WIDTHS, (16, 128, 1024, 8192)):
        values = [float(found("pc", "norm_preserving", (width,)).limit) for width in widths]
        yield below({"widths": f"{widths[0]} to {widths[-1]}"}, span(values), 0.05)


@claim("3.1.3, figure 2A, by formula", "PC's spread over draws, Kaiming minus norm-preserving weights, > 0")
def expected_kaiming_varies_more(_: Results) -> Iterable[Case]:
    """By formula, the target's fluctuation makes PC's alignment vary more with Kaiming weights."""
    for square in (64, SQUARE):
        for hidden in HIDDEN[1:]:
            spreads = [float(deep("pc", init, hidden, square).spread) for init in INITS]
            yield Case({"width": square, "hidden layers": hidden}, spreads[0] - spreads[1])


@claim("3.1.3, figure 2A–D, by formula", "alignment with norm-preserving minus that with Kaiming weights > 0")
def expected_kaiming_is_worse(_: Results) -> Iterable[Case]:
    """By formula, Kaiming initialisation results in poorer alignment."""
    for rule in ("bp", "pc"):
        for hidden in DEEP:
            values = [limit(rule, init, hidden) for init in INITS]
            yield Case({"rule": rule.upper(), "varied": "depth", "layers or width": hidden}, values[1] - values[0])
        for width in HIDDEN_WIDTHS:
            values = [float(found(rule, init, (width,)).limit) for init in INITS]
            yield Case({"rule": rule.upper(), "varied": "width", "layers or width": width}, values[1] - values[0])


@claim("3.1.1 and 3.1.2, figure 2A, C, by formula", "BP's alignment minus that at the next larger depth > 0")
def expected_bp_by_depth(_: Results) -> Iterable[Case]:
    """By formula, BP's interference increases with every layer."""
    for init in INITS:
        for fewer, more in pairwise(DEEP):
            yield Case(at(init, **{"hidden layers": more}), limit("bp", init, fewer) - limit("bp", init, more))


@claim("3.1.1 and 3.1.2, figure 2A, C, by formula", "BP's alignment at 4096 hidden layers < 0.1")
def expected_bp_without_end(_: Results) -> Iterable[Case]:
    """By formula, BP's interference grows with depth until nothing of the alignment is left."""
    for init in INITS:
        yield below(at(init), limit("bp", init, 4096), 0.1)


@claim("3.1.1 and 3.1.2, figure 2B, D, by formula", "BP's alignment at the next larger width minus that at this > 0")
def expected_bp_by_width(_: Results) -> Iterable[Case]:
    """By formula, BP's interference increases as the hidden layer gets narrower."""
    for init in INITS:
        for narrow, wide in pairwise((16, *HIDDEN_WIDTHS)):
            gain = float(found("bp", init, (wide,)).limit - found("bp", init, (narrow,)).limit)
            yield Case(at(init, width=narrow), gain)


@claim("Abstract and 3.1, figure 2A, C, by formula", "PC's advantage over BP at most layers minus that at one > 0")
def expected_advantage_by_depth(_: Results) -> Iterable[Case]:
    """By formula, PC's advantage over BP is more pronounced with eight hidden layers than with one."""
    for init in INITS:
        for width in (64, SQUARE):
            deepest, first = (
                float(deep("pc", init, hidden, width).mean - deep("bp", init, hidden, width).mean) for hidden in (8, 1)
            )
            yield Case(at(init, width=width), deepest - first)


@claim("3.2, figure 3A, by formula", "alignment minus that at the next larger condition number > 0")
def expected_by_conditioning(_: Results) -> Iterable[Case]:
    """By formula, poorer conditioning of the weights lowers the alignment of both plain rules."""
    for rule in ("bp", "pc"):
        values = []
        for condition in CONDITIONS:
            layers = random_layers([SQUARE] * 3, "kaiming_uniform", condition)
            values.append(float(expected_alignment(layers=layers, rule=rule).limit))  # type: ignore[arg-type]
        for condition, (better, worse) in zip(CONDITIONS[1:], pairwise(values), strict=True):
            yield Case({"rule": rule.upper(), "condition number": condition}, better - worse)


@claim("3.3, figure 4A, by formula", "BP's alignment minus that at the next larger batch > 0")
def expected_bp_by_batch(_: Results) -> Iterable[Case]:
    """By formula, BP's alignment falls as the batch grows."""
    for target in ("independent", "linear"):
        values = [
            float(expected_alignment([SQUARE] * 3, "kaiming_uniform", "bp", size, target).limit)  # type: ignore[arg-type]
            for size in BATCHES
        ]
        for size, (smaller, larger) in zip(BATCHES[1:], pairwise(values), strict=True):
            yield Case({"targets": target, "batch": size}, smaller - larger)


@claim("I, figure 5, by formula", "alignment with skips minus that without > 0")
def expected_skips_align(_: Results) -> Iterable[Case]:
    """By formula, residual networks are better aligned than the same weights without skips."""
    for rule in ("bp", "pc"):
        for init in INITS:
            for hidden in (1, 4, 8, 32):
                gain = float(deep(rule, init, hidden, residual=True).limit - deep(rule, init, hidden).limit)
                yield Case(at(init, rule=rule.upper(), **{"hidden layers": hidden}), gain)


@claim("C.2, by formula", "chance that the rate of a layer is negative < 0.001")
def expected_rates_are_positive(_: Results) -> Iterable[Case]:
    """By formula, the rates 1/(x*ᵀx̂) are positive, so that they can be effective learning rates."""
    for init in INITS:
        for square in (64, SQUARE):
            for hidden in (1, 4, 8):
                chance = float(deep("pc", init, hidden, square).negative_rates)
                yield below(at(init, width=square, **{"hidden layers": hidden}), chance, 0.001)
