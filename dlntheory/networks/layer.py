r"""Linear layers, each ``x_l = T_l x_{l-1} + b_l`` with a trainable weight inside ``T_l``.

The protocol (`Layer`) is what the theory needs of a layer, and all it needs: the linear map and its
transpose, the features ``phi_l`` that the weight multiplies, and the update and the effect of a change of the
weight. Everything here takes and returns columns (one column per sample; an image is one column too), so that the same
lines run on JAX arrays and on SymPy matrices.
"""

import abc
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from ..numerics.algebra import Matrix, Size, add_bias, append_ones, identity
from ..numerics.checks import as_flag, as_parameter
from ..numerics.kinds import is_symbolic, namespace
from ..numerics.record import Record, static, with_fields

Shape: TypeAlias = tuple[Size, ...]
"""``(n,)`` of a vector, ``(channels, height, width)`` of an image."""


class Layer(Record):
    r"""A linear layer whose trainable part is ``W phi(x)``, with ``phi`` a fixed linear feature map.

    A learned bias is the weight of a constant feature: ``features`` then ends with a row of ones, and
    updates belong to the extended weight ``[W b]`` (see `split`).

    A weight may be used more than once per sample, as a kernel is at every position of an image. Features then have a
    column for each use of each sample, the samples fastest; and a leading axis, if groups of outputs see features of
    their own.
    """

    if TYPE_CHECKING:  # fields, or properties where the parameters are another layer's

        @property
        def weight(self) -> Any:
            """``W``."""

        @property
        def bias(self) -> Any:
            """``b``, or ``None``."""

        @property
        def learn_bias(self) -> bool:
            """Whether ``b`` is learned."""

    @property
    @abc.abstractmethod
    def in_shape(self) -> Shape:
        """The shape of one input."""

    @property
    @abc.abstractmethod
    def out_shape(self) -> Shape:
        """The shape of one output."""

    @property
    def in_size(self) -> Size:
        """Number of inputs."""
        return math.prod(self.in_shape)

    @property
    def out_size(self) -> Size:
        """Number of outputs."""
        return math.prod(self.out_shape)

    @property
    def like(self) -> Matrix:
        """An array of the layer's kind and dtype."""
        return self.weight

    @property
    def shift(self) -> Matrix | None:
        """The bias as the layer's output sees it, a vector of ``out_size``."""
        return self.bias

    @property
    def has_features(self) -> bool:
        """Whether one weight multiplies features, as the rescalings ask for."""
        return True

    @property
    def homogeneous(self) -> bool:
        """Whether the columns that the parameters multiply are in proportion to the input."""
        return not self.learn_bias

    @property
    def work(self) -> Size:
        """The number of multiplications that `apply` takes for one column."""
        return self.in_size * self.out_size

    def bind(self, shape: Shape) -> "Layer":
        """The layer for inputs of that shape.

        Args:
            shape: the shape of one input.

        Returns:
            The layer, which knows its shapes.

        Raises:
            ValueError: for a shape that does not fit; the message continues "the layer …".
        """
        if shape != self.in_shape:
            raise ValueError(f"maps {shown(self.in_shape)} -> {shown(self.out_shape)}")
        return self

    @abc.abstractmethod
    def apply(self, x: Matrix) -> Matrix:
        """The linear map ``T x``, without the bias."""

    @abc.abstractmethod
    def transpose(self, v: Matrix) -> Matrix:
        """The transposed map ``T' v``."""

    def matrix(self) -> Matrix:
        """The map ``T`` as a matrix ``(out_size, in_size)``."""
        return self.apply(identity(self.in_size, self.like))

    @abc.abstractmethod
    def weight_features(self, x: Matrix) -> Matrix:
        """The columns that the weight multiplies."""

    def affine(self, x: Matrix) -> Matrix:
        """``T x + b``."""
        return add_bias(self.apply(x), self.shift)

    def features(self, x: Matrix) -> Matrix:
        """The columns that the trainable parameters ``[W b]`` multiply: ``phi(x)``, and 1 if a bias is learned."""
        columns = self.weight_features(x)
        return append_ones(columns) if self.learn_bias else columns

    def weight_update(self, errors: Matrix, x: Matrix) -> Matrix:
        """The local update ``errors phi(x)'``, summed over the samples, of the extended weight."""
        return errors @ self.features(x).T

    def output_change(self, change: Matrix, x: Matrix) -> Matrix:
        """The change of the layer's output at ``x`` when the extended weight moves by ``change``."""
        return change @ self.features(x)

    def finite_change(self, change: Matrix, x: Matrix, learning_rate: Any) -> Matrix:
        """The change of the layer's output at ``x`` in a step ``learning_rate * change`` of the extended weight."""
        return learning_rate * self.output_change(change, x)

    @property
    def change_shape(self) -> tuple[int, ...]:
        """The shape of a change of the extended weight."""
        rows, columns = self.weight.shape
        return rows, columns + self.learn_bias

    def moved(self, change: Matrix, learning_rate: Any) -> "Layer":
        """The layer after a step ``learning_rate * change`` of the extended weight."""
        weight, bias = self.split(change)
        layer = self.with_weight(self.weight + learning_rate * weight)
        return layer if bias is None else with_fields(layer, bias=self.bias + learning_rate * bias)

    def with_weight(self, weight: Any) -> "Layer":
        """The layer with another weight."""
        return with_fields(self, weight=weight)

    def jacobian(self, downstream: Matrix, x: Matrix) -> Matrix:
        """The Jacobian of ``D T x`` in the extended weight, ``(n_L B, parameters)``, from ``D'``."""
        return namespace(x).kron(downstream.T, self.features(x).T)

    def split(self, change: Matrix) -> tuple[Any, Any]:
        """Split a change of the extended weight into the changes of the weight and of the bias, or ``None``."""
        if not self.learn_bias:
            return change, None
        return change[:, :-1], change[:, -1]


