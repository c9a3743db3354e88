r"""The learning rules as local updates: ``ΔW_l = (1/B) Σ_b e_{l,b} φ_l(a_{l-1,b})ᵀ``, errors times activities.

- Backpropagation: ``e_l = D_lᵀ r`` and the feedforward activities ``x̂``.
- Predictive coding: ``e_l = D_lᵀ λ`` and the activities at equilibrium ``x*``; this is ``−∂E*/∂W_l``.
- Natural gradient of a linear network: ``ΔW_l = (1/L) D_l⁺ R φ_l(X̂_{l-1})⁺`` (Bernacchia et al. 2018).

Columns in, columns out; the lines of the first two run on SymPy matrices too.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from ..networks.layer import Layer
from ..networks.passes import backward_sweep, downstream_maps, feedforward
from ..numerics.algebra import Array, Matrix, pinv
from ..numerics.kinds import namespace

RULES = ("bp", "pc", "natural")
FISHERS = ("layerwise", "full")


class Signals(NamedTuple):
    """What a local rule needs: each layer's error, and the activity that enters it; and the feedforward pass."""

    errors: Sequence[Matrix]
    activities: Sequence[Matrix]
    feedforward: Sequence[Matrix]
    residual: Matrix


def backpropagation_signals(layers: Sequence[Layer], x: Matrix, y: Matrix) -> Signals:
    """Backpropagation's errors ``D_lᵀ r`` and activities ``x̂_{l-1}``."""
    predicted = feedforward(layers, x)
    residual = y - predicted[-1]
    return Signals(backward_sweep(layers, residual), predicted[:-1], predicted, residual)


def equilibrium_signals(
    layers: Sequence[Layer],
    x: Matrix,
    y: Matrix,
    weighted_errors: Sequence[Matrix],
    activities: Sequence[Matrix],
) -> Signals:
    """Predictive coding's errors ``D_lᵀ λ`` and activities ``x*_{l-1}``, from the equilibrium."""
    predicted = feedforward(layers, x)
    return Signals(weighted_errors, activities[: len(layers)], predicted, y - predicted[-1])


def local_updates(layers: Sequence[Layer], signals: Signals) -> list[Matrix]:
    """The batch mean of ``e_l φ_l(a_{l-1})ᵀ``, of every layer's extended weight."""
    samples = signals.residual.shape[1]
    triples = zip(layers, signals.errors, signals.activities, strict=True)
    return [layer.weight_update(error, activity) / samples for layer, error, activity in triples]


def natural_updates(
    layers: Sequence[Layer], predicted: Sequence[Matrix], residual: Matrix, rcond: float | None
) -> list[Matrix]:
    r"""The natural gradient with the block-diagonal Fisher: ``(1/L) D_l⁺ R φ_l(X̂_{l-1})⁺``.

    A weight that is used several times a sample has no such factors: ``(1/L) J_l⁺ vec R``, with its Jacobian.
    """
    updates = []
    for layer, downstream, activity in zip(layers, downstream_maps(layers), predicted[:-1], strict=True):
        if layer.has_features and layer.features(activity).shape[1:] == residual.shape[1:]:
            update = pinv(downstream.T, rcond) @ residual @ pinv(layer.features(activity), rcond)
        else:
            update = pinv(layer.jacobian(downstream, activity), rcond) @ residual.ravel()
            update = update.reshape(layer.change_shape)
        updates.append(update / len(layers))
    return updates


def full_natural_updates(
    layers: Sequence[Layer], predicted: Sequence[Array], residual: Array, rcond: float | None
) -> list[Array]:
    r"""The natural gradient with the pseudoinverse of the full Fisher: ``J⁺ vec R``, ``J_l = D_l ⊗ φ_l(X̂_{l-1})ᵀ``.

    Forms the Jacobian, ``B n_L`` times the number of parameters: for small networks.
    """
    triples = zip(layers, downstream_maps(layers), predicted[:-1], strict=True)
    jacobians = [layer.jacobian(downstream, activity) for layer, downstream, activity in triples]
    step = pinv(namespace(residual).concatenate(jacobians, axis=1), rcond) @ residual.ravel()
    ends = itertools.pairwise(itertools.accumulate((each.shape[1] for each in jacobians), initial=0))
    return [step[a:b].reshape(layer.change_shape) for layer, (a, b) in zip(layers, ends, strict=True)]
