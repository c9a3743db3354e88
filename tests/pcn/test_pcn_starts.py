"""Starts of inference in decoders: memories of the latent, kept states, and evaluation with steps of its own.

Oracles: a softmax recall and least squares in NumPy, descent by `jax.grad` in a plain loop, Optax, and on linear blocks
the posterior in closed form.
"""

import dataclasses
import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import dlntheory as dln
from dlntheory import pcn
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data, read_run, restored, run_training
from dlntheory.pcn.runs.trainer import Trainer
from tests import pcn_naive as naive
from tests.closeness import assert_close, spread
from tests.pcn_lessons import daily, linear

F64 = jnp.float64
GAMMA, MOMENTUM = 0.1, 0.5
STILL = optax.sgd(0.0)
"""An optimiser that leaves the weights where they are."""


def given(widths=(3, 6, 5), activation="tanh"):
    """The layers of a decoder, whose input is given."""
    return pcn.mlp(widths, activation=activation, key=1, dtype=F64)


def algorithm(initial, steps=4):
    return pcn.Algorithm(initial=initial, relaxation=pcn.Gradient(GAMMA, MOMENTUM), steps=steps)


def taught(net, initial, *batches, optimiser=STILL, steps=4):
    """The state of a decoder after it has learned from some batches."""
    chosen = algorithm(initial, steps)
    state = pcn.start_training(net, chosen, optimiser, key=5, batch_size=len(batches[0]))
    for y in batches:
        state, _ = pcn.train_step(state, None, y, chosen, optimiser)
    return state


def forward(layers, x):
    return naive.forward(layers, jnp.asarray(x))


@eqx.filter_jit
def slopes(layers, free, y):
    return jax.grad(lambda free: naive.total(layers, "squared_error", free[0], (*free[1:], y)))(free)


def descended(layers, states, y, steps):
    """Latent and hidden states after some steps, by the gradient of the whole energy; no prior."""
    free = tuple(map(np.asarray, states[:-1]))
    velocity = tuple(map(np.zeros_like, free))
    for _ in range(steps):
        changes = map(np.asarray, slopes(layers, tuple(map(jnp.asarray, free)), y))
        velocity = tuple(MOMENTUM * old + new for old, new in zip(velocity, changes, strict=True))
        free = tuple(state - GAMMA * change for state, change in zip(free, velocity, strict=True))
    return (*free, y)


def softmax_recall(each, y):
    """By NumPy, one head after the other; and the weights of all heads side by side."""
    found, weights = 0.0, []
    query, bias, keys, values = (np.asarray(getattr(each, name)) for name in ("query", "bias", "keys", "values"))
    for head in range(len(keys)):
        scores = (y @ query[:, head] + bias[head]) @ keys[head].T / math.sqrt(keys.shape[2])
        weight = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        found = found + weight @ values[head]
        weights.append(weight)
    return found, np.concatenate(weights, axis=1)


@pytest.fixture(scope="module")
def y():
    return np.random.default_rng(0).normal(size=(7, 5))


def flat(layers):
    return pcn.with_latent(layers, variance=math.inf)


# Memories


@pytest.mark.parametrize("heads", [3, daily(1)])
def test_a_memory_of_the_latent_is_a_softmax_recall_and_a_forward_pass(heads, y):
    layers = given()
    initial = pcn.HopfieldMemory(patterns=3, width=2, heads=heads, layers=1, start=pcn.Random(), rate=0.1)
    state = taught(flat(layers), initial, y, y)
    recalled, _ = softmax_recall(state.memory.states[0], y)
    start = initial.states(state.memory, flat(layers), jnp.zeros((7, 0)), jnp.asarray(y), jax.random.key(0))
    assert len(state.memory.states) == 1
    assert np.abs(recalled).max() > 0.01
    assert_close(start, [recalled, *forward(layers, recalled)], condition=10)
    found = pcn.reconstruct(flat(layers), y, algorithm(initial, steps=3), memory=state.memory)
    latent = descended(layers, (recalled, *forward(layers, recalled)), jnp.asarray(y), 3)[0]
    assert_close(found, forward(layers, latent)[-1], condition=10)


