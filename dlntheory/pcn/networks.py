"""The networks of `dlntheory.nonlinear`, under the names that `dlntheory.pcn` hands on."""

from ..nonlinear.activations import ACTIVATIONS
from ..nonlinear.autoencoders import autoencoder, deconvolutional_autoencoder
from ..nonlinear.blocks import Block
from ..nonlinear.layers import BatchNorm, Conv, ConvTranspose, Dense, Identity
from ..nonlinear.models import AUTOENCODERS, CONVOLUTIONS, MODELS, alexnet, build, mlp, resnet18, vgg
from ..nonlinear.network import Network

__all__ = [
    "ACTIVATIONS", "AUTOENCODERS", "CONVOLUTIONS", "MODELS", "BatchNorm", "Block", "Conv", "ConvTranspose", "Dense",
    "Identity", "Network", "alexnet", "autoencoder", "build", "deconvolutional_autoencoder", "mlp", "resnet18", "vgg",
]  # fmt: skip
