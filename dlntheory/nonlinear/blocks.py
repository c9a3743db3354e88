"""Blocks: each predicts one state of a PC network from the states that it reads."""

import abc
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .activations import ACTIVATIONS, has_kink
from .images import average_pool, max_pool
from .layers import BatchNorm, Conv, ConvTranspose, Dense, Identity, Moments

Statistics = tuple[Moments, ...]
"""Moments of every normalisation in a block, in the order of `norms`."""


class Batched(eqx.Module):
    """A function of batches, ``(*sources, training) -> (prediction, statistics)``; others are functions of a sample."""

    @abc.abstractmethod
    def __call__(self, *sources: Float[Array, "batch ..."], training: bool) -> tuple[Array, Statistics]:
        """Predict the state after the block, and return the moments of its normalisations."""


class Block(Batched):
    r"""``pool(f(norm(layer(x)) + shortcut(z) + …))``, with a state after it.

    A block reads a state ``x``, or several: the others join before the activation, the second of them all, ``z``,
    through ``shortcut`` if there is one.

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

    @property
    def kinked(self) -> bool:
        """Whether the slope of the activation jumps at zero."""
        return has_kink(ACTIVATIONS[self.activation])

    def __call__(self, *sources: Float[Array, "batch ..."], training: bool) -> tuple[Array, Statistics]:
        """Predict the state after the block, and return the moments of its normalisations."""
        z, statistics = self.before(*sources, training=training)
        return self.after(z), statistics

    def before(self, *sources: Array, training: bool) -> tuple[Array, Statistics]:
        """The input of the activation."""
        statistics: Statistics = ()
        z = self.layer(sources[0])
        if self.norm is not None:
            z, moments = self.norm(z, training)
            statistics = (moments,)
        if len(sources) > 1:
            skipped, others = self.skip(sources[1], training)
            _check_alike(z, skipped, *sources[2:])
            z, statistics = z + skipped, statistics + others
        return sum(sources[2:], z), statistics

    def after(self, z: Array) -> Array:
        """``pool(f(z))``."""
        x = ACTIVATIONS[self.activation](z)
        if self.pool is not None:
            x = max_pool(x, self.pool) if self.pool else average_pool(x)
        return x

    def skip(self, z: Float[Array, "batch ..."], training: bool) -> tuple[Array, Statistics]:
        """The second source's share."""
        return (z, ()) if self.shortcut is None else self.shortcut(z, training=training)


def _check_alike(z: Array, *others: Array) -> None:
    """Refuse to add vectors to images: broadcasting would mix samples with positions."""
    for other in others:
        if other.ndim != z.ndim:
            raise ValueError(f"a state of shape {other.shape[1:]} cannot join one of shape {z.shape[1:]}.")


class Before(Batched):
    """The part of a block before its activation, which is the part that learns."""

    block: Block

    def __call__(self, *sources: Array, training: bool) -> tuple[Array, Statistics]:
        """The input of the activation."""
        return self.block.before(*sources, training=training)


def output(block: Any, *sources: Float[Array, "batch ..."], training: bool) -> tuple[Array, Statistics]:
    """The prediction of a block for a batch, and its statistics; of a function of one sample, which has none."""
    if isinstance(block, Batched):
        return block(*sources, training=training)
    return jax.vmap(block)(*sources), ()


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
