r"""Training in continuous time: ``dW_l/dt = ΔW_l``, with unit learning rate, and what it does to the balance of layers.

Backpropagation conserves ``W_lW_lᵀ − W_{l+1}ᵀW_{l+1}``. Predictive coding does not; by its local rule

``d/dt (W_{l+1}ᵀW_{l+1} − W_lW_lᵀ) = (2/B) Σ_b e_{l,b} ε*_{l,b}ᵀ``,

with unit covariances ``2 mean(ε*_l ε*_lᵀ)``, which is positive semidefinite: the later layer of each pair only gains,
by the errors of the earlier one.
"""

import itertools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ..equilibria.problem import PrecisionError, as_problem
from ..learning.rescaling import RESCALINGS
from ..learning.rules import RULES
from ..learning.updates import weight_updates
from ..networks.network import LinearNetwork, as_network
from ..networks.samples import shaped
from ..numerics.checks import as_array, one_of

Rates = Callable[[np.ndarray], np.ndarray]
STIFF = 1024
"""Up to so many unknowns a long wait is followed by a method for stiff equations, which stores a square matrix."""


def gradient_flow(
    net: LinearNetwork,
    x: Any,
    y: Any,
    times: Any,
    rule: str = "pc",
    rescaling: str | None = None,
    **options: Any,
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
        TypeError: as `weight_updates`.
        PrecisionError: where the flow cannot be followed: weights overflow, or maps lose rank on the way, where the
            natural gradient is infinite.

    Example:
        >>> net = LinearNetwork.from_weights([[[0.3]], [[0.3]]])
        >>> first, second = gradient_flow(net, [1.0], [3.0], times=[0.0, 0.5], rule="pc")
        >>> first[0].item(), round((first[1] * second[1]).item(), 3)
        (0.3, 1.186)
    """
    rates, start, restore = training(net, x, y, rule, rescaling, options)
    path = integrate(rates, start, as_times("times", times), tolerance(net.dtype))
    return tuple(jax.vmap(restore)(jnp.asarray(path, net.dtype)))


def training(
    net: LinearNetwork, x: Any, y: Any, rule: str, rescaling: str | None, options: dict[str, Any]
) -> tuple[Rates, np.ndarray, Callable[[Any], Any]]:
    """Check, and give ``ΔW`` as a function of all weights in one vector, that vector, and how to take it apart."""
    one_of("rule", rule, RULES)
    one_of("rescaling", rescaling, RESCALINGS)
    problem = as_problem(net, x, y, options.get("covariances"), options.get("nudge"))
    x, y = shaped(problem.x, net.shapes[0]), shaped(problem.y, net.shapes[-1])
    start, restore = stacked(net)

    def rates(vector: np.ndarray) -> np.ndarray:
        weights = jnp.asarray(vector, net.dtype)
        return np.asarray(_compiled_updates(net, x, y, rule, rescaling, options, weights), np.float64)

    return rates, np.asarray(start, np.float64), restore


def stacked(net: LinearNetwork) -> tuple[jax.Array, Callable[[Any], Any]]:
    """All weights in one vector, each row by row, from the input's layer to the output's; and the way back."""
    vector, restore = ravel_pytree(as_network("net", net).weights)
    return vector, restore


def with_weights(net: LinearNetwork, weights: Any) -> LinearNetwork:
    """The network with other weights."""
    return eqx.tree_at(lambda it: [layer.weight for layer in it.layers], net, list(weights))


def stacked_updates(
    net: LinearNetwork, x: Any, y: Any, rule: str, rescaling: str | None, options: dict[str, Any], vector: jax.Array
) -> jax.Array:
    """The updates at the weights in ``vector``, in one vector too."""
    _, restore = stacked(net)
    return ravel_pytree(weight_updates(with_weights(net, restore(vector)), x, y, rule, rescaling, **options))[0]


_compiled_updates = eqx.filter_jit(stacked_updates)


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

    Source:
        Proved as ``bp-balance`` and ``pc-balance``; see docs/dynamics.md.

    Example:
        >>> [matrix.tolist() for matrix in imbalances(LinearNetwork.from_weights([[[1.0]], [[2.0]]]))]
        [[[3.0]]]
    """
    maps = [layer.matrix() for layer in as_network("net", net).layers]
    return tuple(after.T @ after - before @ before.T for before, after in itertools.pairwise(maps))


def tolerance(dtype: Any) -> float:
    """The relative error that a step of integration may make."""
    return float(jnp.finfo(dtype).eps) ** (2 / 3)


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

    Where states are differences, ``rounding`` is that of what they are differences of: it cannot be resolved.
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
