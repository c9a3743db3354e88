"""Cross-correlation whose derivatives are fast on a processor, in loops too.

XLA's convolutions are fast on a processor where the batch comes first, the channels last, and a kernel is
``(height, width, in, out)``. The derivatives that JAX derives have other layouts; XLA changes those to its own outside
loops and conditionals only, and inside them they take up to two hundred times as long. Here a correlation is an
operation of its own, bilinear. Its derivative in the images is one in that layout; its derivative in the kernel is a
matrix product for each of the kernel's entries, which takes half as long as XLA's convolution outside loops too.

Where zeros lie between an image's pixels, as in a transposed convolution, most products would be with zeros. There the
outputs between two pixels become channels of a correlation without them.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

LAYOUT = ("NHWC", "HWIO", "NHWC")


class Window(NamedTuple):
    """The stride, the padding and the spacing with which a kernel moves over images."""

    stride: int = 1
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    """Before and after the rows, and the columns; a negative one cuts off."""
    spread: int = 1
    """The distance of an image's pixels from each other; zeros lie between."""


def correlate(x: Float[Array, "..."], kernel: Float[Array, "..."], window: Window) -> Float[Array, "..."]:
    """Correlate images ``(batch, height, width, in)`` with a kernel ``(height, width, in, out)``.

    Differentiable in both, forwards and backwards and any number of times. Accelerators get JAX's own operation.
    """
    if jax.default_backend() != "cpu":
        return _plain(x, kernel, window)
    if window.spread > 1 and window.stride == 1:
        return _by_channels(x, kernel, window)
    result: Array = _correlation.bind(x, kernel, window=window)
    return result


def _plain(x: Array, kernel: Array, window: Window) -> Array:
    """The same by JAX's own operation."""
    strides, spreads = (window.stride,) * 2, (window.spread,) * 2
    return jax.lax.conv_general_dilated(x, kernel, strides, window.padding, spreads, dimension_numbers=LAYOUT)


def _by_channels(x: Array, kernel: Array, window: Window) -> Array:
    """The same for spread images: output ``spread q + r − first`` is channel ``r`` of output ``q``, by row and column.

    It meets the pixels from ``q − before // spread`` on, with the kernel's entries ``spread j + spread − 1 − r``.
    """
    spread, (batch, *lengths, channels), outputs = window.spread, x.shape, kernel.shape[3]
    sizes = [-(-size // spread) for size in kernel.shape[:2]]
    found = jax.eval_shape(partial(_plain, window=window), x, kernel).shape[1:3]
    first = [spread - 1 - before % spread for before, _ in window.padding]
    counts = [-(-(skipped + length) // spread) for skipped, length in zip(first, found, strict=True)]
    filling = [(0, size * spread - real) for size, real in zip(sizes, kernel.shape, strict=False)]
    whole = jnp.pad(kernel, (*filling, (0, 0), (0, 0))).reshape(sizes[0], spread, sizes[1], spread, channels, outputs)
    parts = whole[:, ::-1, :, ::-1].transpose(0, 2, 4, 1, 3, 5).reshape(*sizes, channels, spread**2 * outputs)
    before = [start // spread for start, _ in window.padding]
    after = [q + j - 1 - b - length for q, j, b, length in zip(counts, sizes, before, lengths, strict=True)]
    y = correlate(x, parts, Window(padding=((before[0], after[0]), (before[1], after[1]))))
    y = y.reshape(batch, *counts, spread, spread, outputs).transpose(0, 1, 3, 2, 4, 5)
    y = y.reshape(batch, counts[0] * spread, counts[1] * spread, outputs)
    return y[:, first[0] : first[0] + found[0], first[1] : first[1] + found[1]]


def _pull_to_images(slope: Array, x: Any, kernel: Array, *, window: Window) -> Array:
    """The derivative in the images: the slope, spread by the stride, correlated with the kernel turned by 180°."""
    lengths = zip(x.aval.shape[1:3], kernel.shape, slope.shape[1:3], window.padding, strict=False)
    rows, columns = (
        (size - 1 - before, (image - 1) * window.spread - (output - 1) * window.stride + before)
        for image, size, output, (before, _) in lengths
    )
    turned = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    return correlate(slope, turned, Window(window.spread, (rows, columns), window.stride))


def _pull_to_kernel(slope: Array, x: Array, kernel: Any, *, window: Window) -> Array:
    """The derivative in the kernel: for each entry, the slope times the grid of pixels that the entry multiplied."""
    inside = window.spread - 1
    padding = [(0, 0, 0), *((before, after, inside) for before, after in window.padding), (0, 0, 0)]
    padded = jax.lax.pad(x, jnp.zeros((), x.dtype), padding)
    height, width, channels, outputs = kernel.aval.shape
    reach = [(length - 1) * window.stride + 1 for length in slope.shape[1:3]]
    slopes = slope.reshape(-1, outputs)

    def entry(i: int, j: int) -> Array:
        met = padded[:, i : i + reach[0] : window.stride, j : j + reach[1] : window.stride]
        return met.reshape(-1, channels).T @ slopes

    entries = [entry(i, j) for i in range(height) for j in range(width)]
    return jnp.stack(entries).reshape(height, width, channels, outputs)


def _batched(arguments: Any, axes: Any, *, window: Window) -> tuple[Array, int]:
    return jax.vmap(partial(_plain, window=window), in_axes=tuple(axes))(*arguments), 0


def _shape(x: Any, kernel: Any, *, window: Window) -> Any:
    found = jax.eval_shape(
        partial(_plain, window=window), *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (x, kernel))
    )
    return jax.core.ShapedArray(found.shape, found.dtype)


_correlation = Primitive("correlation")
_correlation.def_impl(jax.jit(_plain, static_argnames="window"))
_correlation.def_abstract_eval(_shape)
ad.defbilinear(_correlation, _pull_to_images, _pull_to_kernel)
batching.primitive_batchers[_correlation] = _batched
mlir.register_lowering(_correlation, mlir.lower_fun(_plain, multiple_results=False))
