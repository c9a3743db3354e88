"""Claims about a single training step, decided by figures 1 to 4.

Where rules are compared, they start from the same weights and data, so differences are taken seed by seed.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .data import Results
from .points import NAMES, Point, advantage, lines, one_step, pairs, spread, with_rule, without
from .verdicts import Case, Claim, above, below, collector

CLAIMS: list[Claim] = []
claim = collector(CLAIMS)

EXACT = 1e-3
"""The largest distance from 1 of an alignment that a figure shows as 1, in the worst seed."""
NEARLY_PERFECT = 0.95
SLIGHT = 0.1
"""A slight difference in alignment; what is less still makes none that matters."""
NO_DIFFERENCE = 0.01
"""Alignments that differ by less look alike in the figures, and count as equal."""
MARKED = 0.2
ARCHITECTURE = ("hidden layers", "width")


def misalignment(where: dict[str, Any], alignment: np.ndarray) -> Case:
    """A case: an alignment is 1 in every seed."""
    return Case(where, float(1 - alignment.min()), EXACT, at_most=True)


def toy_paths(results: Results) -> dict[str, np.ndarray]:
    """The predictions along training of figure 1, by rule."""
    panel = next(each for each in results.panels(1) if each.letter == "B")
    return dict(zip(panel.config["rules"], panel.arrays["predictions"], strict=True))


@claim("2.3, figure 1B", "largest detour of the second output, BP's minus PC's, > 0")
def pc_goes_more_directly_in_the_toy_model(results: Results) -> Iterable[Case]:
    """In the toy model PC's predictions go more directly towards the target than BP's."""
    detours = {rule: float(np.abs(path[:, 1] - path[0, 1]).max()) for rule, path in toy_paths(results).items()}
    yield Case({}, detours["BP"] - detours["PC"])


@claim("2.3, figure 1B", "largest detour of the second output > 0.01")
def neither_rule_takes_the_shortest_path(results: Results) -> Iterable[Case]:
    """Neither BP nor PC follows the shortest path in the toy model."""
    paths = toy_paths(results)
    for rule in NAMES.values():
        yield Case({"rule": rule}, float(np.abs(paths[rule][:, 1] - paths[rule][0, 1]).max()), 0.01)


@claim("3.1.3, figure 2A–D", "alignment of PC minus that of BP > 0")
def pc_is_better_aligned(results: Results) -> Iterable[Case]:
    """PC is better aligned than BP under both initialisations."""
    for point in one_step(results, 2):
        yield above(point.where, advantage(point), least=NO_DIFFERENCE)


@claim("3.1.3, figure 2C–D", f"alignment of PC > {NEARLY_PERFECT}")
def norm_preserving_is_nearly_perfect(results: Results) -> Iterable[Case]:
    """With norm-preserving weights alignment is nearly perfect across settings."""
    for point in one_step(results, 2, "CD"):
        yield above(point.where, point.alignment["pc"], NEARLY_PERFECT)


@claim("3.1.3, figure 2C", f"PC's loss of alignment from one hidden layer on < {SLIGHT}")
def norm_preserving_falls_slightly_with_depth(results: Results) -> Iterable[Case]:
    """With norm-preserving weights PC's alignment decreases only slightly with depth."""
    for line in lines(one_step(results, 2, "C"), "hidden layers"):
        for point in line[1:]:
            yield below(point.where, line[0].alignment["pc"] - point.alignment["pc"], SLIGHT)


@claim("3.1.3, figure 2D", f"largest minus smallest mean alignment of PC over the widths < {SLIGHT / 2}")
def norm_preserving_is_insensitive_to_width(results: Results) -> Iterable[Case]:
    """With norm-preserving weights PC's alignment hardly depends on the width."""
    for line in lines(one_step(results, 2, "D"), "width"):
        yield Case(without(line[0].where, "width"), spread(line, "pc"), SLIGHT / 2, at_most=True)


@claim("3.1.3, figure 2A–D", "alignment with norm-preserving minus that with Kaiming weights > 0")
def kaiming_is_worse_aligned(results: Results) -> Iterable[Case]:
    """Kaiming initialisation results in poorer alignment."""
    for kaiming, preserving in initialisations(results, "A", "C") + initialisations(results, "B", "D"):
        for rule in NAMES:
            change = preserving.alignment[rule] - kaiming.alignment[rule]
            yield above(with_rule(without(kaiming.where, "initialisation"), rule), change, least=NO_DIFFERENCE)


def initialisations(results: Results, kaiming: str, preserving: str) -> list[tuple[Point, Point]]:
    """The points of two panels of figure 2 that differ in nothing else."""
    return list(zip(one_step(results, 2, kaiming), one_step(results, 2, preserving), strict=True))


