"""Layers as a network keeps them: bound to their shapes, and fixed maps folded into the layers that follow them."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

from ..numerics.algebra import Matrix, Size
from .layer import Layer, Shape, shown
from .residual import Wrapper
from .weightless import FixedMap, LinearOperator


class Folded(Wrapper):
    """A layer behind fixed maps: ``T M x``, with the features ``phi(M x)``."""

    maps: tuple[FixedMap, ...]

    @property
    def in_shape(self) -> Shape:
        """The shape of one input."""
        return self.maps[0].in_shape or ()

    @property
    def work(self) -> Size:
        """The number of multiplications that `apply` takes for one column; each map counts one addition per number."""
        return self.inner.work + sum(math.prod(each.in_shape or ()) for each in self.maps)

    def bind(self, shape: Shape) -> "Folded":
        """The layer for inputs of that shape."""
        *maps, inner = bind_all((*self.maps, self.inner), shape)
        return Folded(inner=inner, maps=tuple(maps))

    def seen(self, x: Matrix) -> Matrix:
        """``M x``."""
        return reduce(lambda columns, each: each.apply(columns), self.maps, x)

    def apply(self, x: Matrix) -> Matrix:
        """``T M x``."""
        return self.inner.apply(self.seen(x))

    def transpose(self, v: Matrix) -> Matrix:
        """``M' T' v``."""
        return reduce(lambda columns, each: each.transpose(columns), reversed(self.maps), self.inner.transpose(v))


def fold(name: str, layers: Sequence[Any], shape: Shape | None) -> tuple[Layer, ...]:
    """Bind layers and fixed maps to their shapes, from the input's to the output's, and fold the maps.

    Args:
        name: the name of ``layers`` in messages.
        layers: layers and fixed maps.
        shape: the shape of one input; ``None`` if the first layer knows.

    Returns:
        The layers with weights.

    Raises:
        ValueError: for none, shapes that do not chain, or a fixed map after the last layer with a weight.
        TypeError: for something that is neither.
    """
    folded: list[Layer] = []
    maps: list[FixedMap] = []
    for each in bind_all(layers, shape, name):
        if isinstance(each, FixedMap):
            maps.append(each)
        else:
            folded.append(Folded(inner=each, maps=tuple(maps)) if maps else each)
            maps = []
    if maps:
        raise ValueError(
            f"`{name}[{len(layers) - 1}]` is a {type(maps[-1]).__name__}, which has no weight; wanted a layer with a "
            "weight last, since the output carries an error."
        )
    return tuple(folded)


def bind_all(layers: Sequence[Any], shape: Shape | None, name: str = "layers") -> list[Any]:
    """Bind each to the shape that those before it give."""
    if not layers:
        raise ValueError(f"`{name}` is empty; wanted at least one.")
    before, bound = "`input_shape` is", []
    for index, layer in enumerate(layers):
        if not isinstance(layer, Layer | FixedMap):
            raise TypeError(f"`{name}[{index}]` is a {type(layer).__name__}; wanted a layer such as Dense.")
        shape = _first_shape(name, layer) if shape is None else shape
        try:
            bound.append(layer.bind(shape))
        except ValueError as error:
            widths = f" but {before} {shown(shape)}; neighbouring widths must agree"
            message = f"`{name}[{index}]` {error}{'' if isinstance(layer, LinearOperator) else widths}."
            raise ValueError(message) from error
        shape, before = bound[-1].out_shape, f"`{name}[{index}]` outputs"
    return bound


def _first_shape(name: str, layer: Any) -> Shape:
    """The shape that the first layer brings along."""
    try:
        shape = layer.in_shape
    except ValueError:
        shape = None
    if shape is None:
        raise ValueError(
            f"`input_shape` is None; wanted the shape of one input, such as (channels, height, width), since "
            f"`{name}[0]` is a {type(layer).__name__}."
        )
    return shape
