"""Updates rescaled as the linear theory rescales them, of blocks ``f(W x + b)``: by the activities that enter them."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from ...learning.rescaling import rescale, rescaling_factors
from ...learning.rules import Signals
from ...networks.layer import Layer
from ...nonlinear.blocks import Block
from ...nonlinear.chains import linear_layer
from ...nonlinear.layers import Dense
from ...nonlinear.network import Gradients, Network, States
from ...nonlinear.updates import as_block, flat_columns


def dense_layers(network: Network) -> list[Layer]:
    """The layers as the linear theory has them.

    Raises:
        ValueError: for a block that is more than a dense layer and an activation.
    """
    found: list[Any] = [linear_layer(block) if isinstance(block, Block) else None for block in network.blocks]
    for number, (layer, read) in enumerate(zip(found, network.sources, strict=True), start=1):
        if layer is None or len(read) > 1:
            raise ValueError(f"`rescaling` is given, and block {number} is not dense; wanted dense blocks in a chain.")
    return found


def rescaled(
    network: Network,
    rule: str | None,
    regularisation: Any,
    x: Array,
    states: States,
    predicted: States,
    gradients: Gradients,
) -> Gradients:
    """Gradients times ``α_l`` of Theorem 1 or ``A_l`` of Theorem 2.

    Args:
        network: a network of dense blocks.
        rule: ``None``, ``"adaptive"``, ``"adaptive_positive"`` or ``"decorrelated"``.
        regularisation: added to the matrices that ``"decorrelated"`` inverts, or ``None``.
        x: inputs with channels last.
        states: the states in the gradients' outer products.
        predicted: the states of the forward pass.
        gradients: batch means, one per block.
    """
    if rule is None:
        return gradients
    layers = dense_layers(network)
    own, plain = (
        [flat_columns(network.read(x, each, k)[0]) for k in range(network.depth)] for each in (states, predicted)
    )
    signals = Signals((), own, [*plain, None], flat_columns(predicted[-1]))
    factors = rescaling_factors(rule, layers, signals, regularisation)
    changes = rescale([_extended(each.layer) for each in gradients], factors)
    return tuple(as_block(*each) for each in zip(gradients, layers, changes, strict=True))


def _extended(layer: Dense) -> Array:
    """The weight's gradient with the bias's as a last column."""
    return layer.weight if layer.bias is None else jnp.concatenate([layer.weight, layer.bias[:, None]], axis=1)