def test_recall_and_score_start_from_the_memory(y):
    initial, known = pcn.HopfieldMemory(patterns=3, width=2, layers=1, start=pcn.Random(), rate=0.1), np.arange(5) < 3
    state, moving = taught(flat(given()), initial, y, y), algorithm(initial, steps=3)
    given_part = {"key": 0, "observed": known, "memory": state.memory}
    run = pcn.relax(state.network, None, y, moving, **given_part)
    np.testing.assert_array_equal(pcn.recall(state.network, y, known, moving, memory=state.memory), run.states[-1])
    np.testing.assert_array_equal(
        pcn.score(state.network, None, y, moving, **given_part), run.energy_by_sample[1].sum(axis=1)
    )
    assert np.abs(pcn.recall(state.network, y, known, moving) - run.states[-1]).max() > 1e-3


@pytest.mark.parametrize(("patterns", "heads"), [(2, 1), daily(2, 2), (9, 1)])
def test_values_are_fitted_to_the_untrained_start_before_the_first_batch(patterns, heads, y):
    """By least squares: exactly, where there are as many patterns as samples."""
    net, key = flat(given()), jax.random.key(3)
    initial = pcn.HopfieldMemory(patterns=patterns, width=4, heads=heads, layers=1, start=pcn.Random(2.0))
    empty, nothing = initial.memory(net, len(y)), jnp.zeros((7, 0))
    prepared = initial.prepare(empty, net, nothing, jnp.asarray(y), key)
    drawn = np.asarray(initial.start.states((), net, nothing, jnp.asarray(y), key)[0])
    _, weights = softmax_recall(prepared.states[0], y)
    fitted = weights @ np.linalg.lstsq(weights, drawn, rcond=None)[0]
    found = initial.states(prepared, net, nothing, jnp.asarray(y), key)[0]
    assert_close(found, fitted, condition=spread(weights))
    assert (patterns < 7) == (np.abs(fitted - drawn).max() > 0.1)
    again = initial.prepare(prepared, net, nothing, 2 * jnp.asarray(y), key)
    assert_close(again.states[0].values, prepared.states[0].values)  # the first batch alone


@pytest.mark.parametrize("rate", [daily(0.002), "adam"])
def test_a_memory_learns_where_inference_ended(rate, y):
    """The slope of the values by hand, of the rest by `jax.grad`; steps by Optax, with the memory of the optimiser."""
    net, nothing = flat(given()), jnp.zeros((7, 0))
    optimiser, by_optax = (rate, optax.sgd(rate)) if rate != "adam" else (optax.adam(0.02), optax.adam(0.02))
    initial = pcn.HopfieldMemory(patterns=3, width=2, layers=1, start=pcn.Random(), rate=optimiser)
    before = eqx.filter_jit(initial.prepare)(initial.memory(net, 7), net, nothing, jnp.asarray(y), jax.random.key(0))
    wanted = jnp.asarray(np.random.default_rng(4).normal(size=(7, 3)))
    rest = jnp.zeros((7, 6)), jnp.asarray(y)  # which have no memory

    @jax.jit
    def loss(each):
        return ((initial.recall(each, nothing, jnp.asarray(y)) - wanted) ** 2).sum() / (2 * len(y))

    @jax.jit
    def step(expected, remembered):
        slope = jax.grad(loss)(expected)
        changes, remembered = by_optax.update(slope, remembered, expected)
        return jax.tree.map(jnp.add, expected, changes), remembered, slope

    expected, remembered = before.states[0], by_optax.init(before.states[0])
    recalled, weights = softmax_recall(expected, y)
    by_hand = weights.T @ (recalled - wanted) / len(y)
    memory, learn = before, eqx.filter_jit(initial.learn)
    for time in range(3):
        memory = learn(memory, nothing, jnp.asarray(y), (wanted, *rest))
        with jax.numpy_dtype_promotion("standard"):
            expected, remembered, slope = step(expected, remembered)
        if not time:
            assert_close(slope.values[0], by_hand, condition=100)
    assert_close(memory.states[0], expected, condition=100)
    assert loss(memory.states[0]) < loss(before.states[0])


