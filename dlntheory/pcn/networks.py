"""The networks of `dlntheory.nonlinear`, under the names that `dlntheory.pcn` hands on."""

from ..nonlinear.activations import ACTIVATIONS
from ..nonlinear.autoencoders import (
    autoencoder,
    decoder,
    deconvolutional_autoencoder,
    deconvolutional_decoder,
    with_latent,
)
from ..nonlinear.blocks import Block
from ..nonlinear.latent import Latent
from ..nonlinear.layers import BatchNorm, Conv, ConvTranspose, Dense, Identity
from ..nonlinear.models import AUTOENCODERS, CONVOLUTIONS, DECODERS, MODELS, alexnet, build, mlp, resnet18, vgg
from ..nonlinear.network import Network

__all__ = [
    "ACTIVATIONS", "AUTOENCODERS", "CONVOLUTIONS", "DECODERS", "MODELS", "BatchNorm", "Block", "Conv", "ConvTranspose",
    "Dense", "Identity", "Latent", "Network", "alexnet", "autoencoder", "build", "decoder",
    "deconvolutional_autoencoder", "deconvolutional_decoder", "mlp", "resnet18", "vgg", "with_latent",
]  # fmt: skip
