r"""Alignment of backpropagation with one sample in a random network, at infinite width.

``dŷ = Σ_l |x̂_{l-1}|² G_l r``, so that the cosine with ``r`` takes ``tr Σ q_{l-1}G_l``, the trace of its square, and
the same two between ``x̂``. Free products give each of them from layer to layer, through the first three free
cumulants of the layer. Each is divided by the power of ``q_l`` with which it grows, so that nothing overflows.

Equal widths and variances give, with ``s = |ŷ|²/|y|²``,

``cos = [1 + s(L+1)/2] / √((1+s)(1+sL)) · √(6L/((L+1)(2L+1)))``.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

from ..numerics.kinds import namespace
from .layer_kinds import LayerKind


def limit(layers: Sequence[LayerKind], share_of_target: Any, adaptive: bool = False) -> Any:
    """Alignment of BP with one sample at infinite width.

    Args:
        layers: kinds of the layers.
        share_of_target: ``Y/(Y + q_L)``, the share of the target in the squared norm of ``r``.
        adaptive: with learning rates ``1/|x̂_{l-1}|²``, so that every ``G_l`` counts alike.
    """
    target, own = share_of_target, 1 - share_of_target
    sums = Sums(*(0 * share_of_target,) * 4)
    for layer, own_entry in zip(layers, _equal_entries(layers) if adaptive else own_entries(layers), strict=True):
        sums = through(sums, layer, own_entry)
    n_L = layers[-1].n_out
    xp = namespace(sums.s1, share_of_target)
    return (target * sums.s1 / n_L + own * sums.p1) / xp.sqrt(target * sums.s2 / n_L + own * sums.p2)


class Sums(NamedTuple):
    """``tr A``, ``tr A²``, ``x̂ᵀA x̂`` and ``x̂ᵀA² x̂`` at a layer, over their growth, for ``A = Σ_k q_{k-1}G_k``."""

    s1: Any
    s2: Any
    p1: Any
    p2: Any


def through(sums: Sums, layer: LayerKind, own_entry: Any) -> Sums:
    """Pass a layer, whose own entry ``G = I`` then comes in, with the factor ``own_entry``."""
    s1, s2, p1, p2 = sums
    n = layer.n_in
    k2, k3 = layer.cumulants()
    between = p1 + k2 * s1 / n
    return Sums(
        s1=s1 + own_entry * layer.n_out,
        s2=s2 + k2 * s1**2 / n + own_entry * (own_entry * layer.n_out + 2 * s1),
        p1=between + own_entry,
        p2=p2 + 2 * k2 * s1 / n * p1 + k2 * s2 / n + k3 * (s1 / n) ** 2 + own_entry * (own_entry + 2 * between),
    )


def own_entries(layers: Sequence[LayerKind]) -> list[Any]:
    """``q_{l-1}/q_l = 1/k_1`` of every layer, over the largest: with it ``G_l`` enters before it grows."""
    xp = namespace(*(layer.gain for layer in layers))
    smallest = reduce(xp.minimum, (layer.gain for layer in layers))
    return [smallest / layer.gain for layer in layers]


def _equal_entries(layers: Sequence[LayerKind]) -> list[Any]:
    """``1/q_l`` of every layer, over the largest: ``G_l`` before it grows, without the norm of its input."""
    xp, logarithms, total = namespace(*(layer.gain for layer in layers)), [], 0.0
    for layer in layers:
        total = total - xp.log(layer.gain)
        logarithms.append(total)
    largest = reduce(xp.maximum, logarithms)
    return [xp.exp(each - largest) for each in logarithms]
