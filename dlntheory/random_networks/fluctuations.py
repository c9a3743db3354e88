r"""Finite width: how one draw of the weights scatters around the limit of predictive coding.

``β_l = x*_{l-1}ᵀx̂_{l-1}`` has the limit ``e T_l``. At finite width the target adds a Gaussian fluctuation to it, with
covariance (``l ≤ h``, ``Π_l^h = T'_l ⋯ T'_{h-1}``)

``(Y/n_L) Π_h^{L+1} [q_{l-1} − T_l e − T_h Π_l^h (e − T_l ε_{l-1})]``,

which relative to ``β²`` is of order ``1/n`` times a factor that grows exponentially with depth where ``σ² < 1``. So
predictive coding in deep Kaiming networks is far from its limit at any width in use, and some adaptive rates
``1/β_l`` are negative.

With ``β = β_∞(1 + δ)`` the alignment is ``βᵀp/√(βᵀAβ)``, a ratio of Gaussian forms. Its first two moments follow from
``x^{-1/2} = π^{-1/2} ∫ t^{-1/2} e^{-xt} dt`` and ``x^{-1} = ∫ e^{-xt} dt``: under ``e^{-tβᵀAβ}`` the fluctuation stays
Gaussian, and a single integral over ``t`` is left. The weights' own fluctuation is not in it.
"""

import math
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..numerics.kinds import is_jax, namespace
from .first_order import RandomEquilibrium
from .predictive_coding import mixed, relative_activities, second_order, shares, unit_directions

_NODES = 241
_REACH = 4.6  # of t = exp(2 sinh u): from e^-99 to e^99 times the scale of βᵀAβ


@dataclass(frozen=True)
class Fluctuation:
    """The law of the fluctuation ``δ`` of the layers' products, and the cosine as its function.

    Attributes:
        covariance: of ``δ = β/β_∞ − 1``, shape ``(…, L, L)``; eigenvalues are not negative.
        vector: ``p`` of ``cos(β) = βᵀp/√(βᵀAβ)``, relative to ``β_∞``: ``(…, L)``.
        matrix: ``A``, shape ``(…, L, L)``.
    """

    covariance: Any
    vector: Any
    matrix: Any


def fluctuation(equilibrium: RandomEquilibrium, log_input: Any, log_target: Any) -> Fluctuation:
    """Find the law of ``β``, and the cosine as its function, from ``log q_0`` and ``log Y``."""
    xp, n_L = namespace(*equilibrium.shares), equilibrium.layers[-1].n_out
    result = second_order(equilibrium, unit_directions(equilibrium))
    vector, matrix = mixed(result, shares(equilibrium, log_input, log_target), n_L)
    activities = xp.stack(relative_activities(equilibrium), axis=-1)
    log_energy = log_input - equilibrium.log_first_gap  # log e
    log_scale = log_target + equilibrium.log_traces[-1] - 2 * math.log(n_L) - log_energy
    with np.errstate(over="ignore", invalid="ignore"):
        covariance = _relative_covariance(result.gains, result.derivatives, xp)
    covariance = _without_negative(covariance, xp) * xp.exp(xp.minimum(log_scale, 600.0))[..., None, None]
    return Fluctuation(covariance, vector * activities, matrix * activities[..., :, None] * activities[..., None, :])


def _relative_covariance(gains: Any, derivatives: Any, xp: Any) -> Any:
    """The covariance of ``δ``, up to ``Y a_L/(n_L² e)``: in the units where every ``T_l`` is one."""
    depth = len(gains)
    one = 1 + 0 * gains[0]
    grown, shrunk = [one], [one]  # q_{l-1}/q_0 and ε_{l-1}/ε_0
    for gain, derivative in zip(gains[:-1], derivatives[:-1], strict=True):
        grown.append(grown[-1] * gain)
        shrunk.append(shrunk[-1] * derivative)
    onward = [one]  # Π_h^{L+1}
    for derivative in reversed(derivatives):
        onward.insert(0, onward[0] * derivative)
    entries: dict[tuple[int, int], Any] = {}
    for l in range(depth):
        between = one  # Π_l^h
        for h in range(l, depth):
            value = onward[h] * (grown[l] - 1 - between * (1 - shrunk[l]))
            entries[l, h] = entries[h, l] = value
            between = between * derivatives[h]
    rows = [xp.stack([entries[l, h] for h in range(depth)], axis=-1) for l in range(depth)]
    return xp.stack(rows, axis=-2)


def _without_negative(matrix: Any, xp: Any) -> Any:
    """Clip the eigenvalues of symmetric matrices at zero: below it they are rounding, which has no derivative."""
    if xp is np:
        if not np.isfinite(matrix).all():
            raise ValueError(
                "The network is too deep for its gains: the fluctuation of activities exceeds floating point."
            )
        return _clipped(matrix, xp)
    still = sys.modules["jax"].lax.stop_gradient(matrix)
    return matrix + (_clipped(still, xp) - still)


def _clipped(matrix: Any, xp: Any) -> Any:
    values, vectors = xp.linalg.eigh(matrix)
    return (vectors * xp.maximum(values, 0.0)[..., None, :]) @ vectors.swapaxes(-1, -2)


