r"""Learning mode by mode: aligned weights decouple into scalar chains, whose flow is a few equations.

Let the weights be ``W_l = U_l diag(w_l) U_{l-1}ᵀ`` with orthonormal columns, and let the data be diagonal in the outer
bases: ``mean(x xᵀ)``, ``mean(y xᵀ)`` and ``mean(y yᵀ)`` are ``v``, ``s v`` and ``s² v + noise`` in each mode. Then the
updates keep this form, and each mode is a chain of ``L`` scalar weights. With ``p_l = w_l … w_1``,
``d_l = w_L … w_{l+1}``, ``S_l = 1 + w_l² S_{l-1}`` and ``S = S_L``:

- backpropagation: ``dw_l/dt = d_l p_{l-1} v (s − p_L)``. It conserves ``w_l² − w_k²``; with all weights equal this is
  ``du/dt = L u^{2−2/L} v (s − u)`` for their product ``u`` (Saxe et al. 2014).
- predictive coding: ``dw_l/dt = d_l mean(λ x*_{l-1})``, ``λ = r/S``, ``x*_{l-1} = p_{l-1} x + S_{l-1} d_{l-1} λ``. It
  conserves no balance: ``d(w_{l+1}² − w_l²)/dt = 2 mean(ε*_l²)``.
- natural gradient: ``dw_l/dt = (s − p_L) / (L d_l p_{l-1})``. It conserves the ratios of the weights, and every mode
  follows ``dp_L/dt = s − p_L``.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from ..learning.rules import RULES
from ..numerics.algebra import Array
from ..numerics.checks import as_array, as_number, as_share, one_of
from ..numerics.kinds import holds_jax, is_jax, leaves, map_leaves, namespace
from ..numerics.record import Record
from .flow import as_times, integrate, time_until, tolerance


def mode_rates(rule: str, weights: Sequence[Any], target: Any, variance: Any, noise: Any) -> list[Any]:
    """``dw_1/dt … dw_L/dt`` of a mode; on numbers, on arrays with one entry per mode, and on SymPy expressions."""
    upstream, variances, downstream = [1 + 0 * target], [0 * target], [1 + 0 * target]
    for weight in weights:
        upstream.append(weight * upstream[-1])
        variances.append(1 + weight * weight * variances[-1])
    for weight in reversed(weights[1:]):
        downstream.append(weight * downstream[-1])
    downstream.reverse()
    residual, variances_of_inputs = target - upstream[-1], variances[:-1]
    pairs = list(zip(downstream, upstream, strict=False))
    if rule == "natural":
        return [residual / (len(weights) * d * p) for d, p in pairs]
    if rule == "bp":
        return [d * p * (variance * residual) for d, p in pairs]
    with_input = variance * residual / variances[-1]  # mean(λ x)
    with_itself = (variance * residual * residual + noise) / (variances[-1] * variances[-1])  # mean(λ²)
    return [
        d * (p * with_input + before * (weight * d) * with_itself)
        for weight, before, (d, p) in zip(weights, variances_of_inputs, pairs, strict=True)
    ]


class ModeTrajectories(Record):
    r"""The weights of modes in time.

    Attributes:
        times: ``(T,)``.
        weights: ``w_1 … w_L`` of every mode, ``(T, *K, L)``.
        singular_values: the targets ``s``, ``(*K,)``.
        variances: ``v``, ``(*K,)``.
        noise: the variance of the targets around ``s x``, ``(*K,)``.
    """

    times: Float[Array, " T"]
    weights: Float[Array, "T *K L"]
    singular_values: Float[Array, "*K"]
    variances: Float[Array, "*K"]
    noise: Float[Array, "*K"]

    @property
    def products(self) -> Float[Array, "T *K"]:
        """``p_L``, the singular value that the network has learned."""
        return self.weights.prod(axis=-1)

    @property
    def output_variance(self) -> Float[Array, "T *K"]:
        """``S``, the mode of the output covariance."""
        xp = namespace(self.weights)
        variance = xp.ones_like(self.products)
        for weight in xp.moveaxis(self.weights, -1, 0)[1:]:
            variance = 1 + weight**2 * variance
        return variance

    @property
    def loss(self) -> Float[Array, "T *K"]:
        """``½ mean(r²)``, the mode's share of the loss."""
        target, spread, noise = (each[None] for each in (self.singular_values, self.variances, self.noise))
        return (spread * (target - self.products) ** 2 + noise) / 2

    @property
    def energy(self) -> Float[Array, "T *K"]:
        """``½ mean(r²) / S``, the mode's share of the energy at equilibrium."""
        return self.loss / self.output_variance

    @property
    def imbalances(self) -> Float[Array, "T *K M"]:
        """``w_{l+1}² − w_l²``, ``l = 1 … L−1``, which backpropagation conserves."""
        return namespace(self.weights).diff(self.weights**2, axis=-1)


