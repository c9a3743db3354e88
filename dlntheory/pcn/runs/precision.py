"""The precision of a run: 32 or 64 bits, or mixed."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...nonlinear.layers import Conv, ConvTranspose, Dense

STORED = {"float32": "float32", "bfloat16": "float32", "float64": "float64"}
"""By precision, the dtype of weights, states, errors and the optimiser; ``bfloat16`` is mixed."""


class Mixed(eqx.Module):
    """A layer that multiplies in 16 bits, and whose weights, inputs and outputs have 32."""

    layer: Dense | Conv | ConvTranspose

    def __call__(self, x: Array) -> Array:
        """Apply to a batch."""
        low = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16) if eqx.is_inexact_array(leaf) else leaf, self.layer)
        return low(x.astype(jnp.bfloat16)).astype(x.dtype)


def with_mixed_layers(network: Any) -> Any:
    """The network with layers that multiply in 16 bits."""
    return jax.tree.map(lambda leaf: Mixed(leaf) if is_layer(leaf) else leaf, network, is_leaf=is_layer)


def is_layer(leaf: Any) -> bool:
    """Whether an object is a layer that multiplies."""
    return isinstance(leaf, Dense | Conv | ConvTranspose)
