r"""The energy of inference and its gradient, in two coordinates, and one step down it.

`energy` takes activities. Inference itself keeps the deviation of each hidden layer from the feedforward pass,
``u_l = x_l − x̂_l``. That pass has no errors, so the errors are ``ε_l = u_l − T_l u_{l−1}`` with ``u_0 = 0``:
they keep their digits however small they are, and biases drop out. The output's deviation is clamped at ``u_L``.

- In the activities, the energy's gradient is ``g_l = Σ_l⁻¹ ε_l − T_{l+1}ᵀ Σ_{l+1}⁻¹ ε_{l+1}``: a local rule.
- In the errors of the hidden layers (error coordinates), with the activities swept forward from them, it is
  ``Σ_l⁻¹ ε_l − D_lᵀ Σ_L⁻¹ ε_L``.

Columns in, columns out. The lines run on JAX arrays, on NumPy arrays and on SymPy matrices. A precision is ``None``
(the identity), a scalar or a matrix.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from jaxtyping import Float

from ..equilibria.covariance import Covariances, as_covariances, is_scalar, scale
from ..equilibria.nudging import SoftOutput, as_nudge
from ..equilibria.routes import scale_all
from ..networks.layer import Layer
from ..networks.network import LinearNetwork, as_network
from ..networks.passes import backward_sweep
from ..networks.samples import activity_shapes, as_columns, flat
from ..numerics.algebra import Array, Matrix, column_products, identity, solve
from ..numerics.checks import as_array, as_batch, as_list, same_batch
from ..numerics.kinds import agree, compiled, namespace
from ..numerics.precision import refuse_overflow

Precisions: TypeAlias = tuple[Any, ...]
Hidden: TypeAlias = Sequence[Matrix]
"""One matrix of columns for each hidden layer."""


def energy(
    net: LinearNetwork,
    activities: Any,
    covariances: Any = None,
    y: Any = None,
    nudge: Any = None,
    by_layer: bool = False,
) -> Float[Array, "..."]:
    r"""The energy of predictive coding at given activities, whether inference has settled there or not.

    ``E = Σ_l E_l`` with ``E_l = ½ ε_lᵀ Σ_l⁻¹ ε_l`` and ``ε_l = x_l − T_l x_{l−1} − b_l``, ``l = 1 … L``. A soft output
    adds ``½ β ‖y − x_L‖²``, which belongs to no layer.

    An error far smaller than its activity loses digits to the subtraction. Where activities come from `equilibrium`,
    `simulate_inference` or `finite_time_activities`, their ``energy`` keeps these digits.

    Args:
        net: the network.
        activities: ``x_0 … x_L``, each ``(B, n_l)`` or ``(n_l,)``; where layers have images, ``(B, C, H, W)``.
        covariances: as in `equilibrium`.
        y: targets, ``(B, n_L)`` or ``(n_L,)``; with `SoftOutput` only. A clamped output is the last of the activities.
        nudge: as in `equilibrium`; only `SoftOutput` changes the energy.
        by_layer: whether to return every layer's energy.

    Returns:
        ``E``, ``(B,)``; or ``E_1 … E_L``, ``(B, L)``. Without a batch dimension in the activities there is none here.

    Raises:
        ValueError: for another number of activities, shapes that do not match, NaN or infinity, a soft output without
            targets, or targets without one.
        TypeError: for something that does not hold real numbers.
        PrecisionError: where an energy overflows. Under ``jax.jit`` and other transformations it stays as it is.

    Source:
        Sample Efficiency, equation 1; Deeper PCNs, equation 1; docs/theory.md, statements 4.1 and 4.2.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[2.0]]])
        >>> float(energy(net, [[1.0], [2.0], [1.0]])), energy(net, [[1.0], [2.0], [1.0]], by_layer=True).tolist()
        (5.0, [0.5, 4.5])
    """
    net = as_network("net", net)
    covariances, nudge = as_covariances(net.layers, covariances, net.dtype), as_nudge(nudge, net.dtype)
    first = as_batch("activities[0]", _listed("activities", activities, net.layers)[0], net.shapes[0], net.dtype)
    rows = as_activities("activities", activities, net.layers, first.shape[:-1], net.dtype)
    soft = isinstance(nudge, SoftOutput)
    if soft != (y is not None):
        wanted = "targets, as `nudge` is a SoftOutput" if soft else "None, as `nudge` is no SoftOutput"
        raise ValueError(f"`y` is {'None' if y is None else 'given'}; wanted {wanted}.")
    if soft:
        y = as_batch("y", y, net.shapes[-1], net.dtype)
        same_batch(first, y)
    layers, covariances, given, y, nudge = agree(
        net=net.layers, covariances=covariances, activities=tuple(rows), y=y, nudge=nudge if soft else None
    )
    return refuse_overflow("energies", _energy(layers, covariances, given, y, nudge, by_layer))


@compiled
def _energy(
    layers: tuple[Layer, ...], covariances: Covariances, rows: tuple[Array, ...], y: Any, nudge: Any, by_layer: bool
) -> Float[Array, "..."]:
    """The energy of checked activities, given as rows."""
    columns = list(map(as_columns, rows))
    errors = [own - layer.affine(below) for layer, below, own in zip(layers, columns, columns[1:], strict=False)]
    weighted = scale_all(tuple(map(precision, covariances)), errors)
    energies = namespace(rows[0]).stack(list(map(column_products, errors, weighted)), axis=-1) / 2
    result = energies if by_layer else energies.sum(axis=-1)
    if nudge is not None and not by_layer:
        missed = as_columns(y) - columns[-1]
        result = result + nudge.beta * column_products(missed, missed) / 2
    return result[0] if rows[0].ndim == 1 else result


def as_activities(name: str, value: Any, layers: Sequence[Layer], batch: tuple[int, ...], dtype: Any) -> list[Array]:
    """Check ``L + 1`` activities of a batch, and return them as rows of numbers."""
    rows = []
    for index, (each, shape) in enumerate(zip(_listed(name, value, layers), activity_shapes(layers), strict=True)):
        array = as_array(f"{name}[{index}]", each, dtype)
        if array.shape != (*batch, *shape):
            raise ValueError(f"`{name}[{index}]` has shape {array.shape}; wanted {(*batch, *shape)}.")
        rows.append(flat(array, shape))
    return rows


def _listed(name: str, value: Any, layers: Sequence[Layer]) -> list[Any]:
    entries = as_list(name, value, "activities x_0 … x_L")
    if len(entries) != len(layers) + 1:
        raise ValueError(f"`{name}` has {len(entries)} entries; wanted {len(layers) + 1}, the activities x_0 … x_L.")
    return entries


def precision(covariance: Any) -> Any:
    """``Σ⁻¹``, and back; ``None`` stays the identity."""
    if covariance is None or is_scalar(covariance):
        return None if covariance is None else 1 / covariance
    return solve(covariance, identity(covariance.shape[0], covariance))


def prediction_errors(layers: Sequence[Layer], hidden: Hidden, output: Matrix | None) -> list[Matrix]:
    """``ε_1 … ε_L`` from deviations; an ``output`` of ``None`` is clamped at zero."""
    return list(_each_error(layers, hidden, output))


def _each_error(layers: Sequence[Layer], hidden: Hidden, output: Matrix | None) -> Iterator[Matrix]:
    deviations = [*hidden, output]
    yield deviations[0]
    for layer, below, own in zip(layers[1:], deviations, deviations[1:], strict=False):
        predicted = layer.apply(below)
        yield -predicted if own is None else own - predicted


def energy_gradient(
    layers: Sequence[Layer], precisions: Precisions, hidden: Hidden, output: Matrix | None
) -> list[Matrix]:
    """``g_1 … g_{L−1}``, the gradient of the energy in the hidden activities; each weight is read once."""
    gradient: list[Matrix] = []
    for layer, precision, error in zip(layers, precisions, _each_error(layers, hidden, output), strict=True):
        weighted = scale(precision, error)
        if gradient:
            gradient[-1] = gradient[-1] - layer.transpose(weighted)
        gradient.append(weighted)
    return gradient[:-1]


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
    """Coordinates in which inference moves: the energy's gradient, and conversions from and to activities."""

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
