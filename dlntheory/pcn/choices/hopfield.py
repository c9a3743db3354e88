"""Inference that starts from an associative memory."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...nonlinear.network import Network, States
from .initial_states import Initial


class Projections(eqx.Module):
    """The parameters of the memory of one state."""

    query: Float[Array, "observed width"]
    bias: Float[Array, " width"]
    keys: Float[Array, "patterns width"]
    values: Float[Array, "patterns units"]


class Recollections(eqx.Module):
    """The memories of all states, and whether they hold anything."""

    states: tuple[Projections, ...]
    filled: Array


class HopfieldMemory(Initial):
    r"""States recalled from modern Hopfield networks, one per state, ``softmax(β (o W_Q + b) W_K') W_V``.

    The observation ``o`` is the input and the target, side by side. The first batch starts with the forward pass, and
    sets ``W_V`` so that the memory recalls the states that it ended with, by least squares; later batches move all
    parameters down the slope of ``½ ‖x(T) − x(0)‖²``, the mean over the batch.

    Args:
        patterns: memorised patterns a state.
        width: the width of queries and keys.
        rate: the learning rate of the memory.
        seed: the seed of its first parameters.

    Source:
        Better Initialization, equations 8 and 9; ``β`` is ``1/sqrt(width)``.
    """

    patterns: int = eqx.field(static=True, default=32)
    width: int = eqx.field(static=True, default=16)
    rate: Any = 0.01
    seed: int = eqx.field(static=True, default=0)

    def memory(self, network: Network, batch_size: int) -> Recollections:
        """Random queries and keys, and nothing memorised."""
        observed = math.prod(network.input_shape) + math.prod(network.output_shape)
        draws = jax.random.split(jax.random.key(self.seed), network.depth)
        pairs = zip(draws, network.state_shapes, strict=True)
        made = (self._projections(key, observed, math.prod(shape), network.dtype) for key, shape in pairs)
        return Recollections(tuple(made), jnp.asarray(False))

    def states(self, memory: Recollections, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """Recall from the memory."""
        pairs = zip(memory.states, network.state_shapes, strict=True)
        return jax.lax.cond(
            memory.filled,
            lambda: tuple(self.recall(each, x, y).reshape(len(x), *shape) for each, shape in pairs),
            lambda: network.forward(x, training=True)[0],
        )

    def learn(self, memory: Recollections, x: Array, y: Array, states: States) -> Recollections:
        """Memorise the first batch; descend on the others."""
        wanted = tuple(state.reshape(len(state), -1) for state in states)
        learned = jax.lax.cond(
            memory.filled,
            lambda: tuple(self._descend(*pair, x, y) for pair in zip(memory.states, wanted, strict=True)),
            lambda: tuple(self._memorise(*pair, x, y) for pair in zip(memory.states, wanted, strict=True)),
        )
        return Recollections(learned, jnp.asarray(True))

    def attention(self, each: Projections, x: Array, y: Array) -> Float[Array, "batch patterns"]:
        """The weight of every pattern in every sample's recollection."""
        observation = jnp.concatenate([x.reshape(len(x), -1), y.reshape(len(y), -1)], axis=1)
        queries = observation @ each.query + each.bias[None, :]
        return jax.nn.softmax(queries @ each.keys.T / math.sqrt(self.width))

    def recall(self, each: Projections, x: Array, y: Array) -> Float[Array, "batch units"]:
        """The recalled state, flattened."""
        return self.attention(each, x, y) @ each.values

    def _memorise(self, each: Projections, wanted: Array, x: Array, y: Array) -> Projections:
        values = jnp.linalg.pinv(self.attention(each, x, y)) @ wanted
        return Projections(each.query, each.bias, each.keys, values)

    def _descend(self, each: Projections, wanted: Array, x: Array, y: Array) -> Projections:
        slopes = jax.grad(lambda each: jnp.square(self.recall(each, x, y) - wanted).sum() / (2 * len(wanted)))(each)
        return jax.tree.map(lambda parameter, slope: parameter - self.rate * slope, each, slopes)

    def _projections(self, key: jax.Array, observed: int, units: int, dtype: Any) -> Projections:
        for_query, for_keys = jax.random.split(key)
        query = jax.random.normal(for_query, (observed, self.width), dtype) / math.sqrt(observed)
        keys = jax.random.normal(for_keys, (self.patterns, self.width), dtype)
        return Projections(query, jnp.zeros((self.width,), dtype), keys, jnp.zeros((self.patterns, units), dtype))
