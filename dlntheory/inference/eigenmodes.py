r"""Inference in closed form at any time, by the modes of the Hessian.

With constant precisions inference is linear, so after ``T`` steps ``u_T = p_T(H) u_0 + q_T(H) b``, where ``b`` is minus
the energy's gradient at the feedforward pass. One decomposition ``H = V Λ Vᵀ`` serves every ``T``.

Modes are large numbers that add up to small ones in layers that the error has hardly reached. Early times are
therefore simulated, step by step.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..equilibria.covariance import scale
from ..equilibria.hessian import hessian_blocks
from ..equilibria.problem import Problem, as_problem, stationary
from ..networks.network import LinearNetwork
from ..numerics.algebra import Array
from ..numerics.checks import as_count
from ..numerics.kinds import agree, compiled, is_concrete, is_jax, namespace, stop_gradient
from ..numerics.record import Record, static
from .hessian_products import split
from .methods import Settings, descend_by
from .relaxation import FreeChain, Relaxation, as_start, conclude, free_chain, judge, residual_norm, starting_point
from .responses import binary, propagate
from .settings import as_momentum, as_step_size, warn_unstable

EARLY = 32
"""Up to so many steps, and in deep networks up to twice their depth, inference is simulated."""


class Descent(Record):
    """Checked gradient descent with momentum; ``start`` is ``None`` at the feedforward pass."""

    problem: Problem
    step_size: Array
    momentum: Array
    start: list[Array] | None
    unstable: bool = static()


class Decomposition(NamedTuple):
    """``H = V Λ Vᵀ``; the derivative goes through ``H``."""

    hessian: Float[Array, "N N"]
    eigenvalues: Float[Array, " N"]
    eigenvectors: Float[Array, "N N"]


class InferenceModes(Record):
    r"""The modes of inference in a network: gradient descent with heavy-ball momentum after any number of steps.

    The decomposition of the Hessian, ``N × N`` for ``N`` hidden units, is made once; then ``at(T)`` costs one product
    with its eigenvectors, whatever ``T``. Early times are simulated, as in `finite_time_activities`.

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
        eigenvalues: the eigenvalues of the Hessian, ascending, ``(N,)``.
        eigenvectors: its columns, ``(N, N)``.

    Raises:
        ValueError: as `simulate_inference`.
        TypeError: as `simulate_inference`.

    Warns:
        UserWarning: for a step size above the stability limit. Not in traced programs.

    Source:
        docs/theory.md, statement 5.3.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> modes = InferenceModes(net, [1.0], [3.0], step_size=0.25)
        >>> [round(float(modes.at(steps).activities[1][0]), 6) for steps in (0, 1, 2, 10**6)]
        [1.0, 1.5, 1.75, 2.0]
    """

    descent: Descent
    decomposition: Decomposition

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
        self.descent = as_descent(net, x, y, step_size, momentum, start, covariances, nudge, key)
        self.decomposition = decompose(self.descent.problem)

    @property
    def eigenvalues(self) -> Float[Array, " N"]:
        """``λ``, ascending."""
        return self.decomposition.eigenvalues

    @property
    def eigenvectors(self) -> Float[Array, "N N"]:
        """``V``."""
        return self.decomposition.eigenvectors

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
        if is_early(self.descent, steps):
            return simulated(self.descent, steps)
        return by_modes(self.descent, self.decomposition, steps)


def as_descent(
    net: LinearNetwork,
    x: Any,
    y: Any,
    step_size: Any,
    momentum: Any,
    start: Any,
    covariances: Any,
    nudge: Any,
    key: Any,
) -> Descent:
    """Check the arguments, and warn of an unstable step size."""
    problem = as_problem(net, x, y, covariances, nudge)
    dtype = problem.x.dtype
    problem, step_size, momentum, start = agree(
        net=problem,
        step_size=as_step_size(step_size, "gradient", dtype),
        momentum=as_momentum(momentum, dtype),
        start=as_start(start, problem, key),
    )
    unstable = warn_unstable(problem, step_size, momentum)
    begun = None if isinstance(start, str) and start == "forward" else _start(problem, start)
    return Descent(problem, step_size, momentum, begun, unstable)


def is_early(descent: Descent, steps: int) -> bool:
    """Whether there are so few steps that inference is simulated."""
    return steps <= max(EARLY, 2 * len(descent.problem.layers))


def as_counted(steps: int, like: Array) -> Array:
    """A number of steps as an array: whole where integers hold it, otherwise a float."""
    xp = namespace(like)
    return xp.asarray(steps if steps <= np.iinfo(xp.asarray(0).dtype).max else float(steps))[()]


def drive(chain: FreeChain) -> list[Array]:
    """``b``, minus the energy's gradient at the feedforward pass: zero but for the last hidden layer."""
    weighted = scale(chain.precisions[-1], chain.output)
    xp, samples = namespace(chain.output), chain.output.shape[1]
    zeros = [xp.zeros((size, samples), chain.output.dtype) for size in chain.sizes[:-1]]
    return [*zeros, chain.layers[-1].transpose(weighted)] if chain.sizes else []