@claim("3.1.3, figure 2A", f"PC's alignment with one hidden layer minus that with the most > {MARKED}")
def kaiming_pc_deteriorates_with_depth(results: Results) -> Iterable[Case]:
    """With Kaiming weights PC's alignment deteriorates markedly as depth increases."""
    for line in lines(one_step(results, 2, "A"), "hidden layers"):
        change = line[0].alignment["pc"] - line[-1].alignment["pc"]
        yield above(without(line[0].where, "hidden layers"), change, MARKED)


@claim("3.1.3, figure 2A–D", "range of PC's mean alignment with Kaiming minus norm-preserving weights > 0")
def kaiming_pc_varies_more(results: Results) -> Iterable[Case]:
    """With Kaiming weights PC's alignment varies more between architectures."""
    for axis, kaiming, preserving in (("hidden layers", "A", "C"), ("width", "B", "D")):
        found = [lines(one_step(results, 2, letter), axis) for letter in (kaiming, preserving)]
        for first, second in zip(*found, strict=True):
            where = {**without(first[0].where, "initialisation", *ARCHITECTURE), "varied": axis}
            yield Case(where, spread(first, "pc") - spread(second, "pc"), least=NO_DIFFERENCE)


@claim("3.1.1 and 3.1.2, figure 2A, C", "BP's alignment minus that with one hidden layer more > 0")
def bp_interference_grows_with_depth(results: Results) -> Iterable[Case]:
    """BP's interference increases with every layer."""
    for shallower, deeper in pairs(one_step(results, 2, "AC"), "hidden layers"):
        yield above(deeper.where, shallower.alignment["bp"] - deeper.alignment["bp"], least=NO_DIFFERENCE)


@claim("3.1.1 and 3.1.2, figure 2B, D", "BP's alignment at the next larger width minus that at this > 0")
def bp_interference_grows_as_layers_narrow(results: Results) -> Iterable[Case]:
    """BP's interference increases as layers get narrower."""
    for narrower, wider in pairs(one_step(results, 2, "BD"), "width"):
        yield above(narrower.where, wider.alignment["bp"] - narrower.alignment["bp"], least=NO_DIFFERENCE)


@claim("3.1.2, figure 2A–D", f"largest minus smallest mean alignment of PC < {SLIGHT / 2}")
def pc_does_not_depend_on_the_architecture(results: Results) -> Iterable[Case]:
    """PC's interference does not depend on the architecture."""
    for axis, letters in (("hidden layers", "AC"), ("width", "BD")):
        for line in lines(one_step(results, 2, letters), axis):
            where = {**without(line[0].where, *ARCHITECTURE), "varied": axis}
            yield Case(where, spread(line, "pc"), SLIGHT / 2, at_most=True)


@claim("Abstract and 3.1, figure 2A, C", "PC's advantage over BP at most layers minus that at one > 0")
def advantage_is_pronounced_in_deep_networks(results: Results) -> Iterable[Case]:
    """PC's advantage over BP is especially pronounced in deep networks."""
    for line in lines(one_step(results, 2, "AC"), "hidden layers"):
        growth = advantage(line[-1]) - advantage(line[0])
        yield above(without(line[0].where, "hidden layers"), growth, least=NO_DIFFERENCE)


@claim("Abstract and 3.1, figure 2B, D", "PC's advantage over BP when narrowest minus when widest > 0")
def advantage_is_pronounced_in_narrow_networks(results: Results) -> Iterable[Case]:
    """PC's advantage over BP is especially pronounced in narrow networks."""
    for line in lines(one_step(results, 2, "BD"), "width"):
        yield above(without(line[0].where, "width"), advantage(line[0]) - advantage(line[-1]), least=NO_DIFFERENCE)


@claim("3.1.2 and 3.2, figure 3A", "PC's advantage over BP minus that at the next smaller condition > 0")
def advantage_grows_with_the_condition_number(results: Results) -> Iterable[Case]:
    """As conditioning deteriorates, BP's interference increases more than PC's."""
    for better, worse in pairs(one_step(results, 3), "condition number"):
        yield above(worse.where, advantage(worse) - advantage(better), least=NO_DIFFERENCE)


@claim("3.2, figure 3A", f"1 − PC's alignment in the worst seed < {EXACT}")
def adaptive_pc_is_perfectly_aligned(results: Results) -> Iterable[Case]:
    """With layer-specific learning rates PC always has an alignment of one."""
    for point in one_step(results, 3):
        yield misalignment(point.where, point.alignment["pc_adaptive"])


