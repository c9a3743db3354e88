"""Newton's method as a relaxation of `pcn`, and functions of one sample as its blocks.

Oracles: the linear theory's closed form, the theory's own equilibrium, and a long gradient descent.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import dlntheory as dln
from dlntheory import pcn
from dlntheory.pcn.runs.config import TrainingConfig
from tests import pcn_naive as naive
from tests.closeness import assert_close
from tests.pcn_lessons import linear

F64 = jnp.float64
NEWTON = pcn.Algorithm(relaxation=pcn.Newton(1e-12), steps=50)


def learned(network, algorithm, x, y):
    """The updates that one step of plain descent takes, and its metrics."""
    optimiser = pcn.Descent(1.0)
    state = pcn.start_training(network, algorithm, optimiser)
    after, metrics = pcn.train_step(state, x, y, algorithm, optimiser)
    return [
        np.asarray(new.layer.weight) - np.asarray(old.layer.weight)
        for new, old in zip(after.network.blocks, network.blocks, strict=True)
    ], metrics


def test_linear_blocks_settle_where_the_theory_does():
    network = pcn.mlp((5, 4, 4, 3), activation="identity", key=1, dtype=F64)
    x, y = naive.batch(network, one_hot=False)
    theory = linear(network, learn_bias=True)
    data = np.asarray(x), np.asarray(y)
    run = pcn.relax(network, x, y, NEWTON)
    expected = dln.equilibrium(theory, *data)
    assert_close(run.states, expected.activities[1:], condition=10)
    assert run.energy.shape == (2, 3)
    assert_close(np.sum(run.energy[-1]), expected.energy.mean(), condition=10)
    updates, metrics = learned(network, NEWTON, x, y)
    assert_close(updates, list(dln.weight_updates(theory, *data)), condition=10)
    assert metrics["residual"] <= 1e-12
    assert_close(np.sum(metrics["energy"]), expected.energy.mean(), condition=10)


@pytest.mark.parametrize(
    ("initial", "output"),
    [
        pytest.param(pcn.Forward(), pcn.Nudge(-1, 0.3), id="forward, nudged"),
        pytest.param(pcn.Zero(), pcn.Clamp(), id="zero, clamped", marks=pytest.mark.daily),
        pytest.param(pcn.Forward(), pcn.Clamp(), id="forward, clamped", marks=pytest.mark.daily),
        pytest.param(pcn.Zero(), pcn.Nudge(-1, 0.3), id="zero, nudged", marks=pytest.mark.daily),
    ],
)
def test_smooth_blocks_settle_where_gradient_descent_ends(initial, output):
    network = pcn.mlp((4, 5, 3, 2), activation="tanh", dtype=F64)
    x, y = naive.batch(network)
    slow = pcn.Algorithm(relaxation=pcn.Gradient(0.3, 0.3), output=output, initial=initial, steps=600)
    newton = pcn.Algorithm(relaxation=pcn.Newton(1e-12), output=output, initial=initial, steps=50)
    assert_close(pcn.relax(network, x, y, newton).states, pcn.relax(network, x, y, slow).states, condition=100)


def test_the_theory_s_networks_train():
    """Functions of one sample, with biases that are fixed and learned: what `nonlinear_updates` says."""
    weights = dln.LinearNetwork.random((4, 5, 3), "norm_preserving", key=3).weights
    layers = [dln.Dense(weights[0], np.ones(5)), dln.Dense(weights[1], learn_bias=True)]
    network = dln.NonlinearNetwork.from_linear(dln.LinearNetwork(layers), "relu")
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(6, 4)), draw.normal(size=(6, 3))
    updates = learned(network, NEWTON, x, y)[0]
    expected = dln.nonlinear_updates(network, x, y, tolerance=1e-12)
    assert_close(updates, [block.layer.weight for block in expected.blocks], condition=10)
    assert_close(pcn.predict(network, x), network(x))
    bp = pcn.Algorithm(update=pcn.Backpropagation())
    expected = dln.nonlinear_updates(network, x, y, "bp")
    assert_close(learned(network, bp, x, y)[0], [block.layer.weight for block in expected.blocks], condition=10)
    state = pcn.start_training(network, bp, pcn.Descent(1.0))
    after = pcn.train_step(state, x, y, bp, pcn.Descent(1.0))[0].network
    np.testing.assert_array_equal(after.blocks[0].layer.bias, np.ones(5))
    assert eqx.tree_equal(after.blocks[1].layer.bias, network.blocks[1].layer.bias) is not True


def test_it_is_a_preset_of_the_command():
    assert isinstance(TrainingConfig(data="iris", algorithm="Newton").make_algorithm().relaxation, pcn.Newton)


BAD = {
    "a schedule": (lambda: pcn.Algorithm(relaxation=pcn.Newton(), schedule=dln.Decaying(1.0)), "`schedule` is Decaying with Newton"),
    "a free output": (lambda: pcn.Algorithm(relaxation=pcn.Newton(), output=pcn.Free()), "`output` is free with Newton"),
    "cross-entropy": (
        lambda: pcn.Algorithm(relaxation=pcn.Newton(), loss=pcn.CrossEntropy()), "`loss` is CrossEntropy with Newton"),
    "incremental updates": (
        lambda: pcn.Algorithm(relaxation=pcn.Newton(), update=pcn.Incremental()), "`update` is Incremental with Newton"),
    "a step size": (lambda: pcn.algorithm("Newton", step_size=0.1), "`step_size` is given, but Newton has no use"),
    "batch normalisation": (
        lambda: pcn.start_training(
            pcn.deconvolutional_autoencoder((1, 4, 4), (2,), norm="standard"), NEWTON, pcn.Descent(0.1)),
        "`network` has batch normalisation"),
    "skips": (
        lambda: pcn.start_training(
            pcn.Network(pcn.mlp((3, 3, 3, 3)).blocks, (3,), [(0,), (1,), (2, 1)]), NEWTON, pcn.Descent(0.1)),
        "`network` has a block 3 that reads the states"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_what_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
