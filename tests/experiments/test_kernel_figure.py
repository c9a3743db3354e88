"""The figure of update kernels at toy size: its points by NumPy, and the command that draws it.

Oracle: kernels of one sample as sums of outer products of explicit matrices.
"""

import numpy as np
import pytest
from panel_letters import panel_letters
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments import results
from experiments.figures import load_figure
from experiments.kernels import spectra
from experiments.sample_efficiency import panels

TOY = {"width": 4, "hidden": 1, "depth": [2], "condition_number": [1, 10], "seeds": 2}


@pytest.fixture(autouse=True)
def toy_sizes(monkeypatch):
    monkeypatch.setattr(spectra, "QUICK", TOY)


def kernels(weights, x, y):
    """Of backpropagation and predictive coding, plain and with adaptive rates, ``1 / ⟨x*, x̂⟩`` of each layer's input."""
    predicted = [x]
    for weight in weights:
        predicted.append(weight @ predicted[-1])
    downs = [np.eye(len(y))]
    for weight in weights[:0:-1]:
        downs.append(downs[-1] @ weight)
    downs = downs[::-1]
    covariance = sum(down @ down.T for down in downs)
    settled = [x]
    errors = [down.T @ np.linalg.solve(covariance, y - predicted[-1]) for down in downs]
    for weight, error in zip(weights, errors, strict=True):
        settled.append(weight @ settled[-1] + error)
    found = {}
    for rule, inputs, last in (("bp", predicted, np.eye(len(y))), ("pc", settled, np.linalg.inv(covariance))):
        gains = [one @ other for one, other in zip(inputs[:-1], predicted[:-1], strict=True)]
        found[rule] = sum(gain * down @ down.T for gain, down in zip(gains, downs, strict=True)) @ last
        found[f"{rule}_adaptive"] = covariance @ last
    return {name: found[name] for name in spectra.CURVES}


@pytest.mark.parametrize("axis", ["depth", "condition_number"])
def test_points_are_those_of_the_formulas(axis):
    study = spectra.Spectra(axis)
    config = study.configure(True, "norm_preserving", 3)
    arrays = study.run(config)
    for index, value in enumerate(config["values"]):
        for s, seed in enumerate(config["seeds"]):
            net, x, y = spectra.problem(config, value, seed)
            weights, x, y = [np.asarray(weight) for weight in net.weights], np.asarray(x), np.asarray(y)
            residual = y - np.linalg.multi_dot([*weights[::-1], x])
            for c, kernel in enumerate(kernels(weights, x, y).values()):
                values = np.linalg.svd(kernel, compute_uv=False)
                np.testing.assert_allclose(arrays["spectrum"][c, index, s], values, rtol=1e-9)
                identity = np.trace(kernel) / np.linalg.norm(kernel) / len(y) ** 0.5
                change = kernel @ residual
                alignment = residual @ change / np.linalg.norm(residual) / np.linalg.norm(change)
                assert arrays["identity"][c, index, s] == pytest.approx(identity, abs=1e-11)
                assert arrays["alignment"][c, index, s] == pytest.approx(alignment, abs=1e-11)
    np.testing.assert_allclose(arrays["identity"][-1], 1, atol=1e-11)  # Theorem 1


@pytest.mark.daily
def test_the_command_draws_it(tmp_path):
    figure = load_figure("kernel-spectra")
    done = CliRunner().invoke(app, ["figure", "kernel-spectra", "--quick", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "kernel-spectra.png").read_bytes().startswith(b"\x89PNG")
    result = results.load(tmp_path)
    for letter in "AB":
        own = panels.arrays_of(letter, result.arrays)
        assert (np.diff(own["spectrum"], axis=-1) <= 0).all()
    axes = figure.draw(result.config, result.arrays).axes
    assert panel_letters(axes) == ["A", "B"]
    assert len(axes) == 6
