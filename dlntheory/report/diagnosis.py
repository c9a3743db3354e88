"""Why the alignment is high or low: findings in words, each with its deciding number, and what to try."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..networks.layer import Dense
from ..networks.network import LinearNetwork
from ..networks.residual import Residual
from ..random_networks.expected import expected_alignment
from ..theorems.explanation import longest_start
from ..theorems.hypotheses import by_layer, failed
from ..theorems.verify import Verdict, verify
from .comparison import compare

TRIED = 20
"""The largest number of single samples on which Theorem 1 is checked."""
RULES = ("bp", "pc")
"""The rules whose alignment is compared with random networks'."""
DRAWN = 4
"""The number of random networks whose alignment in batches is measured."""
WIDEST = 1024
"""The widest layer of a random network whose batches are measured."""


class Finding(NamedTuple):
    """A finding in words, its number, and what to try; ``advice`` may be empty."""

    name: str
    value: float | None
    text: str
    advice: str = ""


def diagnose(net: LinearNetwork, x: Any, y: Any, negative: Sequence[int], seed: int = 0) -> list[Finding]:
    """Explain the alignment of a network on data by the theorems.

    Args:
        net: the network.
        x: inputs, ``(N, n_0)``.
        y: targets, ``(N, n_L)``.
        negative: the layers, counted from 1, whose adaptive rate is negative on all samples together.
        seed: of the order in which samples are put together.

    Returns:
        The findings, in the order in which a reader wants them.
    """
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = np.asarray(x)[order], np.asarray(y)[order]
    findings = [_single_samples(net, x[:TRIED], y[:TRIED]), *_batches(net, x, y)]
    if negative:
        findings.append(Finding(
            "negative rates", len(negative),
            f"The adaptive rate of layer {', '.join(map(str, negative))} is negative: there, adaptive PC climbs its "
            "energy.",
            "Adaptive, positive rates (1/|x*|²) are never negative.",
        ))  # fmt: skip
    return findings


def _single_samples(net: LinearNetwork, x: Any, y: Any) -> Finding:
    verdict = verify(net, x, y, theorem=1)
    if verdict.applicable and verdict.holds:
        text = "On single samples adaptive PC is exact (Theorem 1)."
        return Finding("single samples", verdict.error, text)
    reason = next(iter(failed(verdict.hypotheses)))
    text = f"On single samples adaptive PC is not always exact: this fails in Theorem 1: {reason}."
    return Finding("single samples", verdict.error, text)


def _batches(net: LinearNetwork, x: Any, y: Any) -> Iterator[Finding]:
    """Theorem 2 on all samples; and on how many of them it holds, where it does not on all."""
    verdict, count = verify(net, x, y, theorem=2), len(x)
    if verdict.applicable and verdict.holds:
        yield Finding(
            "all samples", verdict.error,
            f"Decorrelated PC is exact for {_samples(count)} together (Theorem 2).",
            "Decorrelated PC: one update points every prediction straight at its target.",
        )  # fmt: skip
        return
    value, reason = _reason(verdict)
    yield Finding("all samples", value, f"Decorrelated PC is not exact for {_samples(count)} together: {reason}")
    most = longest_start(count, lambda part: verify(net, x[part], y[part], theorem=2).applicable)
    if 0 < most < count:
        yield Finding(
            "largest exact batch", most,
            f"For {most} of these samples, drawn at random, it is exact.",
            f"Decorrelated PC in batches of up to {most}. A larger one needs as many directions as samples in the "
            "data, and as many units in every hidden layer.",
        )  # fmt: skip


