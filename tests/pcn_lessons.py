"""Small networks and what they learn from a batch, for the tests of the engine."""

import jax
import jax.numpy as jnp

import dlntheory as dln
from dlntheory import pcn
from dlntheory.nonlinear.network import channels_last
from dlntheory.pcn.engine import inference, learning

F64 = jnp.float64


def network(activation="tanh", widths=(4, 5, 3, 4, 2), seed=0):
    return pcn.mlp(widths, activation=activation, key=seed, dtype=F64)


def lesson(net, algorithm, x, y, epoch=0, seed=0):
    keys = learning.Keys(*jax.random.split(jax.random.key(seed), 3))
    memory = algorithm.initial.memory(net, len(x))
    traced = inference.traced(algorithm, net.dtype)
    return learning.study(learning.Batch(net, traced, channels_last(x), y, jnp.asarray(epoch), memory, keys))


def linear(net):
    """The network of the theory with the same weights."""
    return dln.LinearNetwork.from_weights(
        [block.layer.weight for block in net.blocks], [block.layer.bias for block in net.blocks]
    )


def moving(steps=7, step_size=0.1, momentum=0.4, **choices):
    return pcn.Algorithm(relaxation=pcn.Gradient(step_size, momentum), steps=steps, **choices)