@claim("3.2, figure 3A", "alignment of adaptive minus that of plain BP > 0")
def bp_benefits_from_adaptive_rates(results: Results) -> Iterable[Case]:
    """BP benefits from layer-specific scaling too."""
    for point in one_step(results, 3):
        yield above(point.where, advantage(point, "bp_adaptive", "bp"), least=NO_DIFFERENCE)


@claim("3.2, figure 3A", f"1 − adaptive BP's alignment > {EXACT}")
def adaptive_bp_is_not_perfectly_aligned(results: Results) -> Iterable[Case]:
    """Layer-specific scaling does not bring BP to an alignment of one."""
    for point in one_step(results, 3):
        yield above(point.where, 1 - point.alignment["bp_adaptive"], EXACT)


@claim("3.2, figure 3A", "alignment minus that at the next larger condition number > 0")
def poor_conditioning_lowers_alignment(results: Results) -> Iterable[Case]:
    """Increasing the condition number reduces the alignment of every rule but adaptive PC."""
    for better, worse in pairs(one_step(results, 3), "condition number"):
        for rule, name in {**NAMES, "bp_adaptive": "adaptive BP"}.items():
            drop = better.alignment[rule] - worse.alignment[rule]
            yield above({**worse.where, "rule": name}, drop, least=NO_DIFFERENCE)


@claim("3.3, figure 4A", "alignment minus that at the next larger batch > 0")
def plain_alignment_falls_with_the_batch(results: Results) -> Iterable[Case]:
    """The alignment of plain PC and BP decreases with increasing batch size."""
    for smaller, larger in pairs(one_step(results, 4), "batch"):
        for rule in NAMES:
            drop = smaller.alignment[rule] - larger.alignment[rule]
            yield above(with_rule(larger.where, rule), drop, least=NO_DIFFERENCE)


@claim("3.3 and 3.1.2, figure 4A", "alignment of plain PC minus that of plain BP > 0")
def plain_pc_beats_bp_at_every_batch_size(results: Results) -> Iterable[Case]:
    """PC is better aligned than BP at every batch size."""
    for point in one_step(results, 4):
        yield above(point.where, advantage(point), least=NO_DIFFERENCE)


@claim("3.3, figure 4A", f"1 − alignment in the worst seed, with our correction of the matrix, < {EXACT}")
def decorrelated_pc_is_perfectly_aligned(results: Results) -> Iterable[Case]:
    """Rescaled PC has an alignment of one independently of batch size."""
    for point in one_step(results, 4):
        yield misalignment(point.where, point.alignment["pc_decorrelated"])


@claim("Theorem 2, equations 27 and 50, figure 4A", f"1 − alignment in the worst seed < {EXACT}")
def printed_decorrelation_is_perfectly_aligned(results: Results) -> Iterable[Case]:
    """The same with the matrix as it is printed, (mean x* x̂ᵀ)⁻¹."""
    for point in one_step(results, 4):
        yield misalignment(point.where, point.alignment["pc_decorrelated_printed"])


@claim("3.3, figure 4A", "alignment of rescaled minus that of plain BP > 0")
def bp_benefits_from_decorrelation(results: Results) -> Iterable[Case]:
    """BP's alignment improves with scaling matrices."""
    for point in one_step(results, 4):
        yield above(point.where, advantage(point, "bp_decorrelated", "bp"), least=NO_DIFFERENCE)


@claim("3.3, figure 4A", f"1 − alignment of rescaled BP > {EXACT}")
def decorrelated_bp_is_not_perfectly_aligned(results: Results) -> Iterable[Case]:
    """BP with scaling matrices still fails to reach optimal alignment."""
    for point in one_step(results, 4):
        yield above(point.where, 1 - point.alignment["bp_decorrelated"], EXACT)


@claim("3.3, figure 4A", "alignment of rescaled PC minus that of rescaled BP > 0")
def decorrelated_bp_underperforms_pc(results: Results) -> Iterable[Case]:
    """Rescaled BP consistently underperforms rescaled PC."""
    for point in one_step(results, 4):
        yield above(point.where, advantage(point, "pc_decorrelated", "bp_decorrelated"), least=NO_DIFFERENCE)


@claim("A.2, figure 4A", "1 − mean alignment of rescaled PC > 0.01, in batches above the width")
def batches_above_the_width_break_exactness(results: Results) -> Iterable[Case]:
    """Batches that exceed the smallest width go beyond the limits of exact cancellation."""
    for point in one_step(results, 4):
        if point.where["batch"] > point.where["width"]:
            yield above(point.where, 1 - point.alignment["pc_decorrelated"], NO_DIFFERENCE)
