"""The nonlinear autoencoder of MNIST: its network and training, and its figures.

Oracle: backpropagation once more, in NumPy. Tests of nonlinear networks and of `pcn` have those of inference.
"""

import gzip
import json
import os
import struct
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from dlntheory.cli import app
from dlntheory.networks.initialisation import JaxSource, random_weights
from dlntheory.pcn.data import mnist
from experiments import results
from experiments.sample_efficiency import autoencoder, figure9
from experiments.sample_efficiency.curves import with_best

# Training


def backpropagate(weights, x):
    """The updates of an autoencoder for one batch, one row per sample, and the prediction."""
    states = [x]
    for weight in weights[:-1]:
        states.append(np.maximum(states[-1] @ weight.T, 0))
    prediction = 1 / (1 + np.exp(-states[-1] @ weights[-1].T))
    signals = [(x - prediction) * prediction * (1 - prediction)]
    for weight, state in zip(weights[:0:-1], states[:0:-1], strict=True):
        signals.insert(0, (signals[0] @ weight) * (state > 0))
    return [signal.T @ state / len(x) for signal, state in zip(signals, states, strict=True)], prediction


@pytest.mark.parametrize("curve", ["bp", "bp_adaptive", "bp_decorrelated"])
def test_training_is_that_of_the_slow_path(curve):
    draw = np.random.default_rng(0)
    images = mnist.Images(*(draw.integers(256, size=(count, 9), dtype=np.uint8) for count in (12, 7)))
    config = {"hidden": [5, 4], "steps": 4, "steps_a_block": 2, "batch": 3, "train_images": 12, "test_images_apart": 2}
    config |= {"dtype": "float64", "init": "lecun_normal", "regularisation": 1e-4}
    config |= {"inference": {"tolerance": 1e-3, "steps": 30}}
    errors, _, _ = autoencoder.train_once(config, curve, images, 0.3, seed=2)
    weights = [
        np.asarray(each) for each in random_weights((9, 5, 4, 9), "lecun_normal", JaxSource(jax.random.key(2), float))
    ]
    order, test = np.random.default_rng(2).permutation(12), images.test[::2] / 255
    expected = [np.mean((backpropagate(weights, test)[1] - test) ** 2)]
    for t in range(4):
        x = images.train[order[3 * t : 3 * t + 3]] / 255
        updates = backpropagate(weights, x)[0]
        states = [x]
        for weight in weights[:-1]:
            states.append(np.maximum(states[-1] @ weight.T, 0))
        if curve == "bp_adaptive":
            updates = [each * 3 / np.sum(state**2) for each, state in zip(updates, states, strict=True)]
        if curve == "bp_decorrelated":
            correlations = [state.T @ state / 3 for state in states]
            spectra = [np.linalg.eigvalsh(each) for each in correlations]
            shifts = [max(0, 1e-4 * values[-1] - values[0]) for values in spectra]
            updates = [
                each @ np.linalg.inv(correlation + shift * np.eye(len(correlation)))
                for each, correlation, shift in zip(updates, correlations, shifts, strict=True)
            ]
        weights = [weight + 0.3 * update for weight, update in zip(weights, updates, strict=True)]
        if t % 2:
            expected.append(np.mean((backpropagate(weights, test)[1] - test) ** 2))
    assert_close(errors, jnp.asarray(expected), condition=1e4 if curve == "bp_decorrelated" else 10)


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


@pytest.mark.daily
def test_figure_9(data, tmp_path):
    done = dlntheory("figure", 9, "--quick", "--data-dir", data, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    result = results.load(tmp_path / "out")
    assert set(result.config["panels"]) == {"A", "B"}
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".npz", ".png"}
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


def test_digits_stand_in_for_mnist_in_a_quick_figure(monkeypatch):
    """They are scikit-learn's in another order; brightness from 0 to 16 is kept to half of a 255th."""
    monkeypatch.setattr(autoencoder, "QUICK", TOY)
    found = 16 * np.concatenate([mnist.pixels(each, "float64") for each in autoencoder.digits()])
    np.testing.assert_allclose(found, np.rint(found), atol=16 * 0.501 / 255)
    assert sorted(np.rint(found).tolist()) == sorted(load_digits().data.tolist())
    config = figure9.FIGURE.configure(True, "appendix", 0)
    assert config["left_out"] == []
    config["panels"] = {"B": {**config["panels"]["B"], "curves": ["bp"], "learning_rates": [0.1]}}
    arrays = figure9.FIGURE.run(config)
    assert np.isfinite(arrays["B/errors"]).all()
    assert "digits in place of MNIST" in figure9.FIGURE.draw(config, arrays).get_suptitle()


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
    errors = np.array([[[[1.0, np.nan]], [[1.0, 0.1]], [[1.0, 0.15]]]])
    assert with_best(errors)["best"].tolist() == [1]


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