def test_a_memory_that_is_fitted_elsewhere_needs_no_forward_pass():
    """So a network with a cycle can have one."""
    up, back, out = jax.random.split(jax.random.key(0), 3)
    blocks = [
        pcn.Block(pcn.Dense(2, 4, up, F64), shortcut=pcn.Block(pcn.Dense(4, 4, back, F64)), activation="tanh"),
        pcn.Block(pcn.Dense(4, 2, out, F64)),
    ]
    cyclic = pcn.Network(blocks, (2,), sources=[(0, 1), (1,)], state_shapes=[(4,), (2,)])
    x, y = np.random.default_rng(1).normal(size=(2, 6, 2))
    chosen = algorithm(pcn.HopfieldMemory(start=pcn.Zero(), patterns=2, rate=0.1))
    state = pcn.start_training(cyclic, chosen, STILL, batch_size=6)
    for _ in range(2):
        state, _ = pcn.train_step(state, x, y, chosen, STILL)
    assert np.abs(state.memory.states[0].values).max() > 0


def test_a_memory_that_goes_on_forward_costs_a_pass_more():
    """Queries, attention and values; then the layers after the states that are recalled; then two a step."""
    network = pcn.with_latent(pcn.mlp((2, 4, 4, 3)))
    counts = {1: 3 + 3 + 8, 2: 3 + 2 + 8, None: 3 + 8}
    for layers, count in counts.items():
        chosen = pcn.algorithm("PC-SE", steps=4, initial=pcn.HopfieldMemory(layers=layers))
        assert pcn.sequential_multiplications(network, chosen) == count


# Starts of evaluation


@pytest.mark.parametrize(("size", "steps"), [(3, 1), (10, 6), daily(7, 6), daily(10, 1), daily(7, 1), daily(3, 6)])
def test_evaluation_goes_on_from_the_kept_states(steps, size, y):
    """From where the last batch ended; another number of samples takes the states in turn."""
    layers, last = given(), np.random.default_rng(2).normal(size=(7, 5))
    state = taught(flat(layers), pcn.Null(), y, last)
    zeros = np.zeros((7, 3))
    first = descended(layers, (zeros, *forward(layers, zeros)[:-1], y), jnp.asarray(y), 4)
    kept = descended(layers, (*first[:-1], last), jnp.asarray(last), 4)
    assert_close(state.memory.states, kept, condition=10)
    new = jnp.asarray(np.random.default_rng(3).normal(size=(size, 5)))
    turns = [part[np.arange(size) % 7] for part in kept]
    latent = descended(layers, (*turns[:-1], new), new, steps)[0]
    found = pcn.reconstruct(state.network, new, algorithm(pcn.Null(), steps), memory=state.memory)
    assert_close(found, forward(layers, latent)[-1], condition=10)


def test_evaluation_from_zero_is_plain_descent(y):
    layers = given()
    start = tuple(np.zeros((7, width)) for width in (3, 6, 5))
    latent = descended(layers, start, jnp.asarray(y), 5)[0]
    found = pcn.reconstruct(flat(layers), y, algorithm(pcn.Zero(), 5))
    assert_close(found, forward(layers, latent)[-1], condition=10)


