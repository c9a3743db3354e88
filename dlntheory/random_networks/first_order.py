r"""The equilibrium of predictive coding in a random network: traces of ``S⁻¹`` over the layers, by a scalar recursion.

With ``a_l = tr(D_lᵀS⁻¹D_l)``, ``N_l = Σ_{k≤l} c_k a_k`` for scalar covariances ``c``, and ``R_l`` the R-transform of
layer ``l`` at ``C = −N_{l-1}/n_{l-1}``,

``a_{l+1} = a_l ((n_{l+1} − N_l)/R_{l+1}) / (n_l − N_l)``,  ``N_L = n_L``,

where a dense layer has ``(n_{l+1} − N_l)/R_{l+1} = 1/v_{l+1}``. ``N_L`` increases with ``a_1``, so that there is one
solution. It is bracketed by sections of ``log a_1``, and then improved by Newton's method on all of ``log a`` at once:
one number in 64 bits does not determine the rest where the recursion is long.

The traces give ``T_l = (n_l − N_{l-1})/(a_l R_l)`` with the meaning ``D_lᵀS⁻¹D_l ≃ (T_{l+1} + S_l)⁻¹``, and the energy
``E* = ½(Y a_L/n_L + q_0/T_1)``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..numerics.kinds import holds_jax, namespace
from .layer_kinds import LayerKind
from .recursion import through_layers

_SECTIONS = 16


@dataclass(frozen=True)
class RandomEquilibrium:
    """The traces that solve the recursion.

    Attributes:
        layers: the kinds of the layers.
        log_traces: ``log a_1 … log a_L``, each with the shape of the grid.
        shares: ``c_l a_l``, the dimensions of the output that each layer takes; they add up to ``n_L``.
        occupied: ``N_0 … N_L``.
    """

    layers: tuple[LayerKind, ...]
    log_traces: tuple[Any, ...]
    shares: tuple[Any, ...]
    occupied: tuple[Any, ...]

    @property
    def log_first_gap(self) -> Any:
        """``log T_1``."""
        xp, first = namespace(*self.log_traces), self.layers[0]
        return xp.log(first.room(0 * self.log_traces[0])) - self.log_traces[0]


def solve(layers: Sequence[LayerKind], covariances: Sequence[Any]) -> RandomEquilibrium:
    """Find the traces of a network; variances and covariances have the shape of the grid."""
    layers = tuple(layers)
    xp = namespace(*covariances, *(layer.variance for layer in layers))
    log_covariances = [xp.log(each) for each in covariances]
    find = _by_numpy if xp is np else _by_jax
    log_traces = find(layers, log_covariances)
    shares = [xp.exp(c + a) for c, a in zip(log_covariances, log_traces, strict=True)]
    return RandomEquilibrium(layers, tuple(log_traces), tuple(shares), tuple(_occupied(shares)))


def _occupied(shares: Sequence[Any]) -> list[Any]:
    """``N_0 … N_L``."""
    occupied = [0 * shares[0]]
    for share in shares:
        occupied.append(occupied[-1] + share)
    return occupied


def _by_numpy(layers: tuple[LayerKind, ...], log_covariances: list[Any]) -> list[Any]:
    """Narrow the bracket until Newton's method converges from its lower end."""
    low, width, rounds = _bracket(layers, log_covariances, np)
    log_traces, tolerance = [], 1e-13 + 1e-15 * len(layers)
    for index in range(1, rounds + 1):
        low = _section(layers, log_covariances, low, width / _SECTIONS**index, np)
        if index not in (2, 5, 9, rounds):
            continue
        log_traces, change = _traces_from(layers, log_covariances, low, np)[0], np.inf
        for _ in range(12):
            with np.errstate(all="ignore"):  # far from the solution a step may lead out of the domain
                log_traces, change = _improved(layers, log_covariances, log_traces, np)
            if not change > tolerance:
                break
        if change <= tolerance:
            break
    return log_traces


def _by_jax(layers: tuple[LayerKind, ...], log_covariances: list[Any]) -> list[Any]:
    """Narrow the bracket to the last bit, then take Newton's steps, whose derivative is the solution's."""
    import jax

    stop = jax.lax.stop_gradient
    fixed = tuple(replace(each, variance=stop(each.variance)) for each in layers)
    logarithms = [stop(each) for each in log_covariances]
    low, width, rounds = _bracket(fixed, logarithms, jax.numpy)

    def narrow(index: Any, low: Any) -> Any:
        return _section(fixed, logarithms, low, width / float(_SECTIONS) ** (index + 1.0), jax.numpy)

    low = jax.lax.fori_loop(0, rounds, narrow, low)
    log_traces = [stop(each) for each in _traces_from(fixed, logarithms, low, jax.numpy)[0]]
    for _ in range(2):
        log_traces = [stop(each) for each in _improved(fixed, logarithms, log_traces, jax.numpy)[0]]
    for _ in range(2):  # the first gives first derivatives, the second second ones
        log_traces, _ = _improved(layers, log_covariances, log_traces, jax.numpy)
    return log_traces


