"""Autoencoders: networks whose output is to be their input, and decoders whose input is found by inference."""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..numerics.checks import as_array, as_count, as_counts, as_key, as_number
from .building import Builder, Stage, as_image_shape
from .latent import Latent
from .network import Network


def autoencoder(
    input_shape: Sequence[int] = (1, 28, 28),
    hidden: Sequence[int] = (128, 32),
    activation: str = "gelu",
    key: Any = 0,
    dtype: Any = jnp.float32,
) -> Network:
    """An autoencoder of dense layers, ``n_0, h_1, …, h_k, …, h_1, n_0``, with a linear output in the input's shape.

    With the activation ``"identity"`` it is linear.

    Args:
        input_shape: ``(n,)``, or ``(channels, height, width)``.
        hidden: widths of the encoder; the last one is the bottleneck's, and the decoder mirrors the others.
        activation: a name from `dlntheory.pcn.ACTIVATIONS`.
        key: an integer seed or a JAX random key.
        dtype: the dtype of the parameters.

    Returns:
        The network; its target is its input.

    Raises:
        ValueError: for no hidden layer, widths that are not positive, or an unknown activation.
        TypeError: for numbers that are not whole.

    Source:
        Sample Efficiency, appendix A.3.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.autoencoder().state_shapes
        ((128,), (32,), (128,), (28, 28, 1))
    """
    shape, widths = as_counts("input_shape", input_shape), as_counts("hidden", hidden)
    if not widths:
        raise ValueError("`hidden` is empty; wanted at least the bottleneck's width.")
    builder = Builder(shape, activation, None, as_key("key", key), dtype)
    for width in (*widths, *widths[-2::-1]):
        builder.connect(width)
    builder.connect(math.prod(shape), shape=builder.shapes[0])
    return builder.network()