@pytest.mark.parametrize(
    "initial", [daily(pcn.Null()), daily(pcn.Random()), pcn.HopfieldMemory(layers=1, patterns=3, heads=2)]
)
def test_long_evaluation_forgets_its_start(initial, y):
    """On linear blocks it ends at the posterior's mean, in closed form."""
    layers = given((3, 4, 5), "identity")
    state = taught(pcn.with_latent(layers, 0.3, 0.7), initial, y, optimiser=pcn.sgd(0.1))
    learned = state.network
    expected = dln.posterior(linear_of(learned), None, y, prior=dln.Prior(0.3, 0.7))
    patient = dataclasses.replace(algorithm(initial, 1000), relaxation=pcn.Gradient(0.1, 0.8))
    found = pcn.reconstruct(learned, y, patient, memory=state.memory)
    np.testing.assert_allclose(found, linear_of(learned)(expected.mean[0]), atol=1e-9)
    evaluated = pcn.evaluate(learned, None, y, algorithm=patient, memory=state.memory)
    np.testing.assert_allclose(evaluated["loss"], np.square(y - np.asarray(found)).sum() / 2, rtol=1e-12)


def linear_of(network):
    """The theory's network with the blocks after the latent."""
    return linear(dataclasses.make_dataclass("Blocks", ["blocks"])(network.blocks[1:]))


# Runs that test a decoder

RUN = TrainingConfig(
    data="digits", model="Decoder", hidden=(16, 8), algorithm="PC-SE", inference_steps=3, step_size=0.1,
    momentum=0.0, batch_size=50, epochs=2, learning_rate=2e-2, train_samples=150, test_samples=60, normalise=False,
    initial="hopfield", memory_layers=1, memory_heads=2, patterns=4, test_steps=(4, 1), test_step_size=0.2,
)  # fmt: skip


def test_one_training_is_tested_with_several_numbers_of_steps(tmp_path):
    """Against reconstructions one by one; the numbers of the test are of the most steps."""
    last = [record for record in run_training(RUN, tmp_path) if record["kind"] == "epoch"][-1]
    data = read_data(RUN)
    trainer, state = restored(tmp_path, data)
    images = np.asarray(data.test.samples, np.float32) / data.normalisation.maximum
    assert sorted(last["by_test_steps"]) == ["1", "4"]
    for steps, numbers in last["by_test_steps"].items():
        chosen = pcn.algorithm(
            "PC-SE", steps=int(steps), step_size=0.2, momentum=0.0, initial=trainer.algorithm.initial
        )
        found = np.asarray(pcn.reconstruct(state.network, images, chosen, memory=state.memory))
        assert_close(np.float32(numbers["test_mse"]), np.square(images - found).mean(), condition=10)
    assert {name: last[name] for name in last["by_test_steps"]["4"]} == last["by_test_steps"]["4"]
    assert len({numbers["test_mse"] for numbers in last["by_test_steps"].values()}) == 2
    assert len(jax.tree.leaves(read_run(tmp_path, data)[1])) == len(jax.tree.leaves(state.network))


def test_a_memory_without_a_rate_learns_as_the_weights_do():
    data = read_data(RUN)
    trainer = Trainer(RUN, data)
    assert type(trainer.algorithm.initial.rate) is type(trainer.optimiser)
    own = Trainer(dataclasses.replace(RUN, memory_rate=0.5), data).algorithm.initial
    assert (float(own.rate), own.layers, own.heads, own.patterns) == (0.5, 1, 2, 4)
    incremental = Trainer(dataclasses.replace(RUN, algorithm="iPC"), data)
    each = incremental.optimiser.total_steps / incremental.algorithm.initial.rate.total_steps
    assert each == RUN.inference_steps  # a step for every batch, and the schedule is as long
    random = dataclasses.replace(RUN, memory_start="random").make_algorithm().initial
    assert random.start == pcn.Random()


