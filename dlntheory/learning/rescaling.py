r"""Rescalings that remove the interference of activities: one scalar or one matrix per layer.

- Adaptive learning rates (Theorem 1): ``α_l = 1 / mean_b(φ_l(a_{l-1})ᵀ φ_l(x̂_{l-1}))``.
- Decorrelation matrices (Theorem 2), on the right of ``ΔW_l``: ``A_l = (mean_b φ_l(x̂_{l-1}) φ_l(a_{l-1})ᵀ)⁺``.

``a`` is ``x*`` for predictive coding and ``x̂`` for backpropagation. The papers print the transposed ``A_l`` for
predictive coding; with it the theorem is false (see the errata).

Where a weight is used several times per sample, as a kernel is at every position, the uses are summed before the mean
over the batch is taken. (With means, layers with different numbers of positions would be weighted differently.)
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, get_args

from ..networks.layer import Layer
from ..numerics.algebra import Matrix, inner, pinv_product
from ..numerics.kinds import each_of
from .rules import Signals

Rescaling = Literal["adaptive", "adaptive_positive", "decorrelated"]
RESCALINGS: tuple[str | None, ...] = (None, *get_args(Rescaling))


def products(layers: Sequence[Layer], signals: Signals, positive: bool = False) -> list[Any]:
    r"""``⟨φ_l(a_{l-1}), φ_l(x̂_{l-1})⟩``, or with ``a`` in place of ``x̂``, which is never negative."""
    others = signals.activities if positive else signals.feedforward[:-1]
    triples = zip(layers, signals.activities, others, strict=True)
    return [inner(layer.features(one), layer.features(other)) for layer, one, other in triples]


def learning_rates(layers: Sequence[Layer], signals: Signals, positive: bool = False) -> list[Any]:
    r"""``α_l = B / ⟨φ_l(a_{l-1}), φ_l(x̂_{l-1})⟩``, one over the mean of `products`."""
    return [signals.residual.shape[1] / product for product in products(layers, signals, positive)]


def decorrelations(
    layers: Sequence[Layer],
    signals: Signals,
    regularise: Any = None,
    rcond: float | None = None,
) -> list[Matrix]:
    r"""``A_l = (mean_b φ_l(x̂_{l-1}) φ_l(a_{l-1})ᵀ)⁺``, of a regularised mean if asked."""
    samples = signals.residual.shape[1]
    factors = []
    for layer, plain, own in zip(layers, signals.feedforward[:-1], signals.activities, strict=True):
        left, right = layer.features(plain), layer.features(own)
        factors.append(by_group(partial(_decorrelation, samples, regularise, rcond), left, right))
    return factors


def _decorrelation(samples: Any, regularise: Any, rcond: float | None, left: Matrix, right: Matrix) -> Matrix:
    if regularise is None:
        return samples * pinv_product(left, right, rcond)
    return regularise.inverse(left @ right.T / samples, rcond)


def rescaling_factors(
    rescaling: str, layers: Sequence[Layer], signals: Signals, regularise: Any = None, rcond: float | None = None
) -> list[Any]:
    """The factors of a rescaling by its name."""
    if rescaling == "decorrelated":
        return decorrelations(layers, signals, regularise, rcond)
    return learning_rates(layers, signals, positive=rescaling == "adaptive_positive")


def by_group(function: Callable[..., Matrix], *features: Matrix) -> Matrix:
    """A function of features, for each group where they have a leading axis of groups."""
    return function(*features) if len(features[0].shape) < 3 else each_of(function, *features)


def rescale(changes: Sequence[Matrix], factors: Sequence[Any]) -> list[Matrix]:
    """Multiply each update by its factor: a scalar, or a matrix on the right."""
    return [
        change @ factor if getattr(factor, "shape", ()) else factor * change
        for change, factor in zip(changes, factors, strict=True)
    ]
