"""Studies that are figures: their table beside the paper's numbers, as a record, CSV and a page.

Oracles: the papers' texts, NumPy on the stored arrays, and a summary written by hand.
"""

import csv
import io
import json

import numpy as np
import pytest

from experiments import results
from experiments.figures import load_figure
from experiments.generative import generation, memory, outliers
from experiments.papers import figure_table, rows
from experiments.provenance import published
from tests.own_studies import dlntheory

REGISTRY = rows.registry()
SUMMARY = [
    {"model": "A", "layers": 2, "error": 3.0, "error_deviation": 0.5, "error_published": 2.75, "spread": [1.0, 2.5]},
    {"model": "B", "layers": 60_000, "error": np.float64("nan"), "error_published": 4.0, "FID_published": 2.53,
     "FID_published_deviation": 0.17, "largest_difference": 0.125},
    {"model": "C", "error": 1.0, "error_interval": [0.5, 1.5], "best": True},
]  # fmt: skip
"""Values with and without what may stand beside them."""


def test_a_summary_becomes_lines_with_differences():
    first, second, third = figure_table.lines(SUMMARY)
    assert first["error_difference"] == 0.25
    assert second["error"] is None
    assert "error_difference" not in second  # there is none of NaN
    assert "FID_difference" not in second  # nor of a measure that the paper alone has
    assert "error_difference" not in third
    panels = figure_table.lines({"A": SUMMARY[:1], "B": SUMMARY[2:]})
    assert [row["panel"] for row in panels] == ["A", "B"]
    json.dumps(panels, allow_nan=False)


def test_a_table_has_a_column_for_every_value_and_the_papers_beside():
    header, cells = figure_table.grid(figure_table.lines(SUMMARY))
    assert header == ["model", "layers", "error", "error, paper", "error, difference", "spread", "FID, paper",
                      "largest difference", "best"]  # fmt: skip
    assert cells == [
        ["A", "2", "3 ± 0.5", "2.75", "0.25", "1, 2.5", "", "", ""],
        ["B", "60000", "–", "4", "", "", "2.53 ± 0.17", "0.125", ""],
        ["C", "", "1 [0.5, 1.5]", "", "", "", "", "", "True"],
    ]


def stored(name):
    """A committed figure, as a study would tell it."""
    result, figure = results.load(published() / name), load_figure(name)
    row = next(row for row in REGISTRY.values() if row.figure == name)
    study = figure_table.record(row, "cpu", figure, result, None)
    return result, study, figure_table.files(study, result, f"{name}.png")


@pytest.mark.daily
@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in published().glob("*/config.json")), ids=lambda it: it.name
)
def test_every_committed_figure_has_a_table(folder, monkeypatch):
    """Every row of the summary is one of the table, the CSV and the record, whose values JSON has."""
    monkeypatch.setattr(outliers, "RESAMPLES", 20)
    result = results.load(folder)
    name = result.config["figure"]
    figure = load_figure(name)
    row = next(row for row in REGISTRY.values() if row.figure == name)
    lines = figure_table.lines(figure.summarise(result.config, result.arrays))
    json.dumps(lines, allow_nan=False)
    study = {"study": row.name, "title": "", "item": "", "numbers": "", "command": "", "seconds": {}, "differs": (),
             "left_out": (), "lines": lines}  # fmt: skip
    files = figure_table.files(study, result, "picture.png")
    table = [line.count(" | ") for line in files["README.md"].decode().splitlines() if line.startswith("| ")]
    assert len(table) == len(lines) + 2 > 2
    assert len(set(table)) == 1
    assert len(list(csv.DictReader(io.StringIO(files[f"{row.name}.csv"].decode())))) == len(lines)


def test_areas_stand_beside_the_papers(monkeypatch):
    monkeypatch.setattr(outliers, "RESAMPLES", 20)
    result, study, files = stored("out-of-distribution")
    lines = list(csv.DictReader(io.StringIO(files["002-figure-20.csv"].decode())))
    (energy,) = [line for line in lines if (line["strangers"], line["measure"]) == ("fashion-mnist", "energy")]
    scores = zip(*(result.arrays[f"{name}/energy"][:, 1] for name in ("own", "fashion-mnist")), strict=True)
    exact = [(own[:, None] < strange).mean() + (own[:, None] == strange).mean() / 2 for own, strange in scores]
    assert float(energy["all"]) == pytest.approx(np.mean(exact), rel=1e-12)
    assert float(energy["all_deviation"]) == pytest.approx(np.std(exact, ddof=1), rel=1e-9)
    assert (float(energy["all_published"]), float(energy["lowest_quarter_published"])) == (0.8224, 0.5886)
    assert float(energy["all_difference"]) == pytest.approx(np.mean(exact) - 0.8224, rel=1e-9)
    assert not any(line["all_published"] for line in lines if line["strangers"] != "fashion-mnist")
    page = files["README.md"].decode()
    assert "- training optimiser: adam (paper: sgd)" in page
    assert "- epochs: 5 (paper: 75)" in page
    assert "- test_samples: 2000 (paper: all)" in page
    assert "- seeds: 6 (paper: 3)" in page
    assert "- hidden:" not in page
    assert result.config["command"] not in page
    assert f"`dlntheory study 002-figure-20 --scale cpu`, {result.config['date']}, on " in page
    assert json.loads(files["results.json"])["lines"] == study["lines"]


