"""Building networks of convolutions, block after block."""

import dataclasses
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax

from ..numerics.checks import as_counts, one_of
from .activations import ACTIVATIONS
from .blocks import Block
from .layers import BatchNorm, Conv, ConvTranspose, Dense, Identity
from .network import Network

BATCH_NORMS = (None, "standard", "frozen")


class Stage(NamedTuple):
    """A convolution of 3 × 3: its channels, its padding, the window of the max-pooling after it, and its stride."""

    channels: int
    padding: int = 1
    pool: int | None = None
    stride: int = 1


class Builder:
    """Adds blocks one after the other, and keeps track of shapes, sources and random keys."""

    def __init__(self, shape: tuple[int, ...], activation: str, norm: str | None, key: jax.Array, dtype: Any):
        self.input_shape, self.norm, self.dtype = shape, one_of("norm", norm, BATCH_NORMS), dtype
        self.activation = one_of("activation", activation, ACTIVATIONS)
        self.blocks: list[Block] = []
        self.sources: list[tuple[int, ...]] = []
        self.shapes = [(*shape[1:], shape[0])]
        self.key = key

    def network(self) -> Network:
        """The network; its output is linear."""
        linear = dataclasses.replace(self.blocks[-1], activation="identity")
        return Network([*self.blocks[:-1], linear], self.input_shape, self.sources)

    def convolve(self, stage: Stage, size: int = 3) -> None:
        """A convolution of the last state."""
        self._add(self._convolution(self.shapes[-1][-1], stage, size, self.activation))

    def deconvolve(self, channels: int, height: int, width: int, size: int = 3) -> None:
        """The transpose of a convolution with stride 2, to images of about twice the height and width."""
        *small, before = self.shapes[-1]
        spare = [2 * short - 2 + size - long for short, long in zip(small, (height, width), strict=True)]
        padding = (max(spare) + 1) // 2
        added = 2 * padding - spare[0], 2 * padding - spare[1]
        if min(spare) < 0 or max(added) > 1:
            raise ValueError(f"`kernel` is {size}, from images of {small} to {(height, width)}; wanted 3, 5 or 7.")
        layer = ConvTranspose(before, channels, size, self._key(), 2, padding, added, self.dtype)
        self._add(Block(layer, self._batch_norm(channels), activation=self.activation))

    def connect(self, width: int, skip: int | None = None, shape: tuple[int, ...] | None = None) -> None:
        """A linear layer on the last state, and on an earlier one if told; its output in a shape, if it is given."""
        last = math.prod(self.shapes[-1])
        shortcut = None if skip is None else Block(Dense(math.prod(self.shapes[skip]), width, self._key(), self.dtype))
        layer = Dense(last, width, self._key(), self.dtype, shape=shape)
        block = Block(layer, shortcut=shortcut, activation=self.activation)
        self._add(block, *(() if skip is None else (skip,)))

    def convolve_with_skip(self, width: int, stride: int, auxiliary: bool) -> None:
        """Two convolutions, and a skip around them."""
        start, channels = len(self.blocks), self.shapes[-1][-1]
        self.convolve(Stage(width, stride=stride))
        joined = self._convolution(width, Stage(width), 3, self.activation)
        shortcut = None
        if stride > 1 or channels != width:
            shortcut = self._convolution(channels, Stage(width, 0, stride=stride), 1, "identity")
        if not auxiliary:
            self._add(dataclasses.replace(joined, shortcut=shortcut), start)
            return
        self._add(Block(Identity()) if shortcut is None else shortcut, source=start)
        self._add(joined, len(self.blocks), source=len(self.blocks) - 1)

    def average(self) -> None:
        """The last block averages over all positions at its end."""
        self.blocks[-1] = dataclasses.replace(self.blocks[-1], pool=0)
        self.shapes[-1] = self.shapes[-1][-1:]

    def _convolution(self, channels: int, stage: Stage, size: int, activation: str) -> Block:
        bias = self.norm is None
        layer = Conv(channels, stage.channels, size, self._key(), stage.stride, stage.padding, self.dtype, bias)
        return Block(layer, self._batch_norm(stage.channels), activation=activation, pool=stage.pool)

    def _batch_norm(self, channels: int) -> BatchNorm | None:
        return None if self.norm is None else BatchNorm(channels, self.norm == "frozen", dtype=self.dtype)

    def _add(self, block: Block, *others: int, source: int | None = None) -> None:
        """Append a block that reads the last state, or another, and perhaps a second one."""
        read = (len(self.blocks) if source is None else source, *others)
        inputs = (jax.ShapeDtypeStruct((1, *self.shapes[k]), self.dtype) for k in read)
        smaller = isinstance(block.layer, Conv) and min(self.shapes[read[0]][:2]) < block.layer.smallest
        shape = (0,) if smaller else eqx.filter_eval_shape(block, *inputs, training=True)[0].shape[1:]
        if 0 in shape:
            raise ValueError(f"`input_shape` is {self.input_shape}; wanted larger images, or a block has nothing left.")
        self.blocks.append(block)
        self.sources.append(read)
        self.shapes.append(shape)

    def _key(self) -> jax.Array:
        self.key, key = jax.random.split(self.key)
        return key


def as_image_shape(shape: Any) -> tuple[int, ...]:
    """Check the shape of an image."""
    sizes = as_counts("input_shape", shape)
    if len(sizes) != 3:
        raise ValueError(f"`input_shape` is {sizes}; wanted (channels, height, width).")
    return sizes
