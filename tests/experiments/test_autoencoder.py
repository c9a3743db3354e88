"""The nonlinear autoencoder: inference in error coordinates, local updates, training, and its figures.

Oracles: automatic differentiation; the linear theory, where activations are linear; plain gradient descent on the states,
step by step, as the paper does it; finite differences of the energy at equilibrium; a second implementation in NumPy.
"""

import gzip
import json
import os
import struct
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close, relative_error
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app
from dlntheory.learning import rescaling
from dlntheory.learning import rules as learning_rules
from dlntheory.pcn.data import mnist
from experiments import results
from experiments.sample_efficiency import autoencoder, figure9
from experiments.sample_efficiency.curves import best_rate
from experiments.sample_efficiency.error_coordinates import (
    IDENTITY,
    RELU,
    SIGMOID,
    Inference,
    backpropagation,
    equilibrate,
    feedforward,
)
from experiments.sample_efficiency.nonlinear_training import Learner, learn, train

WIDTHS = (7, 6, 4, 6, 7)
SAMPLES = 5
RECTIFIED = (RELU, RELU, RELU, SIGMOID)
SMOOTH = (SIGMOID, SIGMOID, SIGMOID, SIGMOID)
LINEAR = (IDENTITY,) * 4
EXACT = Inference(tolerance=1e-12, rounds=1000)
REGULAR = dln.SpectralRegularisation(1e-4)


def problem(seed=0, samples=SAMPLES, widths=WIDTHS):
    draw = np.random.default_rng(seed)
    weights = [
        jnp.asarray(1.5 * draw.standard_normal((n, m)) / np.sqrt(m))
        for n, m in zip(widths[1:], widths[:-1], strict=True)
    ]
    return (
        weights,
        jnp.asarray(draw.uniform(size=(samples, widths[0]))),
        jnp.asarray(draw.uniform(size=(samples, widths[-1]))),
    )


@partial(jax.jit, static_argnums=(1, 4))
def settled(weights, activations, x, y, settings=EXACT):
    return equilibrate(weights, activations, x, y, settings)


def energy(weights, activations, hidden, x, y):
    """The energy of each sample, straight from its definition."""
    states = [x, *hidden, y]
    parts = zip(weights, activations, states[:-1], states[1:], strict=True)
    return sum(0.5 * jnp.sum((after - f.value(before @ w.T)) ** 2, axis=1) for w, f, before, after in parts)


def updates_of(signals):
    return [delta.T @ state / len(state) for delta, state in zip(signals.signals, signals.states, strict=True)]


# Backpropagation


@pytest.mark.parametrize("activations", [RECTIFIED, SMOOTH, LINEAR], ids=["relu", "sigmoid", "linear"])
def test_backpropagation_is_minus_the_gradient(activations):
    weights, x, y = problem()

    def loss(weights):
        return 0.5 * jnp.mean(jnp.sum((y - feedforward(weights, activations, x)[0][-1]) ** 2, axis=1))

    expected = [-gradient for gradient in jax.grad(loss)(weights)]
    assert_close(updates_of(backpropagation(weights, activations, x, y)), expected)


# Equilibrium


def test_linear_activations_give_the_linear_theory():
    weights, x, y = problem()
    found = settled(weights, LINEAR, x, y)
    expected = dln.equilibrium(dln.LinearNetwork.from_weights(weights), x, y)
    condition = float(dln.inference_spectrum(dln.LinearNetwork.from_weights(weights)).largest)
    assert found.residual <= EXACT.tolerance
    assert_close(found.errors, expected.errors[:-1], condition)
    assert_close(found.signals.signals, expected.errors, condition)
    assert_close(found.signals.states, expected.activities[:-1], condition)


@pytest.mark.parametrize("samples", [1, 3, 30])
@pytest.mark.parametrize("factor", [None, "adaptive", "decorrelated"])
@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_linear_activations_give_the_linear_updates(rule, factor, samples):
    weights, x, y = problem(samples=samples)
    net = dln.LinearNetwork.from_weights(weights)
    found = learn(Learner(LINEAR, rule, factor, EXACT, REGULAR), weights, x, y)
    options = {"regularisation": REGULAR} if factor == "decorrelated" else {}
    expected = dln.weight_updates(net, x, y, rule, factor, **options)
    condition = float(dln.inference_spectrum(net).largest)
    if factor == "decorrelated":
        condition *= 1 / REGULAR.a
    assert_close(found.updates, expected, condition)


