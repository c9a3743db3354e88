"""The figure of alignment in nonlinear networks at toy size: its points by brute force, and the command that draws it.

Brute force, in NumPy: inference by small steps down the energy's gradient, the effect of an update by an imaginary
step, and for the theory the explicit Jacobians of every layer.
"""

import jax
import numpy as np
import pytest
from panel_letters import panel_letters
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments import results
from experiments.figures import load_figure
from experiments.nonlinear import properties, training
from experiments.nonlinear.comparison import CURVES
from experiments.nonlinear.properties import Property, problem
from experiments.nonlinear.training import AlongTraining
from experiments.sample_efficiency import panels

TOY = {
    "square": 5, "hidden": 2, "channels": 2, "depth": [2], "width": [5], "residual": [0.5], "convolutions": [1],
    "samples": 2, "seeds": 2,
}  # fmt: skip
TOY_TRAINING = {"hidden": [5, 5], "steps": [0, 2], "samples": 2, "seeds": 1}
SETTLED = 1e-7
"""How near the library's inference comes by default, and what follows from it: relative to the first slope."""


@pytest.fixture(autouse=True)
def toy_sizes(monkeypatch):
    monkeypatch.setattr(properties, "QUICK", TOY)
    monkeypatch.setattr(training, "QUICK", TOY_TRAINING)


def forward(weights, x):
    states = [x, weights[0] @ x]
    for weight in weights[1:]:
        states.append(weight @ np.tanh(states[-1]))
    return states


def features(states):
    return [states[0], *(np.tanh(state) for state in states[1:-1])]


def slopes(states):
    return [np.ones_like(states[0]), *(1 - np.tanh(state) ** 2 for state in states[1:-1])]


def settle(weights, states, y):
    """Hidden activities descend the energy until they stand still."""
    states = [*states[:-1], y]
    for _ in range(20_000):
        errors = [a - w @ f for w, f, a in zip(weights, features(states), states[1:], strict=True)]
        above = [s * (w.T @ e) for s, w, e in zip(slopes(states)[1:], weights[1:], errors[1:], strict=True)]
        downs = [error - pull for error, pull in zip(errors, above, strict=False)]
        states = [states[0], *(z - 0.1 * down for z, down in zip(states[1:-1], downs, strict=True)), y]
        if max(np.abs(down).max() for down in downs) < 1e-14:
            return states, errors
    raise AssertionError("inference does not settle")


def moved(weights, updates, x):
    """How the prediction starts to move."""
    step = 1e-100
    return forward([w + 1j * step * u for w, u in zip(weights, updates, strict=True)], x)[-1].imag / step


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def brute_force(weights, x, y):
    """Of one sample, the alignments of every curve: measured, and by the linear theory."""
    plain = forward(weights, x)
    residual = y - plain[-1]
    maps = [w * s for w, s in zip(weights, slopes(plain), strict=True)]
    downs = [np.eye(len(y))]
    for each in maps[:0:-1]:
        downs.insert(0, downs[0] @ each)
    settled, errors = settle(weights, plain, y)
    multiplier = np.linalg.solve(sum(d @ d.T for d in downs), residual)
    linear = [x]
    for each, before, after, down in zip(maps, plain, plain[1:], downs, strict=False):
        linear.append(after + each @ (linear[-1] - before) + down.T @ multiplier)
    tangents = [f + s * (z - p) for f, s, z, p in zip(features(plain), slopes(plain), linear, plain, strict=False)]
    rules = {
        "bp": ([d.T @ residual for d in downs], features(plain)),
        "pc": (errors, features(settled)),
        "theory": ([d.T @ multiplier for d in downs], tangents),
    }
    found = {}
    for name, (signals, inputs) in rules.items():
        for rescaled in (False, True):
            rates = [1 / (f @ g) if rescaled else 1.0 for f, g in zip(inputs, features(plain), strict=True)]
            updates = [rate * np.outer(e, f) for rate, e, f in zip(rates, signals, inputs, strict=True)]
            found[name, rescaled] = cosine(residual, moved(weights, updates, x))
    measured = [found["bp", False], found["pc", False], found["pc", True]]
    return measured, [found["bp", False], found["theory", False], found["theory", True]]


def matrices(net):
    return [np.asarray(block.layer.weight) for block in net.blocks]