@functools.cache
def latent():
    return flat(given())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pcn.HopfieldMemory(start=pcn.Null()), "`start` is Null; wanted a start without a memory"),
        (lambda: pcn.HopfieldMemory(heads=0), "`heads` is 0"),
        (lambda: pcn.HopfieldMemory(layers=0), "`layers` is 0"),
        (lambda: taught(latent(), pcn.HopfieldMemory(layers=4), np.zeros((2, 5))), "`layers` is 4; wanted at most 3"),
        (
            lambda: pcn.relax(latent(), None, np.zeros((2, 5)), algorithm(pcn.Zero()), memory=pcn.Null()),
            "`memory` is none of Zero in this network",
        ),
        (
            lambda: pcn.reconstruct(
                latent(), np.zeros((2, 5)), algorithm(pcn.Null()), memory=pcn.Null().memory(flat(given((4, 6, 5))), 2)
            ),
            "`memory` is none of Null in this network",
        ),
        (
            lambda: pcn.relax(
                latent(),
                None,
                np.zeros((2, 5)),
                algorithm(pcn.HopfieldMemory(layers=1)),
                memory=pcn.HopfieldMemory(layers=1).memory(flat(given((3, 6, 4))), 2),
            ),
            "`memory` is none of HopfieldMemory in this network",
        ),
        (lambda: TrainingConfig(test_steps=(2,)).check(), "`test_steps` is an option of Decoder and Conv-Decoder"),
        (lambda: TrainingConfig(test_step_size=0.1).check(), "`test_step_size` is an option of Decoder"),
        (lambda: dataclasses.replace(RUN, test_steps=()).check(), "`test_steps` is ()"),
        (lambda: dataclasses.replace(RUN, test_steps=(2, 2)).check(), r"`test_steps` is \(2, 2\)"),
        (lambda: dataclasses.replace(RUN, test_steps=(0,)).check(), "`test_steps` is 0"),
        (lambda: dataclasses.replace(RUN, test_step_size=-1.0).check(), "`test_step_size` is -1"),
        (lambda: dataclasses.replace(RUN, memory_rate=-0.1).check(), "`memory_rate` is -0.1"),
        (lambda: dataclasses.replace(RUN, memory_start="null").check(), "`memory_start` is 'null'"),
        (lambda: dataclasses.replace(RUN, initial="zero").check(), "`patterns` is an option of HopfieldMemory"),
        (lambda: dataclasses.replace(RUN, memory_heads=0).check(), "`memory_heads` is 0"),
        (lambda: dataclasses.replace(RUN, memory_layers=4).check(), "`memory_layers` is 4; wanted at most 3"),
        (
            lambda: TrainingConfig(model="VGG-7", algorithm="PC-SE", initial="hopfield", memory_layers=9).check(),
            "`memory_layers` is 9; wanted at most 7",
        ),
        (lambda: pcn.HopfieldMemory(rate=-0.1), "`rate` is -0.1"),
        (lambda: pcn.HopfieldMemory(rate=math.nan), "`rate` holds NaN"),
        (lambda: pcn.HopfieldMemory(seed=-1), "`seed` is -1"),
        (lambda: pcn.HopfieldMemory(width=0), "`width` is 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message.replace("()", r"\(\)")):
        make()


@pytest.mark.parametrize("layers", [1, 3])
def test_as_many_memories_as_states_are_not_too_many(layers):
    dataclasses.replace(RUN, memory_layers=layers).check()


@pytest.mark.parametrize("initial", [daily(pcn.Null()), pcn.HopfieldMemory(layers=1, patterns=3)])
def test_a_memory_of_another_precision_is_converted(initial, y):
    """Kept in float64, asked of the same network in float32; against the same in float64."""
    state = taught(latent(), initial, y, optimiser=pcn.sgd(0.1))
    single = jax.tree.map(lambda leaf: leaf.astype("float32") if leaf.dtype == F64 else leaf, state.network)
    found = pcn.reconstruct(single, np.float32(y), algorithm(initial), memory=state.memory)
    assert found.dtype == np.float32
    expected = pcn.reconstruct(state.network, y, algorithm(initial), memory=state.memory)
    assert_close(found, expected, condition=10)
