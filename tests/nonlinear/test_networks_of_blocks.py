"""The theory's questions of `pcn` networks: equilibrium, with kinks inside of blocks, updates, alignment, linearisation.

Oracles: the energy straight from its definition, and its finite differences; closed forms of linear networks; plain
gradient descent on the states, step by step, in NumPy; automatic differentiation.
"""

import pickle
from functools import cache
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from activations import FUNCTIONS
from closeness import assert_close, relative_error

import dlntheory as dln
from dlntheory import pcn

WIDTHS, BATCH = (7, 6, 4, 6, 7), 5
TIGHT = {"tolerance": 1e-12}


@cache
def network(activation, seed=0, last="sigmoid"):
    """Dense blocks without biases, with activations behind their layers."""
    draw = np.random.default_rng(seed)
    blocks = []
    for count, (n_in, n_out) in enumerate(pairwise(WIDTHS), start=1):
        weight = jnp.asarray(1.5 * draw.standard_normal((n_out, n_in)) / np.sqrt(n_in))
        layer = pcn.Dense(n_in, n_out, jax.random.key(0), jnp.float64, bias=False)
        layer = eqx.tree_at(lambda it: it.weight, layer, weight)
        blocks.append(pcn.Block(layer, activation=activation if count < len(WIDTHS) - 1 else last))
    return pcn.Network(blocks, WIDTHS[:1]), *(jnp.asarray(draw.uniform(size=(BATCH, 7))) for _ in range(2))


def energy(net, states):
    """The energy of each sample, straight from its definition."""
    pairs = zip(net.blocks, states, states[1:], strict=False)
    values = [FUNCTIONS[block.activation](before @ np.asarray(block.layer.weight).T) for block, before, _ in pairs]
    return sum(np.sum((after - value) ** 2, axis=1) for after, value in zip(states[1:], values, strict=True)) / 2


predict = eqx.filter_jit(lambda net, x: net(x))


def weights_of(tree):
    return [block.layer.weight for block in tree.blocks]


