"""Layers times a constant: parameterisations are made of them."""

from typing import Any

from ..numerics.algebra import Matrix
from ..numerics.checks import as_real
from ..numerics.kinds import is_symbolic
from .layer import Layer, Shape
from .residual import Wrapper


class Scaled(Wrapper):
    r"""A layer times a constant, ``x_l = a (W x_{l-1} + b)``. Updates act on the unscaled weight.

    Around a scaled layer, `Residual` makes ``x_l = x_{l-1} + a W x_{l-1}``.

    Args:
        layer: the layer, such as `Dense`.
        a: the constant.

    Raises:
        TypeError: for something that is not a layer, or not a real number.
        ValueError: for a constant that is not finite.

    Source:
        Yang and Hu 2021 (parameterisations); Innocenti et al. 2025 (depth-μP for predictive coding).

    Example:
        >>> from dlntheory import Dense
        >>> Scaled(Dense([[2.0, 4.0]]), 0.5).matrix().tolist()
        [[1.0, 2.0]]
    """

    a: Any

    def __init__(self, layer: Any, a: Any):
        if not isinstance(layer, Layer):
            raise TypeError(f"`layer` is a {type(layer).__name__}; wanted a layer such as Dense.")
        self.inner = layer
        self.a = a if is_symbolic(layer.like) else as_real("a", a, layer.like.dtype)

    def bind(self, shape: Shape) -> "Scaled":
        """The layer for inputs of that shape."""
        return Scaled(self.inner.bind(shape), self.a)

    @property
    def shift(self) -> Matrix | None:
        """The bias as the layer's output sees it."""
        return None if self.inner.shift is None else self.a * self.inner.shift

    def apply(self, x: Matrix) -> Matrix:
        """``a T x``."""
        return self.a * self.inner.apply(x)

    def transpose(self, v: Matrix) -> Matrix:
        """``a T' v``."""
        return self.a * self.inner.transpose(v)

    def matrix(self) -> Matrix:
        """``a T``."""
        return self.a * self.inner.matrix()

    def felt(self, effect: Matrix) -> Matrix:
        """``a`` times the effect."""
        return self.a * effect

    def weight_features(self, x: Matrix) -> Matrix:
        """The columns that the weight multiplies, times ``a``."""
        return self.a * self.inner.weight_features(x)

    def features(self, x: Matrix) -> Matrix:
        """The columns that the trainable parameters multiply, times ``a``."""
        return self.a * self.inner.features(x)
