r"""Training in continuous time: ``dW_l/dt = ΔW_l``, with unit learning rate, and its effect on the balance of layers.

Backpropagation conserves ``W_lW_lᵀ − W_{l+1}ᵀW_{l+1}``. Predictive coding does not; by its local rule

``d/dt (W_{l+1}ᵀW_{l+1} − W_lW_lᵀ) = (2/B) Σ_b e_{l,b} ε*_{l,b}ᵀ``,

with unit covariances ``2 mean(ε*_l ε*_lᵀ)``, which is positive semidefinite: the later layer of each pair only gains,
by the errors of the earlier one.
"""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

import numpy as np
from jaxtyping import Float

from ..equilibria.equilibrium import settle_problem
from ..learning.problem import OPTIONS, Learning, UpdateOptions, as_learning, settled_by, split_changes
from ..learning.rescaling import Rescaling
from ..learning.rules import Rule
from ..networks.layer import Layer
from ..networks.network import LinearNetwork, as_network
from ..numerics.algebra import Array, epsilon
from ..numerics.checks import as_array
from ..numerics.kinds import compiled, is_concrete, leaves, map_leaves, namespace
from ..numerics.options import takes
from ..numerics.precision import PrecisionError, refuse_overflow
from ..numerics.record import with_fields

Rates = Callable[[np.ndarray], np.ndarray]
STIFF = 1024
"""Up to so many unknowns a long wait is followed by a method for stiff equations, which stores a square matrix."""


@takes(UpdateOptions, OPTIONS)
def gradient_flow(
    net: LinearNetwork,
    x: Any,
    y: Any,
    times: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    **options: Unpack[UpdateOptions],
) -> tuple[Float[Array, "T _ _"], ...]:
    r"""The weights at given times, trained by ``dW_l/dt = ΔW_l``: small learning rates, time in steps × learning rate.

    Biases are held. An adaptive Runge-Kutta method of order 8 keeps the relative error of a step below ``ε^(2/3)``,
    with the machine epsilon of the network. It runs on the host and cannot be traced.

    Args:
        net: the network at time zero.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        times: ``(T,)``, not negative, in order.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        **options: as in `weight_updates`.

    Returns:
        ``L`` arrays ``(T, n_l, n_{l-1})``.

    Raises:
        ValueError: as `weight_updates`, or for times that are negative or out of order.
        TypeError: as `weight_updates`, or under a JAX transformation.
        PrecisionError: where the flow cannot be followed: weights overflow, or maps lose rank on the way, where the
            natural gradient is infinite.

    Example:
        >>> net = LinearNetwork.from_weights([[[0.3]], [[0.3]]])
        >>> first, second = gradient_flow(net, [1.0], [3.0], times=[0.0, 0.5], rule="pc")
        >>> first[0].item(), round((first[1] * second[1]).item(), 3)
        (0.3, 1.186)
    """
    rates, start = as_flow(net, x, y, rule, rescaling, options)
    path = integrate(rates, np.asarray(start, np.float64), as_times("times", times), tolerance(start.dtype))
    return weights_of(net.layers, namespace(start).asarray(path, start.dtype))


