r"""Inference in closed form at any time, by the modes of the Hessian.

With constant precisions inference is linear, so after ``T`` steps ``u_T = p_T(H) u_0 + q_T(H) b``, where ``b`` is minus
the energy's gradient at the feedforward pass. One decomposition ``H = V Λ Vᵀ`` serves every ``T``.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .checks import as_count
from .equilibria import Problem, as_problem
from .hessian import hessian_blocks
from .inference import as_momentum, as_step_size, warn_unstable
from .network import LinearNetwork
from .relaxation import (
    Inference,
    Relaxation,
    as_inference,
    as_start,
    conclude,
    judge,
    residual_norm,
    starting_point,
    stationary,
)
from .responses import binary, divided_differences, responses
from .spectrum import split
from .system import scale_all


class InferenceModes(eqx.Module):
    r"""The modes of inference in a network: gradient descent with heavy-ball momentum after any number of steps.

    The decomposition of the Hessian, ``N × N`` for ``N`` hidden units, is made once; then ``at(T)`` costs one product
    with its eigenvectors, whatever ``T``.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        step_size: ``γ``, positive.
        momentum: ``μ``, from 0 to 1.
        start: as in `simulate_inference`.
        covariances: as in `equilibrium`.
        nudge: as in `equilibrium`.
        key: as in `simulate_inference`.

    Attributes:
        eigenvalues: of the Hessian, ascending, ``(N,)``.
        eigenvectors: its columns, ``(N, N)``.

    Raises:
        ValueError: as `simulate_inference`.
        TypeError: as `simulate_inference`.

    Warns:
        UserWarning: for a step size above the stability limit. Not in traced programs.

    Source:
        THEORY section 5.3.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> modes = InferenceModes(net, [1.0], [3.0], step_size=0.25)
        >>> [round(float(modes.at(steps).activities[1][0]), 6) for steps in (0, 1, 2, 10**6)]
        [1.0, 1.5, 1.75, 2.0]
    """

    problem: Problem
    step_size: jax.Array
    momentum: jax.Array
    start: Float[Array, "N B"] | None
    hessian: Float[Array, "N N"]
    eigenvalues: Float[Array, " N"]
    eigenvectors: Float[Array, "N N"]
    unstable: bool = eqx.field(static=True)

    def __init__(
        self,
        net: LinearNetwork,
        x: Any,
        y: Any,
        step_size: Any,
        momentum: Any = 0.0,
        start: Any = "forward",
        covariances: Any = None,
        nudge: Any = None,
        key: Any = 0,
    ):
        self.problem = as_problem(net, x, y, covariances, nudge)
        dtype = self.problem.x.dtype
        self.step_size = as_step_size(step_size, "gradient", dtype)
        velocity = as_momentum(momentum, dtype)
        self.momentum = jnp.zeros((), dtype) if velocity is None else velocity
        given, key = as_start(start, self.problem, key)
        self.unstable = warn_unstable(self.problem, self.step_size, self.momentum)
        self.hessian, self.eigenvalues, self.eigenvectors = _decompose(self.problem)
        self.start = None if given == "forward" else _stacked_start(self.problem, given, key)

    def at(self, steps: Any) -> Relaxation:
        """Inference after ``steps`` steps.

        Args:
            steps: ``T``, not negative, of any size.

        Returns:
            The `Relaxation`, as `simulate_inference` would leave it.

        Raises:
            ValueError: for a negative number of steps.
            TypeError: for one that is not whole.
        """
        steps = as_count("steps", steps, minimum=0)
        fields = _at(self, jnp.asarray(binary(steps)), steps > 0 and self.unstable)
        return Relaxation(**fields, count=as_counted(steps), problem=self.problem)


def as_counted(steps: int) -> jax.Array:
    """A number of steps as an array: whole where 32 bits hold it, otherwise a float."""
    return jnp.asarray(steps if steps < 2**31 else float(steps))


def drive(inference: Inference) -> list[jax.Array]:
    """``b``, minus the energy's gradient at the feedforward pass: zero but for the last hidden layer."""
    [weighted] = scale_all(inference.precisions[-1:], [inference.output])
    samples = inference.output.shape[1]
    zeros = [jnp.zeros((size, samples), inference.output.dtype) for size in inference.sizes[:-1]]
    return [*zeros, inference.layers[-1].transpose(weighted)] if inference.sizes else []


