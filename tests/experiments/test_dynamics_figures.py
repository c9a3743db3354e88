"""The figures of modes and saddles at toy size: theory against training, and the command that draws them."""

import numpy as np
import pytest
from toy_figures import drawn
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments.dynamics import modes, saddles
from experiments.figures import FIGURES

TOY_MODES = {"width": 3, "batch": 6, "depths": [2, 3], "modes": 2, "learning_rate": 5e-3, "values": 3, "points": 9}
TOY_SADDLES = {"width": 2, "samples": 8, "seeds": 1, "depths": [2, 3], "sizes": 2, "initials": 3}


@pytest.mark.daily
def test_modes(tmp_path, monkeypatch):
    """Training with half the learning rate is half as far from the equations."""
    monkeypatch.setattr(modes, "TARGETS", (-0.2, 0.2))
    monkeypatch.setattr(modes, "TIMES", (0.1, 8.0))
    coarse, rows = drawn("modes", modes, TOY_MODES, tmp_path, monkeypatch)
    finer = {**coarse.config, "learning_rate": coarse.config["learning_rate"] / 2}
    monkeypatch.setattr(modes, "QUICK", TOY_MODES)
    fine = modes.summarise(finer, modes.run(finer))
    for one, other in zip(rows, fine, strict=True):
        assert other["largest_difference"] < 0.7 * one["largest_difference"] < 0.05
        assert (one["imbalance"] > 0.1) == (one["rule"] == "pc")
    for depth in (2, 3):
        for rule in ("bp", "pc"):
            assert (np.diff(coarse.arrays[f"learning_time_{rule}_{depth}"]) < 0).all()


@pytest.mark.daily
def test_saddles(tmp_path, monkeypatch):
    """The Hessian knows of a way out exactly where it should, and training takes the time that it says."""
    monkeypatch.setattr(saddles, "SIZES", (-3.0, -2.0))
    result, rows = drawn("saddles", saddles, TOY_SADDLES, tmp_path, monkeypatch)
    for row in rows:
        assert (row["lowest_eigenvalue"] < -1e-6) == (row["rule"] == "pc" or row["layers"] == 2)
        if "predicted_escape" in row and row["lowest_eigenvalue"] < -1e-6:
            assert row["followed_escape"] == pytest.approx(row["predicted_escape"], rel=0.05)
    assert (result.arrays["learning_time_bp_3"] > result.arrays["learning_time_pc_3"]).all()


def test_an_unknown_name_lists_every_figure():
    done = CliRunner().invoke(app, ["figure", "minima"])
    assert done.exit_code == 2
    for name in FIGURES:
        assert str(name) in done.stderr.replace("\n", "").replace("│", "")
