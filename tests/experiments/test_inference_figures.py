"""The figure of energy propagation at toy size: three ways to the same numbers, and the command that draws it."""

import numpy as np
import pytest
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments import results
from experiments.figures import load_figure
from experiments.inference import energy_propagation

TOY = {"width": 4, "batch": 3}
VARIED = {"steps": [2, 5], "step_size": [0.05], "momentum": [0.5], "depth": [3]}


@pytest.mark.daily
def test_energy_propagation(tmp_path, monkeypatch):
    """Closed form and simulation agree, and so does the leading order where the error has only just arrived."""
    monkeypatch.setattr(energy_propagation, "QUICK", TOY)
    monkeypatch.setattr(energy_propagation, "VARIED", VARIED)
    monkeypatch.setattr(energy_propagation, "BASE", energy_propagation.BASE | {"depth": 4, "steps": 3})
    done = CliRunner().invoke(app, ["figure", "energy-propagation", "--quick", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "energy-propagation.png").read_bytes().startswith(b"\x89PNG")
    result = results.load(tmp_path)
    assert result.config["figure"] == "energy-propagation"
    assert {"steps_2", "steps_5", "step_size_0.05", "momentum_0.5", "depth_3"} == set(result.arrays)
    for rows in result.arrays.values():
        np.testing.assert_allclose(rows[1], rows[2], rtol=1e-9, atol=1e-25)
    leading, _, simulated, _ = result.arrays["steps_2"]
    np.testing.assert_allclose(leading[:2], simulated[:2], rtol=1e-12)
    np.testing.assert_array_equal(simulated[:1], 0)
    summary = energy_propagation.summarise(result.config, result.arrays)
    assert len(summary) == len(result.arrays)
    assert load_figure("energy-propagation") is energy_propagation


def test_an_unknown_name_ends_with_2():
    done = CliRunner().invoke(app, ["figure", "energies"])
    assert done.exit_code == 2
    assert "figure 'energies' is not here; wanted one of 1, 2" in done.stderr