def test_strangers_of_another_data_set_are_not_the_papers():
    """The paper's areas are MNIST's."""
    assert outliers.published({"data": "mnist"}, "kmnist")["energy"] == (0.9033, 0.6456)  # figure 26
    assert outliers.published({"data": "mnist"}, "notmnist")["softmax"] == (0.9128, 0.5922)
    assert outliers.published({"data": "mnist"}, "emnist-letters")["energy"] == (0.8408, 0.6188)
    assert outliers.published({"data": "kmnist"}, "fashion-mnist") == {}
    assert outliers.published({"data": "mnist"}, "noise") == {}


def test_quality_in_other_features_has_no_difference():
    _, study, files = stored("generation")
    mcpc = next(line for line in study["lines"] if line["model"] == "MCPC")
    assert (mcpc["FID_published"], mcpc["inception_score_published"]) == (2.53, 7.13)
    assert not any("difference" in name for line in study["lines"] for name in line)
    page = files["README.md"].decode()
    assert "| 2.53 ± 0.17 |" in page
    assert "| 7.91 ± 0.03 |" in page  # the VAE's
    assert "another network's, so that no difference is told" in page
    assert set(generation.PUBLISHED) <= set(generation.MODELS)


def test_the_cells_of_table_3_stand_in_the_table_even_if_they_were_not_run():
    _, study, files = stored("associative-memory")
    assert sum("trained_published" in line for line in study["lines"]) == 18
    assert [line["trained_published"] for line in study["lines"] if line["width"] == 1024] == [
        5.91, 6.76, 10.14, 0.01, 1.01, 3.74,
    ]  # fmt: skip
    assert "| 9.95 ± 0.05 |" in files["README.md"].decode()
    assert "- data: mnist (paper: tiny-imagenet)" in files["README.md"].decode()


def test_diamonds_are_the_papers_where_the_sizes_are():
    """``1e-4`` times Table 3's row of 512, at 50 and 250 pictures; 75 are not in it, nor is a width of 64."""
    config = {**memory.configure(True, "cpu", 0), "widths": [64, 512], "counts": [50, 75, 250]}
    shape = (2, 2, 3, 1)
    arrays = {"trained": np.full(shape, 1e-3), "linear": np.full(shape, 2e-3)}
    arrays |= {"pictures": np.zeros((5, 1, 8, 8))}
    arrays |= dict.fromkeys(("keys", "recalled", "recalled_linearly"), np.zeros((2, 5, 1, 8, 8)))
    noise, masked, *_ = memory.draw(config, arrays).axes
    for axes, errors in ((noise, [6.06e-4, 9.95e-4]), (masked, [6e-6, 3.91e-3])):
        (marks,) = [line for line in axes.lines if line.get_marker() == "D"]
        assert list(marks.get_xdata()) == [50, 250]
        np.testing.assert_allclose(marks.get_ydata(), errors, rtol=1e-12)


def test_a_figure_of_the_library_differs_from_no_paper():
    _, study, files = stored("langevin-chain")
    assert (study["differs"], study["left_out"]) == ([], [])
    page = files["README.md"].decode()
    assert "What differs" not in page
    assert "By chain, the largest deviations in standard errors" in page


def test_a_study_that_is_a_figure_writes_its_table(tmp_path, monkeypatch):
    monkeypatch.setitem(load_figure("langevin-chain").STEPS, "quick", 2000)
    done = dlntheory("langevin-chain", "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    names = {"study.json", "config.json", "arrays.npz", "langevin-chain.png", "results.json", "langevin-chain.csv"}
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == names | {"README.md"}
    own = load_figure("langevin-chain")
    result = results.load(tmp_path)
    expected = [row["from_the_law"] for row in own.summarise(result.config, result.arrays)]
    assert [line["from_the_law"] for line in record["lines"]] == expected
    shown = "".join(dlntheory("langevin-chain", "--out", tmp_path).stdout.split("\n"))  # paths break anywhere
    for each in ("this library: one long Langevin chain", f"{expected[0]:.4g}", "numbers mean nothing", "README.md"):
        assert each in shown
    assert "![langevin-chain](langevin-chain.png)" in (tmp_path / "README.md").read_text()


def test_sizes_of_panels_are_compared_once():
    """Two panels with the same sizes give one line; the digits of a quick figure are named."""
    figure = load_figure(9)
    found = figure_table.differences(REGISTRY["004-figure-9"], figure, figure.configure(True, "appendix", 0), None)
    assert found[0] == "data: digits (paper: mnist)"
    assert found.count("hidden: [16, 8, 16] (paper: [128, 32, 128])") == 1
    assert found.count("batch: 16 (paper: 64)") == 1
    assert "learning_rates: [0.01, 0.1] (paper: 11 values)" in found
    assert not any(each.startswith(("curves", "data_dir")) for each in found)


def test_the_setting_that_a_row_names_is_compared_with_itself():
    figure = load_figure("inference-energy")
    row = REGISTRY["002-figure-14a"]
    assert figure_table.differences(row, figure, figure.configure(False, "moons", 0), None) == []
    found = figure_table.differences(row, figure, figure.configure(True, "moons", 0), None)
    assert {"width: 32 (paper: 128)", "epochs: 2 (paper: 8)"} < {*found}
    assert not any(each.startswith("learning_rate") for each in found)
