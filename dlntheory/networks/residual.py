"""Layers around another layer, whose weight they keep and whose map they change: residual layers, for one."""

from operator import attrgetter
from typing import Any

from ..numerics.algebra import Matrix, identity
from ..numerics.record import with_fields
from .layer import Dense, Layer, Shape, as_weight, shown


def _of_inner(name: str, about: str) -> Any:
    """A property that is the inner layer's."""
    return property(attrgetter(f"inner.{name}"), doc=about)


class Wrapper(Layer):
    """A layer around another one: every method is the inner layer's unless it is overridden."""

    inner: Layer

    weight = _of_inner("weight", "The inner layer's weight.")
    bias = _of_inner("bias", "The inner layer's bias.")
    learn_bias = _of_inner("learn_bias", "Whether the inner layer's bias is learned.")
    in_shape = _of_inner("in_shape", "The shape of one input.")
    out_shape = _of_inner("out_shape", "The shape of one output.")
    like = _of_inner("like", "An array of the layer's kind and dtype.")
    shift = _of_inner("shift", "The bias as the layer's output sees it.")
    has_features = _of_inner("has_features", "Whether one weight multiplies features.")
    homogeneous = _of_inner("homogeneous", "Whether what the parameters multiply is in proportion to the input.")
    work = _of_inner("work", "The number of multiplications that `apply` takes for one column.")
    change_shape = _of_inner("change_shape", "The shape of a change of the extended weight.")

    def seen(self, x: Matrix) -> Matrix:
        """The inner layer's input."""
        return x

    def felt(self, effect: Matrix) -> Matrix:
        """A change of the inner layer's output as a change of the output, and an output error as the inner layer's."""
        return effect

    def weight_features(self, x: Matrix) -> Matrix:
        """The columns that the weight multiplies."""
        return self.inner.weight_features(self.seen(x))

    def features(self, x: Matrix) -> Matrix:
        """The columns that the trainable parameters multiply."""
        return self.inner.features(self.seen(x))

    def weight_update(self, errors: Matrix, x: Matrix) -> Matrix:
        """The local update of the extended weight."""
        return self.inner.weight_update(self.felt(errors), self.seen(x))

    def output_change(self, change: Matrix, x: Matrix) -> Matrix:
        """The change of the output when the extended weight moves."""
        return self.felt(self.inner.output_change(change, self.seen(x)))

    def finite_change(self, change: Matrix, x: Matrix, learning_rate: Any) -> Matrix:
        """The change of the output in a finite step of the extended weight."""
        return self.felt(self.inner.finite_change(change, self.seen(x), learning_rate))

    def moved(self, change: Matrix, learning_rate: Any) -> Layer:
        """The layer after a step of the extended weight."""
        return with_fields(self, inner=self.inner.moved(change, learning_rate))

    def with_weight(self, weight: Any) -> Layer:
        """The layer with another weight."""
        return with_fields(self, inner=self.inner.with_weight(weight))

    def jacobian(self, downstream: Matrix, x: Matrix) -> Matrix:
        """The Jacobian of the output in the extended weight."""
        return self.inner.jacobian(self.felt(downstream), self.seen(x))

    def split(self, change: Matrix) -> tuple[Any, Any]:
        """Split a change of the extended weight."""
        return self.inner.split(change)


class Residual(Wrapper):
    r"""A residual layer, ``x_l = x_{l-1} + W x_{l-1} + b`` (Sample Efficiency, appendix I).

    Args:
        weight: square, ``(n, n)``; or a layer to whose output its input is added, such as `Conv2d` or `Chain`.
        bias: ``(n,)`` or ``None``; with a layer, ``None``, as it has its own.
        learn_bias: whether the bias is learned (a learned bias that is not given starts at zero) or fixed.

    Raises:
        ValueError: for a weight that is not a non-empty square matrix of finite numbers, a bias of another
            length, or a bias with a layer.
        TypeError: for a weight or bias that does not hold real numbers.

    Example:
        >>> Residual([[0.0, 1.0], [0.0, 0.0]]).matrix().tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """

    def __init__(self, weight: Any, bias: Any = None, learn_bias: bool = False):
        if isinstance(weight, Layer):
            if bias is not None or learn_bias:
                raise ValueError(f"`bias` is given with a {type(weight).__name__}, which has its own; wanted None.")
            self.inner = weight
            return
        matrix = as_weight("weight", weight)
        rows, columns = matrix.shape
        if rows != columns:
            raise ValueError(
                f"`weight` of a residual layer has shape {(rows, columns)}; wanted a square matrix, "
                "as its output is added to its input."
            )
        self.inner = Dense(matrix, bias, learn_bias)

    def bind(self, shape: Shape) -> "Residual":
        """The layer for inputs of that shape, which its outputs must have too."""
        inner = self.inner.bind(shape)
        if inner.out_shape != shape:
            raise ValueError(f"adds outputs of {shown(inner.out_shape)} to its inputs")
        return Residual(inner)

    def apply(self, x: Matrix) -> Matrix:
        """``x + W x``."""
        return x + self.inner.apply(x)

    def transpose(self, v: Matrix) -> Matrix:
        """``v + W' v``."""
        return v + self.inner.transpose(v)

    def matrix(self) -> Matrix:
        """``I + W``."""
        return identity(self.in_size, self.like) + self.inner.matrix()


class Unbiased(Wrapper):
    """The linear part of a layer, for inference; what a learner sees has its bias still."""

    shift = None

    def __init__(self, layer: Layer):
        self.inner = layer

    def apply(self, x: Matrix) -> Matrix:
        """``T x``."""
        return self.inner.apply(x)

    def transpose(self, v: Matrix) -> Matrix:
        """``T' v``."""
        return self.inner.transpose(v)

    def matrix(self) -> Matrix:
        """``T``."""
        return self.inner.matrix()


def without_bias(layer: Layer) -> Layer:
    """The layer, or its linear part where it has a bias."""
    return layer if layer.shift is None else Unbiased(layer)