def dense_hessian(inference: Inference) -> Float[Array, "N N"]:
    """``H``, assembled from its blocks."""
    if not inference.sizes:
        return jnp.zeros((0, 0), inference.output.dtype)
    diagonal, below = hessian_blocks(inference.layers, inference.covariances)
    rows = [[jnp.zeros((m, n), inference.output.dtype) for n in inference.sizes] for m in inference.sizes]
    for index, block in enumerate(diagonal):
        rows[index][index] = block
    for index, block in enumerate(below):
        rows[index + 1][index], rows[index][index + 1] = block, block.T
    return jnp.block(rows)


@eqx.filter_jit
def _decompose(problem: Problem) -> tuple[jax.Array, jax.Array, jax.Array]:
    hessian = dense_hessian(as_inference(problem))
    if not hessian.size:
        return hessian, hessian[0:0, 0:0].ravel(), hessian
    return hessian, *jnp.linalg.eigh(jax.lax.stop_gradient(hessian))


@eqx.filter_jit
def _stacked_start(problem: Problem, start: Any, key: Any) -> jax.Array | None:
    columns = starting_point(as_inference(problem), start, key)
    return jnp.concatenate(columns) if columns else None


@eqx.filter_jit
def _at(modes: InferenceModes, bits: jax.Array, unstable: bool) -> dict[str, Any]:
    inference = as_inference(modes.problem)
    hidden, before = [], jnp.ones((), modes.step_size.dtype)
    if inference.sizes:
        forces = jnp.concatenate(drive(inference))
        moved = propagate(
            bits,
            modes.eigenvalues,
            modes.eigenvectors,
            modes.hessian,
            forces,
            modes.start,
            modes.step_size,
            modes.momentum,
        )
        hidden = split(inference.sizes, moved)
    if modes.start is not None:
        before = residual_norm(inference, inference.precisions, split(inference.sizes, modes.start))
    return finish(inference, hidden, before, unstable, modes.problem.x.ndim == 1)


def finish(
    inference: Inference, hidden: list[jax.Array], before: jax.Array, unstable: bool, single: bool
) -> dict[str, Any]:
    """The fields of a `Relaxation` in closed form."""
    fields = conclude(inference, inference.precisions, hidden, single)
    residual = fields["residual_norm"]
    status = judge(residual, before, stationary(residual.dtype), unstable)
    return fields | {"status": status, "truncation": jnp.zeros_like(residual)}


@jax.custom_jvp
def propagate(
    bits: Any,
    eigenvalues: jax.Array,
    eigenvectors: jax.Array,
    hessian: jax.Array,
    forces: jax.Array,
    start: jax.Array | None,
    step_size: jax.Array,
    momentum: jax.Array,
) -> jax.Array:
    """``u_T = V (p_T(Λ) Vᵀ u_0 + q_T(Λ) Vᵀ b)``, with a derivative that equal eigenvalues do not trouble."""
    left, gained = responses(eigenvalues, step_size, momentum, bits)
    moved = gained[:, None] * (eigenvectors.T @ forces)
    if start is not None:
        moved = moved + left[:, None] * (eigenvectors.T @ start)
    return eigenvectors @ moved


@propagate.defjvp
def _propagate_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
    """Daleckii and Krein: in the eigenvectors' basis a change of ``H`` is multiplied by divided differences."""
    bits, eigenvalues, V, _, forces, start, step_size, momentum = primals
    hessian_dot, forces_dot, start_dot, step_dot, momentum_dot = tangents[3:]

    def by_rule(step_size: jax.Array, momentum: jax.Array) -> Any:
        return responses(eigenvalues, step_size, momentum, bits)

    (left, gained), (left_dot, gained_dot) = jax.jvp(by_rule, (step_size, momentum), (step_dot, momentum_dot))
    across = divided_differences(eigenvalues, step_size, momentum, bits)
    turned = V.T @ hessian_dot @ V
    pushed = V.T @ forces
    moved = gained[:, None] * pushed
    change = gained[:, None] * (V.T @ forces_dot) + gained_dot[:, None] * pushed + (across.gained * turned) @ pushed
    if start is not None:
        begun = V.T @ start
        moved = moved + left[:, None] * begun
        change = change + left[:, None] * (V.T @ start_dot) + left_dot[:, None] * begun + (across.left * turned) @ begun
    return V @ moved, V @ change
