"""The engine of nonlinear PC networks against `jax.grad` of the whole energy, and against the linear theory."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import dlntheory as dln
from dlntheory import pcn
from dlntheory.inference.precision_schedules import Decaying, Spiking
from dlntheory.pcn.engine import inference
from tests import pcn_naive as naive
from tests.closeness import assert_close, epsilon, norm, relative_error
from tests.pcn_lessons import F64, daily, lesson, linear, moving, network, presets

# Gradients against jax.grad


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_backpropagation_is_the_gradient_of_the_loss(loss):
    net = network()
    x, y = naive.batch(net)
    found = lesson(net, pcn.PRESETS["BP-SE" if loss == "squared_error" else "BP-CE"].algorithm, x, y)
    assert_close(found.gradients, naive.loss_gradients(net, loss, x, y), condition=10)


@pytest.mark.parametrize(
    ("unrolled", "steps", "loss"),
    [
        (0, 7, "squared_error"),
        (1000, 2, "cross_entropy"),
        pytest.param(0, 7, "cross_entropy", marks=pytest.mark.daily),
        pytest.param(0, 3, "squared_error", marks=pytest.mark.daily),
        pytest.param(1000, 2, "squared_error", marks=pytest.mark.daily),
        pytest.param(1000, 6, "squared_error", marks=pytest.mark.daily),
        pytest.param(1000, 6, "cross_entropy", marks=pytest.mark.daily),
    ],  # a program of as many steps would be met again, whatever UNROLLED is
)
def test_inference_descends_the_energy(unrolled, steps, loss, monkeypatch):
    """The shortcuts under a forward start change no number, in the loop and without one."""
    monkeypatch.setattr(inference, "UNROLLED", unrolled)
    net, choice = network(), pcn.PRESETS["PC-CE" if loss == "cross_entropy" else "PC-SE"].algorithm.loss
    x, y = naive.batch(net)
    start = (*naive.forward(net, x)[:-1], y)
    expected = naive.descend(net, loss, x, start, steps, 0.1, 0.4)
    run = pcn.relax(net, x, y, moving(steps, loss=choice))
    assert_close(run.states, expected, condition=10)
    assert_close(run.energy[-1], naive.energies(net, loss, x, expected) / len(x), condition=1e3)
    assert_close(run.energy[0], naive.energies(net, loss, x, start) / len(x), condition=1e3)
    found = lesson(net, moving(steps, loss=choice), x, y)
    assert_close(found.gradients, naive.weight_gradients(net, loss, x, expected), condition=100)


@pytest.mark.parametrize("name", [daily("zero"), "random"])
def test_other_starts(name):
    net = network()
    x, y = naive.batch(net)
    algorithm = moving(initial=pcn.Zero() if name == "zero" else pcn.Random(0.5))
    start = dataclasses.replace(algorithm, relaxation=pcn.Gradient(0.0), steps=1)
    first = pcn.relax(net, x, y, start).states
    if name == "zero":
        assert not norm(first[:-1])
    else:
        assert len({float(state[0, 0]) for state in first}) == len(first)
    assert_close(pcn.relax(net, x, y, algorithm).states, naive.descend(net, "squared_error", x, first, 3, 0.1, 0.4))


def test_adam_moves_states_as_optax_does():
    net = network()
    x, y = naive.batch(net)
    states = naive.forward(net, x)
    hidden = tuple(states[:-1])
    slope = jax.grad(lambda hidden: naive.total(net, "squared_error", x, (*hidden, y)))
    with jax.numpy_dtype_promotion("standard"):
        adam = optax.adam(0.05)

        @jax.jit
        def step(gradient, hidden, memory):
            change, memory = adam.update(gradient, memory)
            return optax.apply_updates(hidden, change), memory

        memory = jax.jit(adam.init)(hidden)
        for _ in range(6):
            hidden, memory = step(slope(hidden), hidden, memory)  # eagerly: what no error has reached is zero exactly
    run = pcn.relax(net, x, y, pcn.Algorithm(relaxation=pcn.Adam(0.05), steps=6))
    assert_close(run.states[:-1], hidden, condition=1e6)  # Adam divides by the root of a square that nearly vanishes


# The linear theory


@pytest.mark.parametrize(
    ("start", "widths"),
    [
        ("forward", (3, 2)),
        ("zero", (2, 3, 3, 3, 4)),
        daily("zero", (3, 2)),
        daily("forward", (4, 5, 3, 2)),
        daily("zero", (4, 5, 3, 2)),
        daily("forward", (2, 3, 3, 3, 4)),
    ],
)
def test_linear_inference_converges_to_the_equilibrium(start, widths):
    net = network("identity", widths)
    x, y = naive.batch(net, one_hot=False)
    theory = linear(net)
    spectrum = dln.inference_spectrum(theory) if net.depth > 1 else None
    step = spectrum.best_step if spectrum else 0.5
    algorithm = pcn.Algorithm(
        initial=pcn.Zero() if start == "zero" else pcn.Forward(), relaxation=pcn.Gradient(float(step)), steps=400
    )
    data = np.asarray(x), np.asarray(y)
    expected = dln.equilibrium(theory, *data)
    condition = float(spectrum.largest / spectrum.smallest) if spectrum else 1.0
    run = pcn.relax(net, x, y, algorithm)
    assert_close(run.states, expected.activities[1:], condition=condition)
    found = lesson(net, algorithm, x, y).gradients
    assert_close([g.layer.weight for g in found], [-u for u in dln.weight_updates(theory, *data)], 10 * condition)
    assert_close(float(run.energy[-1].sum()), float(expected.energy.mean()), condition)


@pytest.mark.parametrize(
    ("schedule", "momentum"),
    [
        (None, 0.5),
        (Decaying(0.7), 0.5),
        pytest.param(Spiking(), None, marks=pytest.mark.daily),
        pytest.param(None, None, marks=pytest.mark.daily),
        pytest.param(Spiking(), 0.5, marks=pytest.mark.daily),
        pytest.param(Decaying(0.7), None, marks=pytest.mark.daily),
    ],
)
def test_linear_inference_follows_the_theory_at_every_time(schedule, momentum):
    net, steps = network("identity"), 6
    x, y = naive.batch(net, one_hot=False)
    algorithm = pcn.Algorithm(schedule=schedule, relaxation=pcn.Gradient(0.1, momentum), steps=steps)
    run = pcn.relax(net, x, y, algorithm)
    data = linear(net), np.asarray(x), np.asarray(y)
    for time in (steps,) if isinstance(schedule, Decaying) else range(steps + 1):  # which depends on all the steps
        theory = dln.simulate_inference(*data, time, 0.1, momentum=momentum or 0.0, schedule=schedule or "unit")
        assert_close(run.energy[time], theory.energy_by_layer.mean(axis=0), condition=1e3)
    assert_close(run.states, theory.activities[1:], condition=10)


@pytest.mark.parametrize("initial", [pcn.Random(), daily(pcn.Forward())])
def test_error_coordinates_have_the_same_equilibrium(initial):
    net = network("identity", (4, 5, 3, 2))
    x, y = naive.batch(net, one_hot=False)
    algorithm = pcn.Algorithm(initial=initial, relaxation=pcn.ErrorCoordinates(0.4, 0.3), steps=300)
    expected = dln.equilibrium(linear(net), np.asarray(x), np.asarray(y)).activities[1:]
    assert_close(pcn.relax(net, x, y, algorithm).states, expected, condition=100)


def test_a_step_in_error_coordinates_is_backpropagation():
    """From a forward start, the first step moves every error by the step size times backpropagation's signal."""
    net = network()
    x, y = naive.batch(net)
    algorithm = pcn.Algorithm(relaxation=pcn.ErrorCoordinates(1e-3), steps=1)
    energy = pcn.relax(net, x, y, algorithm).energy[-1][:-1]
    signals = lesson(net, pcn.PRESETS["BP-SE"].algorithm, x, y).energy[:-1]
    assert_close(energy, 1e-6 * signals, condition=1e6)


