r"""Linear maps without weights: they belong to the features of the next layer with a weight.

An error of their own would put terms into ``S`` that no update cancels. So only layers with weights carry an error, and
a fixed map is a part of the feature map ``phi`` of the layer that follows it (`dlntheory.networks.folding`).
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..numerics.algebra import Matrix
from ..numerics.checks import as_counts, as_pair
from ..numerics.kinds import in_double_precision, is_jax
from ..numerics.record import Record, static, with_fields
from .image_kernels import Geometry, as_axes, as_images, turned, windows
from .layer import Shape, bound_shape


class FixedMap(Record):
    """A linear map without weights, of inputs of a shape that it is bound to."""

    in_shape: Shape | None = static()

    @property
    @abc.abstractmethod
    def out_shape(self) -> Shape:
        """The shape of one output."""

    @abc.abstractmethod
    def bind(self, shape: Shape) -> "FixedMap":
        """The map for inputs of that shape."""

    @abc.abstractmethod
    def apply(self, x: Matrix) -> Matrix:
        """The map of columns."""

    @abc.abstractmethod
    def transpose(self, v: Matrix) -> Matrix:
        """The transposed map of columns."""


class AvgPool2d(FixedMap):
    """The mean of every window of an image; zeros of the padding count.

    Args:
        kernel_size: the size of the window, a number or ``(height, width)``.
        stride: the distance of neighbouring windows; by default the kernel's size.
        padding: zeros around the image.

    Raises:
        ValueError: for sizes below one, or a negative padding.
        TypeError: for something that is not a whole number.

    Example:
        >>> pool = AvgPool2d(2).bind((1, 4, 4))
        >>> pool.out_shape, pool.apply(np.arange(16.0)[:, None])[:, 0].tolist()
        ((1, 2, 2), [2.5, 4.5, 10.5, 12.5])
    """

    kernel_size: tuple[int, int] = static()
    stride: tuple[int, int] = static()
    padding: tuple[int, int] = static()

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        self.kernel_size = as_pair("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else as_pair("stride", stride)
        self.padding = as_pair("padding", padding, minimum=0)
        self.in_shape = None

    @property
    def out_shape(self) -> Shape:
        """The shape of one output."""
        height, width = self._geometry
        return (bound_shape(self.in_shape)[0], height.places, width.places)

    @property
    def _geometry(self) -> Geometry:
        return as_axes(bound_shape(self.in_shape), self.kernel_size, self.stride, self.padding)

    def bind(self, shape: Shape) -> "AvgPool2d":
        """The map for images ``(channels, height, width)``."""
        as_axes(shape, self.kernel_size, self.stride, self.padding)
        return with_fields(self, in_shape=shape)

    def apply(self, x: Matrix) -> Matrix:
        """The mean of every window."""
        return self._sum(x, self._geometry)

    def transpose(self, v: Matrix) -> Matrix:
        """A share of every mean for each pixel of its window."""
        return self._sum(v, turned(self._geometry))

    def _sum(self, columns: Matrix, geometry: Geometry) -> Matrix:
        seen = windows(as_images(columns, bound_shape(self.in_shape)[0], geometry), geometry)
        return (seen.sum(axis=0) / len(seen)).reshape(-1, columns.shape[1])


class Reshape(FixedMap):
    """Samples of another shape, with the same numbers in the same order.

    Args:
        shape: the shape of one sample; one entry may be −1, for what is left.

    Raises:
        ValueError: for sizes that are neither positive nor −1, or several of −1.
        TypeError: for something that is not a list of whole numbers.

    Example:
        >>> Reshape((3, -1)).bind((12,)).out_shape
        (3, 4)
    """

    shape: Shape = static()

    def __init__(self, shape: Any):
        sizes = as_counts("shape", shape, "sizes", minimum=-1)
        if not sizes or 0 in sizes or sizes.count(-1) > 1:
            raise ValueError(f"`shape` is {sizes}; wanted positive sizes, one of which may be -1.")
        self.shape = sizes
        self.in_shape = None

    @property
    def out_shape(self) -> Shape:
        """The shape of one output."""
        left = math.prod(bound_shape(self.in_shape)) // abs(math.prod(self.shape))
        return tuple(left if size == -1 else size for size in self.shape)

    def bind(self, shape: Shape) -> "Reshape":
        """The map for inputs of that shape, if it holds as many numbers."""
        bound = with_fields(self, in_shape=shape)
        if math.prod(bound.out_shape) != math.prod(shape):
            raise ValueError(f"makes samples of shape {self.shape}")
        return bound

    def apply(self, x: Matrix) -> Matrix:
        """``x``: columns have no shape."""
        return x

    def transpose(self, v: Matrix) -> Matrix:
        """``v``."""
        return v


class Flatten(Reshape):
    """Images as vectors, ``(C, H, W)`` to ``(C H W,)``.

    Example:
        >>> Flatten().bind((2, 3, 3)).out_shape
        (18,)
    """

    def __init__(self) -> None:
        super().__init__((-1,))


class LinearOperator(FixedMap):
    r"""A linear function of your own, and its transpose by ``jax.linear_transpose``.

    Args:
        function: of one sample, an array of the shape that arrives at this place of the network, to an array. It must
            be linear, without a constant, and made of JAX's operations.

    Raises:
        TypeError: for something that cannot be called.

    Example:
        >>> import jax.numpy as jnp
        >>> differences = LinearOperator(jnp.diff).bind((3,))
        >>> differences.out_shape, differences.apply(np.array([[1.0], [4.0], [9.0]]))[:, 0].tolist()
        ((2,), [3.0, 5.0])
    """

    function: Callable[[Any], Any] = static()
    mapped_shape: Shape = static()

    def __init__(self, function: Any):
        if not callable(function):
            raise TypeError(f"`function` is a {type(function).__name__}; wanted a function of one sample.")
        self.function = function
        self.in_shape, self.mapped_shape = None, ()

    @property
    def out_shape(self) -> Shape:
        """The shape of one output."""
        bound_shape(self.in_shape)
        return self.mapped_shape

    def bind(self, shape: Shape) -> "LinearOperator":
        """The map for inputs of that shape; refuses a function that is not linear."""
        import jax

        sample = jax.ShapeDtypeStruct(shape, jax.numpy.result_type(float))
        try:
            out = jax.eval_shape(self.function, sample)
            jax.eval_shape(jax.linear_transpose(self.function, sample), out)
        except Exception as error:  # whatever a user's function raises
            message = f"has a function that fails for one sample of shape {shape}, or is not linear ({error})"
            raise ValueError(message) from error
        if not isinstance(out, jax.ShapeDtypeStruct) or not out.shape:
            raise ValueError("has a function that does not return an array")
        with jax.ensure_compile_time_eval():
            if np.asarray(self.function(jax.numpy.zeros(shape, sample.dtype))).any():
                raise ValueError("has a function that is not linear: it adds a constant")
        return with_fields(self, in_shape=shape, mapped_shape=out.shape)

    def apply(self, x: Matrix) -> Matrix:
        """The function of every sample."""
        return self._mapped(self.function, x, bound_shape(self.in_shape))

    def transpose(self, v: Matrix) -> Matrix:
        """The transposed function of every sample."""
        import jax

        sample = jax.ShapeDtypeStruct(bound_shape(self.in_shape), v.dtype)
        return self._mapped(lambda each: jax.linear_transpose(self.function, sample)(each)[0], v, self.out_shape)

    def _mapped(self, function: Callable[[Any], Any], columns: Matrix, shape: Shape) -> Matrix:
        import jax

        if not is_jax(columns):
            with in_double_precision(), jax.ensure_compile_time_eval():
                return np.array(self._mapped(function, jax.numpy.asarray(columns), shape))
        samples = columns.shape[1]
        moved = jax.vmap(function, in_axes=-1, out_axes=-1)(columns.reshape(*shape, samples))
        return moved.reshape(-1, samples)
