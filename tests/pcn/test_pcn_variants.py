"""Variants of predictive coding: settings that change nothing, errors as they arrive, and memories.

Oracles: the plain algorithm where a variant is neutral; backpropagation; what a memory was given.
"""

import dataclasses
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import dlntheory as dln
from dlntheory import pcn
from dlntheory.inference.precision_schedules import Decaying, Prescribed, Spiking
from dlntheory.pcn.engine import learning
from tests import pcn_naive as naive
from tests.closeness import assert_close, norm, relative_error
from tests.pcn_lessons import lesson, linear, moving
from tests.pcn_lessons import network as network_of

network = partial(network_of, widths=(4, 5, 3, 2))

# Neutral settings


def same(one, other):
    assert_close(one.gradients, other.gradients)
    assert_close(one.states, other.states)


def test_full_nudging_is_the_clamp():
    net = network()
    x, y = naive.batch(net)
    plain = lesson(net, moving(), x, y)
    same(lesson(net, moving(output=pcn.Nudge(1, 1.0)), x, y), plain)
    same(lesson(net, moving(output=pcn.Nudge(1, 0.2, 0.1)), x, y, epoch=8), plain)  # grown to 1, and no further
    same(lesson(net, moving(output=pcn.Nudge(1, 0.2, 0.1)), x, y, epoch=80), plain)


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(pcn.Nudge(-1, 0.2, 0.1, "target"), marks=pytest.mark.daily),
        pcn.CentredNudge(0.2, 0.1, "target"),
    ],
)
def test_negative_nudging_that_ends_at_the_target_is_the_clamp_then_and_not_before(output):
    net = network()
    x, y = naive.batch(net)
    plain = lesson(net, moving(), x, y)
    same(lesson(net, moving(output=output), x, y, epoch=8), plain)
    before = dataclasses.replace(output, end="reflection")
    same(lesson(net, moving(output=output), x, y, epoch=7), lesson(net, moving(output=before), x, y, epoch=7))


def test_unit_precision_is_none():
    net = network()
    x, y = naive.batch(net)
    same(lesson(net, moving(schedule=Prescribed(jnp.ones((3, 3)))), x, y), lesson(net, moving(), x, y))


def test_nudging_scales_the_residual():
    net = network("identity")
    x, y = naive.batch(net, one_hot=False)
    beta, prediction = 0.3, np.asarray(linear(net)(np.asarray(x)))
    positive = lesson(net, moving(output=pcn.Nudge(1, beta)), x, y)
    assert_close(positive.states[-1], prediction + beta * (y - prediction))
    negative = lesson(net, moving(output=pcn.Nudge(-1, beta)), x, y)
    assert_close(negative.states[-1], prediction - beta * (y - prediction))
    theory = dln.simulate_inference(linear(net), np.asarray(x), np.asarray(y), 3, 0.1, momentum=0.4, nudge=-beta)
    assert_close(negative.states, theory.activities[1:], condition=10)
    local = [
        np.asarray(error).T @ np.asarray(seen) / len(x)
        for error, seen in zip(theory.errors, theory.activities, strict=False)
    ]
    assert_close([block.layer.weight for block in negative.gradients], local, condition=100)  # up the energy


def test_centred_nudging_draws_its_sign_by_epoch():
    net = network()
    x, y = naive.batch(net)
    both = [lesson(net, moving(output=pcn.Nudge(sign, 0.3)), x, y) for sign in (1, -1)]
    algorithm = moving(output=pcn.CentredNudge(0.3))
    drawn = [lesson(net, algorithm, x, y, seed=seed) for seed in range(8)]
    signs = {min((0, 1), key=lambda i: relative_error(one.gradients, both[i].gradients)) for one in drawn}
    assert signs == {0, 1}
    averaged = lesson(net, moving(output=pcn.AveragedNudge(0.3)), x, y)
    mean = jax.tree.map(lambda up, down: (np.asarray(up) + down) / 2, both[0].gradients, both[1].gradients)
    assert_close(averaged.gradients, mean)