@pytest.mark.parametrize("factor", ["adaptive", "decorrelated"])
@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_rescalings_are_the_library_s(rule, factor):
    """The kernels of `dlntheory.learning.rescaling`, given the nonlinear network's signals as columns."""
    weights, x, y = problem(samples=4)
    predicted = feedforward(weights, RECTIFIED, x)[0]
    found = settled(weights, RECTIFIED, x, y).signals
    rows = found if rule == "pc" else backpropagation(weights, RECTIFIED, x, y)
    columns = [[each.T for each in part] for part in (rows.signals, rows.states, predicted)]
    signals = learning_rules.Signals(*columns, (y - predicted[-1]).T)
    layers = [dln.Dense(weight) for weight in weights]
    plain = learning_rules.local_updates(layers, signals)
    if factor == "adaptive":
        factors = rescaling.learning_rates(layers, signals)
    else:
        factors = rescaling.decorrelations(layers, signals, REGULAR)
    found = learn(Learner(RECTIFIED, rule, factor, EXACT, REGULAR), weights, x, y).updates
    assert_close(found, rescaling.rescale(plain, factors), condition=1 / REGULAR.a)


def descend(weights, activations, x, y, steps, step_size, average=False):
    """Plain gradient descent on the states from the feedforward pass; signals of the last half, averaged if asked."""
    states = [np.asarray(each) for each in feedforward(weights, activations, x)[0]]
    states[-1] = np.asarray(y)
    weights = [np.asarray(weight) for weight in weights]
    total, count = [0.0] * len(weights), 0
    for t in range(steps):
        inputs = [state @ weight.T for state, weight in zip(states, weights, strict=False)]
        if activations is SMOOTH:
            values = [1 / (1 + np.exp(-z)) for z in inputs]
            slopes = [value * (1 - value) for value in values]
        else:
            values = [*(np.maximum(z, 0) for z in inputs[:-1]), 1 / (1 + np.exp(-inputs[-1]))]
            slopes = [*((z > 0) * 1.0 for z in inputs[:-1]), values[-1] * (1 - values[-1])]
        errors = [state - value for state, value in zip(states[1:], values, strict=True)]
        signals = [error * slope for error, slope in zip(errors, slopes, strict=True)]
        gradient = [errors[l] - signals[l + 1] @ weights[l + 1] for l in range(len(weights) - 1)]
        if 2 * t >= steps:
            total = [
                sum_ + signal.T @ state / len(x) for sum_, signal, state in zip(total, signals, states, strict=False)
            ]
            count += 1
        for l, each in enumerate(gradient):
            states[l + 1] = states[l + 1] - step_size * each
    return states[1:-1], [each / count for each in total], float(np.sqrt(sum(np.sum(g**2) for g in gradient)))


def test_smooth_networks_settle_where_plain_descent_does():
    """The paper's 10 000 steps of 0.05."""
    weights, x, y = problem()
    found = settled(weights, SMOOTH, x, y)
    hidden, updates, missing = descend(weights, SMOOTH, x, y, 10_000, 0.05)
    assert found.residual <= EXACT.tolerance
    assert missing < 1e-13
    assert_close(found.signals.states[1:], hidden, condition=10)
    assert_close(updates_of(found.signals), updates, condition=10)


def test_rectifiers_settle_on_kinks():
    weights, x, y = problem()
    found = settled(weights, RECTIFIED, x, y)
    states = found.signals.states
    assert found.residual <= EXACT.tolerance
    on_kinks = 0
    for l in (1, 2):
        z, gate, error = states[l] @ weights[l].T, found.gates[l], found.errors[l]
        assert bool(jnp.all((gate >= 0) & (gate <= 1)))
        between = (gate > 0) & (gate < 1)
        on_kinks += int(between.sum())
        np.testing.assert_allclose(z[between], 0, atol=1e-10)
        assert bool(jnp.all(error[between] < 0))
        np.testing.assert_array_equal(gate[~between], z[~between] > 0)
    assert on_kinks > 0


def test_the_equilibrium_is_a_local_minimum():
    weights, x, y = problem()
    hidden = settled(weights, RECTIFIED, x, y).signals.states[1:]
    lowest = energy(weights, RECTIFIED, hidden, x, y)
    draw = np.random.default_rng(1)
    for size in (1e-3, 1e-2):
        for _ in range(100):
            moved = [each + size * draw.standard_normal(each.shape) for each in hidden]
            assert bool(jnp.all(energy(weights, RECTIFIED, moved, x, y) > lowest))


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_plain_descent_stalls_on_kinks_and_its_average_does_not(seed):
    """At a kink the slope jumps, and the gradient with it; averaged over the steps it is what the gates say.

    The energy is not convex: of these seeds, every sample descends to the minimum that half Newton steps find.
    """
    weights, x, y = problem(seed)
    found = settled(weights, RECTIFIED, x, y)
    _, updates, missing = descend(weights, RECTIFIED, x, y, 20_000, 0.005)
    _, _, missing_still = descend(weights, RECTIFIED, x, y, 20_000, 0.002)
    assert min(missing, missing_still) > 0.01  # however short the steps
    assert relative_error(updates, updates_of(found.signals)) < 1e-3