def mode_dynamics(
    singular_values: Any, initial: Any, times: Any, rule: str = "pc", variances: Any = 1.0, noise: Any = 0.0
) -> ModeTrajectories:
    r"""Follow the singular modes that aligned weights learn in time, by the gradient flow of a learning rule.

    Integrated on the host by an adaptive Runge-Kutta method of order 8; it cannot be traced.

    Args:
        singular_values: the singular values ``s`` of the map to be learned: ``(K,)``, or a number for a single mode.
        initial: ``w_1 … w_L`` of each mode at time zero, ``(K, L)``; or ``(L,)`` for all modes.
        times: ``(T,)``, not negative, in order; in units of steps × learning rate.
        rule: ``"bp"``, ``"pc"`` or ``"natural"``.
        variances: the variances of the input in each mode, ``(K,)`` or a number, positive.
        noise: variance of the target around ``s x``, ``(K,)`` or a number. Only predictive coding feels it, and then
            has no minimum: it lets ``S`` grow without end.

    Returns:
        The `ModeTrajectories`: ``weights`` ``(T, K, L)``, ``products``, ``loss``, ``energy`` and more.

    Raises:
        ValueError: for shapes that do not match, NaN or infinity, times out of order, an unknown rule, variances that
            are not positive, or weights of zero with ``"natural"``.
        TypeError: for something that does not hold real numbers.
        PrecisionError: where the flow cannot be followed.

    Source:
        Saxe et al. 2014 for backpropagation; docs/theory.md, statement 5.9.

    Example:
        >>> modes = mode_dynamics([3.0, 1.0], initial=[0.3, 0.3], times=[0.0, 0.5], rule="pc")
        >>> modes.products.round(3).tolist()
        [[0.09, 0.09], [1.186, 0.24]]
    """
    modes = _as_modes(singular_values, initial, rule, variances, noise)
    moments = as_times("times", times)
    path = integrate(_rates(rule, *modes[1:]), modes[0].ravel(), moments, tolerance(np.float64))
    weights = path.reshape(len(moments), *modes[0].shape)
    found = ModeTrajectories(moments, weights, *modes[1:])
    return _of_their_kind(found, singular_values, initial, times, variances, noise)


