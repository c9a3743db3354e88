r"""Second order: how predictive coding changes the prediction of a random network at large width.

Equilibrium makes ``x*_{l-1}ᵀx̂_{l-1} → β_l = e T_l``, with ``e = q_0/T_1``. The change of the prediction is
``dŷ = Σ_l β_l G_l S⁻¹ r``, so that its cosine with ``r`` takes traces and quadratic forms of the products
``G_h S⁻¹`` and ``S⁻¹ G_h G_k S⁻¹``. All follow from recursions over the layers, with ``R_l = (T_{l+1} + S_l)⁻¹``:

``k_h = tr G_h R``, ``κ_h = tr G_h R²``, ``Q_hk = tr R G_h G_k R``,
``P_h = x̂ᵀG_h R x̂``, ``f_h = x̂ᵀR G_h R x̂``, ``Z_hk = x̂ᵀR G_h G_k R x̂``, ``ε = x̂ᵀR² x̂``.

Two choices keep every number moderate at any depth:

- **Units of the layers** in which every ``T_l`` is one, and ``tr S⁻¹ = n_L``. They leave the cosine as it is, and turn
  the traces into ``a_l = n_l − N_l``, the covariances into ``c_l = (N_l − N_{l-1})/(n_l − N_l)``, and ``β_l`` into
  ``T_l/T_{l+1}``, in the old units. The shares of ``solve`` are then all that the recursion needs.
- **Directions**: sums ``Σ_h u_h G_h`` are what the cosine needs. With ``u = β`` the recursion has single numbers and
  costs ``O(L)``; with unit vectors it gives the terms of every layer, for ``O(L³)``.

``x̂`` is normalised to one in every layer; ``e`` then falls as the gains multiply. ``Q`` is divided by the same growth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

from ..numerics.kinds import namespace
from .first_order import RandomEquilibrium
from .layer_kinds import LayerKind
from .recursion import through_layers


@dataclass(frozen=True)
class SecondOrder:
    """Traces and quadratic forms at the output, in the units where every ``T_l`` is one.

    Attributes:
        traces: ``tr G_u S⁻¹``, shape ``(…, K)`` for ``K`` directions ``u``.
        square_traces: ``tr G_u S⁻²``, shape ``(…, K)``.
        products: ``tr S⁻¹ G_u G_w S⁻¹``, over the growth of ``|x̂|²``, shape ``(…, K, K)``.
        forms: ``x̂ᵀG_u S⁻¹x̂/|x̂|²``, shape ``(…, K)``.
        energies: ``x̂ᵀS⁻¹G_u S⁻¹x̂/|x̂|²``, shape ``(…, K)``.
        product_forms: ``x̂ᵀS⁻¹G_u G_w S⁻¹x̂/|x̂|²``, shape ``(…, K, K)``.
        gains: the gain of every layer in these units, ``L`` arrays.
        derivatives: ``T'_l = ∂T_l/∂T_{l+1}``, ``L`` arrays.
        own_traces: ``tr R_l²``, ``L`` arrays.
        mixings: ``m_l``, with which ``x̂ᵀR G_h R x̂`` takes up ``tr G_h R²``, ``L`` arrays.
    """

    traces: Any
    square_traces: Any
    products: Any
    forms: Any
    energies: Any
    product_forms: Any
    gains: tuple[Any, ...]
    derivatives: tuple[Any, ...]
    own_traces: tuple[Any, ...]
    mixings: tuple[Any, ...]


def natural_traces(equilibrium: RandomEquilibrium) -> list[Any]:
    """``a_l`` in the units where every ``T_l`` is one, and ``tr S⁻¹ = n_L``."""
    layers, occupied = equilibrium.layers, equilibrium.occupied
    hidden = [layer.n_out - taken for layer, taken in zip(layers[:-1], occupied[1:-1], strict=True)]
    return [*hidden, layers[-1].n_out + 0 * occupied[0]]


def natural_covariances(equilibrium: RandomEquilibrium) -> list[Any]:
    """Covariances ``c_l`` in the units where every ``T_l`` is one."""
    return [share / trace for share, trace in zip(equilibrium.shares, natural_traces(equilibrium), strict=True)]


def natural_activities(equilibrium: RandomEquilibrium) -> list[Any]:
    """``β_l/e`` in the units where every ``T_l`` is one: ``T_l/T_{l+1}`` in the old ones."""
    layers, occupied = equilibrium.layers, equilibrium.occupied
    return [
        layer.room(taken) / trace
        for layer, taken, trace in zip(layers, occupied[:-1], natural_traces(equilibrium), strict=True)
    ]


def relative_activities(equilibrium: RandomEquilibrium) -> list[Any]:
    """`natural_activities` over the largest of them, which the cosine does not feel."""
    activities = natural_activities(equilibrium)
    largest = reduce(namespace(*activities).maximum, activities)
    return [each / largest for each in activities]


def second_order(equilibrium: RandomEquilibrium, directions: Sequence[Any]) -> SecondOrder:
    """Run the recursions of all layers.

    Args:
        equilibrium: first order.
        directions: ``u_1 … u_L``, each of shape ``(…, K)``: the entries of layer ``l`` in every direction.
    """
    layers, traces = equilibrium.layers, natural_traces(equilibrium)
    zero, one = 0 * directions[0], 1 + 0 * equilibrium.occupied[0]
    state = _State(zero, zero, _outer(zero, zero), zero, zero, _outer(zero, zero), one, one)

    def step(carried: Any, layer: LayerKind, occupied: Any, a: Any, u: Any) -> Any:
        *state, below = carried
        numbers = _numbers(layer, occupied, a, below)
        state = _with_own(_through(_State(*state), numbers, layer.n_in), u, a, numbers.own_trace)
        # tr S R² = tr(R − R²) is what the next layer needs of this one.
        return (*state, a - numbers.own_trace), (numbers.gain, numbers.slope, numbers.own_trace, numbers.m)

    carried, per_layer = through_layers(step, (*state, 0 * one), layers, equilibrium.occupied[:-1], traces, directions)
    return SecondOrder(*carried[:6], *zip(*per_layer, strict=True))


class _State(NamedTuple):
    """Traces and forms at the layer that has been reached, and what they need of the layers below."""

    k: Any
    kappa: Any
    Q: Any
    P: Any
    f: Any
    Z: Any
    shrunk: Any  # ε = T'_1 ⋯ T'_l e
    e: Any


class _Numbers(NamedTuple):
    """Scalars of one layer."""

    gain: Any
    slope: Any  # T'
    own_trace: Any  # tr R_l²
    m: Any  # T'/n ∂R/∂C
    d: Any  # (R/k_1 − 1)/C
    quadratic: Any  # with which −kkᵀ enters X, over the gain
    curvature: Any  # with which kkᵀ enters Z


def _numbers(layer: LayerKind, occupied: Any, a: Any, below: Any) -> _Numbers:
    """The R-transform of a layer at ``C = −N_{l-1}/n_{l-1}``, and what follows from ``tr S_{l-1}R_{l-1}²`` below.

    The derivatives of ``a_l T_l = (n_l − N_{l-1})/R_l`` and of ``T_{l+1} = (n_l − N_l)/a_l`` by ``T_{l+1}`` give ``T'``
    and ``tr R_l² = −∂a_l/∂T_{l+1}``, as sums of positive terms.
    """
    n, C = layer.n_in, -occupied / layer.n_in
    d, d_slope = layer.slope(C)
    R, gain = (layer.n_out - occupied) / a, layer.gain * layer.room(occupied) / a
    R_slope = gain * (d + C * d_slope)
    slope = 1 / (R + R_slope * below / n)
    own_trace = slope * a * (1 + layer.log_room_slope(occupied) * below)
    return _Numbers(gain, slope, own_trace, R_slope * slope / n, d, d + below / n * d_slope, R * d_slope + d * R_slope)


def _through(state: _State, numbers: _Numbers, n: Any) -> _State:
    """Pass a layer."""
    k, kappa, Q, P, f, Z, shrunk, e = state
    gain, slope, _, m, d, quadratic, curvature = numbers
    kk, epsilon = _outer(k, k), shrunk * e
    Z = Z + _scaled(m * shrunk, Q) + _scaled(d / n, _sym(k, f - _scaled(m * epsilon, k - kappa)))
    X = Q - _scaled(quadratic * e / n, kk) + _scaled(d * e / n, _sym(k, kappa))
    return _State(
        k=k,
        kappa=_scaled(slope, kappa),
        Q=_scaled(slope, X),
        P=P + _scaled(d * e / n, k),
        f=_scaled(1 / gain, f + _scaled(m * epsilon, kappa)),
        Z=Z + _scaled(slope * epsilon * curvature / n**2, kk),
        shrunk=slope * shrunk,
        e=e / gain,
    )


def _with_own(state: _State, u: Any, a: Any, own_trace: Any) -> _State:
    """Let the layer's own entry ``G = I`` into the sums, as its directions ``u`` have it."""
    k, kappa, Q, P, f, Z, shrunk, e = state
    uu, epsilon = _outer(u, u), shrunk * e
    return _State(
        k=k + _scaled(a, u),
        kappa=kappa + _scaled(own_trace, u),
        Q=Q + _scaled(e, _scaled(own_trace, uu) + _sym(u, kappa)),
        P=P + _scaled(e, u),
        f=f + _scaled(epsilon, u),
        Z=Z + _scaled(epsilon, uu) + _sym(u, f),
        shrunk=shrunk,
        e=e,
    )