def test_langevin_samples_the_posterior():
    """On a linear network the posterior is normal, its covariance the inverse of the energy's Hessian."""
    net = network("identity", (2, 2, 1))
    x, y = (np.tile(part[:1], (4000, 1)) for part in naive.batch(net, one_hot=False))
    weight = np.asarray(net.blocks[1].layer.weight)
    hessian = np.eye(2) + weight.T @ weight
    for relaxation in (pcn.Langevin(0.05), pcn.Langevin(0.05, 0.5)):
        hidden = np.asarray(pcn.relax(net, x, y, pcn.Algorithm(relaxation=relaxation, steps=400)).states[0])
        covariance = np.cov(hidden.T)
        # the sampling error of a covariance is about 1/sqrt(4000/2); the steps' own error is of the order of their size
        assert relative_error(covariance, np.linalg.inv(hessian)) < 0.15
        expected = dln.equilibrium(linear(net), x[0], y[0]).activities[1]
        assert relative_error(hidden.mean(axis=0), expected) < 0.1


def test_langevin_without_noise_is_gradient_descent():
    net = network()
    x, y = naive.batch(net)
    quiet = pcn.Algorithm(relaxation=pcn.Langevin(0.1, None, 0.0), steps=5)
    assert_close(pcn.relax(net, x, y, quiet).states, pcn.relax(net, x, y, moving(5, momentum=None)).states)


