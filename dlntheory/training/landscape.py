r"""The landscape of learning: Hessians of the loss and of the equilibrated energy in the weights, and their saddles.

At a critical point of the equilibrated energy ``E*`` of a network with ``L ≥ 2`` layers, every hidden prediction error
vanishes, since the updates of two neighbouring layers differ by ``mean(e_l ε*_lᵀ)``. Hence ``λ = r``, ``W_Lᵀ r = 0``
and ``E* = loss``: it is a critical point of the loss, too. Since ``E* ≤ loss`` everywhere, no direction curves ``E*``
more than the loss there. And it is either a strict saddle of ``E*`` or a global minimum of the loss. The proof is in
docs/dynamics.md.
"""

from typing import Any, Literal, NamedTuple, TypedDict, Unpack, get_args

import numpy as np
from jaxtyping import Float

from ..equilibria.equilibrium import Solver, settle_problem
from ..equilibria.problem import as_problem
from ..learning.problem import Learning, UpdateOptions, as_learning
from ..networks.network import LinearNetwork, as_network
from ..networks.samples import as_columns
from ..numerics.algebra import Array, epsilon, identity
from ..numerics.checks import as_counts, one_of
from ..numerics.kinds import by_jax, compiled, holds_jax, is_concrete, namespace
from ..numerics.options import refuse_others, takes
from ..numerics.precision import refuse_overflow
from ..numerics.record import with_fields
from .flow import stacked, updates_at, weights_of
from .hessians import hessian

Gradient = Literal["bp", "pc"]
GRADIENTS: tuple[str, ...] = get_args(Gradient)
"""The rules that are the gradient of something: of the loss, and of the energy at equilibrium."""


class HessianOptions(TypedDict, total=False):
    """The options of `energy_hessian`."""

    covariances: Any
    solver: Solver


HESSIAN_OPTIONS: HessianOptions = {"covariances": None, "solver": "auto"}
"""Their defaults."""


def loss_hessian(net: LinearNetwork, x: Any, y: Any) -> Float[Array, "P P"]:
    r"""The second derivatives of the loss ``½ mean(‖y − ŷ‖²)`` in all weights.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.

    Returns:
        ``(P, P)``, symmetric; the weights are stacked row by row, from ``W_1`` to ``W_L``.

    Raises:
        ValueError: for shapes that do not match, NaN or infinity.
        TypeError: for something that does not hold real numbers.
        PrecisionError: where they overflow. Under ``jax.jit`` and other transformations they stay as they are.

    Example:
        >>> net = LinearNetwork.from_weights([[[0.0]], [[0.0]]])
        >>> loss_hessian(net, [1.0], [3.0]).tolist()
        [[0.0, -3.0], [-3.0, 0.0]]
    """
    return refuse_overflow("second derivatives", _hessian(net, x, y, "bp", {}))


def energy_hessian(
    net: LinearNetwork, x: Any, y: Any, covariances: Any = None, solver: Solver = "auto"
) -> Float[Array, "P P"]:
    r"""The second derivatives of the equilibrated energy ``mean(E*)``, ``E* = ½ rᵀ S⁻¹ r``, in all weights.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        covariances: as in `equilibrium`.
        solver: as in `equilibrium`.

    Returns:
        ``(P, P)``, symmetric; the weights are stacked row by row, from ``W_1`` to ``W_L``.

    Raises:
        ValueError: as `equilibrium`.
        TypeError: as `equilibrium`.
        PrecisionError: as `equilibrium`, or where they overflow.

    Source:
        Innocenti et al. 2024; docs/theory.md, statement 5.11.

    Example:
        >>> net = LinearNetwork.from_weights([[[0.0]], [[0.0]]])
        >>> energy_hessian(net, [1.0], [3.0]).tolist()
        [[0.0, -3.0], [-3.0, -9.0]]
    """
    found = _hessian(net, x, y, "pc", {"covariances": covariances, "solver": solver})
    return refuse_overflow("second derivatives", found)


def _hessian(net: LinearNetwork, x: Any, y: Any, rule: str, options: UpdateOptions) -> Array:
    """The Hessian in closed form; in JAX, and where weights share an error, by differentiation of the updates."""
    learning = as_learning(as_network("net", net), x, y, rule, None, options)
    if not holds_jax(learning.problem) and all(layer.has_features for layer in net.layers):
        return hessian(learning)
    if rule == "pc":
        settled = settle_problem(learning.problem, learning.options.solver)
        if is_concrete(settled.route):  # "auto", traced, would compile every route
            learning = learning._replace(options=with_fields(learning.options, solver=settled.solver))
    return _derivative(learning)


@by_jax
@compiled
def _derivative(learning: Learning) -> Array:
    """Minus the derivative of the updates, which are minus the gradient."""
    import jax

    weights = stacked([layer.weight for layer in learning.problem.layers])
    slopes = jax.jacfwd(lambda vector: updates_at(learning, vector))(weights)
    return 0.0 - (slopes + slopes.T) / 2


