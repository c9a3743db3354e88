"""Curves of studies: means over seeds, and the fewest multiplications by error, against a plain search."""

import numpy as np
import pytest

from dlntheory.pcn.runs.config import TrainingConfig
from experiments.papers import curves_picture, picture, rows
from experiments.papers.cells import Cell


def slowly(curves, error):
    """The fewest multiplications of any curve whose accuracy leaves no more than this error."""
    enough = [spent for curve in curves for spent, accuracy in zip(*curve, strict=True) if 100 - accuracy <= error]
    return min(enough, default=np.inf)


@pytest.mark.parametrize("seed", range(5))
def test_the_fewest_multiplications_by_error(seed):
    rng = np.random.default_rng(seed)
    curves = [(np.arange(1.0, 9) * cost, rng.integers(0, 20, 8) * 5.0) for cost in (3, 4, 12)]
    spent, errors = curves_picture.fewest(curves)
    assert (np.diff(spent) > 0).all()
    assert (np.diff(errors) < 0).all()
    for error in np.arange(0, 101, 2.5):
        reached = spent[errors <= error]
        assert (reached[0] if len(reached) else np.inf) == slowly(curves, error)


def outcome(accuracies, cost):
    return {
        "epochs": [
            {"epoch": number + 1, "multiplications": cost * (number + 1), "test_accuracy": each / 100}
            for number, each in enumerate(accuracies)
        ]
    }


ACCURACIES = {
    ("mnist", "forward", "2"): ([[10, 60, 80], [20, 70, 90]], 10),
    ("mnist", "forward", "4"): ([[50, 80, 95], [50, 80, 97]], 20),
    ("mnist", "average", "2"): ([[40, 50, 60], [40, 50, 60]], 5),
    ("iris", "average", "4"): ([[40], [60, 70]], 5),
}
"""By data, start and steps: the accuracies of two seeds by epoch, and the multiplications of an epoch."""


def drawn(**keys):
    axes = {"data": ["mnist", "iris"], "start": {"forward": {}, "average": {}}, "inference_steps": [2, 4]}
    row = rows.as_row("mine", {"title": "t", "axes": axes, "picture": "curves", "x": "multiplications", **keys}, {})
    cells, outcomes = [], []
    for place, (seeds, cost) in ACCURACIES.items():
        for number, accuracies in enumerate(seeds):
            config = TrainingConfig(seed=number)
            cells.append(Cell(dict(zip(axes, place, strict=True)), config, config))
            outcomes.append(outcome(accuracies, cost))
    told = {"seeds": 2, "theory_seeds": 0, "measure": "best"}
    return picture.draw(row, {"lines": [told], "scale": "cpu"}, [*cells, cells[0]], [*outcomes, None])


def lines(axes, marker):
    return [np.transpose(line.get_data()).tolist() for line in axes.lines if line.get_marker() == marker]


def test_curves_are_means_over_seeds_and_steps_share_a_method():
    figure = drawn(panels="data")
    titles = [axes.get_title(loc="left").split("  ")[-1].replace("\n", " ") for axes in figure.axes]
    whats = ("over training", "the fewest by error")
    assert titles == [f"{name}, {what}" for what in whats for name in ("MNIST", "Iris")]
    above, few, below, _ = figure.axes
    means = [[15, 65, 85], [50, 80, 96], [40, 50, 60]]
    np.testing.assert_allclose([np.array(points)[:, 1] for points in lines(above, ".")], means)
    np.testing.assert_allclose(lines(few, "."), [[[5, 50]]])  # epochs that both seeds have
    forward, average = lines(below, ".")
    np.testing.assert_allclose(forward, [[85, 10], [35, 20], [15, 30], [4, 60]])
    np.testing.assert_allclose(average, [[60, 5], [50, 10], [40, 15]])
    handles = {text.get_text() for text in figure.legends[0].get_texts()}
    assert handles == {"forward, 2 steps", "forward, 4 steps", "average, 2 steps", "average, 4 steps"}
    assert figure.get_suptitle().endswith("means of 2 seeds")


def test_along_epochs_there_is_one_panel():
    (axes,) = drawn(x="epoch").axes
    assert axes.get_xlabel() == "epoch"
    assert len(axes.lines) == len(ACCURACIES)