def as_flow(
    net: LinearNetwork, x: Any, y: Any, rule: str, rescaling: str | None, options: UpdateOptions
) -> tuple[Rates, Array]:
    """Check, and give ``ΔW`` as a function of all weights in one vector, and that vector."""
    learning = as_learning(net, x, y, rule, rescaling, options)
    if not is_concrete(learning.problem):
        raise TypeError("`net` or its data are traced by JAX; wanted arrays, as the flow runs on the host.")
    start = stacked([layer.weight for layer in learning.problem.layers])

    def rates(vector: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(updates_at(learning, namespace(start).asarray(vector, start.dtype)), np.float64)
        except PrecisionError:  # a step that goes too far; a shorter one may not
            return np.full_like(vector, np.nan)

    return rates, start


@compiled
def updates_at(learning: Learning, vector: Array) -> Array:
    """The updates at the weights in ``vector``, in one vector too."""
    problem = with_fields(learning.problem, layers=_with_weights(learning.problem.layers, vector))
    settle = partial(settle_problem, solver=learning.options.solver)
    return stacked([weight for weight, _ in split_changes(settled_by(settle, learning._replace(problem=problem)))])


def stacked(weights: Any) -> Array:
    """All weights in one vector, each row by row, from the input's layer to the output's."""
    parts = [weight.ravel() for weight in leaves(weights)]
    return namespace(parts[0]).concatenate(parts)


def weights_of(layers: tuple[Layer, ...], vectors: Array) -> tuple[Any, ...]:
    """The inverse of `stacked`, for one vector or for rows of them: arrays like the weights."""
    weights = tuple(layer.weight for layer in layers)
    sizes = [math.prod(weight.shape) for weight in leaves(weights)]
    ends = itertools.pairwise(itertools.accumulate(sizes, initial=0))

    def part(weight: Array) -> Array:
        start, end = next(ends)
        return vectors[..., start:end].reshape(*vectors.shape[:-1], *weight.shape)

    return map_leaves(part, weights)


def _with_weights(layers: tuple[Layer, ...], vector: Array) -> tuple[Layer, ...]:
    pairs = zip(layers, weights_of(layers, vector), strict=True)
    return tuple(layer.with_weight(weight) for layer, weight in pairs)


def imbalances(net: LinearNetwork) -> tuple[Float[Array, "_ _"], ...]:
    r"""``T_{l+1}ᵀT_{l+1} − T_lT_lᵀ`` of every hidden layer.

    Backpropagation in continuous time conserves them. Predictive coding adds ``2 mean(e_l ε*_lᵀ)`` a unit of time:
    with unit covariances they only grow, in the order of symmetric matrices, and their traces by four times the layer's
    energy. The statements are for networks without biases.

    Args:
        net: the network.

    Returns:
        ``L − 1`` symmetric arrays ``(n_l, n_l)``.

    Raises:
        TypeError: for something that is not a network.
        PrecisionError: where they overflow. Under ``jax.jit`` and other transformations they stay as they are.

    Source:
        Proved as ``bp-balance`` and ``pc-balance``; see docs/dynamics.md.

    Example:
        >>> [matrix.tolist() for matrix in imbalances(LinearNetwork.from_weights([[[1.0]], [[2.0]]]))]
        [[[3.0]]]
    """
    maps = [layer.matrix() for layer in as_network("net", net).layers]
    with np.errstate(all="ignore"):
        found = tuple(after.T @ after - before @ before.T for before, after in itertools.pairwise(maps))
    return refuse_overflow("imbalances", found)


def tolerance(dtype: Any) -> float:
    """The relative error that a step of integration may make."""
    return epsilon(dtype) ** (2 / 3)


def as_times(name: str, value: Any) -> np.ndarray:
    """Check times: a vector, not negative, in order."""
    times = np.asarray(as_array(name, value), np.float64)
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"`{name}` has shape {times.shape}; wanted (T,), at least one time.")
    if times[0] < 0 or (np.diff(times) < 0).any():
        raise ValueError(f"`{name}` is negative or out of order; wanted times from 0 on, in order.")
    return times


def integrate(rates: Rates, start: np.ndarray, times: np.ndarray, rtol: float) -> np.ndarray:
    """The states at ``times`` of the flow that starts at time zero, ``(T, …)``."""
    moments, where = np.unique(times, return_inverse=True)
    if moments[-1] == 0:
        return np.repeat(start[None], len(times), axis=0)
    return _solve("DOP853", rates, start, moments[-1], rtol, 0.0, t_eval=moments).y.T[where]


def time_until(
    rates: Rates,
    start: np.ndarray,
    reached: Callable[[np.ndarray], float],
    horizon: float,
    rtol: float,
    rounding: float = 0.0,
) -> float:
    """The first time at which ``reached`` is not negative; infinity if not by ``horizon``, or if nothing moves.

    Where states are differences, ``rounding`` is the rounding of the two sides: smaller changes cannot be resolved.
    """
    if reached(start) >= 0:
        return 0.0
    if not rates(start).any():
        return np.inf

    def event(_: float, state: np.ndarray) -> float:
        return reached(state)

    event.terminal, event.direction = True, 1  # type: ignore[attr-defined]
    method = "LSODA" if start.size <= STIFF else "DOP853"
    result = _solve(method, rates, start, horizon, rtol, rounding, events=event)
    return float(result.t_events[0][0]) if result.status == 1 else np.inf


def _solve(
    method: str, rates: Rates, start: np.ndarray, end: float, rtol: float, rounding: float, **options: Any
) -> Any:
    """SciPy's integration; an error counts relative to the number, or to the largest at the start if that is more."""
    from scipy.integrate import solve_ivp

    smallest = max(rtol * (float(np.abs(start).max()) or 1.0), rounding)
    with np.errstate(over="ignore", invalid="ignore"):
        result = solve_ivp(lambda _, y: rates(y), (0, end), start, method, rtol=rtol, atol=smallest, **options)
    if result.status < 0 or not np.isfinite(result.y).all():
        raise PrecisionError(f"the flow cannot be followed to time {end:g}: {result.message}")
    return result