@pytest.mark.parametrize("schedule", [None, pytest.param(Decaying(0.5), marks=pytest.mark.daily)])
def test_incremental_learning_without_learning_is_pc(schedule):
    """At a zero rate the weights stay, and the last step's gradient is PC's after one step fewer."""
    net = network()
    x, y = naive.batch(net)
    algorithm = moving(4, update=pcn.Incremental(), schedule=schedule)
    start = pcn.start_training(net, algorithm, optax.sgd(0.0))
    state, metrics = pcn.train_step(start, x, y, algorithm, optax.sgd(0.0))
    assert_close(state.network, net)
    if schedule is None:
        expected = lesson(net, moving(3), x, y)
        norms = [norm(block) for block in expected.gradients]
        assert_close(metrics["update"], np.array(norms), condition=10)
        assert_close(metrics["energy"], expected.energy, condition=100)


def test_incremental_learning_steps_states_and_weights_together():
    net, rate = network(), 0.05
    x, y = naive.batch(net)
    algorithm = moving(3, 0.1, None, update=pcn.Incremental())
    state = pcn.start_training(net, algorithm, optax.sgd(rate))
    state, _ = pcn.train_step(state, x, y, algorithm, optax.sgd(rate))
    expected, states = net, (*naive.forward(net, x)[:-1], y)
    for _ in range(3):
        slopes = naive.weight_gradients(expected, "squared_error", x, states)
        states = naive.descend(expected, "squared_error", x, states, 1, 0.1)
        pairs = zip(learning.parameters(expected), slopes, strict=True)
        weights = tuple(jax.tree.map(lambda w, g: w - rate * np.asarray(g), *pair) for pair in pairs)
        expected = learning.with_parameters(expected, weights)
    assert_close(state.network, expected, condition=10)


# Exactness of the travelling error


@pytest.mark.parametrize(
    ("schedule", "step_size", "loss"),
    [
        pytest.param(None, 1.0, "squared_error", id="unit steps"),
        pytest.param(Spiking(), 0.1, "cross_entropy", id="spiking"),
        pytest.param(None, 1.0, "cross_entropy", id="cross-entropy", marks=pytest.mark.daily),
        pytest.param(Spiking(), 1e-3, "squared_error", id="small steps", marks=pytest.mark.daily),
    ],
)
def test_learning_at_arrival_is_backpropagation(schedule, step_size, loss):
    net = network()
    x, y = naive.batch(net)
    choice = pcn.PRESETS["BP-SE" if loss == "squared_error" else "BP-CE"].algorithm.loss
    algorithm = pcn.Algorithm(
        loss=choice, schedule=schedule, relaxation=pcn.Gradient(step_size), update=pcn.AtArrival(), steps=4
    )
    found = lesson(net, algorithm, x, y).gradients
    # an error is a difference of activities: it has lost as many digits as it is smaller than they are
    assert_close(found, naive.loss_gradients(net, loss, x, y), condition=100 / step_size)


def test_arrival_needs_unit_steps_and_no_momentum():
    net = network()
    x, y = naive.batch(net)
    exact = naive.loss_gradients(net, "squared_error", x, y)
    for relaxation in (pcn.Gradient(0.5),):
        found = lesson(net, pcn.Algorithm(relaxation=relaxation, update=pcn.AtArrival(), steps=4), x, y)
        assert relative_error(found.gradients, exact) > 0.1


def test_forward_update_keeps_the_first_predictions():
    net = network()
    x, y = naive.batch(net)
    first = naive.forward(net, x)
    found = lesson(net, moving(update=pcn.ForwardUpdate()), x, y)
    last = naive.descend(net, "squared_error", x, (*first[:-1], y), 3, 0.1, 0.4)
    for k, block in enumerate(net.blocks):
        below = x if k == 0 else first[k - 1]
        alone = pcn.Network([block], below.shape[1:])
        expected = naive.weight_gradients(alone, "squared_error", below, (last[k],))
        assert_close(found.gradients[k], expected[0], condition=100)


def test_the_last_hidden_step_decays():
    net = network()
    x, y = naive.batch(net)
    gamma = 0.3
    states = (*naive.forward(net, x)[:-1], y)
    for time in range(3):
        whole = naive.descend(net, "squared_error", x, states, 1, gamma)
        last = states[1] + (whole[1] - states[1]) * gamma**time
        states = (whole[0], last, y)
    algorithm = pcn.Algorithm(relaxation=pcn.Gradient(gamma, decay_last=True), steps=3)
    assert_close(pcn.relax(net, x, y, algorithm).states, states, condition=10)