def unit_directions(equilibrium: RandomEquilibrium) -> list[Any]:
    """One direction per layer."""
    like, depth = equilibrium.occupied[0], len(equilibrium.layers)
    rows = namespace(like).eye(depth, dtype=like.dtype)
    return [namespace(like).broadcast_to(row, (*like.shape, depth)) for row in rows]


def along_activities(equilibrium: RandomEquilibrium) -> SecondOrder:
    """Run the recursions in one direction, the limit of ``β``: all that the limit needs."""
    return second_order(equilibrium, [beta[..., None] for beta in relative_activities(equilibrium)])


class Shares(NamedTuple):
    """The shares of the squared norm of ``r``: ``Y/(Y + q_L)``, the rest, and the first with ``Q``'s growth."""

    target: Any
    own: Any
    target_grown: Any


def shares(equilibrium: RandomEquilibrium, log_input: Any, log_target: Any) -> Shares:
    """Divide ``r`` between target and prediction, from ``log q_0`` and ``log Y``.

    The growth of ``|x̂|²`` is ``q_L a_L T_1/(n_L q_0)``: in deep networks beyond floating point, and its product with
    the target's share is not.
    """
    xp, n_L = namespace(log_input), equilibrium.layers[-1].n_out
    log_growth = equilibrium.log_first_gap + equilibrium.log_traces[-1] - math.log(n_L)
    log_output = log_input
    for layer in equilibrium.layers:
        log_growth, log_output = log_growth + xp.log(layer.gain), log_output + xp.log(layer.gain)
    log_sum = xp.logaddexp(log_target, log_output)
    return Shares(*(xp.exp(each - log_sum) for each in (log_target, log_output, log_target + log_growth)))


