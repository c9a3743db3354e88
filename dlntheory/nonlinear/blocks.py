"""Blocks: each predicts one state of a PC network from the states that it reads."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .images import average_pool, max_pool
from .layers import BatchNorm, Conv, ConvTranspose, Dense, Identity, Moments

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "gelu": jax.nn.gelu,
    "hard_tanh": jax.nn.hard_tanh,
    "tanh": jax.numpy.tanh,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
}

Statistics = tuple[Moments, ...]
"""Moments of every normalisation in a block, in the order of `norms`."""


class Block(eqx.Module):
    r"""``pool(f(norm(layer(x)) + shortcut(z)))``, with a state after it.

    A block reads one state ``x``, or two: ``z`` then joins before the activation, through ``shortcut`` if there is
    one.

    Args:
        layer: `Dense`, `Conv`, `ConvTranspose` or `Identity`.
        activation: a name from `ACTIVATIONS`.
        norm: batch normalisation of the layer's output.
        pool: the size of a max-pooling window, 0 for the mean over all positions, ``None`` for no pooling.
        shortcut: a block that ``z`` passes through.
    """

    layer: Dense | Conv | ConvTranspose | Identity
    norm: BatchNorm | None = None
    shortcut: "Block | None" = None
    activation: str = eqx.field(static=True, default="identity")
    pool: int | None = eqx.field(static=True, default=None)

    def __call__(self, *sources: Float[Array, "batch ..."], training: bool) -> tuple[Array, Statistics]:
        """Predict the state after the block, and return the moments of its normalisations."""
        statistics: Statistics = ()
        x = self.layer(sources[0])
        if self.norm is not None:
            x, moments = self.norm(x, training)
            statistics = (moments,)
        if len(sources) == 2:
            skipped, others = self.skip(sources[1], training)
            x, statistics = x + skipped, statistics + others
        x = ACTIVATIONS[self.activation](x)
        if self.pool is not None:
            x = max_pool(x, self.pool) if self.pool else average_pool(x)
        return x, statistics

    def skip(self, z: Float[Array, "batch ..."], training: bool) -> tuple[Array, Statistics]:
        """What the second source adds."""
        return (z, ()) if self.shortcut is None else self.shortcut(z, training=training)


def norms(block: Any) -> list[BatchNorm]:
    """Every normalisation in a block or a network."""
    leaves = jax.tree.leaves(block, is_leaf=lambda leaf: isinstance(leaf, BatchNorm))
    return [leaf for leaf in leaves if isinstance(leaf, BatchNorm)]


def with_running(block: Any, running: Statistics) -> Any:
    """The block with other running moments."""
    if not running:
        return block
    return eqx.tree_at(lambda tree: [norm.running for norm in norms(tree)], block, list(running))


def running_moments(block: Any) -> Statistics:
    """The running moments of every normalisation in a block or a network."""
    return tuple(norm.running for norm in norms(block))


def average(block: Any, running: Statistics, statistics: Statistics, learning: bool) -> Statistics:
    """The running moments after one more evaluation of a block; frozen ones move while it learns only."""
    triples = zip(norms(block), running, statistics, strict=True)
    return tuple(norm.average(old, new) if learning or not norm.frozen else old for norm, old, new in triples)
