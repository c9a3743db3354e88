"""A PC network: blocks with a state after each, wired without cycles."""

from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.checks import as_array
from .blocks import Block, Statistics, running_moments, with_running
from .layers import Moments

States = tuple[Array, ...]
"""One array a block, ``(batch, ...)``; of images with channels last."""
Gradients = tuple[Any, ...]
"""One a block, with its structure: the trainable parameters, and ``None`` elsewhere."""


class Network(eqx.Module):
    r"""Blocks ``1 … N``, each with a state ``x_k`` that it predicts from earlier ones, ``x_0`` being the input.

    The last block's state is the output. Images come in as ``(batch, channels, height, width)``; inside, channels are
    last.

    Args:
        blocks: the blocks, every one after those that it reads.
        input_shape: the shape of one sample: ``(n,)``, or ``(channels, height, width)``.
        sources: for every block, the numbers of the states that it reads, 0 for the input. By default a chain.

    Raises:
        ValueError: for no blocks, sources that do not come before their block, blocks that no output depends on, or
            shapes that do not fit.

    Example:
        >>> import jax
        >>> from dlntheory import pcn
        >>> first, second = jax.random.split(jax.random.key(0))
        >>> hidden = pcn.Block(pcn.Dense(4, 3, first), activation="tanh")
        >>> network = pcn.Network([hidden, pcn.Block(pcn.Dense(3, 2, second))], input_shape=(4,))
        >>> network.depth, network.output_shape
        (2, (2,))
    """

    blocks: tuple[Block, ...]
    sources: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    dtype: Any = eqx.field(static=True)
    """The dtype of the parameters."""
    state_shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """The shape of one sample of every state."""

    def __init__(
        self,
        blocks: Iterable[Block],
        input_shape: Sequence[int],
        sources: Iterable[Sequence[int]] | None = None,
    ):
        self.blocks = tuple(blocks)
        self.input_shape = tuple(int(size) for size in input_shape)
        chain = [(k,) for k in range(len(self.blocks))]
        self.sources = tuple(tuple(read) for read in (chain if sources is None else sources))
        _check_sources(self.sources, len(self.blocks))
        self.dtype = next(leaf.dtype for leaf in jax.tree.leaves(self.blocks) if hasattr(leaf, "dtype"))
        _ = self.distances  # raises for loose ends
        self.state_shapes = self._shapes()

    @property
    def depth(self) -> int:
        """The number of blocks, and of states after the input."""
        return len(self.blocks)

    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        """Trace one sample through the network."""
        values = [jax.eval_shape(channels_last, jax.ShapeDtypeStruct((1, *self.input_shape), self.dtype))]
        for number, (block, read) in enumerate(zip(self.blocks, self.sources, strict=True), start=1):
            try:
                predict = eqx.filter_eval_shape(block, *(values[k] for k in read), training=True)
            except (TypeError, ValueError) as error:
                shapes = ", ".join(str(values[k].shape[1:]) for k in read)
                raise ValueError(f"block {number} cannot read states of shape {shapes}: {error}") from error
            values.append(predict[0])
        return tuple(value.shape[1:] for value in values[1:])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one sample of the output; of images ``(channels, height, width)``."""
        shape = self.state_shapes[-1]
        return (shape[-1], *shape[:-1]) if len(shape) == 3 else shape

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every state."""
        return tuple(f"layer {k}" for k in range(1, self.depth + 1))

    @property
    def distances(self) -> tuple[int, ...]:
        """Steps from every state to the output, along the shortest path; 0 for the last."""
        steps: list[float] = [np.inf] * self.depth + [0]
        for number in range(self.depth, 0, -1):
            for read in self.sources[number - 1]:
                steps[read] = min(steps[read], steps[number] + 1)
        if np.inf in steps[1:]:
            raise ValueError(f"block {steps.index(np.inf, 1)} does not lead to the output; wanted no loose ends.")
        return tuple(int(step) for step in steps[1:])

    @property
    def waits(self) -> tuple[int, ...]:
        """Inference steps from a forward start before a block has an error: its state or one that it reads has moved.

        The output has one at once, and an error passes between blocks that share a state. In a chain these are the
        distances; a skip may carry it to a block that is far from the output.
        """
        found = {self.depth - 1: 0}
        reached = set(self._touched(self.depth - 1))
        while len(found) < self.depth:
            time = max(found.values()) + 1
            near = [k for k in range(self.depth) if k not in found and reached & self._touched(k)]
            found |= dict.fromkeys(near, time)
            reached = reached.union(*map(self._touched, near))
        return tuple(found[k] for k in range(self.depth))

    @property
    def moves(self) -> tuple[int, ...]:
        """The number of the inference step from a forward start that first moves a state, if nothing holds it."""
        waits = self.waits
        return tuple(
            1 + min(wait for k, wait in enumerate(waits) if number in self._touched(k))
            for number in range(1, self.depth + 1)
        )

    def _touched(self, k: int) -> set[int]:
        """The numbers of the states in a block's energy."""
        return {k + 1, *self.sources[k]} - {0}

    @property
    def constant(self) -> tuple[bool, ...]:
        """Whether a block reads the input only, so that its prediction stays the same during inference."""
        return tuple(all(source == 0 for source in read) for read in self.sources)

    def read(self, x: Array, states: Sequence[Array], k: int) -> tuple[Array, ...]:
        """What the block with index ``k`` reads, given the input with channels last."""
        return tuple(x if source == 0 else states[source - 1] for source in self.sources[k])

    def forward(self, x: Array, training: bool) -> tuple[States, tuple[Statistics, ...]]:
        """All states of a forward pass, from the input with channels last, and the blocks' statistics."""
        states: list[Array] = []
        statistics: list[Statistics] = []
        for k, block in enumerate(self.blocks):
            state, moments = block(*self.read(x, states, k), training=training)
            states.append(state)
            statistics.append(moments)
        return tuple(states), tuple(statistics)

    def __call__(self, x: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """The forward prediction, with running moments."""
        return channels_first(self.forward(channels_last(x), training=False)[0][-1])

    def with_running(self, running: Sequence[Statistics]) -> "Network":
        """The network with other running moments."""
        pairs = zip(self.blocks, running, strict=True)
        return eqx.tree_at(
            lambda net: net.blocks, self, tuple(with_running(block, moments) for block, moments in pairs)
        )


def running(network: Network) -> tuple[Statistics, ...]:
    """The running moments of every block."""
    return tuple(running_moments(block) for block in network.blocks)


def split(tree: Any) -> tuple[Any, Any]:
    """Split a network or a block into its trainable parameters and the rest, for `equinox.combine`."""
    trainable = jax.tree.map(
        lambda leaf: not isinstance(leaf, Moments) and eqx.is_inexact_array(leaf),
        tree,
        is_leaf=lambda leaf: isinstance(leaf, Moments),
    )
    return eqx.partition(tree, trainable)


def channels_last(x: Array) -> Array:
    """Images ``(batch, channels, height, width)`` with their channels last; anything else as it is."""
    return jnp.moveaxis(x, 1, -1) if x.ndim == 4 else x


def channels_first(x: Array) -> Array:
    """The inverse of `channels_last`."""
    return jnp.moveaxis(x, -1, 1) if x.ndim == 4 else x


def as_samples(name: str, value: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """Check and convert a batch of samples of that shape."""
    array = as_array(name, value, dtype)
    if array.shape[1:] != shape or array.ndim != len(shape) + 1:
        wanted = ", ".join(map(str, ("batch", *shape)))
        raise ValueError(f"`{name}` has shape {array.shape}; wanted ({wanted}).")
    if not len(array):
        raise ValueError(f"`{name}` is empty, shape {array.shape}; wanted at least one sample.")
    return array.astype(dtype)


def as_pair(network: Network, x: Any, y: Any) -> tuple[Array, Array]:
    """Check and convert inputs and targets of a network."""
    x = as_samples("x", x, network.input_shape, network.dtype)
    y = as_samples("y", y, network.output_shape, network.dtype)
    if len(x) != len(y):
        raise ValueError(f"`x` has {len(x)} samples but `y` has {len(y)}; wanted the same number of samples.")
    return x, y


def _check_sources(sources: tuple[tuple[int, ...], ...], depth: int) -> None:
    if not depth:
        raise ValueError("`blocks` is empty; wanted at least one block.")
    if len(sources) != depth:
        raise ValueError(f"`sources` has {len(sources)} entries; wanted {depth}, one for every block.")
    for number, read in enumerate(sources, start=1):
        if len(read) not in (1, 2) or not all(0 <= source < number for source in read):
            raise ValueError(f"`sources` of block {number} is {read}; wanted one or two numbers below {number}.")
