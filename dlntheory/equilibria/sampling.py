r"""Samples of all activities at once: every layer is drawn given the one before it, with no burn-in."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float

from ..networks.initialisation import as_source
from ..networks.layer import Layer
from ..networks.network import LinearNetwork, as_network
from ..networks.samples import as_columns, shaped
from ..numerics.algebra import Array, Matrix
from ..numerics.checks import as_count
from ..numerics.kinds import agree, compiled, namespace
from ..numerics.precision import refuse_overflow
from .covariance import Covariances, is_scalar
from .observation import as_input


def sample_activities(
    net: LinearNetwork,
    x: Any = None,
    count: int | None = None,
    key: Any = 0,
    covariances: Any = None,
    prior: Any = None,
) -> tuple[Float[Array, "..."], ...]:
    r"""Independent draws of every layer from the generative model, input to output.

    ``x_l = T_l x_{l-1} + b_l + ε_l`` with ``ε_l ~ N(0, Σ_l)``, from ``x_0 = x`` or from the prior. The draws are exact:
    the error of a Markov chain's samples (`langevin_law`) can be measured against them.

    Args:
        net: the network, ``L`` layers.
        x: one input ``(n_0,)`` for all draws, or one per draw, ``(count, n_0)``; ``None`` with a prior.
        count: the number of draws; ``None`` for one per input.
        key: an integer seed or a NumPy generator, or a JAX random key.
        covariances: ``None`` for identities, or ``L`` entries, each a positive scalar or a symmetric positive
            definite ``(n_l, n_l)`` matrix.
        prior: `Prior` of an input that is not given.

    Returns:
        ``L + 1`` arrays ``(count, n_l)``. NumPy arrays, or JAX arrays where the network or the key is JAX's.

    Raises:
        ValueError: for another number of inputs than draws, shapes that do not match the network, NaN or infinity,
            covariances that are not positive definite, or both or neither of ``x`` and ``prior``.
        TypeError: for something that does not hold real numbers, or a count that is not a whole number.
        PrecisionError: where an activity overflows.

    Source:
        docs/generative.md, "Sampling".

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> draws = sample_activities(net, x=[2.0], count=10_000, key=0)
        >>> [each.shape for each in draws], round(float(draws[-1].mean()), 1)
        ([(10000, 1), (10000, 1), (10000, 1)], 2.0)
    """
    net = as_network("net", net)
    x, covariances, prior = as_input(net, x, covariances, prior)
    count = _as_draws(count, x)
    sources = as_source("key", key, net.dtype).split(net.depth + 1)
    sizes = (net.layers[0].in_size, *(layer.out_size for layer in net.layers))
    drawn = range(0 if prior is not None else 1, net.depth + 1)
    noises = [sources[index].normal((count, sizes[index])) for index in drawn]
    layers, covariances, x, prior, noises = agree(
        net=net.layers, covariances=covariances, x=x, prior=prior, key=tuple(noises)
    )
    draws = refuse_overflow("activities", _ancestral(layers, covariances, x, prior, noises))
    return tuple(map(shaped, draws, net.shapes))


def _as_draws(count: Any, x: Any) -> int:
    """The number of draws: as asked for, or as many as there are inputs."""
    inputs = None if x is None or x.ndim == 1 else len(x)
    if count is None:
        return 1 if inputs is None else inputs
    count = as_count("count", count)
    if inputs not in (None, count):
        raise ValueError(f"`x` has {inputs} inputs but `count` is {count}; wanted one input, or one per draw.")
    return count


@compiled
def _ancestral(
    layers: tuple[Layer, ...], covariances: Covariances, x: Any, prior: Any, noises: Sequence[Array]
) -> tuple[Array, ...]:
    """The draws as rows, from standard normal noise as rows."""
    count = len(noises[-1])
    if prior is None:
        first = as_columns(x)
        activities = [first if first.shape[1] == count else namespace(first).tile(first, (1, count))]
    else:
        activities = [prior.mean[:, None] + _coloured(prior.covariance, noises[0].T)]
        noises = noises[1:]
    for layer, covariance, noise in zip(layers, covariances, noises, strict=True):
        activities.append(layer.affine(activities[-1]) + _coloured(covariance, noise.T))
    return tuple(each.T for each in activities)


def _coloured(covariance: Any, noise: Matrix) -> Matrix:
    """Standard normal columns with another covariance."""
    if covariance is None:
        return noise
    xp = namespace(noise)
    return xp.sqrt(covariance) * noise if is_scalar(covariance) else xp.linalg.cholesky(covariance) @ noise