def mode_learning_time(
    singular_values: Any,
    initial: Any,
    rule: str = "pc",
    fraction: Any = 0.5,
    variances: Any = 1.0,
    noise: Any = 0.0,
    horizon: Any = 1e6,
) -> Float[Array, "*K"]:
    r"""The time at which each mode has been learned: the first at which ``p_L / s`` reaches a fraction.

    Backpropagation through ``L = 2`` equal weights takes ``ln(u (s − u_0) / (u_0 (s − u))) / (2 v s)`` to ``u``.

    Args:
        singular_values: as in `mode_dynamics`, none of them zero.
        initial: as in `mode_dynamics`.
        rule: as in `mode_dynamics`.
        fraction: between 0 and 1.
        variances: as in `mode_dynamics`.
        noise: as in `mode_dynamics`.
        horizon: the longest time that is looked at, positive.

    Returns:
        ``(K,)``, or a number for a single mode; infinity where a mode is not learned within the horizon.

    Raises:
        ValueError: as `mode_dynamics`; for a singular value of zero, or a fraction outside (0, 1).
        TypeError: as `mode_dynamics`.
        PrecisionError: as `mode_dynamics`.

    Source:
        docs/theory.md, statement 5.9.

    Example:
        >>> times = [mode_learning_time([4.0, 1.0], [0.1, 0.1], rule) for rule in ("bp", "pc")]
        >>> [each.round(3).tolist() for each in times]
        [[0.749, 2.298], [0.733, 1.99]]
    """
    start, *rest = _as_modes(singular_values, initial, rule, variances, noise)
    share = as_share("fraction", fraction, zero=False)
    longest = as_number("horizon", horizon, positive=True)
    if not rest[0].all():
        raise ValueError("`singular_values` holds zero; wanted a target that can be learned.")

    def learned(target: Any, state: np.ndarray) -> float:
        return float(np.prod(state) / target - share)

    found = np.empty(rest[0].shape)
    for index in np.ndindex(found.shape):
        target, spread, extra = (each[index] for each in rest)
        rates = _rates(rule, target, spread, extra)
        found[index] = time_until(rates, start[index], partial(learned, target), longest, tolerance(np.float64))
    return _of_their_kind(found[()], singular_values, initial, variances, noise)


def _of_their_kind(found: Any, *given: Any) -> Any:
    """Results as JAX arrays, in the precision of what was given, where any of that is JAX's."""
    if not holds_jax(given):
        return found
    import jax.numpy as jnp

    dtype = jnp.result_type(float, *(each for each in leaves(given) if is_jax(each)))
    return map_leaves(lambda each: jnp.asarray(each, dtype), found)


def _rates(rule: str, *mode: Any) -> Any:
    """The rates of all modes as one vector of their weights, mode by mode."""
    shape = np.shape(mode[0])

    def rates(state: np.ndarray) -> np.ndarray:
        weights = np.moveaxis(state.reshape(*shape, -1), -1, 0)
        return np.stack(mode_rates(rule, list(weights), *mode), axis=-1).ravel()

    return rates


def _as_modes(
    singular_values: Any, initial: Any, rule: str, variances: Any, noise: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Check; the initial weights ``(*K, L)``, and ``s``, ``v`` and noise, each ``(*K,)``."""
    one_of("rule", rule, RULES)
    names = ("singular_values", "initial", "variances", "noise")
    given = (singular_values, initial, variances, noise)
    target, start, spread, extra = (np.asarray(as_array(*each), np.float64) for each in zip(names, given, strict=True))
    if target.ndim > 1 or target.size == 0:
        raise ValueError(f"`singular_values` has shape {target.shape}; wanted (K,), or a number.")
    shape = target.shape
    if start.ndim == 0 or start.shape[-1] == 0 or start.shape[:-1] not in ((), shape):
        raise ValueError(f"`initial` has shape {start.shape}; wanted {(*shape, 'L')} or ('L',): L weights per mode.")
    for name, value, allowed in (("variances", spread, spread > 0), ("noise", extra, extra >= 0)):
        if value.shape not in ((), shape):
            raise ValueError(f"`{name}` has shape {value.shape}; wanted {shape} or a number.")
        if not allowed.all():
            raise ValueError(f"`{name}` holds {value.min()}; wanted v > 0 and noise ≥ 0.")
    if rule == "natural" and not start.all():
        raise ValueError("`initial` holds zero with rule='natural', which divides by the weights; wanted none.")
    start = np.broadcast_to(start, (*shape, start.shape[-1]))
    return start, target, np.broadcast_to(spread, shape), np.broadcast_to(extra, shape)