def dense_hessian(chain: FreeChain) -> Float[Array, "N N"]:
    """``H``, assembled from its blocks."""
    xp = namespace(chain.output)
    if not chain.sizes:
        return xp.zeros((0, 0), chain.output.dtype)
    diagonal, below = hessian_blocks(chain.layers, chain.covariances)
    rows = [[xp.zeros((m, n), chain.output.dtype) for n in chain.sizes] for m in chain.sizes]
    for index, block in enumerate(diagonal):
        rows[index][index] = block
    for index, block in enumerate(below):
        rows[index + 1][index], rows[index][index + 1] = block, block.T
    return xp.block(rows)


@compiled
def decompose(problem: Problem) -> Decomposition:
    """The eigenvalues and eigenvectors of the Hessian."""
    hessian = dense_hessian(free_chain(problem))
    if not hessian.size:
        return Decomposition(hessian, hessian.ravel(), hessian)
    if not is_jax(hessian) and not np.isfinite(hessian).all():
        return Decomposition(hessian, hessian[0] * np.nan, hessian * np.nan)
    return Decomposition(hessian, *namespace(hessian).linalg.eigh(stop_gradient(hessian)))


@compiled
def _start(problem: Problem, start: Any) -> list[Array]:
    return starting_point(free_chain(problem), start)


def simulated(descent: Descent, steps: int) -> Relaxation:
    """Inference after a few steps, one by one."""
    counted = namespace(descent.step_size).asarray(steps) if is_concrete(descent) else steps
    return concluded(descent, steps, _simulate(descent, counted))


@compiled
def _simulate(descent: Descent, steps: Any) -> list[Array]:
    chain = free_chain(descent.problem)
    settings = Settings(descent.step_size, descent.momentum, None, None)
    first = starting_point(chain, "forward") if descent.start is None else descent.start
    return descend_by("gradient", chain, settings, first, steps)[0] if first else first


def by_modes(descent: Descent, decomposition: Decomposition, steps: int) -> Relaxation:
    """Inference after any number of steps."""
    return concluded(descent, steps, _move(descent, decomposition, binary(steps)))


@compiled
def _move(descent: Descent, decomposition: Decomposition, bits: Array) -> list[Array]:
    chain = free_chain(descent.problem)
    if not chain.sizes:
        return []
    hessian, eigenvalues, eigenvectors = decomposition
    forces, move = drive(chain), propagate
    if is_jax(hessian):
        from .modes_derivative import propagate_differentiably as move
    xp = namespace(hessian)
    start = None if descent.start is None else xp.concatenate(descent.start)
    step = descent.step_size, descent.momentum
    moved = move(bits, eigenvalues, eigenvectors, hessian, xp.concatenate(forces), start, *step)
    return split(chain.sizes, moved)


def concluded(descent: Descent, steps: int, hidden: list[Array], truncation: Any = 0.0) -> Relaxation:
    """The relaxation that ends in the given deviations."""
    truncation = namespace(descent.step_size).asarray(truncation, descent.step_size.dtype)
    fields = _conclude(descent, hidden, truncation, steps > 0 and descent.unstable)
    return Relaxation(**fields, count=as_counted(steps, descent.step_size), problem=descent.problem)


@compiled
def _conclude(descent: Descent, hidden: list[Array], truncation: Array, unstable: bool) -> dict[str, Any]:
    chain = free_chain(descent.problem)
    before = namespace(descent.step_size).ones((), descent.step_size.dtype)
    if descent.start is not None:
        before = residual_norm(chain, descent.start)
    fields = conclude(chain, chain.precisions, hidden, descent.problem.x.ndim == 1)
    residual = fields["residual_norm"]
    status = judge(residual, before, stationary(residual.dtype), unstable)
    return fields | {"status": status, "truncation": truncation[()]}