def origin_hessian(x: Any, y: Any, widths: Any, rule: str = "pc") -> Float[Array, "P P"]:
    r"""The Hessian where all weights are zero, in closed form.

    For ``L ≥ 2`` the energy's block of ``W_L`` is ``−mean(y yᵀ) ⊗ I``, and the loss's is zero. For ``L = 2`` both have
    ``−mean(y_i x_a) δ_jk`` between ``(W_2)_ij`` and ``(W_1)_ka``. All else is zero. So, unless all targets are zero,
    the origin is a strict saddle of the energy at every depth, but of the loss only for ``L = 2`` and
    ``mean(y xᵀ) ≠ 0``; above, its Hessian vanishes.

    Args:
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        widths: ``(n_0, …, n_L)``.
        rule: ``"bp"`` for the loss, ``"pc"`` for the energy.

    Returns:
        ``(P, P)``, stacked as in `loss_hessian`.

    Raises:
        ValueError: for shapes that do not match, NaN or infinity, or an unknown rule.
        TypeError: for something that does not hold real numbers.

    Source:
        Innocenti et al. 2024; docs/theory.md, statement 5.10.

    Example:
        >>> origin_hessian([1.0], [3.0], widths=[1, 1, 1, 1]).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -9.0]]
    """
    one_of("rule", rule, GRADIENTS)
    sizes = as_counts("widths", widths)
    shapes = zip(sizes[1:], sizes, strict=False)
    problem = as_problem(
        LinearNetwork.from_weights([np.zeros(shape, np.float32) for shape in shapes]), x, y, None, None
    )
    inputs, targets, count = as_columns(problem.x), as_columns(problem.y), problem.samples
    xp = namespace(inputs)
    if len(sizes) == 2:
        return xp.kron(identity(sizes[1], inputs), inputs @ inputs.T / count)
    below, last = sum(a * b for a, b in zip(sizes[1:-1], sizes, strict=False)), sizes[-1] * sizes[-2]
    units = identity(sizes[-2], inputs)
    own, crossed = xp.zeros((last, last), inputs.dtype), xp.zeros((last, below), inputs.dtype)
    if rule == "pc":
        own = -xp.kron(targets @ targets.T / count, units)
    if len(sizes) == 3:
        crossed = -xp.einsum("ia,jk->ijka", targets @ inputs.T / count, units).reshape(last, below)
    return xp.block([[xp.zeros((below, below), inputs.dtype), crossed.T], [crossed, own]])


class Curvature(NamedTuple):
    r"""The lowest eigenvalue of a Hessian.

    Attributes:
        value: the eigenvalue.
        direction: its eigenvector of unit norm, ``L`` arrays shaped like the weights: at a saddle, the way out.
        rounding: the part of the value that rounding explains.
    """

    value: float
    direction: tuple[Float[Array, "_ _"], ...]
    rounding: float

    @property
    def strict(self) -> bool:
        """Whether the lowest eigenvalue is negative beyond rounding: a critical point is then a strict saddle."""
        return self.value < -self.rounding


@takes(HessianOptions, HESSIAN_OPTIONS)
def lowest_curvature(
    net: LinearNetwork, x: Any, y: Any, rule: Gradient = "pc", **options: Unpack[HessianOptions]
) -> Curvature:
    """The lowest eigenvalue of the Hessian of the loss or of the equilibrated energy, and its direction.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"bp"`` for the loss, ``"pc"`` for the energy.
        **options: of `energy_hessian`.

    Returns:
        The `Curvature`; the largest entry of its direction is positive.

    Raises:
        ValueError: as `energy_hessian`, or for an unknown rule.
        TypeError: as `energy_hessian`.

    Source:
        docs/theory.md, statement 5.11.

    Example:
        >>> net = LinearNetwork.from_weights([[[0.0]], [[0.0]], [[0.0]]])
        >>> [lowest_curvature(net, [1.0], [3.0], rule).value for rule in ("bp", "pc")]
        [0.0, -9.0]
    """
    matrix = hessian_of_rule(net, x, y, rule, options)
    values, vectors, rounding = spectrum(matrix)
    lowest = vectors[:, 0] * np.sign(vectors[np.abs(vectors[:, 0]).argmax(), 0])
    direction = namespace(matrix).asarray(lowest, matrix.dtype)
    return Curvature(float(values[0]), weights_of(net.layers, direction), rounding)


def hessian_of_rule(net: LinearNetwork, x: Any, y: Any, rule: str, options: HessianOptions) -> Array:
    """The Hessian of what the rule descends: of the loss, or of the energy at equilibrium."""
    one_of("rule", rule, GRADIENTS)
    refuse_others(options, HESSIAN_OPTIONS)
    return loss_hessian(net, x, y) if rule == "bp" else energy_hessian(net, x, y, **options)


def spectrum(matrix: Array) -> tuple[np.ndarray, np.ndarray, float]:
    """Eigenvalues from the lowest up, eigenvectors, and the part of an eigenvalue that rounding explains."""
    values, vectors = np.linalg.eigh(np.asarray(matrix, np.float64))
    rounding = len(values) * epsilon(matrix.dtype) * float(np.abs(values).max())
    return values, vectors, rounding
