"""Comparisons by batch size, their pictures, and what to expect of random networks.

Oracle: `target_alignment` on the same batches; the functions that the command calls.
"""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app
from dlntheory.report import pictures
from dlntheory.report.comparison import draw_batches

NET = dln.LinearNetwork.random([5, 6, 4], key=0)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 5)), RNG.normal(size=(12, 4))


def test_means_are_those_of_the_batches():
    found = dln.compare(NET, X, Y, rules=["bp", "pc:decorrelated"], batches=[4, "all"])
    assert [(row.rule, row.rescaling, row.batch, row.batches) for row in found.rows] == [
        ("bp", None, 4, 3), ("bp", None, 12, 1), ("pc", "decorrelated", 4, 3), ("pc", "decorrelated", 12, 1),
    ]  # fmt: skip
    batches = draw_batches(12, [4], seed=0)[4]
    means = [dln.target_alignment(NET, X[each], Y[each], "bp").mean() for each in batches]
    assert found.rows[0].mean == pytest.approx(np.mean(means))
    assert found.rows[0].error == pytest.approx(np.std(means, ddof=1) / np.sqrt(3))
    assert found.rows[1].mean == pytest.approx(dln.target_alignment(NET, X, Y, "bp").mean())


def test_no_sample_is_drawn_twice():
    drawn = np.concatenate(draw_batches(50, [7], seed=1)[7])
    assert len(drawn) == len(set(drawn)) == 49


def test_it_shows_itself():
    found = dln.compare(NET, X, Y)
    assert "PC, decorrelated" in str(found)
    assert "<table>" in found._repr_html_()
    assert found.plot().get_xlabel() == "batch size"
    assert set(found.to_dict()) == {"rule", "rescaling", "batch", "batches", "mean", "error", "smallest"}


def test_pictures_go_into_axes_of_the_caller():
    axes = Figure().subplots()
    relaxation = dln.finite_time_activities(NET, X, Y, steps=3, step_size=0.1)
    trained = dln.train(NET, X, Y, 0.01, "bp", steps=4, target=np.zeros((4, 5)))
    for draw, data in (
        (dln.plot.alignment, {"PC": dln.target_alignment(NET, X, Y)}),
        (dln.plot.energy, relaxation.energy_by_layer),
        (dln.plot.spectrum, dln.update_kernel(NET, X, Y).spectrum()),
        (dln.plot.training, trained),
    ):
        assert draw(data, ax=axes) is axes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batches": [13]}, "there are 12 samples"),
        ({"batches": [0]}, "at least 1"),
        ({"rules": ["pcc"]}, "`rule` is 'pcc'"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        dln.compare(NET, X, Y, **options)


def test_the_command_says_what_to_expect():
    arguments = ["expect", "--widths", "64,64,64,64", "--init", "norm_preserving"]
    record = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    expected = dln.expected_alignment([64] * 4, "norm_preserving", "pc")
    assert record["rules"][1]["limit"] == pytest.approx(float(expected.limit))
    assert record["energy_by_layer"] == pytest.approx(expected.energy_by_layer)
    table = CliRunner().invoke(app, arguments)
    assert table.exit_code == 0
    assert "PC" in table.stdout


def test_the_command_draws_alignment_against_depth(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "save_picture", lambda figure, _: drawn.append(figure))
    path = tmp_path / "depth.png"
    for batch in (1, 4):
        arguments = ["expect", "--widths", "9,8,5,7", "--batch", str(batch), "--plot", str(path)]
        assert CliRunner().invoke(app, arguments).exit_code == 0
    [alone], [batches] = drawn[0].axes, drawn[1].axes
    lines = {line.get_label(): line for line in alone.lines}
    assert list(lines["PC"].get_xdata()) == list(range(1, 17))
    network = [9, 8, 5, 8, 5, 8, 7]  # hidden widths repeat
    for rule, label in (("bp", "BP"), ("pc", "PC")):
        expected = dln.expected_alignment(network, rule=rule)
        assert lines[label].get_ydata()[4] == pytest.approx(float(expected.mean))
    assert lines["PC, at large width"].get_ydata()[4] == pytest.approx(float(expected.limit))
    assert lines["this network"].get_xdata()[0] == 2
    assert [line.get_label() for line in batches.lines] == ["BP", "PC", "this network"]
    assert batches.lines[1].get_ydata()[4] == pytest.approx(dln.expected_batch_alignment(network, batch=4))


def test_a_picture_of_depth_needs_one(tmp_path):
    for widths, name, message in (("9,7", "a.png", "wanted a hidden width"), ("9,8,7", "a.txt", "in .png or .pdf")):
        done = CliRunner().invoke(app, ["expect", "--widths", widths, "--plot", str(tmp_path / name)])
        assert done.exit_code == 2
        assert message in done.stderr


def test_the_command_refuses_in_one_line():
    for widths in ("64,x", "64", "64,0"):
        found = CliRunner().invoke(app, ["expect", "--widths", widths])
        assert found.exit_code == 2
