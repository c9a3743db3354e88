"""Autoencoders: networks whose output is to be their input."""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from ..numerics.checks import as_count, as_key, as_list
from .building import Builder, Stage, as_image_shape
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
        dtype: of the parameters.

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
    shape = tuple(as_count("input_shape", size) for size in as_list("input_shape", input_shape, "whole numbers"))
    widths = [as_count("hidden", width) for width in as_list("hidden", hidden, "whole numbers")]
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
) -> Network:
    """An autoencoder of convolutions with stride 2, and of as many transposed ones.

    Args:
        input_shape: ``(channels, height, width)``.
        channels: of the encoder; the last are the bottleneck's, and the decoder mirrors the others.
        activation: a name from `dlntheory.pcn.ACTIVATIONS`.
        norm: batch normalisation of the hidden layers: ``None``, ``"standard"`` or ``"frozen"``.
        key: an integer seed or a JAX random key.
        dtype: of the parameters.

    Returns:
        The network; its target is its input.

    Raises:
        ValueError: for no channels, a shape that is not that of an image, or an unknown activation or norm.
        TypeError: for numbers that are not whole.

    Source:
        Benchmarking PCNs, table 8: three layers on either side, and a bottleneck of 4 × 4 with 8 channels. It does not
        give the other channels.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.deconvolutional_autoencoder().state_shapes
        ((16, 16, 32), (8, 8, 64), (4, 4, 8), (8, 8, 64), (16, 16, 32), (32, 32, 3))
    """
    widths = [as_count("channels", width) for width in as_list("channels", channels, "whole numbers")]
    if not widths:
        raise ValueError("`channels` is empty; wanted at least the bottleneck's.")
    builder = Builder(as_image_shape(input_shape), activation, norm, as_key("key", key), dtype)
    for width in widths:
        builder.convolve(Stage(width, stride=2))
    *hidden, output = builder.shapes[-2::-1]
    for height, width, count in hidden:
        builder.deconvolve(count, height, width)
    builder.norm = None
    builder.deconvolve(output[2], *output[:2])
    return builder.network()
