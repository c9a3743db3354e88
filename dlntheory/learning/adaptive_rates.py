r"""Adaptive learning rates (Theorem 1): ``α_l = 1 / mean_b(φ_l(a_{l-1})ᵀ φ_l(x̂_{l-1}))``, one per layer.

``a`` is ``x*`` for predictive coding and ``x̂`` for backpropagation. Where a weight is used several times per sample,
as a kernel is at every position, the uses are summed before the mean over the batch is taken. (With means, layers with
different numbers of positions would be weighted differently.)
"""

from collections.abc import Sequence
from typing import Any

from ..networks.layer import Layer
from ..numerics.algebra import inner
from .rules import Signals


def products(layers: Sequence[Layer], signals: Signals, positive: bool = False) -> list[Any]:
    r"""``⟨φ_l(a_{l-1}), φ_l(x̂_{l-1})⟩``, or with ``a`` in place of ``x̂``, which is never negative."""
    others = signals.activities if positive else signals.feedforward[:-1]
    triples = zip(layers, signals.activities, others, strict=True)
    return [inner(layer.features(one), layer.features(other)) for layer, one, other in triples]


def learning_rates(layers: Sequence[Layer], signals: Signals, positive: bool = False) -> list[Any]:
    r"""``α_l = B / ⟨φ_l(a_{l-1}), φ_l(x̂_{l-1})⟩``, one over the mean of `products`."""
    return [signals.residual.shape[1] / product for product in products(layers, signals, positive)]
