"""Importance of hyperparameters: forests on trials of known accuracy, and searches at toy size."""

import numpy as np
import pytest

from dlntheory.pcn.runs.spaces import Choice
from experiments.benchmarking_pcns import importances
from experiments.papers import figure_table, rows
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS


def test_what_the_accuracy_depends_on_has_its_share_of_the_variance():
    """Of independent uniform columns with slopes 2 and 1, the first explains four fifths."""
    values = np.random.default_rng(0).uniform(size=(400, 3))
    shares, spread = importances.importances(values, values @ [2, 1, 0])
    np.testing.assert_allclose(shares, [0.8, 0.2, 0], atol=0.05)
    assert shares.sum() == pytest.approx(1)
    assert (spread < 0.05).all()


@pytest.mark.daily
def test_searches_are_kept_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(importances, "SEARCHES", {"iPC, SGD": ("iPC", "sgd")})
    small = {"hidden": [4], "train_samples": 40, "test_samples": 20, "batch_size": 20, "epochs": 1, "trials": 2}
    monkeypatch.setitem(importances.SIZES, "quick", small)
    config = importances.configure(True, "cpu", 0)
    arrays = importances.run(config, folder=tmp_path)
    monkeypatch.setattr("dlntheory.pcn.runs.search.run_training", None)  # no training is run again
    assert all((again == arrays[name]).all() for name, again in importances.run(config, folder=tmp_path).items())
    dimensions = importances.space(config, "iPC, SGD")
    assert {"weight_momentum", "learning_rate", "inference_steps"} < dimensions.keys()
    values = arrays["iPC, SGD/values"]
    assert values.shape == (2, len(dimensions))
    for column, dimension in zip(values.T, dimensions.values(), strict=True):
        if isinstance(dimension, Choice):
            words = isinstance(dimension.values[0], str)
            assert set(column) <= {*(range(len(dimension.values)) if words else dimension.values)}
        else:
            assert ((column >= dimension.low) & (column <= dimension.high)).all()
    first, *shares = importances.summarise(config, arrays)
    assert first["best"] == arrays["iPC, SGD/accuracy"].max()
    assert [each["share"] for each in shares] == sorted((each["share"] for each in shares), reverse=True)
    assert {each["hyperparameter"] for each in shares} == dimensions.keys()


def test_the_papers_network_is_that_of_its_text(tmp_path):
    (tmp_path / "cifar10").mkdir()
    config = importances.configure(False, "paper", 0, tmp_path / "cifar10")
    training = importances.training(config, "PC-SE, SGD")
    training.check()
    assert (training.model, training.data, training.crop) == ("ResNet-18", "cifar10", 32)
    assert importances.configure(False, "paper", 0)["data"] == "digits-32"
    row = rows.registry()["002-figure-18"]
    quick = importances.configure(True, "cpu", 0)
    found = figure_table.differences(row, importances, quick, None)
    assert {
        "data: digits (paper: cifar10)", "trials: 3 (paper: 100)", "training model: MLP (paper: ResNet-18)",
        "training train_samples: 200 (paper: all)",
    } <= {*found}  # fmt: skip
