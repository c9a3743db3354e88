r"""Inference in closed form at finite time: the interface, and the series that large networks take.

Where the Hessian is too large to decompose, ``p_T(H)`` and ``q_T(H)`` are Chebyshev series on an interval that holds
its spectrum: products with ``H`` alone, a few times ``√κ`` or ``√T``, whichever is less. A step close to the stability
limit leaves a spike ``1/T`` wide at the end of the interval, and takes ``√T``. The nodes include both ends; between
them the series is compared with the responses themselves.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .algebra import is_concrete
from .checks import as_count, one_of
from .descent import energy_gradient
from .inference import warn_caller
from .modes import Descent, as_descent, by_modes, concluded, decompose, drive, is_early, simulated
from .network import LinearNetwork
from .relaxation import Inference, Relaxation, as_inference, norm, stationary
from .responses import binary, responses
from .spectrum import extreme_vectors, rayleigh_quotient

SOLVERS = ("auto", "modes", "series")
DECOMPOSED = 2048
"""Up to so many hidden units ``solver="auto"`` decomposes the Hessian."""
DECOMPOSABLE = 8192
"""Up to so many it does where the series does not end: a Hessian of half a gibibyte."""
ROUNDING = 64
"""Coefficients below so many machine epsilons of the largest value are noise."""
FEWEST, MOST = 64, 2**16
"""Coefficients of the shortest series tried, and of the longest."""
BETWEEN = np.concatenate(
    [np.geomspace(1e-9, 0.1, 60), np.pi - np.geomspace(1e-9, 0.1, 60), np.pi * (np.arange(120) * (5**0.5 - 1) / 2 % 1)]
)
"""Angles where a series is compared with what it stands for: some near both ends, some anywhere."""


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

    Up to 32 steps, or twice the depth if that is more, the steps are simulated, and every layer keeps its digits
    however little has reached it. Afterwards the error is a few epsilons of the whole movement, not of each layer's
    share, times the number of steps for a step size next to the stability limit.

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
        solver: ``"modes"`` decomposes the Hessian; ``"series"`` multiplies by it (not in traced programs), and tells
            what it leaves out in ``truncation``; ``"auto"`` decomposes up to 2048 hidden units, and up to 8192 where
            the series does not end.
        key: as in `simulate_inference`.

    Returns:
        The `Relaxation`, as `simulate_inference` would leave it.

    Raises:
        ValueError: as `simulate_inference`, or for an unknown solver.
        TypeError: as `simulate_inference`.

    Warns:
        UserWarning: for a step size above the stability limit, or for a series whose ``truncation`` exceeds the root
            of the machine epsilon. Not in traced programs.

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
    descent = as_descent(net, x, y, step_size, momentum, start, covariances, nudge, key)
    concrete = is_concrete(descent)
    if solver == "series" and not concrete:
        raise TypeError("`solver` is 'series' in a traced program, which cannot choose a length; wanted 'modes'.")
    if is_early(descent, steps):
        return simulated(descent, steps)
    units = sum(as_inference(descent.problem).sizes)
    if solver == "modes" or (solver == "auto" and (units <= DECOMPOSED or not concrete)):
        return by_modes(descent, decompose(descent.problem), steps)
    relaxation = _by_series(descent, steps)
    if relaxation.truncation <= stationary(relaxation.truncation.dtype):
        return relaxation
    if solver == "auto" and units <= DECOMPOSABLE:
        return by_modes(descent, decompose(descent.problem), steps)
    warn_caller(f"The series leaves out {float(relaxation.truncation):.1g} of the result; solver='modes' does not.")
    return relaxation


def _by_series(descent: Descent, steps: int) -> Relaxation:
    inference = as_inference(descent.problem)
    if not inference.sizes:
        return concluded(descent, steps, [])
    vectors = extreme_vectors(inference, "activities")
    low, high = (float(rayleigh_quotient(inference, "activities", vector)) for vector in vectors)
    margin = ROUNDING * float(np.finfo(descent.step_size.dtype).eps)
    interval = low * (1 - margin), high * (1 + margin)
    left, gained = series(descent, steps, interval)
    forces = drive(inference)
    moved = apply_series(inference, interval, *padded(gained.coefficients), forces)
    lost = gained.lost * norm(forces)
    if descent.start is not None:
        kept = apply_series(inference, interval, *padded(left.coefficients), descent.start)
        moved = [one + other for one, other in zip(moved, kept, strict=True)]
        lost = lost + left.lost * norm(descent.start)
    size = norm(moved)
    return concluded(descent, steps, moved, lost / jnp.where(size > 0, size, jnp.ones_like(size)))


class Series(NamedTuple):
    """Chebyshev coefficients that count, by how much their sum is off, and whether more of them would not help."""

    coefficients: np.ndarray
    lost: float
    ended: bool


def series(descent: Descent, steps: int, interval: tuple[float, float]) -> tuple[Series, Series]:
    """The series of ``p_T`` and ``q_T``, as long as they need to be, or as long as they may."""
    bits, dtype = jnp.asarray(binary(steps)), descent.step_size.dtype
    middle, half = sum(interval) / 2, (interval[1] - interval[0]) / 2

    def at(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = jnp.asarray(np.clip(middle + half * np.cos(angles), *interval), dtype)
        left, gained = responses(points, descent.step_size, descent.momentum, bits)
        return np.asarray(left), np.asarray(gained)

    (left_between, gained_between), length = at(BETWEEN), FEWEST
    while True:
        left_values, gained_values = at(np.pi * np.arange(length + 1) / length)
        sizes = np.abs(left_values)  # a power loses a digit of its base a step, and a coefficient is a mean
        magnified = 2 * steps * float(sizes.mean() / max(1.0, sizes.max()))
        epsilon = (ROUNDING + magnified) * float(np.finfo(dtype).eps)
        left = truncated(left_values, left_between, epsilon, 1.0)
        gained = truncated(gained_values, gained_between, epsilon, 0.0)
        if (left.ended and gained.ended) or length == MOST:
            return left, gained
        length *= 2


def truncated(values: np.ndarray, between: np.ndarray, epsilon: float, unit: float) -> Series:
    """A series from values at the nodes, ends included; what is lost is measured at the angles between them, too."""
    from scipy.fft import dct

    if not np.isfinite(values).all():
        return Series(np.full(1, np.nan, values.dtype), np.nan, ended=True)
    coefficients = dct(values, type=1) / (len(values) - 1)
    coefficients[[0, -1]] /= 2
    sizes = np.abs(coefficients)
    noise = epsilon * max(unit, np.abs(values).max())
    counting = np.flatnonzero(sizes > noise)
    kept = int(counting[-1]) + 1 if len(counting) else 1
    tail = float(sizes[kept:].sum())
    off = np.abs(np.cos(np.outer(BETWEEN, np.arange(kept))) @ coefficients[:kept] - between).max()
    resolved = kept <= 3 * len(values) // 4 and off <= tail + ROUNDING * noise
    return Series(coefficients[:kept], tail + float(off), bool(resolved))


def padded(coefficients: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Zeros up to a power of two, so that few programs are compiled; and how many there are."""
    length = len(coefficients)
    filled = np.zeros(max(FEWEST, 1 << (length - 1).bit_length()), coefficients.dtype)
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
