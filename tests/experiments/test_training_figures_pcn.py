"""The figures of nonlinear training at toy size: what is drawn, and the linear theory beside it.

Oracle: a linear network, on which the prediction is exact.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from image_files import write_mnist
from typer.testing import CliRunner

from dlntheory import pcn
from dlntheory.cli import app
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.folder import read_config
from dlntheory.pcn.runs.run import read_data, run_training
from dlntheory.report.words import data_title
from experiments import results
from experiments.benchmarking_pcns import inference_energy
from experiments.deeper_pcns import training_energy
from experiments.figures import load_figure
from experiments.papers.theory import linear_energies
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS


def figure(name, folder):
    done = CliRunner().invoke(app, ["figure", name, "--quick", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    return results.load(folder)


@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_linear_theory_is_exact_on_linear_networks(activation):
    """A nonlinear one differs from it by what is quadratic in the step size."""
    network = pcn.mlp((3, 5, 4, 2), activation, key=0, dtype=jnp.float64)
    x, y = np.random.default_rng(0).normal(size=(2, 6, 3)), np.random.default_rng(1).normal(size=(6, 2))
    step_size = 1e-3
    run = pcn.relax(network, x[0], y, pcn.algorithm("PC-SE", steps=7, step_size=step_size, momentum=0.0))
    predicted = linear_energies(network, jnp.asarray(x[0]), jnp.asarray(y), 7, step_size)
    tolerance = 1e-10 if activation == "identity" else 10 * 7 * step_size
    np.testing.assert_allclose(predicted, run.energy[-1], rtol=tolerance)


def test_energy_over_inference(tmp_path, monkeypatch):
    monkeypatch.setattr(inference_energy, "QUICK", {"width": 4, "epochs": 1, "rates": [0.01], "samples": 2, "seeds": 2})
    result = figure("inference-energy", tmp_path)
    assert result.arrays["energy"].shape == (2, 1, 9, 3)
    small = result.arrays["energy"][0, 0]
    np.testing.assert_array_equal(small[0, :2], 0)
    assert small[-1, 0] < small[-1, 1] < small[-1, 2]
    np.testing.assert_allclose(result.arrays["linear"][:, 0], result.arrays["energy_of_samples"][:, 0], rtol=0.05)
    summary = inference_energy.summarise(result.config, result.arrays)
    assert [each["step_size"] for each in summary] == [0.01]
    first, second = result.arrays["accuracy"][:, 0]
    assert summary[0]["accuracy_deviation"] == pytest.approx(abs(first - second) / 2**0.5)


def test_networks_and_inference_of_the_figure_have_the_precision_that_its_configuration_says(monkeypatch):
    """Rounded to 32 bits, energies would be other numbers."""
    monkeypatch.setattr(inference_energy, "QUICK", {"width": 4, "epochs": 1, "rates": [0.01], "samples": 2, "seeds": 1})
    config = inference_energy.configure(True, "leaky_relu", 0)
    energies = inference_energy.run(config)["energy"]
    assert config["precision"] == inference_energy.DTYPE == "float64" == energies.dtype
    assert (energies != energies.astype("float32"))[energies > 0].all()


def test_an_interrupted_figure_of_trained_networks_gives_the_same_numbers(tmp_path, monkeypatch):
    """The accuracies of the epochs before the interruption count as well."""
    sizes = {"width": 4, "epochs": 3, "rates": [0.1], "samples": 2, "seeds": 1}
    monkeypatch.setattr(inference_energy, "QUICK", sizes)
    config = inference_energy.configure(True, "leaky_relu", 0)
    whole = inference_energy.run(config, folder=tmp_path / "whole")
    interruptions = iter([True, False, False])

    def train(training, folder, resume):
        epochs = run_training(training, folder, resume)
        for record in epochs:
            yield record
            if record["kind"] == "epoch" and next(interruptions):
                epochs.close()
                raise KeyboardInterrupt

    monkeypatch.setattr(inference_energy, "run_training", train)
    with pytest.raises(KeyboardInterrupt):
        inference_energy.run(config, folder=tmp_path / "cut")
    cut = inference_energy.run(config, folder=tmp_path / "cut")
    again = inference_energy.run(config, folder=tmp_path / "cut")
    for name, array in whole.items():
        np.testing.assert_array_equal(cut[name], array)
        np.testing.assert_array_equal(again[name], array)


def test_a_training_that_diverges_keeps_its_epochs_and_has_no_energies(tmp_path, monkeypatch):
    sizes = {"width": 4, "epochs": 2, "rates": [0.1, 1e3], "samples": 2, "seeds": 1}
    monkeypatch.setattr(inference_energy, "QUICK", sizes)
    config = inference_energy.configure(True, "leaky_relu", 0)
    arrays = inference_energy.run(config, folder=tmp_path)
    assert [np.isnan(arrays[name][0, 1]).all() for name in ("energy", "energy_of_samples", "linear")] == [True] * 3
    assert all(np.isfinite(array[0, 0]).all() for array in arrays.values())
    assert [each["diverged"] for each in inference_energy.summarise(config, arrays)] == [0, 1]
    assert "; 1 diverged" in inference_energy.draw(config, arrays).get_suptitle()


@pytest.mark.parametrize(("place", "name"), [("mine", "mine"), ("root/MNIST/raw", "MNIST"), ("kmnist", "kmnist")])
def test_energy_over_inference_is_labelled_by_the_data_that_were_found(place, name, tmp_path):
    (tmp_path / place).mkdir(parents=True)
    write_mnist(tmp_path / place)
    config = inference_energy.configure(True, "leaky_relu", 0, tmp_path / place.partition("/")[0])
    arrays = {"accuracy": np.ones((2, 3)), "energy": np.ones((2, 3, 9, 3)), "linear": np.ones((2, 3, 3)),
              "energy_of_samples": np.ones((2, 3, 3))}  # fmt: skip
    assert config["data"] == name
    assert data_title(name) in inference_energy.draw(config, arrays).get_suptitle()


@pytest.mark.daily
@pytest.mark.parametrize("name", inference_energy.POINTS)
def test_energy_over_inference_on_points(name, tmp_path):
    config = inference_energy.configure(True, name, 0)
    sizes = {"width": 4, "epochs": 1, "rates": [0.01], "run_seeds": [0]}
    arrays = inference_energy.run({**config, **sizes}, folder=tmp_path)
    assert arrays["energy"].shape == (1, 1, 9, 3)
    recorded = read_config(tmp_path / "0-0.01").as_json()
    assert (recorded["data"], recorded["learning_rate"], recorded["rate"]) == (
        name, inference_energy.RATE_OF_POINTS[name], "constant",
    )  # fmt: skip
    assert f"{name}, " in inference_energy.draw({**config, **sizes}, arrays).get_suptitle().lower()
    with pytest.raises(ValueError, match=f"{name} are drawn, and not read from data; wanted no folder"):
        inference_energy.configure(True, name, 0, Path("data"))


@pytest.mark.daily
def test_energy_over_training(tmp_path, monkeypatch):
    monkeypatch.setattr(training_energy, "QUICK", {"hidden": [4, 4], "epochs": 1})
    monkeypatch.setattr(training_energy, "ALGORITHMS", ["BP-SE", "S+F"])
    result = figure("training-energy", tmp_path)
    assert result.arrays["S+F/energy"].shape == (1, 3)
    assert result.arrays["BP-SE/accuracy"].shape == (1, 2)
    assert len(training_energy.summarise(result.config, result.arrays)) == 2
    assert load_figure("training-energy") is training_energy


def test_every_algorithm_of_the_figure_can_be_run():
    for quick in (True, False):
        config = training_energy.configure(quick, "digits", 0)
        for options in config["runs"].values():
            TrainingConfig.from_json(options).check()
    assert len(read_data(TrainingConfig()).train) > 1000
