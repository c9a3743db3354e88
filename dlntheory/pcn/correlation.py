"""Cross-correlation whose derivatives are cross-correlations of the same layout: fast on a processor, in loops too.

XLA's convolutions are fast on a processor where the batch comes first, the channels last, and a kernel is
``(height, width, in, out)``. The derivatives that JAX derives have other layouts; XLA changes those to its own outside
loops and conditionals only, and inside them they take up to two hundred times as long. Here a correlation is an
operation of its own, bilinear, and what transposes it moves the axes itself.
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
    """How a kernel moves over images: the same in both directions, but for the padding."""

    stride: int = 1
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    """Before and after the rows, and the columns; a negative one cuts off."""
    spread: int = 1
    """The distance of an image's pixels from each other; zeros lie between."""
    kernel_spread: int = 1
    """The distance of a kernel's entries from each other."""


def correlate(x: Float[Array, "..."], kernel: Float[Array, "..."], window: Window) -> Float[Array, "..."]:
    """Correlate images ``(batch, height, width, in)`` with a kernel ``(height, width, in, out)``.

    Differentiable in both, forwards and backwards and any number of times. Accelerators get JAX's own operation.
    """
    if jax.default_backend() != "cpu":
        return _plain(x, kernel, window)
    result: Array = _correlation.bind(x, kernel, window=window)
    return result


def _plain(x: Array, kernel: Array, window: Window) -> Array:
    """The same by JAX's own operation."""
    return jax.lax.conv_general_dilated(
        x, kernel, (window.stride,) * 2, window.padding, (window.spread,) * 2, (window.kernel_spread,) * 2, LAYOUT
    )


def _pull_to_images(slope: Array, x: Any, kernel: Array, *, window: Window) -> Array:
    """The derivative in the images: the slope, spread by the stride, meets the kernel turned by 180 degrees."""
    spans = _spans(x.aval.shape, kernel.shape, slope.shape, window)
    rows, columns = ((span.kernel - 1 - span.before, span.image - span.output + span.before) for span in spans)
    turned = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    return correlate(slope, turned, Window(window.spread, (rows, columns), window.stride, window.kernel_spread))


def _pull_to_kernel(slope: Array, x: Array, kernel: Any, *, window: Window) -> Array:
    """The derivative in the kernel: the slope moves over the images, with samples in the place of channels."""
    spans = _spans(x.shape, kernel.aval.shape, slope.shape, window)
    rows, columns = ((span.before, span.output - span.image + span.kernel - 1 - span.before) for span in spans)
    by_channel, moving = jnp.transpose(x, (3, 1, 2, 0)), jnp.transpose(slope, (1, 2, 0, 3))
    found = correlate(by_channel, moving, Window(window.kernel_spread, (rows, columns), window.spread, window.stride))
    return jnp.transpose(found, (1, 2, 0, 3))


class _Span(NamedTuple):
    """What everything spans along an axis, the output spread by the stride, and the padding before the image."""

    image: int
    kernel: int
    output: int
    before: int


def _spans(image: Any, kernel: Any, output: Any, window: Window) -> list[_Span]:
    """Along rows and columns."""

    def spread(length: int, distance: int) -> int:
        return (length - 1) * distance + 1

    return [
        _Span(spread(i, window.spread), spread(k, window.kernel_spread), spread(o, window.stride), before)
        for i, k, o, (before, _) in zip(image[1:3], kernel[:2], output[1:3], window.padding, strict=True)
    ]


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
