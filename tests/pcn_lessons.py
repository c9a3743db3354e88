"""Small networks and what they learn from a batch, for the tests of the engine."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dlntheory as dln
from dlntheory import pcn
from dlntheory.nonlinear.network import channels_last
from dlntheory.pcn.engine import inference, learning

F64 = jnp.float64


def network(activation="tanh", widths=(4, 5, 3, 4, 2), seed=0):
    return pcn.mlp(widths, activation=activation, key=seed, dtype=F64)


study = eqx.filter_jit(learning.study)


def lesson(net, algorithm, x, y, epoch=0, seed=0):
    """The lesson of a batch, by one program for all algorithms of a kind."""
    keys = learning.Keys(*jax.random.split(jax.random.key(seed), 3))
    memory = algorithm.initial.memory(net, len(x))
    traced = inference.traced(algorithm, net.dtype)
    return study(learning.Batch(net, traced, channels_last(x), y, jnp.asarray(epoch), memory, keys))


def linear(net, learn_bias=False):
    """The network of the theory with the same weights, of NumPy: its closed forms compile nothing."""
    pairs = [(np.asarray(block.layer.weight), np.asarray(block.layer.bias)) for block in net.blocks]
    return dln.LinearNetwork([dln.Dense(*pair, learn_bias=learn_bias) for pair in pairs])


def daily(*values):
    """A case of a parametrised test that is left to the daily run."""
    return pytest.param(*values, marks=pytest.mark.daily)


def presets(*left_out):
    """Every algorithm of the table, of which some are left to the daily run."""
    names = [name for name in pcn.PRESETS if not name.endswith("+BF")]
    return [daily(name) if name in left_out else name for name in names]


def moving(steps=3, step_size=0.1, momentum=0.4, **choices):
    return pcn.Algorithm(relaxation=pcn.Gradient(step_size, momentum), steps=steps, **choices)