def mean_and_spread(law: Fluctuation) -> tuple[Any, Any]:
    """Mean and standard deviation of the cosine under the fluctuation."""
    xp = namespace(law.covariance)
    moments = _moments if xp is np else _differentiable_moments()
    first, second = moments(law.covariance, law.vector, law.matrix)
    return first, xp.sqrt(xp.maximum(second - first**2, 0.0))


def _moments(covariance: Any, vector: Any, matrix: Any) -> tuple[Any, Any]:
    """Mean and mean square of the cosine."""
    xp = namespace(covariance)
    root, form_root = _root(covariance, xp), _root(matrix, xp)
    # δ = Hz with z standard normal, and √A H = U diag(s): βᵀAβ is a sum of squares (w_i + s_i z_i)².
    left, singular, right = xp.linalg.svd(form_root @ root)
    center = (left * form_root.sum(axis=-1)[..., :, None]).sum(axis=-2)  # w = Uᵀ√A 1
    slope = ((root @ right.swapaxes(-1, -2)) * vector[..., :, None]).sum(axis=-2)  # Hᵀp
    start, scale = vector.sum(axis=-1), (center**2 + singular**2).sum(axis=-1)
    first = second = 0 * start
    for node, step in zip(*_nodes(), strict=True):
        t = node / scale
        damping = 1 / (1 + 2 * t[..., None] * singular**2)
        exponent = 0.5 * xp.log(damping).sum(axis=-1) - t * (damping * center**2).sum(axis=-1)
        weight = xp.exp(exponent) * step
        tilted = start - 2 * t * (damping * singular * center * slope).sum(axis=-1)
        first = first + weight * xp.sqrt(t / math.pi) * tilted
        second = second + weight * t * (tilted**2 + (damping * slope**2).sum(axis=-1))
    return first, second


def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Every ``t`` of the integral over ``dt/t``, and its weight."""
    u, step = np.linspace(-_REACH, _REACH, _NODES, retstep=True)
    return np.exp(2 * np.sinh(u)), 2 * np.cosh(u) * step


def _root(matrix: Any, xp: Any) -> Any:
    """The symmetric square root."""
    values, vectors = xp.linalg.eigh(matrix)
    return (vectors * xp.sqrt(xp.maximum(values, 0.0))[..., None, :]) @ vectors.swapaxes(-1, -2)


@cache
def _differentiable_moments() -> Any:
    """`_moments` with derivatives that need no decomposition: it is differentiated as `_moments_by_solves`.

    Eigenvectors have no derivative where eigenvalues coincide, and roots none at zero; the moments have both.
    """
    jax = sys.modules["jax"]
    moments = jax.custom_jvp(_moments)

    @moments.defjvp
    def derivative(primals: Any, tangents: Any) -> Any:
        return moments(*primals), jax.jvp(_moments_by_solves, primals, tangents)[1]

    return moments


def _moments_by_solves(covariance: Any, vector: Any, matrix: Any) -> tuple[Any, Any]:
    """The same integrals from ``R = (I + 2tCA)⁻¹``: under ``e^{-tβᵀAβ}`` the law of ``β`` is ``N(R1, RC)``."""
    jax = sys.modules["jax"]
    xp, product, start = jax.numpy, covariance @ matrix, 0 * vector.sum(axis=-1)
    identity, ones = xp.eye(vector.shape[-1], dtype=vector.dtype), xp.ones_like(vector)
    right, scale = xp.concatenate([ones[..., None], covariance], axis=-1), (matrix * (1 + covariance)).sum((-2, -1))

    def add(moments: Any, node: Any) -> Any:
        t, step = node[0] / scale, node[1]
        system = identity + 2 * t[..., None, None] * product
        solved = xp.linalg.solve(system, right)
        middle, spread = solved[..., 0], solved[..., 1:]
        form = t * (matrix @ middle[..., None]).sum((-2, -1))
        weight = xp.exp(-0.5 * xp.linalg.slogdet(system)[1] - form) * step
        tilted = (vector * middle).sum(-1)
        square = tilted**2 + (vector * (spread @ vector[..., None])[..., 0]).sum(-1)
        return (moments[0] + weight * xp.sqrt(t / math.pi) * tilted, moments[1] + weight * t * square), None

    nodes = tuple(xp.asarray(each, vector.dtype) for each in _nodes())
    return jax.lax.scan(add, (start, start), nodes)[0]


def negative_rates(law: Fluctuation) -> Any:
    """Mean over the layers of the chance that ``β_l``, and with it the adaptive rate, is negative."""
    xp = namespace(law.covariance)
    variances = xp.diagonal(law.covariance, axis1=-2, axis2=-1)
    fluctuates = variances > 0
    deviations = xp.sqrt(xp.where(fluctuates, variances, 1.0))
    return xp.where(fluctuates, _normal_distribution(-1 / deviations), 0.0).mean(axis=-1)


def _normal_distribution(value: Any) -> Any:
    """The distribution function of the standard normal law."""
    if is_jax(value):
        return sys.modules["jax"].scipy.special.ndtr(value)
    from scipy.special import ndtr

    return ndtr(value)