def test_the_update_is_minus_the_gradient_of_the_energy_at_equilibrium():
    """Gates are multipliers: with them the envelope theorem holds on kinks."""
    weights, x, y = problem()
    found = settled(weights, RECTIFIED, x, y)
    draw = np.random.default_rng(2)

    def settled_energy(weights):
        states = settled(weights, RECTIFIED, x, y).signals.states
        return float(energy(weights, RECTIFIED, states[1:], x, y).mean())

    for _ in range(3):
        direction = [draw.standard_normal(weight.shape) for weight in weights]
        ahead, behind = (
            settled_energy([w + size * d for w, d in zip(weights, direction, strict=True)]) for size in (1e-5, -1e-5)
        )
        slope = sum(float(np.sum(d * u)) for d, u in zip(direction, updates_of(found.signals), strict=True))
        np.testing.assert_allclose((behind - ahead) / 2e-5, slope, rtol=1e-5)


def test_a_residual_that_is_not_reached_is_reported():
    weights, x, y = problem()
    found = settled(weights, RECTIFIED, x, y, Inference(tolerance=1e-13, rounds=1))
    assert found.rounds == 1
    assert 1e-13 < found.residual < 1


def test_without_a_residual_nothing_moves():
    weights, x, _ = problem()
    y = feedforward(weights, RECTIFIED, x)[0][-1]
    found = settled(weights, RECTIFIED, x, y)
    assert (found.residual, found.rounds) == (0, 0) or found.residual <= EXACT.tolerance
    assert not any(np.any(each) for each in found.errors)


def test_dead_layers_are_not_decorrelated_into_nan():
    weights, x, y = problem()
    weights[0] = -jnp.abs(weights[0])
    for rule in ("bp", "pc"):
        updates = learn(Learner(RECTIFIED, rule, "decorrelated", EXACT, REGULAR), weights, x, y).updates
        assert all(np.isfinite(each).all() for each in updates)


# Training


def slow_training(weights, images, test, rule, rate):
    """NumPy, a batch at a time; at equilibrium the averaged signals of plain descent."""
    weights = [np.asarray(weight) for weight in weights]
    errors = []
    for x in [None, *images]:
        if x is not None and rule == "bp":
            updates = updates_of(jax.tree.map(np.asarray, backpropagation(weights, RECTIFIED, x, x)))
        elif x is not None:
            updates = descend(weights, RECTIFIED, x, x, 20_000, 0.005)[1]
        if x is not None:
            weights = [weight + rate * update for weight, update in zip(weights, updates, strict=True)]
        out = test
        for weight in weights[:-1]:
            out = np.maximum(out @ weight.T, 0)
        out = 1 / (1 + np.exp(-out @ weights[-1].T))
        errors.append(np.mean((out - test) ** 2))
    return errors


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_training_is_that_of_the_slow_path(rule):
    weights, test, _ = problem(2, samples=9)
    images = np.random.default_rng(3).uniform(size=(2, 1, SAMPLES, WIDTHS[0]))
    history = train(Learner(RECTIFIED, rule, None, EXACT), weights, images, test, jnp.asarray(0.3))
    expected = slow_training(weights, images[:, 0], np.asarray(test), rule, 0.3)
    moved = abs(expected[-1] - expected[0])
    np.testing.assert_allclose(history.errors, expected, rtol=0, atol=(1e-12 if rule == "bp" else 2e-3) * moved)
    assert history.residuals.shape == history.rounds.shape == (2,)


# The figures