def limit(result: SecondOrder, share: Shares, n_L: int) -> Any:
    """Alignment of PC with one sample at infinite width, from `along_activities`."""
    numerator, denominator = mixed(result, share, n_L)
    return numerator[..., 0] / namespace(numerator).sqrt(denominator[..., 0, 0])


def mixed(result: SecondOrder, share: Shares, n_L: int) -> tuple[Any, Any]:
    """``p`` and ``A`` of ``cos(β) = βᵀp/√(βᵀAβ)``: the parts of the target and of ``ŷ``."""
    vector = _scaled(share.target / n_L, result.traces) + _scaled(share.own, result.forms)
    matrix = _scaled(share.target_grown / n_L, result.products) + _scaled(share.own, result.product_forms)
    return vector, matrix


def energies(equilibrium: RandomEquilibrium, result: SecondOrder) -> tuple[Any, Any]:
    """Share of each layer in the two parts of the energy, ``½Y a_L/n_L`` and ``½e``; each adds up to one.

    They are ``c_l tr(G_l S⁻²)/n_L`` and ``c_l ŷᵀS⁻¹G_l S⁻¹ŷ/e``.
    """
    xp, one = namespace(*equilibrium.shares), 1 + 0 * equilibrium.occupied[0]
    rows = unit_directions(equilibrium)
    kappa, f, shrunk = 0 * rows[0], 0 * rows[0], one
    for row, slope, own, m in zip(rows, result.derivatives, result.own_traces, result.mixings, strict=True):
        f = f + _scaled(m * shrunk, kappa)
        shrunk = slope * shrunk
        kappa = _scaled(slope, kappa) + _scaled(own, row)
        f = f + _scaled(shrunk, row)
    c = xp.stack(natural_covariances(equilibrium), axis=-1)
    return c * kappa / equilibrium.layers[-1].n_out, c * f


def _outer(u: Any, w: Any) -> Any:
    return u[..., :, None] * w[..., None, :]


def _sym(u: Any, w: Any) -> Any:
    """``u wᵀ + w uᵀ``."""
    product = _outer(u, w)
    return product + product.swapaxes(-1, -2)


def _scaled(factor: Any, array: Any) -> Any:
    """``factor · array``, with one factor per point of the grid."""
    return factor.reshape(factor.shape + (1,) * (array.ndim - factor.ndim)) * array