def descend(net, x, y, steps, step_size):
    """Plain gradient descent on the states of a rectifier network, in NumPy: its updates, averaged over the last half."""
    weights = [np.asarray(weight) for weight in weights_of(net)]
    states = [np.asarray(x), *(np.asarray(each) for each in net.forward(jnp.asarray(x), training=False)[0][:-1]), y]
    total = [0.0] * len(weights)
    for t in range(steps):
        inputs = [state @ weight.T for state, weight in zip(states, weights, strict=False)]
        values = [*(np.maximum(z, 0) for z in inputs[:-1]), 1 / (1 + np.exp(-inputs[-1]))]
        slopes = [*(jnp.where(z > 0, 1.0, 0.0) for z in inputs[:-1]), values[-1] * (1 - values[-1])]
        errors = [state - value for state, value in zip(states[1:], values, strict=True)]
        signals = [error * slope for error, slope in zip(errors, slopes, strict=True)]
        gradient = [errors[l] - signals[l + 1] @ weights[l + 1] for l in range(len(weights) - 1)]
        if 2 * t >= steps:
            pairs = zip(total, signals, states, strict=False)
            total = [so_far + signal.T @ state / len(x) for so_far, signal, state in pairs]
        for l, each in enumerate(gradient):
            states[l + 1] = states[l + 1] - step_size * each
    return [each / (steps - steps // 2) for each in total], float(np.sqrt(sum(np.sum(g**2) for g in gradient)))


# Kinks behind the layer


def test_the_equilibrium_is_a_local_minimum_with_units_on_kinks():
    net, x, y = network("relu")
    found = dln.nonlinear_equilibrium(net, x, y, **TIGHT)
    assert found.outcome == "converged"
    assert found.pinned.max() > 0
    x, *hidden, y = map(np.asarray, found.activities)
    assert_close(found.energy, energy(net, [x, *hidden, y]), condition=100)
    draw = np.random.default_rng(1)
    for size in (1e-3, 1e-2):
        for _ in range(100):
            moved = [each + size * draw.standard_normal(each.shape) for each in hidden]
            assert (energy(net, [x, *moved, y]) > np.asarray(found.energy)).all()


def test_signals_are_errors_times_subgradients():
    """And stationary: each error is what the layer above sends down."""
    net, x, y = network("relu")
    found = dln.nonlinear_equilibrium(net, x, y, **TIGHT)
    on_kinks = 0
    for l, weight in enumerate(weights_of(net)):
        weight, error, signal = map(np.asarray, (weight, found.errors[l], found.signals[l]))
        if l + 1 < len(WIDTHS) - 1:
            z = np.asarray(found.activities[l]) @ weight.T
            slope = signal / np.where(error == 0, 1, error)
            resting = (np.abs(z) < 1e-9) & (error < 0)
            on_kinks += int(resting.sum())
            assert ((slope > -1e-8) & (slope < 1 + 1e-8)).all()
            np.testing.assert_allclose(
                np.where(resting, 0, signal), np.where(resting, 0, np.where(z > 0, error, 0)), atol=1e-9
            )
        if l:
            np.testing.assert_allclose(found.errors[l - 1], signal @ weight, atol=1e-10)
    assert on_kinks > 0


@pytest.mark.daily
@pytest.mark.parametrize("seed", [1, 2])
def test_plain_descent_stalls_on_kinks_and_its_average_does_not(seed):
    """At a kink the slope jumps, and the gradient with it; averaged over the steps it is what the signals say.

    The energy is not convex: of these seeds, every sample descends to the minimum that Newton's method finds.
    """
    net, x, y = network("relu", seed)
    averaged, missing = descend(net, x, y, 20_000, 0.005)
    assert missing > 0.01
    assert relative_error(averaged, weights_of(dln.nonlinear_updates(net, x, y, **TIGHT))) < 1e-3


def test_the_update_is_minus_the_gradient_of_the_energy_at_equilibrium():
    """Signals have the multipliers of the kinks: with them the envelope theorem holds there."""
    net, x, y = network("relu")
    updates = weights_of(dln.nonlinear_updates(net, x, y, **TIGHT))
    draw = np.random.default_rng(2)
    for _ in range(2):
        direction = [draw.standard_normal(weight.shape) for weight in updates]
        ends = []
        for size in (1e-5, -1e-5):
            moved = [jnp.asarray(weight + size * way) for weight, way in zip(weights_of(net), direction, strict=True)]
            there = eqx.tree_at(weights_of, net, moved)
            ends.append(float(dln.nonlinear_equilibrium(there, x, y, **TIGHT).energy.mean()))
        slope = sum(float(np.sum(way * update)) for way, update in zip(direction, updates, strict=True))
        np.testing.assert_allclose((ends[1] - ends[0]) / 2e-5, slope, rtol=1e-5)


def test_without_a_residual_nothing_moves():
    net, x, _ = network("relu")
    found = dln.nonlinear_equilibrium(net, x, predict(net, x), **TIGHT)
    assert max(np.abs(each).max() for each in found.errors) < 1e-15


# The theory of any network


@pytest.mark.parametrize("activation", ["relu", pytest.param("tanh", marks=pytest.mark.daily)])
def test_backpropagation_is_minus_the_gradient(activation):
    net, x, y = network(activation)
    expected = eqx.filter_jit(eqx.filter_grad(lambda net: -jnp.sum((y - net(x)) ** 2) / 2 / BATCH))(net)
    found = dln.nonlinear_updates(net, x, y, "bp")
    assert_close(weights_of(found), weights_of(expected))
    along = dln.update_alignment(predict, net, x, y, expected)
    assert_close(dln.nonlinear_alignment(net, x, y, "bp"), along)


@pytest.mark.parametrize("rescaling", [None, "adaptive", "decorrelated"])
def test_linear_blocks_are_the_linear_theory(rescaling):
    """Of one sample, where the theory's regular inverse and pseudoinverse agree."""
    net, x, y = network("identity", last="identity")
    linear = dln.LinearNetwork.from_weights(list(map(np.asarray, weights_of(net))))
    condition = 1e4 if rescaling == "decorrelated" else 100
    found = dln.nonlinear_updates(net, x, y, "pc", rescaling, **TIGHT)
    assert_close(
        weights_of(found), list(dln.weight_updates(linear, np.asarray(x), np.asarray(y), "pc", rescaling)), condition
    )


def test_linearised_blocks_are_their_tangents():
    net, *data = network("tanh")
    x, y = map(np.asarray, data)
    near = eqx.filter_jit(dln.linearised)(net, x[0]).to_numpy()
    way = np.random.default_rng(3).normal(size=7)
    expected, moved = jax.jit(lambda x, way: jax.jvp(lambda x: net(x[None])[0], (x,), (way,)))(x[0], way)
    assert_close(near(x[0]), expected)
    assert_close(near(x[0] + way) - near(x[0]), moved, condition=10)
    settled = dln.nonlinear_equilibrium(net, x[0], y[0], method="linearised", **TIGHT)
    assert_close(settled.errors, dln.equilibrium(near, x[0], y[0]).errors, condition=100)
    updates = dln.nonlinear_updates(net, x[0], y[0], "bp")
    assert_close(weights_of(updates), list(dln.weight_updates(near, x[0], y[0], "bp")), condition=10)
    assert_close(dln.target_alignment(near, x[0], y[0], "bp"), dln.nonlinear_alignment(net, x[0], y[0], "bp"), 10)
    with pytest.raises(ValueError, match="rescaling"):
        dln.target_alignment(near, x[0], y[0], "pc", "adaptive")


def test_networks_can_be_pickled():
    net, x, _ = network("relu")
    theory = dln.NonlinearNetwork.from_linear(dln.LinearNetwork.from_weights(weights_of(net)), "gelu")
    for each in (net, theory):
        np.testing.assert_array_equal(predict(pickle.loads(pickle.dumps(each)), x), predict(each, x))


def test_graphs_are_refused_by_name():
    graph = pcn.Network([pcn.Block(pcn.Dense(3, 3, jax.random.key(0))) for _ in range(2)], (3,), [(0,), (1, 0)])
    with pytest.raises(ValueError, match=r"`net` has a block 2 that reads the states \(1, 0\); wanted a chain"):
        dln.nonlinear_equilibrium(graph, np.ones((1, 3), "float32"), np.ones((1, 3), "float32"))
    with pytest.raises(ValueError, match=r"`net.blocks\[0\]` is a Block, whose features are not known"):
        dln.linearised(pcn.deconvolutional_autoencoder((1, 4, 4), (2,)), np.ones((1, 4, 4), "float32"))