def _reason(verdict: Verdict) -> tuple[float, str]:
    """The hypothesis of Theorem 2 that fails most: its number, and a sentence."""
    unmet = failed(verdict.hypotheses)
    ranks = dict(by_layer(verdict.hypotheses, "rank("))
    if outside := dict(by_layer(unmet, "rows of R in")):
        layer = max(outside, key=lambda each: (round(outside[each].value, 6), -ranks[each].threshold, -each))
        share, rank = float(outside[layer].value), int(ranks[layer].threshold)
        return share, (
            f"{share:.0%} of the residual lies outside the {rank} directions that the inputs of layer {layer} span "
            "(Theorem 2)."
        )
    for layer, each in by_layer(unmet, "rank("):
        return float(each.value), (
            f"inference keeps {int(each.value)} of the {int(each.threshold)} directions that the inputs of layer "
            f"{layer} span (Theorem 2)."
        )
    for name, each in unmet.items():
        return float(each.value), f"this hypothesis of Theorem 2 fails: {name}."
    return verdict.error, f"its error of {verdict.error:.1e} exceeds what rounding explains."


def _samples(count: int) -> str:
    return "the sample" if count == 1 else f"all {count} samples"


def random_alignments(net: LinearNetwork, x: Any, y: Any, sizes: Any, seed: int = 0) -> list[dict[str, Any]]:
    """The alignment to expect of random networks of the same layers, with Kaiming's uniform weights.

    Of single samples by formula, which needs no more of the data than its norms. In batches samples interfere, as the
    data's directions make them: there the alignment is measured on the data, the mean over `DRAWN` networks.

    Args:
        net: the network; of dense and residual layers, otherwise nothing is known.
        x: inputs, ``(N, n_0)``.
        y: targets, ``(N, n_L)``.
        sizes: the batch sizes.
        seed: of the networks and of the batches.

    Returns:
        Records of ``rule``, ``batch`` and ``alignment``.
    """
    kinds = [_kind(layer) for layer in net.layers]
    if None in kinds or not np.any(x) or not np.any(y):
        return []
    single = [_by_formula(net.widths, kinds, x, y, rule) for rule in RULES] if 1 in sizes else []
    batches = [size for size in sizes if size > 1] if max(net.widths) <= WIDEST else []
    drawn = _drawn(net.widths, kinds, x, y, batches, seed) if batches else []
    return sorted([*single, *drawn], key=lambda each: each["rule"])


def _by_formula(widths: Sequence[int], kinds: Sequence[Any], x: Any, y: Any, rule: Any) -> dict[str, Any]:
    """The alignment of single samples with the norms of the data's."""
    layers = [(kind, n_in, n_out, 1 / (3 * n_in)) for kind, (n_in, n_out) in zip(kinds, pairwise(widths), strict=True)]
    input_norm, target_norm = (np.sqrt(np.mean(np.sum(np.square(each), axis=1))) for each in (x, y))
    expected = expected_alignment(layers=layers, rule=rule, input_norm=input_norm, target_norm=target_norm)
    return {"rule": rule, "batch": 1, "alignment": float(expected.mean)}


def _drawn(
    widths: Sequence[int], kinds: Sequence[Any], x: Any, y: Any, sizes: list[int], seed: int
) -> list[dict[str, Any]]:
    """The alignment of batches, a mean over networks that are drawn."""
    generator, rows = np.random.default_rng(seed), []
    for _ in range(DRAWN):
        weights = LinearNetwork.random(widths, key=generator).weights
        maps = [w + np.eye(len(w)) if kind == "residual" else w for kind, w in zip(kinds, weights, strict=True)]
        rows.append(compare(LinearNetwork([Dense(each) for each in maps]), x, y, RULES, sizes, seed=seed).rows)
    return [
        {"rule": same[0].rule, "batch": same[0].batch, "alignment": float(np.mean([row.mean for row in same]))}
        for same in zip(*rows, strict=True)
    ]


def _kind(layer: Any) -> str | None:
    """The kind of a layer as `expected_alignment` calls it; ``None`` where it knows none."""
    if isinstance(layer, Dense):
        return "dense"
    return "residual" if isinstance(layer, Residual) and isinstance(layer.inner, Dense) else None
