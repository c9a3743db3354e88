"""One block's share of the energy's gradients, and the first pass through the network."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array

from ...nonlinear.blocks import Statistics, output
from ...nonlinear.latent import prior_variance
from ...nonlinear.network import Network, split
from ..choices.losses import Loss, SquaredError

Pull = Callable[[Array], Any]


def pull_to_sources(block: Any, sources: Sequence[Array]) -> tuple[Array, Pull, Statistics]:
    """The prediction, and its transposed derivative with respect to what the block reads."""
    return jax.vjp(lambda *read: output(block, *read, training=True), *sources, has_aux=True)


def pull_to_parameters(block: Any, sources: Sequence[Array]) -> tuple[Array, Pull, Statistics]:
    """The prediction, and its transposed derivative with respect to the parameters."""
    parameters, rest = split(block)
    return jax.vjp(
        lambda changed: output(eqx.combine(changed, rest), *sources, training=True), parameters, has_aux=True
    )


def pull_to_both(block: Any, sources: Sequence[Array]) -> tuple[Array, Pull, Statistics]:
    """The prediction, and its transposed derivative with respect to parameters and sources."""
    parameters, rest = split(block)

    def predict(changed: Any, *read: Array) -> tuple[Array, Statistics]:
        return output(eqx.combine(changed, rest), *read, training=True)

    return jax.vjp(predict, parameters, *sources, has_aux=True)


class First(NamedTuple):
    """First predictions of blocks: of all under a forward start, else of those that read the input only.

    The others have ``None``.
    """

    predictions: tuple[Any, ...]
    pulls: tuple[Any, ...]
    """Their transposed derivatives with respect to the parameters."""
    statistics: tuple[Any, ...]


def first_pass(network: Network, x: Array, forward: bool) -> First:
    """One forward pass, or as much of it as never changes."""
    predictions: list[Any] = []
    pulls: list[Any] = []
    statistics: list[Any] = []
    for k, block in enumerate(network.blocks):
        prediction = pull = moments = None
        if forward or network.constant[k]:
            prediction, pull, moments = pull_to_parameters(block, network.read(x, predictions, k))
        predictions.append(prediction)
        pulls.append(pull)
        statistics.append(moments)
    return First(tuple(predictions), tuple(pulls), tuple(statistics))


def add_to_sources(totals: list[Any], read: Sequence[int], pulled: Sequence[Array]) -> None:
    """Add a block's contributions to the totals of the states that it reads; the input, number 0, has no total."""
    for source, share in zip(read, pulled, strict=True):
        if source:
            before = totals[source - 1]
            totals[source - 1] = share if before is None else before + share


def loss_of(network: Network, last: Loss, k: int) -> Loss:
    """The energy of the block with index ``k``."""
    return last if k == network.depth - 1 else SquaredError(prior_variance(network.blocks[k]))
