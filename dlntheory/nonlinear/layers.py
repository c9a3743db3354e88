"""The layers inside a block: dense, convolution, its transpose, identity, and batch normalisation."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .images import Images, Kernel, convolve, convolve_transposed


class Dense(eqx.Module):
    """``x W' + b``; images are flattened first, and the outputs are put into ``shape`` if it is given.

    Weight and bias are uniform on ``±1/sqrt(n_in)``, as in Equinox and PyTorch.
    """

    weight: Float[Array, "n_out n_in"]
    bias: Float[Array, " n_out"] | None
    shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        n_in: int,
        n_out: int,
        key: jax.Array,
        dtype: Any = jnp.float32,
        bias: bool = True,
        shape: tuple[int, ...] | None = None,
    ):
        for_weight, for_bias = jax.random.split(key)
        self.weight = _uniform(for_weight, (n_out, n_in), n_in, dtype)
        self.bias = _uniform(for_bias, (n_out,), n_in, dtype) if bias else None
        self.shape = shape

    def __call__(self, x: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """Apply to a batch."""
        y = _add_bias(x.reshape(len(x), -1) @ self.weight.T, self.bias)
        return y if self.shape is None else y.reshape(len(x), *self.shape)


class Conv(eqx.Module):
    """A convolution of images with channels last, initialised like `Dense`."""

    kernel: Kernel
    bias: Float[Array, " channels_out"] | None
    stride: int = eqx.field(static=True)
    padding: int = eqx.field(static=True)

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        size: int,
        key: jax.Array,
        stride: int = 1,
        padding: int = 0,
        dtype: Any = jnp.float32,
        bias: bool = True,
    ):
        self.kernel, drawn = _kernel_and_bias(channels_in, channels_out, size, key, dtype)
        self.bias = drawn if bias else None
        self.stride, self.padding = stride, padding

    @property
    def smallest(self) -> int:
        """The height and width that an image needs."""
        return self.kernel.shape[0] - 2 * self.padding

    def __call__(self, x: Images) -> Images:
        """Apply to a batch."""
        return _add_bias(convolve(x, self.kernel, self.stride, self.padding), self.bias)


class ConvTranspose(eqx.Module):
    """The transpose of a strided convolution: it makes images larger, and starts like `Dense`.

    The convolution with this size, stride and padding maps ``stride`` heights, and as many widths, to the same;
    ``added``, below the stride, says which of them come out.
    """

    kernel: Kernel
    bias: Float[Array, " channels_out"]
    stride: int = eqx.field(static=True)
    padding: int = eqx.field(static=True)
    added: tuple[int, int] = eqx.field(static=True)

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        size: int,
        key: jax.Array,
        stride: int = 1,
        padding: int = 0,
        added: tuple[int, int] = (0, 0),
        dtype: Any = jnp.float32,
    ):
        self.kernel, self.bias = _kernel_and_bias(channels_in, channels_out, size, key, dtype)
        self.stride, self.padding, self.added = stride, padding, added

    def __call__(self, x: Images) -> Images:
        """Apply to a batch."""
        return _add_bias(convolve_transposed(x, self.kernel, self.stride, self.padding, self.added), self.bias)


class Identity(eqx.Module):
    """The input, unchanged."""

    def __call__(self, x: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """Apply to a batch."""
        return x


class Moments(eqx.Module):
    """Mean and variance of every channel."""

    mean: Float[Array, " channels"]
    variance: Float[Array, " channels"]


class BatchNorm(eqx.Module):
    r"""Batch normalisation over all axes but the last, ``scale (x − mean) / sqrt(variance + 1e-5) + shift``.

    Training uses the batch's moments. The running moments, for predictions, are moving averages of them: of every
    evaluation of the network, inference included; or, if ``frozen``, of those in the learning phase only.

    Source:
        Ioffe and Szegedy 2015; the freezing is from Deeper PCNs, section 4.
    """

    scale: Float[Array, " channels"]
    shift: Float[Array, " channels"]
    running: Moments
    frozen: bool = eqx.field(static=True)
    keep: float = eqx.field(static=True)

    def __init__(self, channels: int, frozen: bool = False, keep: float = 0.9, dtype: Any = jnp.float32):
        ones, zeros = jnp.ones((channels,), dtype), jnp.zeros((channels,), dtype)
        self.scale, self.shift = ones, zeros
        self.running = Moments(zeros, ones)
        self.frozen, self.keep = frozen, keep

    def __call__(self, x: Float[Array, "*batch channels"], training: bool) -> tuple[Float[Array, "..."], Moments]:
        """Normalise, and return the moments for `average`: their variance is the unbiased one, as in PyTorch."""
        moments = batch_moments(x) if training else self.running
        scale = self.scale * jax.lax.rsqrt(moments.variance + 1e-5)
        shift = self.shift - moments.mean * scale
        count = x.size // x.shape[-1]
        return x * _like(scale, x) + _like(shift, x), Moments(
            moments.mean, moments.variance * (count / max(count - 1, 1))
        )

    def average(self, running: Moments, moments: Moments) -> Moments:
        """Move the running moments towards a batch's moments."""
        return jax.tree.map(lambda old, new: self.keep * old + (1 - self.keep) * new, running, moments)


def batch_moments(x: Float[Array, "*batch channels"]) -> Moments:
    """Mean and variance over all axes but the last."""
    axes = tuple(range(x.ndim - 1))
    return Moments(x.mean(axes), x.var(axes))


def _add_bias(x: Array, bias: Array | None) -> Array:
    return x if bias is None else x + _like(bias, x)


def _like(vector: Array, x: Array) -> Array:
    return vector.reshape((1,) * (x.ndim - 1) + (-1,))


def _kernel_and_bias(
    channels_in: int, channels_out: int, size: int, key: jax.Array, dtype: Any
) -> tuple[Kernel, Float[Array, " channels_out"]]:
    for_kernel, for_bias = jax.random.split(key)
    fan_in = size * size * channels_in
    kernel = _uniform(for_kernel, (size, size, channels_in, channels_out), fan_in, dtype)
    return kernel, _uniform(for_bias, (channels_out,), fan_in, dtype)


def _uniform(key: jax.Array, shape: tuple[int, ...], fan_in: int, dtype: Any) -> jax.Array:
    bound = 1 / math.sqrt(fan_in)
    return jax.random.uniform(key, shape, dtype, -bound, bound)
