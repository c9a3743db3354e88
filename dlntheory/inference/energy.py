r"""The energy of inference and its gradient, in two coordinates, and one step down it.

The state is each hidden layer's deviation from the feedforward pass, ``u_l = x_l − x̂_l``. The feedforward pass has no
errors, so those of the state are ``ε_l = u_l − T_l u_{l−1}`` with ``u_0 = 0``: they keep their digits however small
they are, and biases drop out. The output's deviation is clamped at ``u_L``.

- In the activities, the energy's gradient is ``g_l = Σ_l⁻¹ ε_l − T_{l+1}ᵀ Σ_{l+1}⁻¹ ε_{l+1}``: a local rule.
- In the errors of the hidden layers (error coordinates), with the activities swept forward from them, it is
  ``Σ_l⁻¹ ε_l − D_lᵀ Σ_L⁻¹ ε_L``.

Columns in, columns out. The lines run on JAX arrays, on NumPy arrays and on SymPy matrices. A precision is ``None``
(the identity), a scalar or a matrix.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from ..equilibria.covariance import is_scalar, scale
from ..equilibria.routes import scale_all
from ..networks.layer import Layer
from ..networks.passes import backward_sweep
from ..numerics.algebra import Matrix, identity, solve

Precisions: TypeAlias = tuple[Any, ...]
Hidden: TypeAlias = Sequence[Matrix]
"""One matrix of columns for each hidden layer."""


def precision(covariance: Any) -> Any:
    """``Σ⁻¹``, and back; ``None`` stays the identity."""
    if covariance is None or is_scalar(covariance):
        return None if covariance is None else 1 / covariance
    return solve(covariance, identity(covariance.shape[0], covariance))


def prediction_errors(layers: Sequence[Layer], hidden: Hidden, output: Matrix | None) -> list[Matrix]:
    """``ε_1 … ε_L`` from deviations; an ``output`` of ``None`` is clamped at zero."""
    predicted = [layer.apply(deviation) for layer, deviation in zip(layers[1:], hidden, strict=True)]
    if not hidden:
        return [output]
    last = -predicted[-1] if output is None else output - predicted[-1]
    return [hidden[0], *(own - each for own, each in zip(hidden[1:], predicted, strict=False)), last]


def energy_gradient(
    layers: Sequence[Layer], precisions: Precisions, hidden: Hidden, output: Matrix | None
) -> list[Matrix]:
    """``g_1 … g_{L−1}``, the gradient of the energy in the hidden activities."""
    errors = scale_all(precisions, prediction_errors(layers, hidden, output))
    return [own - layer.transpose(above) for layer, own, above in zip(layers[1:], errors, errors[1:], strict=False)]


def descend(
    layers: Sequence[Layer], precisions: Precisions, hidden: Hidden, output: Matrix, step_size: Any
) -> list[Matrix]:
    """One step of gradient descent: every hidden layer at once, from its own error and the one above it."""
    gradient = energy_gradient(layers, precisions, hidden, output)
    return [own - step_size * slope for own, slope in zip(hidden, gradient, strict=True)]


def from_errors(layers: Sequence[Layer], errors: Hidden) -> list[Matrix]:
    """The hidden activities' deviations with the given errors: ``u_l = T_l u_{l−1} + ε_l``."""
    hidden = list(errors[:1])
    for layer, error in zip(layers[1:], errors[1:], strict=False):
        hidden.append(layer.apply(hidden[-1]) + error)
    return hidden


def to_errors(layers: Sequence[Layer], hidden: Hidden) -> list[Matrix]:
    """The errors of the hidden layers."""
    predicted = [layer.apply(deviation) for layer, deviation in zip(layers[1:-1], hidden, strict=False)]
    return [*hidden[:1], *(own - each for own, each in zip(hidden[1:], predicted, strict=True))]


def error_gradient(
    layers: Sequence[Layer], precisions: Precisions, errors: Hidden, output: Matrix | None
) -> list[Matrix]:
    """The gradient of the energy in the errors of the hidden layers."""
    predicted = layers[-1].apply(from_errors(layers, errors)[-1])
    last = scale(precisions[-1], -predicted if output is None else output - predicted)
    pulled = backward_sweep(layers, last)
    return [scale(p, error) - pull for p, error, pull in zip(precisions, errors, pulled, strict=False)]


def local_gradient(layers: Sequence[Layer], gradient: Hidden) -> list[Matrix]:
    """The gradient in the activities from the one in the errors: ``g_l − T_{l+1}ᵀ g_{l+1}``."""
    pulled = [layer.transpose(above) for layer, above in zip(layers[1:-1], gradient[1:], strict=True)]
    return [*(own - pull for own, pull in zip(gradient, pulled, strict=False)), *gradient[-1:]]


class Coordinates(NamedTuple):
    """What inference moves: its gradient, and the way there and back."""

    gradient: Callable[..., list[Matrix]]
    from_hidden: Callable[..., Hidden]
    to_hidden: Callable[..., Hidden]
    in_activities: Callable[..., Hidden]


def _unchanged(layers: Sequence[Layer], columns: Hidden) -> Hidden:
    return columns


COORDINATES = {
    "activities": Coordinates(energy_gradient, _unchanged, _unchanged, _unchanged),
    "errors": Coordinates(error_gradient, to_errors, from_errors, local_gradient),
}
