r"""Observations of the generative model: which outputs are known, and whether the input is given or drawn.

Both reduce to a clamped network, so that everything known of the equilibrium holds for them:

- an input with the prior ``x_0 ~ N(μ_0, Σ_0)`` is the first activity of a network with one more layer, whose weight is
  zero, whose bias is ``μ_0`` and whose covariance is ``Σ_0``;
- outputs that are not known leave the network: their rows of ``T_L``, ``b_L`` and ``Σ_L`` go. The rows are set to
  zero here, and their noise is independent of the others', so that no shape depends on the mask.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..networks.layer import Dense, Layer
from ..networks.network import LinearNetwork, as_network
from ..networks.samples import flat
from ..numerics.algebra import Array, Matrix, identity
from ..numerics.checks import as_array, as_batch, as_own, kept, same_batch
from ..numerics.kinds import agree, is_concrete, is_jax, map_leaves, namespace
from ..numerics.record import Record, static, with_fields
from .covariance import Covariances, as_covariance, as_covariances, is_scalar
from .problem import Problem

Own = TypeVar("Own")
Shared = TypeVar("Shared")


class Prior(Record):
    r"""The input is not given but drawn, ``x_0 ~ N(μ_0, Σ_0)``. Pass it as ``prior=``, with ``x=None``.

    Args:
        mean: ``μ_0``, of an input's shape, or a number for all of its entries.
        covariance: ``Σ_0``, a positive scalar or a symmetric positive definite ``(n_0, n_0)`` matrix.

    Source:
        docs/generative.md, "The input as a latent variable".

    Example:
        >>> from dlntheory import posterior
        >>> net = LinearNetwork.from_weights([[[1.0]]])
        >>> post = posterior(net, None, [3.0], prior=Prior(mean=0.0, covariance=2.0))
        >>> post.mean[0].round(6).tolist(), post.covariances[0].round(6).tolist()
        ([2.0], [[0.666667]])
    """

    mean: Any
    covariance: Any

    def __init__(self, mean: Any, covariance: Any):
        self.mean, self.covariance = kept(mean), kept(covariance)


class Observation(Record):
    """A checked problem of the generative model, its input clamped, and the mask of the outputs that are known."""

    problem: Problem
    observed: Any
    free_input: bool = static()


def as_observation(net: LinearNetwork, x: Any, y: Any, covariances: Any, observed: Any, prior: Any) -> Observation:
    """Check the arguments against the network, and bring them to one kind and precision."""
    net = as_network("net", net)
    shape = net.shapes[-1]
    observed = None if observed is None else as_mask(observed, shape)
    y = as_batch("y", known_only(y, observed), shape, net.dtype)
    observed = None if observed is None else mask_rows(observed, shape, y)
    x, covariances, prior = as_input(net, x, covariances, prior)
    if prior is None:
        same_batch(x, y)
    layers, covariances, x, y, prior = agree(net=net.layers, covariances=covariances, x=x, y=y, prior=prior)
    if prior is not None:
        layers, covariances = with_prior(layers, covariances, prior)
        x = namespace(y).zeros((*y.shape[:-1], 1), y.dtype)
    if observed is not None and is_jax(y):
        observed = namespace(y).asarray(observed)
    return Observation(Problem(layers, covariances, x, y, None), observed, prior is not None)


def as_input(net: LinearNetwork, x: Any, covariances: Any, prior: Any) -> tuple[Any, Covariances, Any]:
    """Check the input or its prior, and the covariances: an input is given, or drawn from a prior."""
    covariances = as_covariances(net.layers, covariances, net.dtype)
    if prior is None:
        if x is None:
            raise ValueError("`x` is None without a prior; wanted inputs, or `prior=Prior(mean, covariance)`.")
        return as_batch("x", x, net.shapes[0], net.dtype), covariances, None
    if not isinstance(prior, Prior):
        raise TypeError(f"`prior` is a {type(prior).__name__}; wanted a Prior, or None.")
    if x is not None:
        raise ValueError("`x` is given and `prior` too; wanted one of them, None for the other.")
    return None, covariances, _as_prior(prior, net)


def _as_prior(prior: Prior, net: LinearNetwork) -> Prior:
    """Check: a mean of the input's shape, and a covariance that is safely positive definite."""
    layer, shape = net.layers[0], net.shapes[0]
    mean = as_array("prior.mean", prior.mean, net.dtype)
    if mean.shape not in ((), shape):
        raise ValueError(f"`prior.mean` has shape {mean.shape}; wanted {shape}, or one number.")
    covariance = as_covariance("prior.covariance", prior.covariance, layer.in_size, net.dtype)
    if covariance.ndim and is_concrete(covariance):
        _refuse_singular(np.asarray(covariance))
    ones = namespace(mean).ones(layer.in_size, mean.dtype)
    return Prior(mean * ones if mean.ndim == 0 else flat(mean, shape), covariance)


def _refuse_singular(covariance: np.ndarray) -> None:
    """A rank that only rounding makes full is refused."""
    values = np.linalg.eigvalsh(covariance)
    if values[0] <= len(values) * np.finfo(covariance.dtype).eps * values[-1]:
        raise ValueError(
            f"`prior.covariance` is singular to rounding, with eigenvalues from {values[0]:.3g} to {values[-1]:.3g}; "
            "wanted a positive definite matrix."
        )


