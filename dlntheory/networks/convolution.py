r"""Convolutions: at every position of an image the same weight multiplies the patch around it.

So one sample shares its weight across positions as a batch shares it across samples: the update is
``(1/B) Σ_{b,p} ε_l[b,p] φ_l(x*_{l-1})[b,p]ᵀ``, and activities at different positions interfere.

The extended weight is a matrix ``(C_out, C_in k_h k_w)`` with one more column for a learned bias; with groups, one such
matrix for each group of outputs.
"""

import abc
import math
from typing import Any

from ..numerics.algebra import Matrix
from ..numerics.checks import as_array, as_count, as_pair
from ..numerics.kinds import namespace
from ..numerics.record import static, with_fields
from .image_kernels import Geometry, Pair, as_axes, as_images, convolve, filter_update, patches, turned, turned_filters
from .layer import Layer, Shape, as_bias, bound_shape


class Convolution(Layer):
    """The base of `Conv2d` and `ConvTranspose2d`: filters ``(C_out, C_in / groups, k_h, k_w)`` moved over images."""

    kernel: Matrix
    bias: Matrix | None
    stride: Pair = static()
    padding: Pair = static()
    groups: int = static()
    learn_bias: bool = static()
    images: Shape | None = static()

    @property
    @abc.abstractmethod
    def filters(self) -> Matrix:
        """The weight as the filters that move."""

    @abc.abstractmethod
    def geometry_at(self, shape: Shape) -> Geometry:
        """The geometry of the filters on images of a shape."""

    @property
    def weight(self) -> Matrix:
        """The kernel."""
        return self.kernel

    @property
    def geometry(self) -> Geometry:
        """The geometry of the filters on the layer's images."""
        return self.geometry_at(self.in_shape)

    def bind(self, shape: Shape) -> "Convolution":
        """The layer for images ``(C_in, height, width)``."""
        self.geometry_at(shape)
        if shape[0] != self.channels[0]:
            raise ValueError(f"takes images of {self.channels[0]} channels")
        return with_fields(self, images=shape)

    @property
    def channels(self) -> Pair:
        """The numbers of input and output channels."""
        outputs, inputs, _, _ = self.filters.shape
        return inputs * self.groups, outputs

    @property
    def in_shape(self) -> Shape:
        """``(C_in, height, width)``."""
        return bound_shape(self.images)

    @property
    def out_shape(self) -> Shape:
        """``(C_out, height, width)``."""
        height, width = self.geometry
        return (self.channels[1], height.places, width.places)

    @property
    def positions(self) -> int:
        """The number of positions at which the filters are used."""
        return math.prod(self.out_shape[1:])

    @property
    def shift(self) -> Matrix | None:
        """The bias of every output."""
        return None if self.bias is None else self.bias.repeat(self.positions)

    @property
    def work(self) -> int:
        """The number of multiplications that `apply` takes for one column."""
        return self.positions * math.prod(self.filters.shape)

    def apply(self, x: Matrix) -> Matrix:
        """The filters moved over the images."""
        return self._moved(self.filters, x)

    def transpose(self, v: Matrix) -> Matrix:
        """The transposed map: mirrored filters, moved over the outputs."""
        geometry, filters = turned(self.geometry), turned_filters(self.filters, self.groups)
        return convolve(filters, as_images(v, self.channels[1], geometry), geometry, self.groups)

    def weight_features(self, x: Matrix) -> Matrix:
        """The patches of every position and sample, ``(C_in k_h k_w, positions × samples)``, of each group."""
        seen = patches(as_images(x, self.channels[0], self.geometry), self.geometry, self.groups)
        return seen[0] if self.groups == 1 else seen

    def weight_update(self, errors: Matrix, x: Matrix) -> Matrix:
        """``errors phi(x)'``, summed over positions and samples, without forming the patches."""
        images = as_images(x, self.channels[0], self.geometry)
        update = filter_update(self.filters, images, errors, self.geometry, self.groups)
        rows = update.reshape(self.channels[1], -1)
        if self.learn_bias:
            sums = errors.reshape(self.channels[1], -1).sum(axis=1, keepdims=True)
            rows = namespace(rows).concatenate([rows, sums], axis=1)
        return rows.reshape(self.change_shape)

    @property
    def change_shape(self) -> tuple[int, ...]:
        """The shape of a change of the extended weight: a matrix, or one per group."""
        outputs, *patch = self.filters.shape
        columns = math.prod(patch) + self.learn_bias
        return (outputs, columns) if self.groups == 1 else (self.groups, outputs // self.groups, columns)

    def with_weight(self, weight: Matrix) -> "Convolution":
        """The layer with another kernel."""
        return with_fields(self, kernel=weight)

    def output_change(self, change: Matrix, x: Matrix) -> Matrix:
        """The change of the output at ``x`` when the extended weight moves by ``change``."""
        filters, bias = self._filters_of(change)
        moved = self._moved(filters, x)
        return moved if bias is None else moved + bias.repeat(self.positions)[:, None]

    def jacobian(self, downstream: Matrix, x: Matrix) -> Matrix:
        """The Jacobian of ``D T x`` in the extended weight, from ``D'``."""
        samples, outputs = x.shape[1], downstream.shape[1]
        seen = self.features(x).reshape(self.groups, -1, self.positions, samples)
        maps = downstream.reshape(self.groups, -1, self.positions, outputs)
        return namespace(x).einsum("gcpo,gfpb->obgcf", maps, seen).reshape(outputs * samples, -1)

    def split(self, change: Matrix) -> tuple[Matrix, Matrix | None]:
        """Split a change of the extended weight into the changes of the kernel and of the bias."""
        filters, bias = self._filters_of(change)
        return self._kernel_of(filters), bias

    @abc.abstractmethod
    def _kernel_of(self, filters: Matrix) -> Matrix:
        """Filters as the kernel that makes them."""

    def _moved(self, filters: Matrix, x: Matrix) -> Matrix:
        return convolve(filters, as_images(x, self.channels[0], self.geometry), self.geometry, self.groups)

    def _filters_of(self, change: Matrix) -> tuple[Matrix, Matrix | None]:
        rows = change.reshape(self.channels[1], -1)
        filters, bias = (rows[:, :-1], rows[:, -1]) if self.learn_bias else (rows, None)
        return filters.reshape(self.filters.shape), bias


class Conv2d(Convolution):
    r"""A convolution, ``x_l[o, p] = Σ_{c, i} K[o, c, i] x_{l-1}[c, s p + i − q] + b[o]``, as in PyTorch and Equinox.

    Args:
        kernel: ``(C_out, C_in / groups, k_h, k_w)``.
        stride: ``s``, a number or ``(vertical, horizontal)``.
        padding: ``q``, zeros around the image.
        groups: the number of groups of channels, each of which sees its own inputs only.
        bias: ``(C_out,)`` or ``None``.
        learn_bias: whether the bias is learned (a learned bias that is not given starts at zero) or fixed.

    Raises:
        ValueError: for a kernel that is not a non-empty array of rank 4, groups that do not divide its outputs, a
            stride below one, a negative padding, or a bias of another length.
        TypeError: for something that does not hold real numbers, or sizes that are not whole.

    Example:
        >>> import numpy as np
        >>> layer = Conv2d(np.ones((5, 3, 3, 3)), padding=1).bind((3, 8, 8))
        >>> layer.out_shape, layer.positions
        ((5, 8, 8), 64)
    """

    def __init__(
        self,
        kernel: Any,
        stride: Any = 1,
        padding: Any = 0,
        groups: Any = 1,
        bias: Any = None,
        learn_bias: bool = False,
    ):
        self.kernel = as_kernel("kernel", kernel)
        self.stride, self.padding = as_pair("stride", stride), as_pair("padding", padding, minimum=0)
        self.groups = as_groups("groups", groups, "outputs", self.kernel.shape[0])
        self.bias = as_bias("bias", bias, self.kernel[:, :, 0, 0], learn_bias)
        self.learn_bias = learn_bias
        self.images = None

    @property
    def filters(self) -> Matrix:
        """The kernel."""
        return self.kernel

    def geometry_at(self, shape: Shape) -> Geometry:
        """The geometry of the filters on images of a shape."""
        return as_axes(shape, self.kernel.shape[2:], self.stride, self.padding)

    def _kernel_of(self, filters: Matrix) -> Matrix:
        return filters


class ConvTranspose2d(Convolution):
    r"""The transpose of a convolution, as in PyTorch: the transposed map of `Conv2d` with the same kernel and options.

    Args:
        kernel: ``(C_in, C_out / groups, k_h, k_w)``.
        stride: the distance at which the inputs are placed.
        padding: rows and columns that are cut off around the output.
        output_padding: rows and columns added at the output's end, fewer than the stride: a convolution maps several
            sizes to the input's, and this chooses one.
        groups: the number of groups of channels, each of which sees its own inputs only.
        bias: ``(C_out,)`` or ``None``.
        learn_bias: whether the bias is learned (a learned bias that is not given starts at zero) or fixed.

    Raises:
        ValueError: as `Conv2d`, or for an output padding that is not below the stride.
        TypeError: as `Conv2d`.

    Example:
        >>> import numpy as np
        >>> ConvTranspose2d(np.ones((3, 5, 2, 2)), stride=2).bind((3, 4, 4)).out_shape
        (5, 8, 8)
    """

    output_padding: Pair = static()

    def __init__(
        self,
        kernel: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: Any = 1,
        bias: Any = None,
        learn_bias: bool = False,
    ):
        self.kernel = as_kernel("kernel", kernel)
        self.stride, self.padding = as_pair("stride", stride), as_pair("padding", padding, minimum=0)
        self.output_padding = as_pair("output_padding", output_padding, minimum=0)
        if any(added >= apart for added, apart in zip(self.output_padding, self.stride, strict=True)):
            raise ValueError(f"`output_padding` is {self.output_padding}; wanted less than the stride {self.stride}.")
        self.groups = as_groups("groups", groups, "inputs", self.kernel.shape[0])
        self.bias = as_bias("bias", bias, self.filters[:, :, 0, 0], learn_bias)
        self.learn_bias = learn_bias
        self.images = None

    @property
    def filters(self) -> Matrix:
        """The kernel, mirrored, with inputs and outputs exchanged."""
        return turned_filters(self.kernel, self.groups)

    def geometry_at(self, shape: Shape) -> Geometry:
        """The geometry of the filters on images of a shape, with zeros between the pixels."""
        window = self.kernel.shape[2:]
        if len(shape) != 3:
            raise ValueError("takes images (channels, height, width)")
        options = zip(shape[1:], self.stride, self.padding, self.output_padding, window, strict=True)
        sizes = [(size - 1) * apart - 2 * cut + length + added for size, apart, cut, added, length in options]
        return turned(as_axes((0, *sizes), window, self.stride, self.padding))

    def _kernel_of(self, filters: Matrix) -> Matrix:
        return turned_filters(filters, self.groups)


def as_kernel(name: str, kernel: Any) -> Matrix:
    """Convert to a non-empty array of rank 4."""
    array = as_array(name, kernel)
    if array.ndim != 4 or array.size == 0:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted four sizes, channels, channels, height and width.")
    return array


def as_groups(name: str, groups: Any, which: str, channels: int) -> int:
    """Check a number of groups that share channels evenly."""
    count = as_count(name, groups)
    if channels % count:
        raise ValueError(f"`{name}` is {count} but the kernel has {channels} {which}; wanted a divisor.")
    return count
