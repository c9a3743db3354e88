"""Initial states: where inference starts."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...nonlinear.network import Network, States


class Initial(eqx.Module):
    """The states at time 0, which may depend on a memory of earlier batches."""

    forward = False
    """Whether every state starts at its prediction, so that only the output has an error."""

    def memory(self, network: Network, batch_size: int) -> Any:
        """An empty memory."""
        return ()

    def prepare(self, memory: Any, network: Network, x: Array, y: Array, key: jax.Array) -> Any:
        """The memory with which a batch that is learned from starts."""
        return memory

    @abc.abstractmethod
    def states(self, memory: Any, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """The states of a batch; ``x`` has its channels last. The output's state matters only if it is free."""

    def learn(self, memory: Any, x: Array, y: Array, states: States) -> Any:
        """The memory after a batch that ended in these states."""
        return memory


class Forward(Initial):
    """The forward pass."""

    forward = True

    def states(self, memory: Any, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """The forward pass."""
        return network.forward(x, training=True)[0]


class Zero(Initial):
    """Zero."""

    def states(self, memory: Any, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """Zero for every state."""
        return tuple(jnp.zeros((len(x), *shape), x.dtype) for shape in network.state_shapes)


class Random(Initial):
    """Independent normal numbers.

    Args:
        scale: their standard deviation.
    """

    scale: float = 1.0

    def states(self, memory: Any, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """A draw."""
        shapes = network.state_shapes
        pairs = zip(jax.random.split(key, len(shapes)), shapes, strict=True)
        return tuple(self.scale * jax.random.normal(each, (len(x), *shape), x.dtype) for each, shape in pairs)


class Kept(eqx.Module):
    """The last states, and whether there are any."""

    states: States
    filled: Array


class Null(Initial):
    """The states that the last batch ended with; the forward pass for the first batch.

    Where a batch that is not learned from has another size, its samples take the kept states in turn.

    Source:
        Better Initialization, section 3; Salvatori et al. 2024.
    """

    def memory(self, network: Network, batch_size: int) -> Kept:
        """Room for a batch."""
        zeros = tuple(jnp.zeros((batch_size, *shape), network.dtype) for shape in network.state_shapes)
        return Kept(zeros, jnp.asarray(False))

    def states(self, memory: Kept, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """The last batch's states."""
        turns = np.arange(len(x)) % len(memory.states[0])
        return jax.lax.cond(
            memory.filled,
            lambda: tuple(state if len(state) == len(x) else state[turns] for state in memory.states),
            lambda: network.forward(x, training=True)[0],
        )

    def learn(self, memory: Kept, x: Array, y: Array, states: States) -> Kept:
        """Keep the states."""
        if len(memory.states[0]) != len(x):
            raise ValueError(
                f"the batch has {len(x)} samples, but a null start keeps the states of {len(memory.states[0])}; "
                "wanted batches of one size."
            )
        return Kept(states, jnp.asarray(True))


class Averages(eqx.Module):
    """The mean state of every class, and which classes have been seen."""

    states: States
    seen: Float[Array, " classes"]


class ClassAverage(Initial):
    r"""The mean over the last batch's final states of the same class, from layer ``first`` on.

    Layers before it start with the forward pass, and so do classes that no batch had yet. Classes that a batch lacks
    keep their mean. Targets are one-hot.

    Args:
        first: the first layer, counted from 1, that starts at an average.

    Source:
        Better Initialization, equations 7 and 10.
    """

    first: int = eqx.field(static=True, default=1)

    def memory(self, network: Network, batch_size: int) -> Averages:
        """No class seen."""
        if len(network.output_shape) != 1:
            raise ValueError(f"the output has shape {network.output_shape}; wanted one number per class.")
        if not 1 <= self.first <= network.depth:
            raise ValueError(f"`first` is {self.first}; wanted a layer from 1 to {network.depth}.")
        classes = network.output_shape[0]
        zeros = (jnp.zeros((classes, *shape), network.dtype) for shape in network.state_shapes[self.first - 1 :])
        return Averages(tuple(zeros), jnp.zeros((classes,), network.dtype))

    def states(self, memory: Averages, network: Network, x: Array, y: Array, key: jax.Array) -> States:
        """The class averages."""
        labels = y.argmax(axis=-1)
        seen = memory.seen[labels] > 0
        start = list(network.forward(x, training=True)[0])
        for k, averages in enumerate(memory.states, start=self.first - 1):
            mask = seen.reshape((-1,) + (1,) * (start[k].ndim - 1))
            start[k] = jnp.where(mask, averages[labels], start[k])
        return tuple(start)

    def learn(self, memory: Averages, x: Array, y: Array, states: States) -> Averages:
        """Average over every class that the batch has."""
        members = jax.nn.one_hot(y.argmax(axis=-1), y.shape[-1], dtype=y.dtype, axis=0)
        counts = members.sum(axis=1)

        def average(old: Array, state: Array) -> Array:
            sums = jnp.tensordot(members, state, axes=1)
            column = counts.reshape((-1,) + (1,) * (state.ndim - 1))
            return jnp.where(column > 0, sums / jnp.maximum(column, 1), old)

        averages = jax.tree.map(average, memory.states, states[self.first - 1 :])
        return Averages(averages, jnp.maximum(memory.seen, jnp.minimum(counts, 1)))