def with_prior(layers: tuple[Layer, ...], covariances: Covariances, prior: Prior) -> tuple[Any, Covariances]:
    """The network that draws its input: ``x_0 = 0 · x + μ_0 + ε_0``."""
    still = namespace(prior.mean).zeros((layers[0].in_size, 1), prior.mean.dtype)
    return (Dense(still, prior.mean), *layers), (prior.covariance, *covariances)


def as_mask(observed: Any, shape: tuple[int, ...]) -> Array:
    """Check: booleans of an output's shape, or of a batch of them."""
    mask = observed if is_jax(observed) else as_own("observed", observed)
    if mask.dtype != bool:
        raise TypeError(f"`observed` has dtype {mask.dtype}; wanted booleans, True where an output is known.")
    if mask.ndim - len(shape) not in (0, 1) or mask.shape[mask.ndim - len(shape) :] != shape:
        raise ValueError(f"`observed` has shape {mask.shape}; wanted {shape}, or one such mask per sample.")
    return mask


def known_only(y: Any, observed: Any) -> Any:
    """``y`` with zero where it is not known, whatever stood there; of another shape, as it is."""
    if observed is None or not (is_jax(y) or isinstance(y, np.ndarray)) or isinstance(y, np.ma.MaskedArray):
        return y
    if observed.shape not in (y.shape, y.shape[1:]):
        return y
    xp = namespace(observed if is_jax(observed) else y)
    return xp.where(xp.broadcast_to(observed, y.shape), y, xp.zeros_like(y))


def mask_rows(mask: Array, shape: tuple[int, ...], y: Array) -> Array:
    """The mask as rows, checked against the outputs."""
    mask = flat(mask, shape)
    if mask.ndim == 2 and mask.shape != y.shape:
        raise ValueError(
            f"`observed` has {len(mask)} masks but `y` has shape {y.shape}; wanted one mask, or one per sample."
        )
    if is_concrete(mask) and not np.asarray(mask).any(axis=-1).all():
        raise ValueError("`observed` is False for every output of a sample; wanted at least one that is known.")
    return mask


def masked(problem: Problem, mask: Any) -> Problem:
    """The problem of the known outputs only, in its old shapes; a mask ``(n_L,)``, or ``None`` for all outputs."""
    if mask is None:
        return problem
    last, xp = problem.layers[-1], namespace(problem.y)
    known = mask.astype(problem.y.dtype)
    layer = Dense(known[:, None] * last.matrix(), None if last.shift is None else known * last.shift)
    covariances = (*problem.covariances[:-1], masked_covariance(problem.covariances[-1], known))
    y = xp.where(xp.broadcast_to(mask, problem.y.shape), problem.y, xp.zeros_like(problem.y))
    return with_fields(problem, layers=(*problem.layers[:-1], layer), covariances=covariances, y=y)


def masked_covariance(covariance: Any, known: Array) -> Any:
    """The known outputs' covariance; the others have unit variance, or the common one, and no correlation."""
    if covariance is None or is_scalar(covariance):
        return covariance
    return masked_matrix(covariance, known)


def masked_matrix(matrix: Matrix, known: Array) -> Matrix:
    """The known rows and columns, and ones on the rest of the diagonal."""
    return known[:, None] * matrix * known[None, :] + identity(len(known), matrix) * (1 - known)[None, :]


def by_pattern(function: Callable[[Problem, Any], tuple[Own, Shared]], observation: Observation) -> tuple[Own, Shared]:
    """Evaluate a function once per mask; its results per sample, and its results per mask, repeated for each sample.

    The function takes a problem and a mask ``(n_L,)`` or ``None``; with one mask for all, its results come as they are.
    """
    problem, observed = observation.problem, observation.observed
    if observed is None or observed.ndim == 1:
        return function(problem, observed)
    if is_jax(problem.y):
        import jax

        def alone(x: Array, y: Array, mask: Array) -> tuple[Own, Shared]:
            return function(with_fields(problem, x=x, y=y), mask)

        return jax.vmap(alone)(problem.x, problem.y, observed)
    return _by_pattern(function, problem, observed)


def _by_pattern(
    function: Callable[[Problem, Any], tuple[Own, Shared]], problem: Problem, observed: np.ndarray
) -> tuple[Own, Shared]:
    """Evaluate once for each mask that occurs."""
    patterns, which = np.unique(observed, axis=0, return_inverse=True)
    which = which.reshape(-1)
    groups = [np.flatnonzero(which == index) for index in range(len(patterns))]
    order = np.argsort(np.concatenate(groups))
    results = [
        function(with_fields(problem, x=problem.x[rows], y=problem.y[rows]), pattern)
        for rows, pattern in zip(groups, patterns, strict=True)
    ]
    own = map_leaves(lambda *parts: np.concatenate(parts)[order], *(each for each, _ in results))
    shared = map_leaves(lambda *parts: np.stack(parts)[which], *(each for _, each in results))
    return own, shared
