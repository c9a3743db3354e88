r"""The learning rules as local updates: ``ΔW_l = (1/B) Σ_b e_{l,b} φ_l(a_{l-1,b})ᵀ``, errors times activities.

- Backpropagation: ``e_l = D_lᵀ r`` and the feedforward activities ``x̂``.
- Predictive coding: ``e_l = D_lᵀ λ`` and the activities at equilibrium ``x*``; this is ``−∂E*/∂W_l``.
- Natural gradient of a linear network: ``ΔW_l = (1/L) D_l⁺ R φ_l(X̂_{l-1})⁺`` (Bernacchia et al. 2018).
- Evidence: predictive coding's update minus ``D_lᵀ S⁻¹ D_l W_l S_{l-1}``; this is ``∂ log p(y | x)/∂W_l``.

Columns in, columns out; the lines of the first two and of the last run on SymPy matrices too.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

from ..equilibria.covariance import is_scalar
from ..networks.layer import Layer
from ..networks.passes import backward_sweep, downstream_maps, feedforward
from ..numerics.algebra import Array, Matrix, common_magnitude, pinv
from ..numerics.kinds import namespace

Rule = Literal["bp", "pc", "natural", "evidence"]
EVERY_RULE: tuple[str, ...] = get_args(Rule)
RULES = tuple(rule for rule in EVERY_RULE if rule != "evidence")
SETTLED = ("pc", "evidence")
"""The rules that learn at the equilibrium."""
Fisher = Literal["layerwise", "full"]
FISHERS: tuple[str, ...] = get_args(Fisher)


class Signals(NamedTuple):
    """The factors of a local rule, each layer's error and the activity that enters it; and the feedforward pass."""

    errors: Sequence[Matrix]
    activities: Sequence[Matrix]
    feedforward: Sequence[Matrix]
    residual: Matrix


class Sizes(NamedTuple):
    """The largest entry of each kind of signals, over all layers."""

    errors: Array
    activities: Array
    feedforward: Array
    residual: Array


def of_size_one(layers: Sequence[Layer], signals: Signals) -> tuple[Signals, Sizes]:
    """The signals over their sizes, and the sizes: no direction of a change in continuous time depends on them.

    Where a layer's features are not in proportion to its input, as beside a learned bias, whose activity is always one,
    activities stay as they are, and their sizes are one.
    """
    errors, residual = common_magnitude(signals.errors), common_magnitude([signals.residual])
    activities, predicted = common_magnitude(signals.activities), common_magnitude(signals.feedforward)
    if not all(layer.homogeneous for layer in layers):
        activities = predicted = namespace(errors).ones_like(errors)
    scaled = Signals(
        [each / errors for each in signals.errors], [each / activities for each in signals.activities],
        [each / predicted for each in signals.feedforward], signals.residual / residual,
    )  # fmt: skip
    return scaled, Sizes(errors, activities, predicted, residual)


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


def evidence_updates(
    layers: Sequence[Layer], energy_updates: Sequence[Matrix], unit_activities: Sequence[Matrix]
) -> list[Matrix]:
    r"""``∂ log p/∂W_l`` from predictive coding's updates ``−∂E*/∂W_l``, less the log-determinant's derivative."""
    determinant = log_determinant_updates(layers, unit_activities)
    pairs = zip(energy_updates[1:], determinant, strict=True)
    return [energy_updates[0], *(update - other for update, other in pairs)]


def log_determinant_updates(layers: Sequence[Layer], unit_activities: Sequence[Matrix]) -> list[Matrix]:
    r"""``½ ∂ log det S/∂W_l = D_lᵀ S⁻¹ D_l W_l S_{l-1}`` of layers ``2 … L``; the first sees no noise, and has none.

    It is the local update of ``n_L`` samples, one for each output: their errors are the columns of ``D_lᵀ``, and their
    activities ``S_{l-1} D_{l-1}ᵀ S⁻¹``, those of the equilibrium of `unit_residuals`. With ``S⁻¹`` beside the errors
    digits would cancel where the gain grows with depth.
    """
    triples = zip(layers[1:], downstream_maps(layers)[1:], unit_activities, strict=True)
    return [_without_bias(layer, error, activity) for layer, error, activity in triples]


def log_variance_slopes(last: Any, multiplier: Matrix, unit_multiplier: Matrix) -> Array:
    r"""``σ_i² (mean_b λ_i² − (S⁻¹)_ii)/2``: the slope of ``log p(y | x)`` in the logarithm of an output's variance.

    The output's covariance is a scalar, or diagonal; ``S⁻¹`` is the multiplier of `unit_residuals`.
    """
    variance = 1 if last is None else last if is_scalar(last) else last.diagonal()
    return variance * ((multiplier**2).mean(axis=1) - unit_multiplier.diagonal()) / 2


def _without_bias(layer: Layer, error: Matrix, activity: Matrix) -> Matrix:
    """The local update minus its value at zero activity: ``S`` has no biases and offsets."""
    update = layer.weight_update(error, activity)
    return update - layer.weight_update(error, 0 * activity) if layer.shift is not None else update


def natural_updates(
    layers: Sequence[Layer], predicted: Sequence[Matrix], residual: Matrix, rcond: float | None
) -> list[Matrix]:
    r"""The natural gradient with the block-diagonal Fisher: ``(1/L) D_l⁺ R φ_l(X̂_{l-1})⁺``.

    A weight that is used several times per sample has no such factors: ``(1/L) J_l⁺ vec R``, with its Jacobian.
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
