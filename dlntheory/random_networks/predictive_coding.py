r"""Second order: how predictive coding changes the prediction of a random network at large width.

Equilibrium makes ``x*_{l-1}ᵀx̂_{l-1} → β_l = e T_l``, with ``e = q_0/T_1``. The change of the prediction is
``dŷ = Σ_l β_l G_l S⁻¹ r``, so that its cosine with ``r`` takes traces and quadratic forms of the products
``G_h S⁻¹`` and ``G_h S⁻¹ S⁻¹ G_k``. All of them follow from recursions over the layers, with ``R_l = (T_{l+1} + S_l)⁻¹``:

``k_h = tr G_h R``, ``κ_h = tr G_h R²``, ``Q_hk = tr R G_h G_k R``,
``P_h = e x̂ᵀG_h R x̂``, ``f_h = x̂ᵀR G_h R x̂``, ``Z_hk = x̂ᵀR G_h G_k R x̂``, ``ε = x̂ᵀR² x̂``.

Two choices keep every number moderate at any depth:

- **Units of the layers** in which every ``T_l`` is one, and ``tr S⁻¹ = n_L``. They leave the cosine as it is, and turn
  the traces into ``a_l = n_l − N_l``, the covariances into ``c_l = (N_l − N_{l-1})/(n_l − N_l)``, and ``β_l`` into
  ``T_l/T_{l+1}``, in the old units. The shares of ``solve`` are then all that the recursion needs.
- **Directions**: sums ``Σ_h u_h G_h`` are what the cosine needs. With ``u = (β, c)`` the recursion has vectors of two
  entries and costs ``O(L)``; with unit vectors it gives the terms of every layer, for ``O(L³)``.

``x̂`` is normalised to one in every layer; ``e`` then falls as the gains multiply.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .equilibrium import RandomEquilibrium
from .namespaces import namespace


@dataclass(frozen=True)
class SecondOrder:
    """Traces and quadratic forms at the output, in the units where every ``T_l`` is one.

    Attributes:
        traces: ``tr G_u S⁻¹``, shape ``(…, K)`` for ``K`` directions ``u``.
        square_traces: ``tr G_u S⁻²``, shape ``(…, K)``.
        products: ``tr S⁻¹ G_u G_w S⁻¹``, shape ``(…, K, K)``.
        forms: ``e x̂ᵀG_u S⁻¹x̂/|x̂|²``, shape ``(…, K)``, with ``e = 1`` at the input.
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


def second_order(equilibrium: RandomEquilibrium, directions: Sequence[Any], along_covariances: Any) -> SecondOrder:
    """Run the recursions of all layers.

    Args:
        equilibrium: first order.
        directions: ``u_1 … u_L``, each of shape ``(…, K)``: the entries of layer ``l`` in every direction.
        along_covariances: coefficients with which the directions add up to the covariances, ``(…, K)``.
    """
    layers, occupied, traces = equilibrium.layers, equilibrium.occupied, natural_traces(equilibrium)
    c = along_covariances
    zero = 0 * directions[0]
    k = kappa = P = f = zero
    Q = Z = _outer(zero, zero)
    epsilon = e = 1 + 0 * occupied[0]
    per_layer = []
    for index, layer in enumerate(layers):
        n, C = layer.n_in, -occupied[index] / layer.n_in
        a = traces[index]
        d, d_slope = layer.slope(C)
        R = (layer.n_out - occupied[index]) / a
        gain = R / (1 + C * d)
        D, D_slope = gain * d, gain * d_slope
        R_slope = D + C * D_slope
        s = _dot(c, _times(Q, c)) / n
        slope = 1 / (R - C * R_slope - R_slope * s)  # T'
        m = R_slope * slope / n
        # The matrices first: they take the old vectors.
        kk, difference = _outer(k, k), f - _scaled(m * epsilon, k - kappa)
        X = _scaled(
            slope, _scaled(gain, Q) - _scaled((D - (C + s) * D_slope) / n, kk) + _scaled(D / n, _sym(k, kappa))
        )
        Z = Z + _scaled(m * epsilon, Q) + _scaled(d / n, _sym(k, difference))
        Z = Z + _scaled(slope * epsilon * (R * d_slope + d * R_slope) / n**2, kk)
        P = P + _scaled(d * e / n, k)
        f = _scaled(1 / gain, f + _scaled(m * epsilon, kappa))
        rho = (a - slope * _dot(c, kappa)) / R
        kappa, epsilon, e = _scaled(slope, kappa), slope * epsilon / gain, e / gain
        # The layer's own entry.
        u = directions[index]
        uu = _outer(u, u)
        Q = X + _scaled(rho, uu) + _sym(u, kappa)
        Z = Z + _scaled(epsilon, uu) + _sym(u, f)
        k, kappa = k + _scaled(a, u), kappa + _scaled(rho, u)
        P, f = P + _scaled(e, u), f + _scaled(epsilon, u)
        per_layer.append((gain, slope, rho, m))
    return SecondOrder(k, kappa, Q, P, f, Z, *zip(*per_layer, strict=True))