# Memories


@eqx.filter_jit
def starts(initial, memory, net, x, y):
    return initial.states(memory, net, x, y, jax.random.key(0))


@eqx.filter_jit
def prepares(initial, memory, net, x, y):
    return initial.prepare(memory, net, x, y, jax.random.key(0))


@eqx.filter_jit
def learns(initial, memory, x, y, states):
    return initial.learn(memory, x, y, states)


def test_a_null_start_keeps_the_states():
    net = network()
    x, y = naive.batch(net)
    algorithm = moving(3, initial=pcn.Null())
    state = pcn.start_training(net, algorithm, optax.sgd(0.0), batch_size=len(x))
    for steps in (3, 6):  # the second batch goes on where the first ended, without its velocity
        state, _ = pcn.train_step(state, x, y, algorithm, optax.sgd(0.0))
        first = naive.descend(net, "squared_error", x, (*naive.forward(net, x)[:-1], y), 3, 0.1, 0.4)
        expected = first if steps == 3 else naive.descend(net, "squared_error", x, first, 3, 0.1, 0.4)
        assert_close(state.memory.states, expected, condition=10)
    with pytest.raises(ValueError, match="batches of one size"):
        pcn.train_step(state, x[:2], y[:2], algorithm, optax.sgd(0.0))


def test_class_averages():
    net = network()
    x, y = naive.batch(net)
    y = jnp.asarray(np.eye(2)[[0, 0, 1, 0, 1]])
    algorithm = moving(3, initial=pcn.ClassAverage(first=2))
    state = pcn.start_training(net, algorithm, optax.sgd(0.0), batch_size=len(x))
    state, _ = pcn.train_step(state, x, y, algorithm, optax.sgd(0.0))
    last = naive.descend(net, "squared_error", x, (*naive.forward(net, x)[:-1], y), 3, 0.1, 0.4)
    for found, states in zip(state.memory.states, last[1:], strict=True):
        expected = np.stack([np.asarray(states)[members].mean(axis=0) for members in ([0, 1, 3], [2, 4])])
        assert_close(found, expected, condition=10)
    start = starts(algorithm.initial, state.memory, net, x, y)
    assert_close(start[0], naive.forward(net, x)[0])
    assert_close(start[1], np.asarray(state.memory.states[0])[[0, 0, 1, 0, 1]])
    first = [np.asarray(part)[:2] for part in (x, y, *last)]
    kept = learns(algorithm.initial, state.memory, *first[:2], tuple(first[2:]))
    assert_close(
        np.asarray(kept.states[0])[1], np.asarray(state.memory.states[0])[1]
    )  # no sample of class 1: its mean stays


def test_a_hopfield_memory_recalls_what_it_has_seen():
    """With as many patterns as samples the first batch starts at the forward pass; its end moves the memory."""
    net = network()
    x, y = naive.batch(net)
    algorithm = moving(3, initial=pcn.HopfieldMemory(patterns=8, width=4, rate=0.05))
    empty = algorithm.initial.memory(net, len(x))
    prepared = prepares(algorithm.initial, empty, net, x, y)
    start = starts(algorithm.initial, prepared, net, x, y)
    assert_close(start, tuple(naive.forward(net, x)), condition=1e6)  # softmax weights are inverted
    state = pcn.start_training(net, algorithm, optax.sgd(0.0), batch_size=len(x))
    state, _ = pcn.train_step(state, x, y, algorithm, optax.sgd(0.0))
    last = naive.descend(net, "squared_error", x, (*naive.forward(net, x)[:-1], y), 3, 0.1, 0.4)
    learned = learns(algorithm.initial, prepared, x, y, last)
    assert_close(state.memory.states, learned.states, condition=1e6)
    recalled = starts(algorithm.initial, state.memory, net, x, y)
    wanted = tuple(1 + np.asarray(each) for each in last)
    memory = learns(algorithm.initial, state.memory, x, y, wanted)
    moved = starts(algorithm.initial, memory, net, x, y)
    for before, after, target in zip(recalled, moved, wanted, strict=True):
        assert norm(np.subtract(after, target)) < norm(np.subtract(before, target))
