"""Networks of the papers."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ..numerics.checks import as_count, as_counts, as_key, as_widths, one_of
from .activations import ACTIVATIONS
from .autoencoders import autoencoder, decoder, deconvolutional_autoencoder, deconvolutional_decoder
from .blocks import Block
from .building import BATCH_NORMS, Builder, Stage, as_image_shape
from .layers import Dense
from .network import Network


def mlp(
    widths: Sequence[int],
    activation: str = "gelu",
    key: Any = 0,
    dtype: Any = jnp.float32,
    input_shape: Sequence[int] | None = None,
) -> Network:
    """A multilayer perceptron, ``x_l = f(W_l x_{l−1} + b_l)``, with a linear output.

    Args:
        widths: ``(n_0, ..., n_L)``.
        activation: a name from `ACTIVATIONS`.
        key: an integer seed or a JAX random key.
        dtype: the dtype of the parameters.
        input_shape: the shape of samples that are not vectors: they are flattened.

    Returns:
        The network.

    Raises:
        ValueError: for fewer than two widths, widths that are not positive, or an unknown activation.
        TypeError: for widths that are not whole numbers.

    Source:
        Benchmarking PCNs, table 5.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.mlp((784, 128, 128, 128, 10)).depth
        4
    """
    sizes = as_widths("widths", widths)
    one_of("activation", activation, ACTIVATIONS)
    keys = jax.random.split(as_key("key", key), len(sizes) - 1)
    blocks = [
        Block(Dense(n_in, n_out, each, dtype), activation=activation)
        for n_in, n_out, each in zip(sizes[:-1], sizes[1:], keys, strict=True)
    ]
    blocks[-1] = Block(blocks[-1].layer)
    return Network(blocks, (sizes[0],) if input_shape is None else input_shape)


def _stages(channels: Sequence[int], pooled: Sequence[int], unpadded: Sequence[int] = ()) -> tuple[Stage, ...]:
    """Convolutions, numbered from 1: those that pooling follows, and those without padding."""
    return tuple(
        Stage(width, 0 if number in unpadded else 1, 2 if number in pooled else None)
        for number, width in enumerate(channels, start=1)
    )


CONVOLUTIONS: dict[str, tuple[Stage, ...]] = {
    "VGG-5": _stages([128, 256, 512, 512], pooled=[1, 2, 3, 4], unpadded=[4]),
    "VGG-7": _stages([128, 128, 256, 256, 512, 512], pooled=[1, 3, 5], unpadded=[4, 6]),
    "VGG-9": _stages([128, 128, 256, 256, 512, 512, 512, 512], pooled=[1, 3, 5, 8]),
    "VGG-10": _stages([64] + [128] * 3 + [256] * 4 + [512], pooled=[1, 4, 8, 9]),
    "VGG-15": _stages([64] * 2 + [128] * 2 + [256] * 3 + [512] * 6, pooled=[2, 4, 7, 10, 13]),
    "VGG-19": _stages([64] * 2 + [128] * 2 + [256] * 4 + [512] * 8, pooled=[2, 4, 8, 12, 16]),
    "AlexNet": (Stage(64, 1, 2, stride=2), Stage(192, 1, 2), Stage(384), Stage(256), Stage(256, 1, 2)),
}
"""The convolutions of every architecture, with channels and paddings of Deeper PCNs, table 3.

The papers give no pooling positions, and nothing at all on VGG-9. VGG-5, VGG-7 and AlexNet pool as in PCX; VGG-10 where
its channels grow and at the end, VGG-15 and VGG-19 as Simonyan and Zisserman's, and VGG-9 extends VGG-7. The table
lists 13 convolutions for VGG-15, which with one linear layer makes 14 layers with weights.
"""
CLASSIFIERS: dict[str, tuple[int, ...]] = {"VGG-19": (4096, 4096), "AlexNet": (4096, 4096)}
"""Hidden widths of the classifier; none elsewhere."""


def stages_of(name: str, channels: Sequence[int] | None = None) -> tuple[Stage, ...]:
    """The convolutions of an architecture, with the paper's channels or others, one number per convolution."""
    stages = CONVOLUTIONS[one_of("name", name, CONVOLUTIONS)]
    if channels is None:
        return stages
    widths = as_counts("channels", channels)
    if len(widths) != len(stages):
        raise ValueError(f"`channels` has {len(widths)} entries; wanted {len(stages)}, one per convolution of {name}.")
    return tuple(stage._replace(channels=width) for stage, width in zip(stages, widths, strict=True))


