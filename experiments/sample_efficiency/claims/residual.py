"""Claims about a single step in residual networks and in those without, decided by figures 5 and 6."""

from collections.abc import Iterable, Iterator

from .data import Results
from .one_step import EXACT, NEARLY_PERFECT, NO_DIFFERENCE, SLIGHT
from .points import NAMES, advantage, lines, one_step, with_rule, without
from .verdicts import Case, Claim, above, below, collector, slight

CLAIMS: list[Claim] = []
claim = collector(CLAIMS)


@claim("B.1 and B.2, figure 5", f"|mean alignment − that of an infinitesimal step| < {NO_DIFFERENCE}")
def learning_rate_does_not_matter(results: Results) -> Iterable[Case]:
    """Varying the learning rate does not affect the single-step results."""
    for finite, limit in (("A", "C"), ("B", "D")):
        for point, other in zip(one_step(results, 5, finite), one_step(results, 5, limit), strict=True):
            for rule in ("bp", "pc", "residual_bp", "residual_pc"):
                change = below({}, point.alignment[rule] - other.alignment[rule], NO_DIFFERENCE)
                yield change._replace(where={**without(point.where, "step"), **network(rule)}, value=abs(change.value))


def network(curve: str) -> dict[str, str]:
    """The kind of network and the rule of a curve of figure 5."""
    residual = curve.startswith("residual")
    return {"network": "residual" if residual else "plain", "rule": NAMES[curve.removeprefix("residual_")]}


@claim("I, figure 5", "alignment with skips minus that without > 0")
def resnets_are_better_aligned(results: Results) -> Iterable[Case]:
    """ResNets are better aligned than the same networks without skips."""
    for point in one_step(results, 5):
        for rule in NAMES:
            yield above(with_rule(point.where, rule), advantage(point, f"residual_{rule}", rule), least=NO_DIFFERENCE)


@claim("I, figure 5", f"0 < alignment with skips minus that without < {SLIGHT}")
def resnets_are_only_slightly_better(results: Results) -> Iterable[Case]:
    """The gain of ResNets is slight."""
    for point in one_step(results, 5):
        for rule in NAMES:
            gain = advantage(point, f"residual_{rule}", rule)
            yield slight(with_rule(point.where, rule), gain, SLIGHT, NO_DIFFERENCE)


@claim("I, figure 5", "BP's gain from skips minus PC's > 0")
def skips_help_bp_more(results: Results) -> Iterable[Case]:
    """The gain of ResNets is larger for BP than for PC."""
    for point in one_step(results, 5):
        surplus = advantage(point, "residual_bp", "bp") - advantage(point, "residual_pc", "pc")
        yield above(point.where, surplus, least=NO_DIFFERENCE)


@claim("I, figure 5", "alignment of PC minus that of BP > 0")
def pc_is_better_aligned_with_and_without_skips(results: Results) -> Iterable[Case]:
    """PC consistently outperforms BP in ResNets and in networks without skips."""
    for point in one_step(results, 5):
        for prefix, name in (("", "plain"), ("residual_", "residual")):
            lead = advantage(point, f"{prefix}pc", f"{prefix}bp")
            yield above({**point.where, "network": name}, lead, least=NO_DIFFERENCE)


@claim("I, figure 5", "PC's advantage over BP at most layers minus that at one > 0")
def advantage_grows_with_depth_despite_skips(results: Results) -> Iterable[Case]:
    """PC's advantage grows with depth in both architectures."""
    for line in lines(one_step(results, 5), "hidden layers"):
        for prefix, name in (("", "plain"), ("residual_", "residual")):
            first, last = (advantage(point, f"{prefix}pc", f"{prefix}bp") for point in (line[0], line[-1]))
            where = {**without(line[0].where, "hidden layers"), "network": name}
            yield above(where, last - first, least=NO_DIFFERENCE)


@claim("I, figure 6", f"1 − alignment in the worst seed, with the rates 1/(x*ᵀx̂), < {EXACT}")
def adaptive_pc_is_perfect_at_every_depth(results: Results) -> Iterable[Case]:
    """With layer-specific rates PC has an alignment of one in ResNets and in networks without skips, at every depth."""
    yield from _figure_6(results, "", EXACT)


@claim("I, figure 6", f"1 − alignment in the worst seed, with the rates 1/(x*ᵀx*), < {EXACT}")
def printed_rates_are_perfect_at_every_depth(results: Results) -> Iterable[Case]:
    """The same with the rates that appendix I prints, 1/(x*ᵀx*)."""
    yield from _figure_6(results, "_printed", EXACT)


@claim("I, figure 6 (caption)", "1 − alignment in the worst seed, with the rates 1/(x*ᵀx*), < 0.05")
def printed_rates_are_nearly_perfect(results: Results) -> Iterable[Case]:
    """With the printed rates alignment is nearly perfect in both ResNets and networks without skips."""
    yield from _figure_6(results, "_printed", 1 - NEARLY_PERFECT)


def _figure_6(results: Results, suffix: str, threshold: float) -> Iterator[Case]:
    for point in one_step(results, 6):
        for prefix, name in (("", "plain"), ("residual_", "residual")):
            alignment = point.alignment[f"{prefix}pc_adaptive{suffix}"]
            where = {**point.where, "network": name}
            yield Case(where, float(1 - alignment.min()), threshold, at_most=True)
