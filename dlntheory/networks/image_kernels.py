r"""Convolutions of images stored as columns: the windows that a kernel sees, and their product with the filters.

Images are arrays ``(channels, height, width, samples)``, a reshaped matrix of columns. Filters are arrays
``(C_out, C_in / groups, k_h, k_w)``, and the output is ``W φ(x)``: filters as rows, windows as columns. Everything runs
on JAX arrays and on NumPy arrays.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..numerics.algebra import Matrix
from ..numerics.kinds import is_jax, namespace

Pair: TypeAlias = tuple[int, int]


class Axis(NamedTuple):
    """One axis of an image: its size, the window and its stride, the zeros around, and the gaps between pixels.

    ``spread`` is how far apart pixels are put before the window moves over them; a negative border cuts off.
    """

    size: int
    window: int
    stride: int
    before: int
    after: int
    spread: int = 1

    @property
    def spanned(self) -> int:
        """The size with zeros between pixels and around them."""
        return (self.size - 1) * self.spread + 1 + self.before + self.after

    @property
    def places(self) -> int:
        """The number of windows."""
        return (self.spanned - self.window) // self.stride + 1

    def turned(self) -> "Axis":
        """The axis along which the transposed map moves, from the windows back to the pixels."""
        before = self.window - 1 - self.before
        span = (self.size - 1) * self.spread + self.window
        after = span - 1 - (self.places - 1) * self.stride - before
        return Axis(self.places, self.window, self.spread, before, after, self.stride)


Geometry: TypeAlias = tuple[Axis, Axis]
"""Height and width."""


def as_axes(shape: Any, window: Pair, stride: Pair, padding: Pair) -> Geometry:
    """The geometry of windows on images ``(channels, height, width)``; the messages continue "the layer …"."""
    if len(shape) != 3:
        raise ValueError("takes images (channels, height, width)")
    parts = zip(shape[1:], window, stride, padding, padding, strict=True)
    height, width = (Axis(*part) for part in parts)
    if min(height.places, width.places) < 1:
        raise ValueError(f"has windows of {window} with padding {padding}")
    return height, width


def turned(geometry: Geometry) -> Geometry:
    """The geometry of the transposed map."""
    return geometry[0].turned(), geometry[1].turned()


def turned_filters(filters: Matrix, groups: int) -> Matrix:
    """The filters of the transposed map: mirrored, and outputs exchanged with inputs."""
    outputs, inputs, height, width = filters.shape
    grouped = filters.reshape(groups, outputs // groups, inputs, height, width)
    return grouped.swapaxes(1, 2).reshape(groups * inputs, outputs // groups, height, width)[:, :, ::-1, ::-1]


def as_images(columns: Matrix, channels: int, geometry: Geometry) -> Matrix:
    """Columns as images."""
    return columns.reshape(channels, geometry[0].size, geometry[1].size, columns.shape[1])


def convolve(filters: Matrix, images: Matrix, geometry: Geometry, groups: int) -> Matrix:
    """Move filters over images, and return columns."""
    samples = images.shape[-1]
    if not (is_jax(images) or is_jax(filters)):
        rows = np.asarray(filters).reshape(groups, len(filters) // groups, -1)
        return (rows @ patches(images, geometry, groups)).reshape(-1, samples)
    import jax
    import jax.numpy as jnp

    # channels last: inside loops XLA's program for other orders on a CPU takes tens of times as long
    moved = jax.lax.conv_general_dilated(
        jnp.transpose(images, (3, 1, 2, 0)),
        jnp.transpose(filters, (2, 3, 1, 0)),
        window_strides=[axis.stride for axis in geometry],
        padding=[(axis.before, axis.after) for axis in geometry],
        lhs_dilation=[axis.spread for axis in geometry],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )
    return jnp.transpose(moved, (3, 1, 2, 0)).reshape(-1, samples)


def filter_update(filters: Matrix, images: Matrix, errors: Matrix, geometry: Geometry, groups: int) -> Matrix:
    """The product of the outputs' errors with the windows, summed over places and samples, shaped like the filters."""
    if is_jax(images):  # without forming the patches
        import jax

        return jax.linear_transpose(lambda moved: convolve(moved, images, geometry, groups), filters)(errors)[0]
    rows = errors.reshape(groups, len(filters) // groups, -1)
    return (rows @ patches(images, geometry, groups).swapaxes(1, 2)).reshape(filters.shape)


def windows(images: Matrix, geometry: Geometry) -> Matrix:
    """The pixels under a window at all its places, ``(k_h k_w, channels, places, samples)``."""
    bordered = _bordered(images, geometry)
    height, width = geometry
    parts = [
        bordered[:, row : row + (height.places - 1) * height.stride + 1 : height.stride]
        [:, :, column : column + (width.places - 1) * width.stride + 1 : width.stride]
        for row in range(height.window)
        for column in range(width.window)
    ]  # fmt: skip
    return namespace(images).stack(parts).reshape(len(parts), images.shape[0], -1, images.shape[-1])


def patches(images: Matrix, geometry: Geometry, groups: int) -> Matrix:
    """The windows as the features that filters multiply, ``(groups, C_in k_h k_w / groups, places × samples)``."""
    seen = windows(images, geometry)
    return seen.swapaxes(0, 1).reshape(groups, seen.shape[0] * seen.shape[1] // groups, -1)


def _bordered(images: Any, geometry: Geometry) -> Any:
    """The images with zeros between pixels and around them."""
    borders = [(axis.before, axis.after, axis.spread - 1) for axis in geometry]
    if is_jax(images):
        import jax

        return jax.lax.pad(images, jax.numpy.zeros((), images.dtype), [(0, 0, 0), *borders, (0, 0, 0)])
    height, width = geometry
    spread = np.zeros((len(images), height.spanned, width.spanned, images.shape[-1]), images.dtype)
    placed, kept = zip(*map(_places, geometry), strict=True)
    spread[:, placed[0], placed[1]] = images[:, kept[0], kept[1]]
    return spread


def _places(axis: Axis) -> tuple[slice, slice]:
    """The new positions of an axis' pixels, and the pixels that are not cut off."""
    first = max(0, -(axis.before // axis.spread))
    last = min(axis.size - 1, (axis.spanned - 1 - axis.before) // axis.spread)
    start = axis.before + first * axis.spread
    return slice(start, axis.before + last * axis.spread + 1, axis.spread), slice(first, last + 1)
