"""Updates rescaled as the linear theory rescales them, of blocks ``f(W x + b)``: by the activities that enter them."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ...learning.rescaling import decorrelations, learning_rates, rescale
from ...learning.rules import Signals
from ...networks import layer as linear
from ...nonlinear.blocks import Block
from ...nonlinear.layers import Dense
from ...nonlinear.network import Gradients, Network, States


def dense_layers(network: Network) -> list[linear.Dense]:
    """The layers as the linear theory has them.

    Raises:
        ValueError: for a block that is more than a dense layer and an activation.
    """
    found = []
    for number, (block, read) in enumerate(zip(network.blocks, network.sources, strict=True), start=1):
        layer = block.layer
        if not isinstance(layer, Dense) or block.norm is not None or len(read) > 1:
            raise ValueError(f"`rescaling` is given, and block {number} is not dense; wanted dense blocks in a chain.")
        found.append(linear.Dense(layer.weight, layer.bias, learn_bias=layer.bias is not None))
    return found


def rescaled(
    network: Network, rule: str | None, x: Array, states: States, predicted: States, gradients: Gradients
) -> Gradients:
    """Gradients times ``α_l`` of Theorem 1 or ``A_l`` of Theorem 2.

    Args:
        network: of dense blocks.
        rule: ``None``, ``"adaptive"``, ``"adaptive_positive"`` or ``"decorrelated"``.
        x: inputs with channels last.
        states: those in the gradients' outer products.
        predicted: of the forward pass.
        gradients: batch means, one a block.
    """
    if rule is None:
        return gradients
    layers = dense_layers(network)
    own, plain = ([_columns(network.read(x, each, k)[0]) for k in range(network.depth)] for each in (states, predicted))
    signals = Signals((), own, [*plain, None], _columns(predicted[-1]))
    if rule == "decorrelated":
        factors = decorrelations(layers, signals)
    else:
        factors = learning_rates(layers, signals, positive=rule == "adaptive_positive")
    changes = rescale([_extended(each.layer) for each in gradients], factors)
    return tuple(_as_block(*each) for each in zip(gradients, layers, changes, strict=True))


def _columns(batch: Array) -> Array:
    return batch.reshape(len(batch), -1).T


def _extended(layer: Dense) -> Array:
    """The weight's gradient with the bias's as a last column."""
    return layer.weight if layer.bias is None else jnp.concatenate([layer.weight, layer.bias[:, None]], axis=1)


def _as_block(gradient: Block, layer: linear.Dense, change: Array) -> Block:
    """A change of the extended weight in the place of the weight and the bias."""
    return eqx.tree_at(
        lambda block: (block.layer.weight, block.layer.bias),
        gradient,
        layer.split(change),
        is_leaf=lambda it: it is None,
    )
