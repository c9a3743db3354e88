"""What the linear theory says beside the measures of a study.

Oracles: NumPy's eigenvalues of the Hessian, and the nonlinear engine, which is linear where activations are.
"""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from dlntheory import pcn
from dlntheory.pcn.data.batches import Augmentation, Preparation
from dlntheory.pcn.runs.run import read_data, read_run, run_training
from dlntheory.report.study import study_report
from experiments.papers import cells, picture, rows, runner, table
from experiments.papers.theory import SAMPLES
from tests.checkpointing import LEFTOVERS
from tests.closeness import assert_close

pytestmark = LEFTOVERS

RATES = [0.05, 0.2]
TABLE = {
    "title": "?", "measures": ["best", "first_ratio", "rate_by_limit"], "theory": ["first_ratio", "rate_by_limit"],
    "picture": "lines", "x": "step_size",
    "options": {
        "data": "iris", "hidden": [5, 4], "activation": "identity", "epochs": 1, "batch_size": 40, "inference_steps": 4,
        "momentum": 0.5, "precision": "float64",
    },
    "axes": {"algorithm": {"PC-SE": {}, "BP-SE": {}}, "step_size": RATES},
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    row, folder = rows.as_row("mine", TABLE, {}), tmp_path_factory.mktemp("study")
    made = cells.make_cells(row, "paper")
    runner.claim(folder, "mine", "paper")
    runner.run(made, folder)
    outcomes = runner.finished(made, folder)
    return row, made, outcomes, table.record(row, "paper", made, outcomes, [])


def trained(cell, folder):
    """The network of a cell, and the samples of which the theory is asked."""
    list(run_training(cell.config, folder))
    _, network = read_run(folder)
    data = read_data(cell.config)
    preparation = Preparation.of(data, Augmentation(), network.input_shape, "float64")
    x = preparation.inputs(jnp.asarray(data.train.samples[:SAMPLES]))
    return network, x, preparation.targets(jnp.asarray(data.train.labels[:SAMPLES]))


def largest_eigenvalue(network):
    """Of the Hessian in two hidden layers."""
    second, third = (np.asarray(block.layer.weight) for block in network.blocks[1:])
    diagonal = [np.eye(len(each.T)) + each.T @ each for each in (second, third)]
    return np.linalg.eigvalsh(np.block([[diagonal[0], -second.T], [-second, diagonal[1]]]))[-1]


def test_theory_is_of_the_trained_network(finished, tmp_path):
    _, made, outcomes, _ = finished
    cell, outcome = made[0], outcomes[0]
    network, x, y = trained(cell, tmp_path)
    energy = pcn.relax(network, x, y, cell.config.make_algorithm()).energy[-1]
    assert_close(outcome["theory"]["first_ratio"], energy[0] / energy[1], condition=1e4)
    limit = 1.5 * 2 / largest_eigenvalue(network)
    assert_close(outcome["theory"]["rate_by_limit"], cell.config.step_size / limit, condition=1e4)


def test_backpropagation_and_images_have_no_theory(finished):
    assert [outcome["theory"] != {} for outcome in finished[2]] == [True, True, False, False]
    row = rows.as_row("mine", {**TABLE, "options": {"data": "digits-32", "model": "VGG-5"}}, {})
    assert not any(cell.theory for cell in cells.make_cells(row, "paper"))


def test_theory_stands_in_the_table_and_in_the_picture(finished):
    row, made, outcomes, study = finished
    told = {
        measure: [line["theory"] for line in study["lines"] if line["measure"] == measure] for measure in row.measures
    }
    expected = [outcome["theory"]["first_ratio"] for outcome in outcomes[: len(RATES)]]
    assert told["first_ratio"] == [*expected, None, None]
    assert told["best"] == [None] * 4
    assert "linear theory" in table.as_page(study, None)
    assert next(iter(study_report(study, Path()))).columns[-1].header == "linear theory"
    panels = picture.draw(row, study, made, outcomes).axes
    assert [panel.get_yscale() for panel in panels] == ["linear", "log", "log"]
    dotted = [line for line in panels[1].lines if line.get_linestyle() == ":" and not np.isnan(line.get_ydata()).all()]
    assert [line.get_ydata().tolist() for line in dotted] == [expected]


def test_a_training_that_diverges_has_no_theory(tmp_path):
    row = rows.as_row("mine", {**TABLE, "options": {**TABLE["options"], "learning_rate": 1e20, "epochs": 3}}, {})
    cell = cells.make_cells(row, "paper", ["PC-SE,0.05"])[0]
    outcome = runner.train(cell, tmp_path, {})
    assert outcome["diverged"]
    assert outcome["theory"] == {}


def test_theory_of_something_else_is_refused():
    with pytest.raises(ValueError, match=r"has theory of seconds; wanted of its measures"):
        rows.as_row("mine", {**TABLE, "theory": ["seconds"]}, {})
    row = dataclasses.replace(rows.as_row("mine", TABLE, {}), theory=["best"])
    with pytest.raises(ValueError, match=r"has theory of best; wanted of first_ratio"):
        cells.make_cells(row, "paper")


@pytest.mark.parametrize(
    ("algorithm", "has"),
    [
        ({"algorithm": "PC-SE"}, True),
        ({"algorithm": "F"}, True),
        ({"algorithm": "BP-SE"}, False),
        ({"algorithm": "PC-CE"}, False),
        ({"algorithm": "PN"}, False),
        ({"algorithm": "D"}, False),
        ({"algorithm": "iPC"}, False),
        ({"algorithm": "ePC"}, False),
        ({"algorithm": "Newton"}, False),
        ({"algorithm": "PC-SE", "initial": "zero"}, False),
        ({"algorithm": "PC-SE", "output_variance": 0.5}, False),
    ],
)
def test_other_inference_has_no_theory(algorithm, has):
    """The formulas are of gradient descent on the plain energy, from the forward pass to the target."""
    table = {**TABLE, "picture": "points", "axes": {"case": {"it": algorithm}}, "options": {"hidden": [4]}}
    (cell,) = cells.make_cells(rows.as_row("mine", table, {}), "paper")
    assert bool(cell.theory) == has
