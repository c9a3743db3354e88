r"""Inference in closed form at finite time: the interface, and the series that large networks take.

Where the Hessian is too large to decompose, ``p_T(H)`` and ``q_T(H)`` are Chebyshev series on an interval that holds
its spectrum: products with ``H`` alone, a few times ``√κ`` or ``√T``, whichever is less. What a truncated series leaves
out is at most the sum of the coefficients left out, since no Chebyshev polynomial exceeds one there.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .algebra import is_concrete
from .checks import as_count, one_of
from .descent import energy_gradient
from .equilibria import Problem, as_problem
from .inference import as_momentum, as_step_size, warn_unstable
from .modes import InferenceModes, as_counted, drive, finish
from .network import LinearNetwork
from .relaxation import Inference, Relaxation, as_inference, as_start, norm, residual_norm, starting_point
from .responses import binary, responses
from .spectrum import extreme_vectors, rayleigh_quotient

SOLVERS = ("auto", "modes", "series")
DECOMPOSED = 2048
"""Up to so many hidden units ``solver="auto"`` decomposes the Hessian."""
MARGIN = 1e-6
"""By what share the interval is wider than the spectrum found."""
SHORTEST, LONGEST = 64, 2**16
"""Coefficients of the shortest series tried, and of the longest."""
ROUNDING = 64
"""Coefficients below so many machine epsilons of the largest value are noise."""


def finite_time_activities(
    net: LinearNetwork,
    x: Any,
    y: Any,
    steps: Any,
    step_size: Any,
    momentum: Any = 0.0,
    start: Any = "forward",
    covariances: Any = None,
    nudge: Any = None,
    solver: str = "auto",
    key: Any = 0,
) -> Relaxation:
    r"""Inference after ``T`` steps of gradient descent with heavy-ball momentum, in closed form, for any ``T``.

    Without momentum ``z_T = z* + (I − γH)ᵀ (z_0 − z*)``, with ``H`` the energy's Hessian in the hidden activities and
    ``z*`` the equilibrium. To ask for many times of one network, keep its `InferenceModes`.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        steps: ``T``, not negative; its size costs nothing.
        step_size: ``γ``, positive.
        momentum: ``μ``, from 0 to 1.
        start: as in `simulate_inference`.
        covariances: as in `equilibrium`.
        nudge: as in `equilibrium`.
        solver: ``"modes"`` decomposes the Hessian; ``"series"`` multiplies by it (not in traced programs), and bounds
            what it leaves out in ``truncation``; ``"auto"`` decomposes up to 2048 hidden units.
        key: as in `simulate_inference`.

    Returns:
        The `Relaxation`, as `simulate_inference` would leave it.

    Raises:
        ValueError: as `simulate_inference`, or for an unknown solver.
        TypeError: as `simulate_inference`.

    Warns:
        UserWarning: for a step size above the stability limit. Not in traced programs.

    Source:
        THEORY section 5.3.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> relaxation = finite_time_activities(net, [1.0], [3.0], steps=10**6, step_size=0.25)
        >>> round(float(relaxation.activities[1][0]), 6), relaxation.outcome
        (2.0, 'converged')
    """
    one_of("solver", solver, SOLVERS)
    steps = as_count("steps", steps, minimum=0)
    problem = as_problem(net, x, y, covariances, nudge)
    concrete = is_concrete((problem, step_size, momentum, start, key))
    if solver == "series" and not concrete:
        raise TypeError("`solver` is 'series' in a traced program, which cannot choose a length; wanted 'modes'.")
    small = sum(as_inference(problem).sizes) <= DECOMPOSED
    if solver == "modes" or (solver == "auto" and (small or not concrete)):
        return InferenceModes(net, x, y, step_size, momentum, start, covariances, nudge, key).at(steps)
    return _by_series(problem, steps, step_size, momentum, start, key)


def _by_series(problem: Problem, steps: int, step_size: Any, momentum: Any, start: Any, key: Any) -> Relaxation:
    dtype = problem.x.dtype
    step_size = as_step_size(step_size, "gradient", dtype)
    velocity = as_momentum(momentum, dtype)
    momentum = jnp.zeros((), dtype) if velocity is None else velocity
    given, key = as_start(start, problem, key)
    unstable = steps > 0 and warn_unstable(problem, step_size, momentum)
    inference = as_inference(problem)
    if not inference.sizes:
        return Relaxation(**_finish(problem, [], [], unstable), count=as_counted(steps), problem=problem)
    vectors = extreme_vectors(inference, "activities")
    low, high = (float(rayleigh_quotient(inference, "activities", vector)) for vector in vectors)
    interval = low * (1 - MARGIN), high * (1 + MARGIN)
    first = starting_point(inference, given, key)
    forces = drive(inference)
    noise = ROUNDING + (steps if unstable else 0)  # the power of a number above one loses a digit a step
    (left, left_tail), (gained, gained_tail) = _coefficients(steps, step_size, momentum, interval, noise)
    moved = apply_series(inference, interval, *padded(gained), forces)
    lost = gained_tail * norm(forces)
    if given != "forward":
        kept = apply_series(inference, interval, *padded(left), first)
        moved, lost = [one + other for one, other in zip(moved, kept, strict=True)], lost + left_tail * norm(first)
    fields = _finish(problem, moved, first, unstable)
    size = norm(moved)
    fields["truncation"] = lost / jnp.where(size > 0, size, jnp.ones_like(size))
    return Relaxation(**fields, count=as_counted(steps), problem=problem)


@eqx.filter_jit
def _finish(problem: Problem, hidden: list[jax.Array], first: list[jax.Array], unstable: bool) -> dict[str, Any]:
    inference = as_inference(problem)
    before = residual_norm(inference, inference.precisions, first)
    return finish(inference, hidden, before, unstable, problem.x.ndim == 1)


def _coefficients(
    steps: int, step_size: jax.Array, momentum: jax.Array, interval: tuple[float, float], noise: int
) -> tuple[tuple[np.ndarray, float], tuple[np.ndarray, float]]:
    """The series of ``p_T`` and ``q_T``, each with the sum of what it leaves out."""
    length, bits = SHORTEST, jnp.asarray(binary(steps))
    epsilon = noise * float(np.finfo(step_size.dtype).eps)
    while True:
        nodes = np.cos(np.pi * (np.arange(length) + 0.5) / length)
        middle, half = sum(interval) / 2, (interval[1] - interval[0]) / 2
        values = responses(jnp.asarray(middle + half * nodes, step_size.dtype), step_size, momentum, bits)
        found = [truncated(np.asarray(each), epsilon, unit) for each, unit in zip(values, (1.0, 0.0), strict=True)]
        if all(done for _, _, done in found) or length == LONGEST:
            return found[0][:2], found[1][:2]
        length *= 2


def truncated(values: np.ndarray, epsilon: float, unit: float) -> tuple[np.ndarray, float, bool]:
    """Chebyshev coefficients from values at the nodes: those that count, the sum of the others, and whether it ends."""
    from scipy.fft import dct

    coefficients = dct(values) / len(values)
    coefficients[0] /= 2
    sizes = np.abs(coefficients)
    counting = np.flatnonzero(sizes > epsilon * max(unit, np.abs(values).max()))
    kept = int(counting[-1]) + 1 if len(counting) else 1
    ended = kept <= 3 * len(values) // 4 or not np.isfinite(values).all()
    return coefficients[:kept], float(sizes[kept:].sum()), ended


def padded(coefficients: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Zeros up to a power of two, so that few programs are compiled; and how many there are."""
    length = len(coefficients)
    filled = np.zeros(max(SHORTEST, 1 << (length - 1).bit_length()), coefficients.dtype)
    filled[:length] = coefficients
    return jnp.asarray(filled), jnp.asarray(length)


@eqx.filter_jit
def apply_series(
    inference: Inference,
    interval: tuple[Any, Any],
    coefficients: jax.Array,
    length: jax.Array,
    columns: list[jax.Array],
) -> list[jax.Array]:
    """``Σ_k c_k T_k(H̃)`` times columns, with ``H̃`` the Hessian moved from the interval to ``[−1, 1]``."""
    middle, half = (interval[0] + interval[1]) / 2, (interval[1] - interval[0]) / 2

    def multiply(hidden: list[jax.Array]) -> list[jax.Array]:
        products = energy_gradient(inference.layers, inference.precisions, hidden, None)
        return [(product - middle * each) / half for product, each in zip(products, hidden, strict=True)]

    def add(index: jax.Array, state: tuple[list[jax.Array], ...]) -> tuple[list[jax.Array], ...]:
        total, now, following = state
        total = [whole + coefficients[index] * each for whole, each in zip(total, now, strict=True)]
        after = [2 * product - each for product, each in zip(multiply(following), now, strict=True)]
        return total, following, after

    zeros = [jnp.zeros_like(each) for each in columns]
    return jax.lax.fori_loop(0, length, add, (zeros, columns, multiply(columns)))[0]