def deconvolutional_autoencoder(
    input_shape: Sequence[int] = (3, 32, 32),
    channels: Sequence[int] = (32, 64, 8),
    activation: str = "gelu",
    norm: str | None = None,
    key: Any = 0,
    dtype: Any = jnp.float32,
    kernel: int = 3,
) -> Network:
    """An autoencoder of convolutions with stride 2, and of as many transposed ones.

    Args:
        input_shape: ``(channels, height, width)``.
        channels: the channels of the encoder; the last are the bottleneck's, and the decoder mirrors the others.
        activation: a name from `dlntheory.pcn.ACTIVATIONS`.
        norm: batch normalisation of the hidden layers: ``None``, ``"standard"`` or ``"frozen"``.
        key: an integer seed or a JAX random key.
        dtype: the dtype of the parameters.
        kernel: the side of every kernel.

    Returns:
        The network; its target is its input.

    Raises:
        ValueError: for no channels, a shape that is no image's, an unknown activation or norm, or a kernel
            that does not lead back to the images' sizes.
        TypeError: for numbers that are not whole.

    Source:
        Benchmarking PCNs, table 8, the baseline by backpropagation: three layers on either side, and a bottleneck of
        4 × 4 with 8 channels. It does not give the other channels. Predictive coding has the decoder alone there,
        which is `deconvolutional_decoder`.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.deconvolutional_autoencoder().state_shapes
        ((16, 16, 32), (8, 8, 64), (4, 4, 8), (8, 8, 64), (16, 16, 32), (32, 32, 3))
    """
    widths = _as_channels(channels)
    builder = Builder(as_image_shape(input_shape), activation, norm, as_key("key", key), dtype)
    for width in widths:
        builder.convolve(Stage(width, (as_count("kernel", kernel, minimum=2) - 1) // 2, stride=2), kernel)
    _deconvolve(builder, builder.shapes[-2::-1], kernel)
    return builder.network()


def decoder(
    output_shape: Sequence[int] = (1, 28, 28),
    hidden: Sequence[int] = (128, 128, 64),
    activation: str = "gelu",
    key: Any = 0,
    dtype: Any = jnp.float32,
    variance: float = math.inf,
) -> Network:
    """The second half of an `autoencoder`, with a latent in place of the first: inference finds what an encoder would.

    Args:
        output_shape: ``(n,)``, or ``(channels, height, width)``.
        hidden: widths of the encoder that it mirrors; the last is the latent's.
        activation: a name from `dlntheory.pcn.ACTIVATIONS`.
        key: an integer seed or a JAX random key.
        dtype: the dtype of the parameters.
        variance: the variance of the latent's prior; infinity for none.

    Returns:
        The network, with a latent input.

    Raises:
        ValueError: for no width, widths that are not positive, an unknown activation, or a variance that is not
            positive.
        TypeError: for numbers that are not whole.

    Source:
        Benchmarking PCNs, appendix C.1 and table 9; the hidden widths and the flat prior are from its code, PCX.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.decoder().state_shapes
        ((64,), (128,), (128,), (28, 28, 1))
    """
    shape, widths = as_counts("output_shape", output_shape), as_counts("hidden", hidden)
    if not widths:
        raise ValueError("`hidden` is empty; wanted at least the latent's width.")
    builder = Builder((widths[-1],), activation, None, as_key("key", key), dtype)
    for width in widths[-2::-1]:
        builder.connect(width)
    builder.connect(math.prod(shape), shape=(*shape[1:], shape[0]))
    return with_latent(builder.network(), variance=variance)


def deconvolutional_decoder(
    output_shape: Sequence[int] = (3, 32, 32),
    channels: Sequence[int] = (4, 6, 8),
    activation: str = "gelu",
    norm: str | None = None,
    key: Any = 0,
    dtype: Any = jnp.float32,
    kernel: int = 3,
    variance: float = math.inf,
) -> Network:
    """The second half of a `deconvolutional_autoencoder`, with a latent in place of the first.

    Args:
        output_shape: ``(channels, height, width)``.
        channels: the channels of the encoder that it mirrors; the last are the latent's.
        activation: a name from `dlntheory.pcn.ACTIVATIONS`.
        norm: batch normalisation of the hidden layers: ``None``, ``"standard"`` or ``"frozen"``.
        key: an integer seed or a JAX random key.
        dtype: the dtype of the parameters.
        kernel: the side of every kernel.
        variance: the variance of the latent's prior; infinity for none.

    Returns:
        The network, with a latent input.

    Raises:
        ValueError: for no channels, a shape that is no image's, an unknown activation or norm, a kernel that
            does not lead to the images' sizes, or a variance that is not positive.
        TypeError: for numbers that are not whole.

    Source:
        Benchmarking PCNs, appendix C.1 and table 8; the channels and the flat prior are from its code, PCX.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.deconvolutional_decoder().state_shapes
        ((4, 4, 8), (8, 8, 6), (16, 16, 4), (32, 32, 3))
    """
    shape, widths = as_image_shape(output_shape), _as_channels(channels)
    shapes = [(*shape[1:], shape[0])]
    for width in widths:
        shapes.append(((shapes[-1][0] + 1) // 2, (shapes[-1][1] + 1) // 2, width))
    latent, *larger = shapes[::-1]
    builder = Builder((latent[2], *latent[:2]), activation, norm, as_key("key", key), dtype)
    _deconvolve(builder, larger, as_count("kernel", kernel, minimum=2))
    return with_latent(builder.network(), variance=variance)


def _as_channels(channels: Any) -> tuple[int, ...]:
    widths = as_counts("channels", channels)
    if not widths:
        raise ValueError("`channels` is empty; wanted at least the bottleneck's.")
    return widths


def _deconvolve(builder: Builder, shapes: Sequence[tuple[int, ...]], kernel: int) -> None:
    """Transposed convolutions to images of these shapes; the last without normalisation."""
    for place, (height, width, count) in enumerate(shapes, start=1):
        if place == len(shapes):
            builder.norm = None
        builder.deconvolve(count, height, width, kernel)


def with_latent(network: Network, mean: Any = 0.0, variance: float = 1.0, learn_mean: bool = False) -> Network:
    r"""The network with its input free: one more state, with the prior ``N(μ_0, σ_0² I)``, which its blocks decode.

    It takes ``None`` for ``x``. A network whose input is free already, such as a trained decoder, gets another prior.
    The other way round, a network whose input is clamped is one without a latent.

    Args:
        network: a decoder, the map from a latent to an output.
        mean: ``μ_0``, a number, or of a latent's shape.
        variance: ``σ_0²``, positive; ``math.inf`` for no prior.
        learn_mean: whether ``μ_0`` learns with the weights.

    Returns:
        The network, with the latent as its first block.

    Raises:
        ValueError: for a mean of another shape, a variance that is not positive, or a mean to learn without a prior.
        TypeError: for something that is not a network, or holds no real numbers.

    Source:
        Benchmarking PCNs, section 3 (``P(h_0)``) and appendix C.1.

    Example:
        >>> from dlntheory import pcn
        >>> network = pcn.with_latent(pcn.mlp((2, 8, 5), key=0))
        >>> network.state_shapes, network.free_input
        (((2,), (8,), (5,)), True)
        >>> pcn.with_latent(network, mean=[0.5, 0.0], variance=2.0).depth
        3
    """
    if not isinstance(network, Network):
        raise TypeError(f"`network` is a {type(network).__name__}; wanted a pcn.Network.")
    value, shape = as_array("mean", mean, network.dtype), network.latent_shape
    if value.shape not in ((), shape):
        raise ValueError(f"`mean` has shape {value.shape}; wanted {shape}, or one number.")
    spread = math.inf if np.ndim(variance) == 0 and variance == math.inf else as_number("variance", variance)
    if not spread > 0:
        raise ValueError(f"`variance` is {spread}; wanted a positive number, or infinity for no prior.")
    if learn_mean and spread == math.inf:
        raise ValueError("`learn_mean` is True with an infinite variance, under which no mean counts; wanted a prior.")
    full = jnp.broadcast_to(jnp.asarray(value, network.dtype), shape)
    latent = Latent(network.inside(full[None])[0], spread, learn_mean)
    if network.free_input:
        return Network([latent, *network.blocks[1:]], (0,), network.sources, network.state_shapes)
    sources = [(0,), *(tuple(source + 1 for source in read) for read in network.sources)]
    return Network([latent, *network.blocks], (0,), sources, [latent.mean.shape, *network.state_shapes])
