"""Convolution and pooling of images with channels last, ``(batch, height, width, channels)``.

XLA's own programs are used where they are fast. On a processor, besides the derivatives of
`dlntheory.nonlinear.correlation`, two are not: the input gradient of an unpadded convolution, and the gradient of
max-pooling by selecting and scattering.
"""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .correlation import Window, correlate

Images = Float[Array, "_ _ _ _"]
"""``(batch, height, width, channels)``."""
Kernel = Float[Array, "k k channels_in channels_out"]

FEW_CHANNELS = 4
"""The most channels with which a convolution is faster on a CPU as one matrix product."""


def convolve(x: Images, kernel: Kernel, stride: int, padding: int) -> Images:
    """Cross-correlate images with a kernel, as Equinox and PyTorch do."""
    size, channels = kernel.shape[0], kernel.shape[2]
    widens_gradient = size - 1 - padding > padding  # the input gradient then pads more than the convolution did
    if jax.default_backend() == "cpu" and size > 1 and (widens_gradient or channels < FEW_CHANNELS):
        return _convolve_patches(x, kernel, stride, padding)
    return correlate(x, kernel, Window(stride, ((padding, padding),) * 2))


def convolve_transposed(x: Images, kernel: Kernel, stride: int, padding: int, added: tuple[int, int]) -> Images:
    """The transpose of a convolution with that stride and padding, with rows and columns added at the end."""
    around = kernel.shape[0] - 1 - padding
    rows, columns = ((around, around + more) for more in added)
    return correlate(x, kernel[::-1, ::-1], Window(padding=(rows, columns), spread=stride))


def _convolve_patches(x: Images, kernel: Kernel, stride: int, padding: int) -> Images:
    """The convolution as one matrix product with all patches."""
    size, padded = kernel.shape[0], _pad(x, padding)
    height, width = ((length - size) // stride + 1 for length in padded.shape[1:3])
    patches = [
        padded[:, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
        for i in range(size)
        for j in range(size)
    ]
    columns = jnp.concatenate(patches, axis=-1).reshape(-1, size * size * kernel.shape[2])
    return (columns @ kernel.reshape(-1, kernel.shape[-1])).reshape(len(x), height, width, -1)


def _pad(x: Images, padding: int) -> Images:
    return jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0))) if padding else x


def max_pool(x: Images, size: int) -> Images:
    """The largest of each window of ``size × size``, without overlap; a rest at the border is dropped.

    The gradient goes to the first of the largest, in the order of rows and columns.
    """
    height, width = (length // size for length in x.shape[1:3])
    return _pool(x[:, : height * size, : width * size], size)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _pool(x: Images, size: int) -> Images:
    return reduce(jnp.maximum, _corners(x, size))


def _corners(x: Images, size: int) -> list[Images]:
    """The pixels at each place of all windows."""
    return [_windows(x, size)[:, :, i, :, j] for i in range(size) for j in range(size)]


def _windows(x: Images, size: int) -> Float[Array, "batch rows size columns size channels"]:
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // size, size, width // size, size, channels)


@_pool.defjvp
def _pool_derivative(size: int, primals: tuple[Images], tangents: tuple[Images]) -> tuple[Images, Images]:
    """The sum over each window of the tangent at its largest pixel; its transpose is one comparison per pixel."""
    corners = _corners(primals[0], size)
    largest = reduce(jnp.maximum, corners)
    places = np.arange(size**2, dtype=np.min_scalar_type(size**2 - 1))
    first = jnp.full(largest.shape, places[-1])
    for place, corner in zip(places[-2::-1], corners[-2::-1], strict=True):
        first = jnp.where(corner == largest, place, first)
    mask = first[:, :, None, :, None] == places.reshape(1, 1, size, 1, size, 1)
    moved = _windows(tangents[0], size)
    return largest, jnp.where(mask, moved, jnp.zeros_like(moved)).sum(axis=(2, 4))


def average_pool(x: Images) -> Float[Array, "batch channels"]:
    """The mean over all positions."""
    return x.mean(axis=(1, 2))
