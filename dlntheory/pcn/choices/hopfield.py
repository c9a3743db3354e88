"""Inference that starts from an associative memory."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...nonlinear.network import Network, States
from ...numerics.checks import as_count, as_number, as_seed
from .initial_states import Forward, Initial, Random, Zero
from .optimisers import Descent, step_weights


class Projections(eqx.Module):
    """The parameters of the memory of one state."""

    query: Float[Array, "observed heads width"]
    bias: Float[Array, "heads width"]
    keys: Float[Array, "heads patterns width"]
    values: Float[Array, "heads patterns units"]


class Recollections(eqx.Module):
    """The memories of states, what their optimiser remembers, and whether they hold anything."""

    states: tuple[Projections, ...]
    optimiser: Any
    filled: Array


class HopfieldMemory(Initial):
    r"""States recalled from modern Hopfield networks, ``softmax(β (o W_Q + b) W_K') W_V``, summed over heads.

    The observation ``o`` is the input and the target, side by side. Before the first batch is learned from, ``W_V`` is
    set so that the memory recalls, by least squares, where an untrained network would start. Every batch, the first
    included, starts at what is recalled, and then moves all parameters down the slope of ``½ ‖x(T) − x(0)‖²``, the
    mean over the batch.

    Args:
        patterns: memorised patterns a state, for each head.
        width: the width of a head's queries and keys.
        rate: the learning rate of the memory, or an optimiser, such as the weights' own (`adamw`).
        seed: the seed of its first parameters.
        heads: heads, each with its own queries, keys and values, whose recollections are added.
        layers: so many states, from the first, have a memory, and the others follow by a forward pass: 1 for a decoder
            whose latent alone is recalled. ``None``: all.
        start: where an untrained network starts: `Forward`, `Zero` or `Random`.

    Raises:
        ValueError: for counts that are not positive, a negative rate or seed, or another start.
        TypeError: for counts and seeds that are not whole, or a rate that is neither a number nor an optimiser.

    Source:
        Better Initialization, equations 8 and 9, and appendix C.2 for heads and a single memory; ``β`` is
        ``1/sqrt(width)``. The symbol of the untrained start is lost in the text at hand.
    """

    patterns: int = eqx.field(static=True, default=32)
    width: int = eqx.field(static=True, default=16)
    rate: Any = 0.01
    seed: int = eqx.field(static=True, default=0)
    heads: int = eqx.field(static=True, default=1)
    layers: int | None = eqx.field(static=True, default=None)
    start: Initial = Forward()

    def __check_init__(self) -> None:
        for name in ("patterns", "width", "heads"):
            as_count(name, getattr(self, name))
        if self.layers is not None:
            as_count("layers", self.layers)
        as_seed("seed", self.seed)
        if not hasattr(self.rate, "init"):
            as_number("rate", self.rate, negative=False)
        if not isinstance(self.start, Forward | Zero | Random):
            kind = type(self.start).__name__
            raise ValueError(f"`start` is {kind}; wanted a start without a memory: Forward, Zero or Random.")

    def memory(self, network: Network, batch_size: int) -> Recollections:
        """Random queries and keys, and nothing memorised."""
        if self.layers is not None and self.layers > network.depth:
            raise ValueError(f"`layers` is {self.layers}; wanted at most {network.depth}, the network's states.")
        observed = math.prod(network.input_shape) + math.prod(network.output_shape)
        draws = jax.random.split(jax.random.key(self.seed), network.depth)
        pairs = zip(draws, network.state_shapes[: self.layers], strict=False)
        made = tuple(self._projections(key, observed, math.prod(shape), network.dtype) for key, shape in pairs)
        return Recollections(made, self._optimiser.init(made), jnp.asarray(False))

    def prepare(self, memory: Recollections, network: Network, x: Array, y: Array, key: jax.Array) -> Recollections:
        """Fit the values of an empty memory to the untrained start."""
        return jax.lax.cond(memory.filled, lambda: memory, lambda: self._fitted(memory, network, x, y, key))

    def states(self, memory: Recollections, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """Recall from the memory; from an empty one, the untrained start."""
        return jax.lax.cond(
            memory.filled,
            lambda: self._recalled(memory, network, x, y),
            lambda: self.start.states((), network, x, y, key),
        )

    def learn(self, memory: Recollections, x: Array, y: Array, states: States) -> Recollections:
        """Descend on the squared error of the start."""
        slopes = jax.grad(self._loss)(memory.states, x, y, states)
        learned, optimiser = step_weights(self._optimiser, slopes, memory.optimiser, memory.states)
        return Recollections(learned, optimiser, memory.filled)

    def attention(self, each: Projections, x: Array, y: Array) -> Float[Array, "batch heads patterns"]:
        """The weight of every pattern in every sample's recollection."""
        observation = jnp.concatenate([x.reshape(len(x), -1), y.reshape(len(y), -1)], axis=1)
        queries = jnp.einsum("bo,ohw->bhw", observation, each.query) + each.bias[None]
        return jax.nn.softmax(jnp.einsum("bhw,hpw->bhp", queries, each.keys) / math.sqrt(self.width))

    def recall(self, each: Projections, x: Array, y: Array) -> Float[Array, "batch units"]:
        """The recalled state, flattened."""
        return jnp.einsum("bhp,hpu->bu", self.attention(each, x, y), each.values)

    @property
    def _optimiser(self) -> Any:
        return self.rate if hasattr(self.rate, "init") else Descent(self.rate)

    def _loss(self, parameters: tuple[Projections, ...], x: Array, y: Array, states: States) -> Array:
        """The mean over samples of half the squared error, over all states with a memory."""
        pairs = zip(parameters, states, strict=False)
        errors = [self.recall(each, x, y) - state.reshape(len(state), -1) for each, state in pairs]
        return jnp.stack([jnp.square(error).sum() for error in errors]).sum() / (2 * len(x))

    def _fitted(self, memory: Recollections, network: Network, x: Array, y: Array, key: jax.Array) -> Recollections:
        wanted = self.start.states((), network, x, y, key)
        pairs = zip(memory.states, wanted, strict=False)
        fitted = tuple(self._memorise(each, state.reshape(len(state), -1), x, y) for each, state in pairs)
        return Recollections(fitted, memory.optimiser, jnp.asarray(True))

    def _memorise(self, each: Projections, wanted: Array, x: Array, y: Array) -> Projections:
        weights = self.attention(each, x, y).reshape(len(x), -1)
        values = jnp.linalg.pinv(weights) @ wanted
        return Projections(each.query, each.bias, each.keys, values.reshape(each.values.shape))

    def _recalled(self, memory: Recollections, network: Network, x: Array, y: Array) -> States:
        pairs = zip(memory.states, network.state_shapes, strict=False)
        found = tuple(self.recall(each, x, y).reshape(len(x), *shape) for each, shape in pairs)
        return network.onward(x, found, training=True)

    def _projections(self, key: jax.Array, observed: int, units: int, dtype: Any) -> Projections:
        for_query, for_keys = jax.random.split(key)
        heads, width, patterns = self.heads, self.width, self.patterns
        query = jax.random.normal(for_query, (observed, heads, width), dtype) / math.sqrt(observed)
        keys = jax.random.normal(for_keys, (heads, patterns, width), dtype)
        return Projections(query, jnp.zeros((heads, width), dtype), keys, jnp.zeros((heads, patterns, units), dtype))