def along_activities(equilibrium: RandomEquilibrium) -> SecondOrder:
    """Run the recursions along two directions, the limit of ``β`` and the covariances: all that the limit needs."""
    xp, one = namespace(*equilibrium.shares), 1 + 0 * equilibrium.occupied[0]
    pairs = zip(natural_activities(equilibrium), natural_covariances(equilibrium), strict=True)
    directions = [xp.stack([beta, c], axis=-1) for beta, c in pairs]
    return second_order(equilibrium, directions, xp.stack([0 * one, one], axis=-1))


def limit(result: SecondOrder, share_of_target: Any, n_L: int) -> Any:
    """Alignment of PC with one sample at infinite width, from `along_activities`.

    Args:
        result: second order.
        share_of_target: ``Y/(Y + q_L)``, the share of the target in the squared norm of ``r``.
        n_L: width of the output.
    """
    numerator, denominator = mixed(result, share_of_target, n_L)
    return numerator[..., 0] / namespace(numerator).sqrt(denominator[..., 0, 0])


def mixed(result: SecondOrder, share_of_target: Any, n_L: int) -> tuple[Any, Any]:
    """``p`` and ``A`` of ``cos(β) = βᵀp/√(βᵀAβ)``: the parts of the target and of ``ŷ``."""
    target, own = share_of_target, 1 - share_of_target
    vector = _scaled(target / n_L, result.traces) + _scaled(own, result.forms)
    matrix = _scaled(target / n_L, result.products) + _scaled(own, result.product_forms)
    return vector, matrix


def energies(equilibrium: RandomEquilibrium, result: SecondOrder) -> tuple[Any, Any]:
    """Share of each layer in the two parts of the energy, ``½Y a_L/n_L`` and ``½e``; each adds up to one.

    They are ``c_l tr(G_l S⁻²)/n_L`` and ``c_l ŷᵀS⁻¹G_l S⁻¹ŷ/e``.
    """
    xp, one = namespace(*equilibrium.shares), 1 + 0 * equilibrium.occupied[0]
    rows = xp.eye(len(equilibrium.layers), dtype=one.dtype)
    kappa = f = _scaled(0 * one, rows[0])
    shrunk = one  # ε_l/ε_0, times what |x̂|² has grown
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


def _dot(u: Any, w: Any) -> Any:
    return (u * w).sum(axis=-1)


def _times(matrix: Any, u: Any) -> Any:
    return (matrix * u[..., None, :]).sum(axis=-1)


def _scaled(factor: Any, array: Any) -> Any:
    """``factor · array``, with one factor per point of the grid."""
    return factor.reshape(factor.shape + (1,) * (array.ndim - factor.ndim)) * array
