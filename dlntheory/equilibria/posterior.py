r"""The posterior of the hidden activities: Gaussian, with the equilibrium as its mean and ``H⁻¹`` as its covariance."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..networks.samples import as_rows, shaped
from ..numerics.algebra import Array, Matrix
from ..numerics.kinds import choose, compiled, namespace
from ..numerics.record import Record
from .covariance import Covariances, scale
from .equilibrium import settle_problem
from .hessian import Factor, cholesky_factor, inverse_diagonal, orthogonal_factor
from .observation import as_observation, by_pattern, masked
from .problem import Problem
from .routes import hessian_route, is_safe
from .settling import Settled


class Posterior(Record):
    r"""The Gaussian posterior of every layer, given input and output.

    Attributes:
        mean: ``x*_0 … x*_L``, each ``(B, n_l)``, as an equilibrium's activities; outputs that are not known have their
            conditional mean, known ones their value.
        covariances: the marginal covariance of every layer that is free, each ``(n_l, n_l)``: the hidden layers
            ``1 … L−1``, and before them the input if it has a prior. With a mask for each sample, ``(B, n_l, n_l)``.
    """

    mean: tuple[Float[Array, "..."], ...]
    covariances: tuple[Float[Array, "..."], ...]


def posterior(
    net: LinearNetwork,
    x: Any,
    y: Any,
    covariances: Any = None,
    observed: Any = None,
    prior: Any = None,
) -> Posterior:
    r"""The posterior of the activities given the output, ``x_l | x, y ~ N(x*_l, S_l − S_l D_lᵀ S⁻¹ D_l S_l)``.

    With the recursion ``S_l = Σ_l + T_l S_{l-1} T_lᵀ`` from ``S_0 = 0``, or ``Σ_0`` with a prior, and ``S = S_L``. The
    covariances do not depend on the data. They are computed as the diagonal blocks of ``H⁻¹``, one forward and one
    backward pass through depth (a Rauch–Tung–Striebel smoother) in which no digits cancel, never the whole ``H``.

    With outputs of which only the rows ``M y`` are known, ``M S Mᵀ`` and ``M D_l`` take the places of ``S`` and
    ``D_l``. With a prior ``x*_0 = μ_0 + Σ_0 D_0ᵀ λ``.

    Args:
        net: the network, ``L`` layers.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``; ``None`` with a prior.
        y: outputs, ``(B, n_L)`` or ``(n_L,)``.
        covariances: as in `log_likelihood`.
        observed: as in `log_likelihood`.
        prior: as in `log_likelihood`.

    Returns:
        The `Posterior`: ``mean``, a tuple of ``L + 1`` arrays, and ``covariances``, one matrix per free layer.

    Raises:
        ValueError: as `log_likelihood`.
        TypeError: as `log_likelihood`.
        PrecisionError: as in `equilibrium`.

    Source:
        docs/generative.md, "The posterior"; Rauch, Tung and Striebel 1965.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> post = posterior(net, x=[1.0], y=[3.0])
        >>> post.mean[1].round(6).tolist(), post.covariances[0].round(6).tolist()
        ([2.0], [[0.5]])
    """
    observation = as_observation(net, x, y, covariances, observed, prior)
    mean, found = by_pattern(_of_one_mask, observation)
    if observation.free_input:
        mean = mean[1:]
    return Posterior(tuple(map(shaped, mean, net.shapes)), found)


def _of_one_mask(problem: Problem, mask: Any) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    known = masked(problem, mask)
    return completed(problem, mask, settle_problem(known, "auto")), marginals(known.layers, known.covariances)


@compiled
def completed(problem: Problem, mask: Any, settled: Settled) -> tuple[Array, ...]:
    """The activities as rows, outputs that are not known by ``T_L x*_{L-1} + b_L + Σ_L λ``."""
    activities = settled.activities
    if mask is not None:
        conditional = conditional_output(problem, mask, settled)
        xp = namespace(conditional)
        known = xp.broadcast_to(mask[:, None], conditional.shape)
        activities = (*activities[:-1], xp.where(known, activities[-1], conditional))
    return tuple(as_rows(each, problem.y.ndim == 1) for each in activities)


def conditional_output(problem: Problem, mask: Array, settled: Settled) -> Matrix:
    """The mean of all outputs given those that are known."""
    multiplier = mask.astype(problem.y.dtype)[:, None] * settled.multiplier
    return problem.layers[-1].affine(settled.activities[-2]) + scale(problem.covariances[-1], multiplier)


@compiled
def marginals(layers: tuple[Layer, ...], covariances: Covariances) -> tuple[Float[Array, "..."], ...]:
    """The diagonal blocks of ``H⁻¹``, one per hidden layer."""
    return tuple(inverse_diagonal(_factor(layers, covariances))) if len(layers) > 1 else ()


@compiled
def last_marginal(layers: tuple[Layer, ...], covariances: Covariances) -> Float[Array, "n n"]:
    """The last diagonal block of ``H⁻¹``, which no smoothing changes."""
    inverse = _factor(layers, covariances).inverses[-1]
    return inverse.T @ inverse


def _factor(layers: Sequence[Layer], covariances: Covariances) -> Factor:
    """The Cholesky factor of ``H``, or the orthogonal one where a system solved by the first is inaccurate."""
    factor = cholesky_factor(layers, covariances)
    sizes = (layers[0].out_size, layers[-1].out_size)
    first, last = (_column(size, layers[0].like) for size in sizes)
    offsets = (first, *[None] * (len(layers) - 2), last)
    accuracy = hessian_route(lambda *_: factor, layers, covariances, offsets).accuracy
    safe = is_safe(accuracy, len(layers)).all()
    return choose(safe, lambda: factor, partial(orthogonal_factor, layers, covariances))


def _column(size: int, like: Array) -> Array:
    """A random column, always the same."""
    return namespace(like).asarray(np.random.default_rng(size).standard_normal((size, 1)), like.dtype)