@pytest.mark.parametrize("axis", ["depth", "width", "residual"])
def test_the_points_are_alignments_of_single_samples(axis):
    study = Property(axis)
    config = study.configure(True, "tanh", 3)
    arrays = study.run(config)
    assert arrays["measured"].shape == arrays["predicted"].shape == (len(CURVES), 1, 2, 2)
    for row, seed in enumerate(config["seeds"]):
        net, x, y = problem(config, config["values"][0], seed)
        for sample in range(2):
            measured, predicted = brute_force(matrices(net), np.asarray(x[sample]), np.asarray(y[sample]))
            np.testing.assert_allclose(arrays["measured"][:, 0, row, sample], measured, rtol=0, atol=SETTLED)
            np.testing.assert_allclose(arrays["predicted"][:, 0, row, sample], predicted, rtol=0, atol=1e-12)
    [*_, rescaled] = study.summarise(config, arrays)
    assert rescaled["undefined"] == 0
    assert rescaled["predicted"] == pytest.approx(1, abs=1e-12)
    assert rescaled["measured"] < 1 - 1e-6


def trained(config, seed):
    """Training by backpropagation, step by step in NumPy; weights at the end, and the test samples."""
    data = training.digits()
    (x, y), test = (list(map(np.asarray, training.vectors(each))) for each in (data.train, data.test))
    linear = training.LinearNetwork.random([64, *config["hidden"], 10], "lecun_normal", key=jax.random.key(seed))
    weights, draw = list(map(np.asarray, linear.weights)), np.random.default_rng(seed)
    chosen = draw.choice(len(test[0]), config["samples"], replace=False)
    for _ in range(config["steps"][-1]):
        batch = draw.choice(len(x), config["batch"], replace=False)
        updates = [np.zeros_like(weight) for weight in weights]
        for sample, target in zip(x[batch], y[batch], strict=True):
            states = forward(weights, sample)
            error = target - states[-1]
            for layer in reversed(range(len(weights))):
                updates[layer] += np.outer(error, features(states)[layer]) / len(batch)
                error = slopes(states)[layer] * (weights[layer].T @ error)
        weights = [weight + config["learning_rate"] * each for weight, each in zip(weights, updates, strict=True)]
    return weights, test[0][chosen], test[1][chosen]


@pytest.mark.daily
def test_the_points_along_training():
    study = AlongTraining("bp")
    config = study.configure(True, "tanh", 5)
    arrays = study.run(config)
    weights, x, y = trained(config, 5)
    for sample in range(2):
        measured, predicted = brute_force(weights, x[sample], y[sample])
        np.testing.assert_allclose(arrays["measured"][:, 1, 0, sample], measured, rtol=0, atol=SETTLED)
        np.testing.assert_allclose(arrays["predicted"][:, 1, 0, sample], predicted, rtol=0, atol=1e-11)
    assert arrays["residual"][1, 0] < arrays["residual"][0, 0]


@pytest.mark.daily
def test_backpropagation_follows_the_theory_of_convolutions():
    """The linear theory of one sample is exact of it."""
    study = Property("convolutions")
    arrays = study.run(study.configure(True, "relu", 3) | {"seeds": [3]})
    np.testing.assert_allclose(arrays["measured"][0], arrays["predicted"][0], rtol=0, atol=1e-12)


@pytest.mark.daily
def test_the_command_draws_it(tmp_path):
    figure = load_figure("nonlinear-alignment")
    options = ["--quick", "--setting", figure.SETTINGS[-1], "--out", str(tmp_path)]
    done = CliRunner().invoke(app, ["figure", "nonlinear-alignment", *options])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "nonlinear-alignment.png").read_bytes().startswith(b"\x89PNG")
    result = results.load(tmp_path)
    for letter in "ABCDEF":
        own = panels.arrays_of(letter, result.arrays)
        assert own["measured"].shape == own["predicted"].shape
        # backpropagation follows the linear theory of one sample exactly
        np.testing.assert_allclose(own["measured"][0], own["predicted"][0], rtol=0, atol=1e-12)
    drawn = figure.draw(result.config, result.arrays)
    assert panel_letters(drawn.axes) == list("ABCDEF")
    assert len(drawn.axes) == 12
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert labels == [curve.label for curve in CURVES.values()]