class Dense(Layer):
    r"""A fully connected layer, ``x_l = W x_{l-1} + b``.

    Args:
        weight: ``(n_out, n_in)``.
        bias: ``(n_out,)`` or ``None``.
        learn_bias: whether the bias is learned (a learned bias that is not given starts at zero) or fixed.

    Raises:
        ValueError: for a weight that is not a non-empty matrix of finite numbers, or a bias of another length.
        TypeError: for a weight or bias that does not hold real numbers.

    Example:
        >>> layer = Dense([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], bias=[1.0, 0.0, 0.0])
        >>> layer.in_size, layer.out_size
        (2, 3)
    """

    weight: Matrix
    bias: Matrix | None
    learn_bias: bool = static()

    def __init__(self, weight: Any, bias: Any = None, learn_bias: bool = False):
        self.weight = as_weight("weight", weight)
        self.bias = as_bias("bias", bias, self.weight, learn_bias)
        self.learn_bias = learn_bias

    @property
    def in_shape(self) -> Shape:
        """``(n_in,)``."""
        return (self.weight.shape[1],)

    @property
    def out_shape(self) -> Shape:
        """``(n_out,)``."""
        return (self.weight.shape[0],)

    def apply(self, x: Matrix) -> Matrix:
        """``W x``."""
        return self.weight @ x

    def transpose(self, v: Matrix) -> Matrix:
        """``W' v``."""
        return self.weight.T @ v

    def matrix(self) -> Matrix:
        """``W``."""
        return self.weight

    def weight_features(self, x: Matrix) -> Matrix:
        """``x`` itself."""
        return x


def as_weight(name: str, weight: Any) -> Matrix:
    """Convert to a non-empty matrix of finite numbers; SymPy matrices pass through."""
    array = as_parameter(name, weight)
    if is_symbolic(array):
        return array
    if array.ndim != 2:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted a matrix (n_out, n_in).")
    if array.size == 0:
        raise ValueError(f"`{name}` is empty, shape {array.shape}; wanted at least one row and one column.")
    return array


def as_bias(name: str, bias: Any, weight: Matrix, learned: bool = False) -> Matrix | None:
    """Convert to a vector as long as ``weight`` has rows, in its dtype; a learned bias defaults to zero."""
    as_flag("learn_bias", learned)
    if bias is None:
        return 0 * weight[:, 0] if learned else None
    array = as_parameter(name, bias, None if is_symbolic(weight) else weight.dtype)
    if is_symbolic(array):
        return array
    if array.shape != (weight.shape[0],):
        raise ValueError(
            f"`{name}` has shape {array.shape}; wanted ({weight.shape[0]},), one number per row of the weight."
        )
    return array


def shown(shape: Shape) -> str:
    """A shape as messages show it: ``3`` for a vector of three."""
    return str(shape[0]) if len(shape) == 1 else str(tuple(shape))


def bound_shape(shape: Shape | None) -> Shape:
    """The shape that a layer of images, or a fixed map, is bound to; refused before that."""
    if shape is None:
        raise ValueError("a layer of images has no shape until it is in a LinearNetwork; put it into one first.")
    return shape