def _bracket(layers: tuple[LayerKind, ...], log_covariances: list[Any], xp: Any) -> tuple[Any, float, int]:
    """The lower end of a bracket for ``log a_1``, its width, and the number of sections to the last bit."""
    width = (len(layers) + 1) * math.log(2)
    return _upper_bound(layers, log_covariances, xp) - width, width, math.ceil(math.log(width / 1e-16, _SECTIONS))


def _section(layers: tuple[LayerKind, ...], log_covariances: list[Any], low: Any, step: Any, xp: Any) -> Any:
    """Move the lower end of a bracket up, by as many steps as stay below the solution."""
    points = xp.arange(1, _SECTIONS).astype(low.dtype).reshape((-1,) + (1,) * low.ndim)
    raised = tuple(replace(layer, variance=layer.variance[None]) for layer in layers)
    too_large = _traces_from(raised, [each[None] for each in log_covariances], low[None] + points * step, xp)[1]
    return low + (_SECTIONS - 1 - too_large.sum(axis=0)).astype(low.dtype) * step


def _upper_bound(layers: tuple[LayerKind, ...], log_covariances: list[Any], xp: Any) -> Any:
    """``log a_1`` for which some ``N_l`` is too large even without the growth that comes with ``N``.

    Halving ``a_1`` once per layer from there leaves every ``N_l`` below half its bound, so that the solution lies
    within ``(L + 1) log 2``.
    """
    growth = 0 * log_covariances[0]
    total, bound = log_covariances[0], None
    for index, layer in enumerate(layers):
        if index:
            growth = growth + xp.log(layer.room(0 * growth)) - math.log(layer.n_in)
            total = xp.logaddexp(total, log_covariances[index] + growth)
        limit = math.log(min(layer.n_out, layers[-1].n_out)) - total
        bound = limit if bound is None else xp.minimum(bound, limit)
    return bound


def _traces_from(layers: tuple[LayerKind, ...], log_covariances: list[Any], log_first: Any, xp: Any) -> Any:
    """All ``log a`` from ``log a_1``, and whether it is too large: some ``N_l`` exceeds ``n_l`` or ``n_L``."""
    last = layers[-1].n_out
    cap, tiny = math.log(4.0 * last), float(np.finfo(log_first.dtype).tiny) ** 0.9

    def add(occupied: Any, log_share: Any, limit: Any) -> tuple[Any, Any]:
        occupied = occupied + xp.exp(xp.minimum(log_share, cap))
        return xp.minimum(occupied, limit), occupied > limit

    def step(state: Any, layer: LayerKind, log_covariance: Any) -> Any:
        log_trace, occupied, too_large = state
        free = xp.maximum(layer.n_in - occupied, tiny)
        log_trace = log_trace + xp.log(xp.maximum(layer.room(occupied), tiny) / free)
        occupied, beyond = add(occupied, log_covariance + log_trace, xp.minimum(1.0 * layer.n_out, 1.0 * last))
        return (log_trace, occupied, too_large | beyond), (log_trace,)

    occupied, beyond = add(0 * log_first, log_covariances[0] + log_first, float(min(layers[0].n_out, last)))
    state, rest = through_layers(step, (log_first, occupied, beyond), layers[1:], log_covariances[1:])
    return [log_first, *(log_trace for (log_trace,) in rest)], state[2]


def _improved(layers: tuple[LayerKind, ...], log_covariances: list[Any], log_traces: list[Any], xp: Any) -> Any:
    """Take one step of Newton's method on all ``log a``; also return its largest entry.

    The linear equations run upwards, affine in the change of ``log a_1``, which ``N_L = n_L`` then fixes.
    """

    def step(state: Any, layer: LayerKind, log_covariance: Any, log_trace: Any, log_before: Any) -> Any:
        offset, factor, occupied, moved, turned = state
        free, room = layer.n_in - occupied, layer.room(occupied)
        slope = layer.log_room_slope(occupied) + 1 / free
        offset = offset + slope * moved - (log_trace - log_before - xp.log(room / free))
        factor = factor + slope * turned
        share = xp.exp(log_covariance + log_trace)
        state = offset, factor, occupied + share, moved + share * offset, turned + share * factor
        return state, (offset, factor)

    share, one = xp.exp(log_covariances[0] + log_traces[0]), 1 + 0 * log_traces[0]
    start = (0 * one, one, share, 0 * one, share)
    state, rest = through_layers(step, start, layers[1:], log_covariances[1:], log_traces[1:], log_traces[:-1])
    _, _, occupied, moved, turned = state
    first = (layers[-1].n_out - occupied - moved) / turned
    changes = [first, *(offset + factor * first for offset, factor in rest)]
    largest = None if holds_jax(changes) else float(np.max([np.abs(change).max() for change in changes]))
    # A step is cut to one in the logarithm; near the solution it is not.
    return [a + xp.clip(change, -1.0, 1.0) for a, change in zip(log_traces, changes, strict=True)], largest