def vgg(
    name: str = "VGG-5",
    input_shape: Sequence[int] = (3, 32, 32),
    classes: int = 10,
    activation: str = "gelu",
    norm: str | None = None,
    skip: bool = False,
    key: Any = 0,
    dtype: Any = jnp.float32,
    channels: Sequence[int] | None = None,
) -> Network:
    """A VGG or an AlexNet; every block is a convolution, batch normalisation, the activation and max-pooling.

    Args:
        name: a name from `CONVOLUTIONS`.
        input_shape: ``(channels, height, width)``.
        classes: the number of outputs.
        activation: a name from `ACTIVATIONS`.
        norm: batch normalisation: ``None``, ``"standard"`` or ``"frozen"``.
        skip: whether the state after the second pooling, through a linear layer, joins the first hidden layer of the
            classifier: of the last layer, where there is no hidden one.
        key: an integer seed or a JAX random key.
        dtype: the dtype of the parameters.
        channels: of every convolution, in place of the paper's.

    Returns:
        The network.

    Raises:
        ValueError: for an unknown name, activation or norm, channels of more or fewer convolutions than there are, or
            images too small for the pooling.
        TypeError: for numbers that are not whole.

    Source:
        Deeper PCNs, table 3; Benchmarking PCNs, table 5 and, for the skip, appendix E.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.vgg("VGG-5").state_shapes
        ((16, 16, 128), (8, 8, 256), (4, 4, 512), (1, 1, 512), (10,))
    """
    stages = stages_of(name, channels)
    builder = Builder(as_image_shape(input_shape), activation, norm, as_key("key", key), dtype)
    for stage in stages:
        builder.convolve(stage)
    early = 1 + [number for number, stage in enumerate(stages) if stage.pool][1]
    for width in (*CLASSIFIERS.get(name, ()), as_count("classes", classes)):
        builder.connect(width, skip=early if skip else None)
        skip = False
    return builder.network()


def alexnet(
    input_shape: Sequence[int] = (3, 32, 32),
    classes: int = 10,
    activation: str = "gelu",
    norm: str | None = None,
    key: Any = 0,
    dtype: Any = jnp.float32,
) -> Network:
    """AlexNet for small images: five convolutions and three linear layers.

    Args:
        input_shape: as for `vgg`.
        classes: as for `vgg`.
        activation: as for `vgg`.
        norm: as for `vgg`.
        key: as for `vgg`.
        dtype: as for `vgg`.

    Returns:
        The network.

    Raises:
        ValueError: as `vgg`.
        TypeError: as `vgg`.

    Source:
        Better Initialization, appendix C.1; the sizes are from PCX.

    Example:
        >>> import equinox as eqx
        >>> from dlntheory import pcn
        >>> eqx.filter_eval_shape(pcn.alexnet).state_shapes[-3:]  # without weights
        ((4096,), (4096,), (10,))
    """
    return vgg("AlexNet", input_shape, classes, activation, norm, False, key, dtype)


def resnet18(
    input_shape: Sequence[int] = (3, 32, 32),
    classes: int = 10,
    activation: str = "gelu",
    norm: str | None = "standard",
    auxiliary: bool = False,
    key: Any = 0,
    dtype: Any = jnp.float32,
) -> Network:
    """ResNet-18 for small images: 17 convolutions with a state after each, and a linear layer.

    The skip around two convolutions joins before the second's activation; through a convolution of 1 × 1 where sizes
    change. With auxiliary neurons the skip has a state of its own, so that errors take as many steps through it as
    through the convolutions.

    Args:
        input_shape: ``(channels, height, width)``.
        classes: the number of outputs.
        activation: a name from `ACTIVATIONS`.
        norm: batch normalisation: ``None``, ``"standard"`` or ``"frozen"``.
        auxiliary: whether skips have auxiliary neurons.
        key: an integer seed or a JAX random key.
        dtype: the dtype of the parameters.

    Returns:
        The network.

    Raises:
        ValueError: for an unknown activation or norm, or a shape that no image has.
        TypeError: for numbers that are not whole.

    Source:
        Benchmarking PCNs, table 1; the later version of Deeper PCNs for auxiliary neurons. No paper gives more than the
        name; the sizes are from He et al. 2016, with a first convolution of 3 × 3 and no pooling before the end.

    Example:
        >>> import equinox as eqx
        >>> from dlntheory import pcn
        >>> [eqx.filter_eval_shape(pcn.resnet18, auxiliary=each).depth for each in (False, True)]  # without weights
        [18, 26]
    """
    builder = Builder(as_image_shape(input_shape), activation, norm, as_key("key", key), dtype)
    builder.convolve(Stage(64))
    for width, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        builder.convolve_with_skip(width, stride, auxiliary)
    builder.average()
    builder.connect(as_count("classes", classes))
    return builder.network()


