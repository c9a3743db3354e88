r"""The likelihood of an output: a linear network is a linear-Gaussian model, ``y | x ~ N(ŷ, S)``."""

import math
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float

from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..numerics.algebra import Array, epsilon, inverse_cholesky
from ..numerics.kinds import choose, compiled, namespace
from .covariance import Covariances, is_scalar, raw_output_covariance
from .equilibrium import settle_problem
from .hessian import orthogonal_factor, whiteners
from .observation import as_observation, by_pattern, masked
from .problem import Problem


def log_likelihood(
    net: LinearNetwork,
    x: Any,
    y: Any,
    covariances: Any = None,
    observed: Any = None,
    prior: Any = None,
) -> Float[Array, "*B"]:
    r"""The logarithm of the probability density of the outputs, ``log p(y | x)``, in closed form.

    ``−log p(y | x) = E* + ½ log det S + (n_L/2) log 2π`` with the energy at equilibrium ``E*`` and the output
    covariance ``S = Σ_l D_l Σ_l D_lᵀ``: predictive coding minimises the first term only. The energy is half the squared
    Mahalanobis distance of ``y`` from the prediction.

    Args:
        net: the network, ``L`` layers.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``; ``None`` with a prior.
        y: outputs, ``(B, n_L)`` or ``(n_L,)``.
        covariances: ``None`` for identities, or ``L`` entries, each a positive scalar or a symmetric positive
            definite ``(n_l, n_l)`` matrix.
        observed: which outputs are known, booleans ``(n_L,)`` or ``(B, n_L)``: the density is of the known ones,
            and the entries of an array ``y`` elsewhere are ignored. ``None``: all are known.
        prior: `Prior` of an input that is not given: the density is ``p(y)``, and ``S`` gains ``D_0 Σ_0 D_0ᵀ``.

    Returns:
        ``(B,)``, in nats.

    Raises:
        ValueError: for shapes that do not match the network, NaN or infinity, covariances that are not positive
            definite, a sample of which no output is known, or both or neither of ``x`` and ``prior``.
        TypeError: for something that does not hold real numbers, or a mask that is not boolean.
        PrecisionError: as in `equilibrium`.

    Source:
        docs/generative.md, "The evidence".

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> round(float(log_likelihood(net, x=[1.0], y=[3.0])), 6)  # N(3; 1, 2)
        -2.265512
    """
    return by_pattern(_of_one_mask, as_observation(net, x, y, covariances, observed, prior))[0]


def _of_one_mask(problem: Problem, mask: Any) -> tuple[Float[Array, "*B"], None]:
    known = masked(problem, mask)
    energy = settle_problem(known, "auto").energy
    value = _log_density(known, energy, mask)
    return (value[0] if problem.y.ndim == 1 else value), None


@compiled
def _log_density(problem: Problem, energy: Array, mask: Any) -> Float[Array, " B"]:
    """``−E* − ½ log det S − (n/2) log 2π``, of the ``n`` known outputs; the others' noise is taken out."""
    covariance, outputs = problem.covariances[-1], problem.layers[-1].out_size
    halves = log_determinant(problem.layers, problem.covariances) / 2
    count = outputs if mask is None else mask.sum().astype(energy.dtype)
    if mask is not None and covariance is not None and is_scalar(covariance):
        halves = halves - (outputs - count) * namespace(energy).log(covariance) / 2
    return -energy - halves - count * (math.log(2 * math.pi) / 2)


def log_determinant(layers: Sequence[Layer], covariances: Covariances) -> Float[Array, ""]:
    r"""``log det S``; where ``S`` is too ill-conditioned for its own factor, ``log det H + Σ_l log det Σ_l``.

    The joint precision of all layers has the determinant ``Π_l det Σ_l⁻¹``, since every layer given the one before it
    is independent noise; and it is ``det S⁻¹ det H``, with ``H`` the precision of the hidden layers given the output.
    """
    inverse = inverse_cholesky(raw_output_covariance(layers, covariances))
    pivots, xp = inverse.diagonal(), namespace(inverse)
    direct = -2 * xp.log(pivots).sum()
    if len(layers) == 1:
        return direct
    lost = epsilon(inverse.dtype) * (pivots.max() / pivots.min()) ** 2  # NaN where the factorisation failed
    accurate = lost <= epsilon(inverse.dtype) ** (2 / 3)
    return choose(accurate, lambda: direct, lambda: _through_the_hessian(layers, covariances))


def _through_the_hessian(layers: Sequence[Layer], covariances: Covariances) -> Float[Array, ""]:
    """``log det H + Σ_l log det Σ_l``, by the orthogonal factorisation."""
    xp = namespace(layers[0].like)
    diagonals = [xp.abs(inverse.diagonal()) for inverse in orthogonal_factor(layers, covariances).inverses]
    for whitener, layer in zip(whiteners(layers, covariances), layers, strict=True):
        diagonals.append(xp.full(layer.out_size, whitener) if whitener.ndim == 0 else whitener.diagonal())
    return -2 * sum(xp.log(each).sum() for each in diagonals)