TOY = {"hidden": [4, 3], "learning_rates": [0.1, 1.0], "seeds": 2, "steps": 4, "steps_a_block": 2}
TOY |= {"train_images": 20, "test_images_apart": 3}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A small data set in the files of MNIST, and small networks."""
    folder, draw = tmp_path / "data", np.random.default_rng(0)
    folder.mkdir()
    for name, count in zip(mnist.IMAGES, (25, 7), strict=True):
        images = draw.integers(256, size=(count, 3, 3), dtype=np.uint8)
        content = bytes([0, 0, 8, 3]) + struct.pack(">3I", *images.shape) + images.tobytes()
        path = folder / name
        if name == mnist.IMAGES[0]:
            path.write_bytes(content)
        else:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(autoencoder, "QUICK", TOY)
    return folder


def dlntheory(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_figure_9(data, tmp_path):
    done = dlntheory("figure", 9, "--quick", "--data-dir", data, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    result = results.load(tmp_path / "out")
    assert set(result.config["panels"]) == {"A", "B"}
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".npz", ".png", ".pdf"}
    for letter in "AB":
        assert result.arrays[f"{letter}/final"].shape == (4, 2, 2)  # curves, rates, seeds
        assert result.arrays[f"{letter}/errors"].shape == (4, 2, 3)  # at the best rate: curves, seeds, blocks
        assert result.arrays[f"{letter}/residuals"].shape == (4, 2, 2, 4)
        starts = result.arrays[f"{letter}/errors"][..., 0]
        np.testing.assert_array_equal(starts, np.broadcast_to(starts[:1], starts.shape))  # the same weights
    rows = json.loads(done.stdout)["summary"]["B"]
    assert [row["curve"] for row in rows] == ["bp", "pc", "bp_decorrelated", "pc_decorrelated"]
    errors = result.arrays["B/final"][1].mean(axis=1)
    assert rows[1]["learning_rate"] == TOY["learning_rates"][int(np.argmin(errors))]
    np.testing.assert_allclose(rows[1]["mean"], errors.min(), rtol=1e-6)
    axes = figure9.FIGURE.draw(result.config, result.arrays).axes
    assert [len(each.lines) for each in axes] == [4] * 4
    assert [each.get_xscale() for each in axes] == ["linear", "log"] * 2


def test_a_run_that_was_killed_goes_on(data, tmp_path, monkeypatch):
    study = autoencoder.Autoencoder(2, ("bp", "pc"))
    config = study.configure(True, "appendix", 0, data)
    whole = study.run(config)
    trained = []
    original = autoencoder.train_once

    def dying(config, name, *others):
        if name == "pc":
            raise KeyboardInterrupt
        return original(config, name, *others)

    monkeypatch.setattr(autoencoder, "train_once", dying)
    with pytest.raises(KeyboardInterrupt):
        study.run(config, folder=tmp_path / "kept")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["bp.npz"]
    monkeypatch.setattr(autoencoder, "train_once", lambda *a: trained.append(a[1]) or original(*a))
    again = study.run(config, folder=tmp_path / "kept")
    assert set(trained) == {"pc"}
    assert again.keys() == whole.keys()
    for name in whole:
        np.testing.assert_array_equal(again[name], whole[name])


def test_missing_data_says_how_to_get_it(tmp_path):
    done = dlntheory("figure", 9, "--quick", "--data-dir", tmp_path / "none", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "has no train-images-idx3-ubyte" in done.stderr
    assert f"curl --create-dirs --output-dir {tmp_path / 'none'} -O https" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_no_set_of_images_is_refused(data):
    path = data / mnist.IMAGES[0]
    for shape, message in [
        ((3, 4), "wanted images of bytes"),
        ((2, 4, 4), "images of 16 and of 9 pixels"),
        ((0, 3, 3), "wanted images of bytes"),
    ]:
        content = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(int(np.prod(shape)))
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            mnist.load_images(data)


def test_a_curve_of_nan_has_no_best_rate_but_a_finite_one():
    assert best_rate(np.array([[[1.0, np.nan]], [[1.0, 0.1]], [[1.0, 0.15]]])) == 1


MNIST = Path(os.environ.get("MNIST_DIR", Path(__file__).parents[3] / "shared" / "data" / "mnist"))
needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason=f"MNIST is not in {MNIST}; MNIST_DIR says where it is")


@needs_mnist
def test_mnist_is_mnist():
    """Its well-known mean and spread."""
    images = mnist.load_images(MNIST)
    assert (images.train.shape, images.test.shape) == ((60_000, 784), (10_000, 784))
    scaled = images.train / 255
    np.testing.assert_allclose([scaled.mean(), scaled.std()], [0.1306604762738429, 0.3081078038564622], rtol=1e-12)


@needs_mnist
def test_predictive_coding_learns_mnist(monkeypatch):
    config = autoencoder.Autoencoder(16, ("pc",)).configure(True, "appendix", 0, MNIST)
    errors, residuals, _ = autoencoder.train_once(config, "pc", mnist.load_images(MNIST), 0.1, 0)
    assert errors[-1] < 0.5 * errors[0]
    assert np.median(residuals) <= config["inference"]["tolerance"]