def _of_dense_layers(
    input_shape: Sequence[int],
    classes: int,
    hidden: Sequence[int] = (128, 128, 128),
    norm: str | None = None,
    **rest: Any,
) -> Network:
    _refuse_norm("MLP", norm)
    return mlp((math.prod(input_shape), *hidden, classes), input_shape=input_shape, **rest)


def _of_samples(make: Callable[..., Network], dense: str = "") -> Callable[..., Network]:
    """A model whose output is a sample; one of dense layers, by its given name, has no batch normalisation."""

    def build(input_shape: Sequence[int], classes: int, norm: str | None = None, **options: Any) -> Network:
        if dense:
            _refuse_norm(dense, norm)
            return make(input_shape, **options)
        return make(input_shape, norm=norm, **options)

    return build


def _refuse_norm(name: str, norm: str | None) -> None:
    if norm is not None:
        raise ValueError(f"`norm` is {norm!r} with {name}, which has no batch normalisation; wanted None.")


DECODERS: dict[str, Callable[..., Network]] = {
    "Decoder": _of_samples(decoder, "Decoder"),
    "Conv-Decoder": _of_samples(deconvolutional_decoder),
}
"""The models with a latent input, whose output is the sample."""
AUTOENCODERS: dict[str, Callable[..., Network]] = {
    "AE": _of_samples(autoencoder, "AE"),
    "Conv-AE": _of_samples(deconvolutional_autoencoder),
    **DECODERS,
}
"""The models that reconstruct samples: their target is their input, or is decoded from a latent."""
MODELS: dict[str, Callable[..., Network]] = {
    "MLP": _of_dense_layers,
    **{name: partial(vgg, name) for name in CONVOLUTIONS},
    "ResNet-18": resnet18,
    **AUTOENCODERS,
}
"""A function for every name that `build` takes."""
NORMS = (None, "none", *BATCH_NORMS[1:])
"""The batch normalisations that `build` takes; ``None`` is the model's own."""


def build(
    name: str,
    input_shape: Sequence[int],
    classes: int,
    activation: str = "gelu",
    norm: str | None = None,
    key: Any = 0,
    **options: Any,
) -> Network:
    """A network by its name, as a configuration file has it.

    Args:
        name: a name from `MODELS`.
        input_shape: the shape of one sample, ``(n,)`` or ``(channels, height, width)``.
        classes: the number of outputs; an autoencoder or a decoder has the sample's shape instead.
        activation: a name from `ACTIVATIONS`.
        norm: batch normalisation: ``"standard"``, ``"frozen"`` or ``"none"``; ``None`` for the model's own, which is
            standard for a ResNet and none elsewhere.
        key: an integer seed or a JAX random key.
        **options: the model's own: ``hidden`` widths of an MLP, AE or Decoder, ``channels`` of a Conv-AE, Conv-Decoder,
            VGG or AlexNet, ``kernel`` of a Conv-AE or Conv-Decoder, ``variance`` of the latent of a decoder, ``skip``
            of a VGG, ``auxiliary`` of a ResNet.

    Returns:
        The network.

    Raises:
        ValueError: for an unknown name, or numbers that the model refuses.
        TypeError: for an option that the model does not have.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.build("MLP", (1, 28, 28), 10, hidden=(64, 32)).state_shapes
        ((64,), (32,), (10,))
    """
    make = MODELS[one_of("name", name, MODELS)]
    if one_of("norm", norm, NORMS) is not None:
        options["norm"] = None if norm == "none" else norm
    return make(input_shape=input_shape, classes=classes, activation=activation, key=key, **options)