# Training


@pytest.mark.parametrize("name", presets("BP-SE", "PC-SE", "PC-CE", "PN", "NN", "D", "S", "F", "D+F", "Newton"))
def test_every_preset_learns(name):
    net = pcn.mlp((2, 8, 3), activation="tanh", key=1)
    angles = np.arange(30) * (2 * np.pi / 30)
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    y = np.eye(3, dtype=np.float32)[np.arange(30) // 10]
    algorithm = pcn.algorithm(name, **({} if name.startswith("BP") else {"steps": 4}))
    optimiser = pcn.adamw(3e-2, total_steps=150)
    state = pcn.start_training(net, algorithm, optimiser, batch_size=30)
    xs, ys = (jnp.asarray(np.broadcast_to(part, (50, *part.shape))) for part in (x, y))
    for epoch in range(3):
        state, metrics = pcn.train_steps(state, xs, ys, algorithm, optimiser, epoch)
    assert all(np.isfinite(np.asarray(value)).all() for value in metrics.values())
    result = pcn.evaluate(state.network, x, y)
    assert float(result["correct"]) >= 24


def test_steps_in_one_program_are_steps():
    net = network()
    x, y = naive.batch(net, size=6)
    algorithm, optimiser = moving(3), pcn.adamw(1e-2, total_steps=20)
    one = pcn.start_training(net, algorithm, optimiser)
    many, metrics = pcn.train_steps(one, x.reshape(3, 2, -1), y.reshape(3, 2, -1), algorithm, optimiser)
    losses = []
    for k in range(3):
        one, found = pcn.train_step(one, x[2 * k : 2 * k + 2], y[2 * k : 2 * k + 2], algorithm, optimiser)
        losses.append(found["loss"])
    assert_close(many.network, one.network, condition=100)
    assert_close(metrics["loss"], np.array(losses), condition=100)
    assert int(many.step) == 3


def test_numbers_of_an_algorithm_need_no_new_program():
    net = network()
    x, y = naive.batch(net)
    traces = []

    class Counting(pcn.Gradient):
        def step(self, *arguments):
            traces.append(1)
            return super().step(*arguments)

    for step_size in (0.1, 0.2):
        pcn.relax(net, x, y, pcn.Algorithm(relaxation=Counting(step_size), steps=2))
    assert len(traces) == 2  # two steps, once


def test_schedule_of_the_learning_rate():
    """Against Optax's schedule, with the numbers of Deeper PCNs."""
    rate, total = 1e-3, 200
    with jax.numpy_dtype_promotion("standard"):
        reference = optax.warmup_cosine_decay_schedule(rate, 1.1 * rate, total // 10, total, 0.1 * rate)
        from dlntheory.pcn.choices.optimisers import warm_up_cosine

        counts = range(0, 230, 7)
        expected = jnp.stack([jnp.asarray(reference(count), F64) for count in counts])
        found = jnp.stack([rate * warm_up_cosine(count, total, F64) for count in counts])
    assert_close(found, expected, tolerance=10 * epsilon(jnp.float32(0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "BP-SE", "steps": 3}, "`steps` is given, but BP-SE has no use for it"),
        ({"name": "Newton", "variance": 1.0}, "`variance` is given, but Newton has no use for it"),
        ({"name": "PC-SE", "beta": 0.5}, "`beta` is given"),
        ({"name": "PC-SE", "decay": 0.5}, "`decay` is given"),
        ({"name": "PC-SE", "step_size": -1.0}, "`step_size` is -1.0; wanted a positive number"),
        ({"name": "PC-SE", "momentum": 2.0}, "`momentum` is 2.0"),
        ({"name": "PC-SE", "initial": "sideways"}, "`initial` is 'sideways'; wanted one of"),
        ({"name": "F", "initial": "zero"}, "needs the forward pass"),
        ({"name": "best"}, "`name` is 'best'; wanted one of"),
    ],
)
def test_bad_algorithms(options, message):
    with pytest.raises(ValueError, match=message):
        pcn.algorithm(**options)


def test_bad_batches():
    net = network()
    x, y = naive.batch(net)
    algorithm = moving(2)
    state = pcn.start_training(net, algorithm, pcn.adamw(1e-3))
    for bad in ((x[:, :3], y), (x, y[:, :1]), (x[:2], y), (x[:0], y[:0]), (x.at[0, 0].set(jnp.nan), y)):
        with pytest.raises(ValueError, match=r"`[xy]`"):
            pcn.train_step(state, *bad, algorithm, pcn.adamw(1e-3))
    for epoch, error in ((-1, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match=f"`epoch` is {epoch}"):
            pcn.train_step(state, x, y, algorithm, pcn.adamw(1e-3), epoch=epoch)
    with pytest.raises(ValueError, match="does not arrive"):
        pcn.start_training(net, pcn.algorithm("Z-IL", steps=3), pcn.adamw(1e-3))


def test_a_free_output_relaxes_to_its_prediction():
    """With nothing held but the input, the energy falls to zero at the forward pass."""
    net = network()
    x, y = naive.batch(net)
    algorithm = pcn.Algorithm(initial=pcn.Random(0.5), output=pcn.Free(), relaxation=pcn.Gradient(0.3), steps=400)
    run = pcn.relax(net, x, y, algorithm)
    assert_close(run.states, naive.forward(net, x), condition=100)
    with pytest.raises(ValueError, match="`loss` is CrossEntropy with a free output"):
        pcn.Algorithm(output=pcn.Free(), loss=pcn.CrossEntropy())


@pytest.mark.parametrize("name", ["initial", "output", "loss", "schedule", "relaxation", "update"])
def test_an_algorithm_is_made_of_objects_and_not_of_names(name):
    algorithm = pcn.Algorithm()
    object.__setattr__(algorithm, name, "forward")  # the tests' own check of types is at the door
    with pytest.raises(TypeError, match=f"`{name}` is 'forward'; wanted an object such as "):
        algorithm.__check_init__()


@pytest.mark.parametrize(
    ("name", "other"),
    [("network", dln.LinearNetwork.random((4, 3), key=0)), ("algorithm", "PC-SE"), ("optimiser", 1e-3)],
)
def test_training_starts_with_a_network_an_algorithm_and_an_optimiser(name, other):
    given = {"network": pcn.mlp((4, 3), key=0), "algorithm": pcn.algorithm("PC-SE"), "optimiser": optax.sgd(0.1)}
    with pytest.raises(TypeError, match=f"`{name}` is a {type(other).__name__}"):
        inspect.unwrap(pcn.start_training)(**given | {name: other})  # without the tests' own check of types
