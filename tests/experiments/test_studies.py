"""The registry and the runner of studies: every table and figure has a row; what is killed or shared out ends alike.

Oracles: the papers' own counts of tables and figures, an undisturbed run, and NumPy.
"""

import csv
import dataclasses
import io
import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from dlntheory.pcn.data.catalogue import SOURCES
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.trainer import Trainer
from experiments.figures import FIGURES
from experiments.papers import cells, rows, runner, table
from experiments.papers.blocks import Printed
from experiments.papers.measures import MEASURES, judged
from tests.checkpointing import LEFTOVERS
from tests.own_studies import dlntheory, run_whole, study_file

pytestmark = LEFTOVERS

REGISTRY = rows.registry()
TRAININGS = [row for row in REGISTRY.values() if row.kind == "axes"]
ITEMS = {
    "Deeper PCNs": (6, 7),
    "Benchmarking PCNs": (11, 26),
    "Better Initialization": (3, 10),
    "Sample Efficiency": (0, 10),
}
"""By paper, how many tables and figures it has."""
OWN = """
[mine]
title = "two rates, two seeds"
seeds = 2
measures = ["best", "multiplications"]
differs = ["nothing that matters"]
options = { data = "iris", hidden = [3], algorithm = "BP-SE", batch_size = 40, epochs = 2 }
published = \"\"\"
best | 0.001 | 0.01
all | 50 1.5 | 60
\"\"\"

[mine.axes]
learning_rate = [0.001, 0.01]
part = { all = {} }
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return study_file(tmp_path_factory, OWN)


@pytest.fixture(scope="module")
def whole(own, tmp_path_factory):
    return run_whole(tmp_path_factory, own)


def numbers(folder):
    """What was computed, without when and where."""
    found = {}
    for path in (folder / "cells").iterdir():
        record = json.loads(path.read_text())
        epochs = [{**each, "seconds": None} for each in record["epochs"]]
        found[path.name] = (record["place"], record["config"], epochs, record["diverged"])
    return found


# -- The registry -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", ITEMS)
def test_every_table_and_figure_has_a_row(paper):
    items = " ".join(row.item for row in REGISTRY.values() if row.item.startswith(paper)).replace(paper, "")
    tables = set(map(int, re.findall(r"Table (\d+)", items)))
    figures = {
        int(number) for text in re.findall(r"figures? ([\d a-z]+)", items) for number in re.findall(r"\d+", text)
    }
    assert (tables, figures) == tuple(set(range(1, 1 + count)) for count in ITEMS[paper])


def test_every_figure_of_the_figure_command_is_a_study():
    drawn = {row.figure for row in REGISTRY.values() if row.kind == "figure"}
    assert drawn == set(FIGURES)


def test_the_list_says_how_each_is_run_or_why_not():
    listed = json.loads(dlntheory("--json").stdout)
    assert [each["name"] for each in listed] == list(REGISTRY)
    for each in listed:
        assert each["title"]
        assert each["trainings"] or each["figure"] or each["see"]
    shown = dlntheory().stdout
    assert all(name in shown for name in REGISTRY)


@pytest.mark.parametrize("row", TRAININGS, ids=lambda row: row.name)
def test_every_training_can_be_configured(row):
    assert set(row.measures) <= MEASURES.keys()
    assert row.source or row.cost
    for scale in filter(row.has, rows.SCALES):
        made = cells.make_cells(row, scale)
        assert len({cell.key for cell in made}) == len(made)
        met = set()
        for cell in made:  # every word of every axis, once
            if not cell.place.items() <= met:
                dataclasses.replace(cell.config, data_dir="there").check()
                met |= cell.place.items()


def test_published_numbers_are_those_of_the_papers():
    benchmarking = REGISTRY["002-table-1"]
    assert [len(benchmarking.printed[measure]) for measure in ("best", "top5")] == [14 * 8, 8 * 8]
    place = {"model": "VGG-5", "data": "cifar100", "algorithm": "CN"}
    assert benchmarking.published_value("best", place) == Printed(67.19, 0.24)
    assert benchmarking.published_value("top5", place) == Printed(86.60, 0.18)
    deeper = REGISTRY["000-table-1"]
    assert [len(deeper.printed[measure]) for measure in ("best", "top5")] == [7 * 12, 7 * 6]
    place = {"norm": "frozen", "data": "cifar10", "model": "VGG-10", "algorithm": "S+F"}
    assert deeper.published_value("best", place) == Printed(93.27, 0.10)
    assert deeper.published_value("best", {**place, "norm": "standard"}) is None


def test_options_of_one_cell_reach_it_alone():
    row = REGISTRY["002-table-1"]
    place = {"model": "MLP", "data": "mnist", "algorithm": "PC-SE", "weights": "searched"}
    tuned = row.options_of(place)
    assert (tuned["inference_steps"], tuned["step_size"], tuned["momentum"]) == (8, 0.01053, 0.65)
    assert (tuned["learning_rate"], row.options_of(place | {"weights": "1e-3"})["learning_rate"]) == (2.969e-4, 1e-3)
    assert row.options_of(place | {"algorithm": "PN"})["beta"] == 0.55
    assert row.options_of({**place, "model": "VGG-7", "data": "cifar10"})["inference_steps"] == 10


def test_every_cell_has_a_seed_before_any_has_two():
    row = REGISTRY["003-figure-5"]
    made, count = cells.make_cells(row, "cpu"), len(row.places("cpu"))
    assert [cell.seed for cell in made] == [0] * count + [1] * count + [2] * count
    assert len({cell.key for cell in made}) == 3 * count


def test_only_names_cells_of_the_scale_and_else_of_the_paper():
    row = REGISTRY["002-table-1"]
    perceptrons = {cell.place["weights"] for cell in cells.make_cells(row, "cpu", ["MLP"])}
    assert perceptrons == {"searched", "1e-3"}  # the second is not in the paper
    both = cells.make_cells(row, "cpu", ["MLP", "VGG-9"])
    assert {cell.place["model"] for cell in both} == {"MLP", "VGG-9"}


def test_a_cells_name_leaves_out_the_options_at_their_defaults():
    """So what is finished counts on, when the library has more options than it had."""
    spelled = TrainingConfig(data="iris", epochs=25, learning_rate=3e-4)
    keys = [cells.Cell({}, config, config).key for config in (spelled, TrainingConfig(data="iris"))]
    changed = TrainingConfig(data="iris", validation=0.1)
    assert keys[0] == keys[1] != cells.Cell({}, changed, changed).key


def test_a_file_of_another_configuration_is_not_the_cells(whole, tmp_path):
    (path, *_) = (whole / "cells").iterdir()
    record = json.loads(path.read_text())
    config = TrainingConfig.from_json(record["config"])
    assert runner.read_finished(path, cells.Cell({}, config, config)) == record
    other = dataclasses.replace(config, epochs=3)
    assert runner.read_finished(path, cells.Cell({}, other, other)) is None
    without = {name: each for name, each in record["config"].items() if name != "validation"}  # of an older library
    older = tmp_path / "older.json"
    older.write_text(json.dumps({**record, "config": without}))
    assert runner.read_finished(older, cells.Cell({}, config, config))["epochs"] == record["epochs"]


def test_the_best_epoch_is_chosen_in_validation():
    epochs = [
        {"test_accuracy": 0.5, "test_top5": 0.9, "test_mse": 0.03},
        {"test_accuracy": 0.7, "test_top5": 0.8, "test_mse": 0.01},
        {"test_accuracy": 0.6, "test_top5": 0.95, "test_mse": 0.02},
    ]
    found = {name: MEASURES[name].value({"epochs": epochs}) for name in ("best", "top5", "error")}
    assert found == {"best": 70, "top5": 95, "error": 10}
    for epoch, (accuracy, top5, error) in zip(epochs, [(0.1, 0.9, 3), (0.0, 0.8, 2), (0.2, 0.7, 1)], strict=True):
        epoch |= {"validation_accuracy": accuracy, "validation_top5": top5, "validation_mse": error}
    found = {name: MEASURES[name].value({"epochs": epochs}) for name in ("best", "top5", "error")}
    assert found == {"best": 60, "top5": 90, "error": 20}
    assert judged({"epochs": epochs}) == 0.2


def test_of_chosen_axes_the_value_that_is_best_in_validation_is_told():
    row = rows.as_row("mine", {
        "title": "?", "choose": ["learning_rate"], "seeds": 2,
        "axes": {"learning_rate": [0.1, 0.2, 0.3], "epochs": [1, 2]}, "options": {"data": "iris"},
    }, {})  # fmt: skip
    made = cells.make_cells(row, "paper")
    # means in validation over two seeds: 0.1 → 0.4, 0.2 → 0.5, 0.3 diverges; with two epochs nothing is finished
    told = {"0.1": [(0.8, 0.1), (0.0, 0.1)], "0.2": [(0.5, 0.7), (0.5, 0.3)], "0.3": [None, None]}
    outcomes = [
        None if cell.place["epochs"] == "2" else {
            "diverged": None, "epochs": [] if told[cell.place["learning_rate"]][cell.seed] is None else [
                dict(zip(("validation_accuracy", "test_accuracy"), told[cell.place["learning_rate"]][cell.seed], strict=True))
            ],
        }
        for cell in made
    ]  # fmt: skip
    study = table.record(row, "paper", made, outcomes, [])
    lines = [(each["learning_rate"], each["epochs"], each["mean"]) for each in study["lines"]]
    assert lines == [("0.2", "1", pytest.approx(50)), ("0.1", "2", None)]
    assert "Of learning_rate only the value with the best accuracy" in table.as_page(study, None)


def test_backpropagation_leaves_the_inference_of_its_model():
    config = cells.configured({"model": "VGG-5", "inference_steps": 7, "algorithm": "BP-CE", "momentum": 0.5})
    assert config == TrainingConfig(model="VGG-5", algorithm="BP-CE")


# -- The runner -------------------------------------------------------------------------------------------------------


def test_a_study_has_a_table_and_a_picture(whole, own):
    record = json.loads((whole / "results.json").read_text())
    assert (record["finished"], record["cells"]) == (4, 4)
    runs = numbers(whole).values()
    accuracies = [
        [100 * max(each["test_accuracy"] for each in epochs) for place, _, epochs, _ in runs if place["learning_rate"] == rate]
        for rate in ("0.001", "0.01")
    ]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO((whole / "mine.csv").read_text())))
    best = [line for line in lines if line["measure"] == "best"]
    np.testing.assert_allclose([float(line["mean"]) for line in best], np.mean(accuracies, axis=1))
    np.testing.assert_allclose([float(line["deviation"]) for line in best], np.std(accuracies, axis=1, ddof=1))
    assert [line["published"] for line in best] == ["50.0", "60.0"]
    np.testing.assert_allclose([float(line["difference"]) for line in best], np.mean(accuracies, axis=1) - [50, 60])
    assert [line["mean"] for line in lines if line["measure"] == "multiplications"] == ["18.0", "18.0"]  # 6 × (2 L − 1)
    page = (whole / "README.md").read_text()
    assert "50 ± 1.5" in page
    assert "- nothing that matters" in page
    assert "| best, % |" in page
    assert (whole / "mine.png").read_bytes().startswith(b"\x89PNG")


def test_a_study_that_is_killed_resumes_to_the_same_numbers(whole, own, tmp_path, monkeypatch):
    original, tested = Trainer.test, []

    def dying(*arguments):
        tested.append(None)
        if len(tested) == 4:  # within the second training, after its first epoch
            raise MemoryError
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "test", dying)
        assert isinstance(dlntheory(own, "--scale", "paper", "--out", tmp_path).exception, MemoryError)
    (finished,) = (tmp_path / "cells").iterdir()
    finished.write_bytes(finished.read_bytes()[:100])  # and a file that the disk has lost in part
    again = dlntheory(own, "--scale", "paper", "--out", tmp_path)
    assert again.exit_code == 0, again.stderr
    assert numbers(tmp_path) == numbers(whole)


@pytest.mark.parametrize(("stop", "finished"), [(1, 0), (3, 1)])
def test_an_interrupted_study_has_the_table_of_what_is_finished(own, tmp_path, monkeypatch, stop, finished):
    original, tested = Trainer.test, []

    def interrupted(*arguments):
        tested.append(None)
        if len(tested) == stop:  # two a training
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(Trainer, "test", interrupted)
    stopped = dlntheory(own, "--scale", "paper", "--out", tmp_path)
    assert f"Interrupted; {tmp_path} has the table so far, and the same command goes on." in stopped.stderr
    record = json.loads((tmp_path / "results.json").read_text())
    assert (record["finished"], record["cells"]) == (finished, 4)


def test_two_shards_give_what_one_gives(whole, own, tmp_path):
    for number, finished in ((1, 2), (2, 4)):
        done = dlntheory(own, "--scale", "paper", "--out", tmp_path, "--shard", f"{number}/2", "--json")
        assert json.loads(done.stdout)["finished"] == finished
    assert numbers(tmp_path) == numbers(whole)
    lines = [json.loads((each / "results.json").read_text())["lines"] for each in (tmp_path, whole)]
    assert lines[0] == lines[1]


@pytest.mark.daily
def test_processes_share_a_study_and_one_of_them_is_killed(own, tmp_path):
    """By the system, as soon as anything is finished: the other goes on, and the next does what is left."""
    command = [sys.executable, "-m", "dlntheory", "study", own, "--scale", "paper", "--out"]
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    shards = [subprocess.Popen([*command, disturbed, "--shard", part]) for part in ("1/2", "2/2")]
    try:
        while not list(disturbed.glob("cells/*.json")):
            assert any(each.poll() is None for each in shards)
            time.sleep(0.01)
        shards[0].kill()
        assert shards[1].wait() == 0
    finally:
        for each in shards:
            each.kill()
            each.wait()
    for folder in (disturbed, undisturbed):
        subprocess.run([*command, folder], check=True)
    assert numbers(disturbed) == numbers(undisturbed)


def test_parts_of_a_study_add_up_in_its_table(whole, own, tmp_path):
    """The terminal tells of the cells that were asked for, the files of all that is finished."""
    for rate, finished in (("0.01", 2), ("0.001", 4)):
        done = dlntheory(own, "--scale", "paper", "--out", tmp_path, "--only", rate, "--json")
        asked = json.loads(done.stdout)
        assert (asked["finished"], asked["cells"], {each["learning_rate"] for each in asked["lines"]}) == (2, 2, {rate})
        assert asked["command"] == f"dlntheory study {own} --scale paper --only {rate}"
        record = json.loads((tmp_path / "results.json").read_text())
        assert (record["finished"], record["cells"]) == (finished, 4)
        assert record["command"] == f"dlntheory study {own} --scale paper"
    for name in ("README.md", "mine.csv"):
        assert (tmp_path / name).read_text() == (whole / name).read_text()


def test_a_finished_study_is_not_trained_again(whole, own, monkeypatch):
    monkeypatch.setattr(Trainer, "train", None)
    assert dlntheory(own, "--scale", "paper", "--out", whole).exit_code == 0


def test_a_training_that_diverges_is_counted(own, tmp_path):
    path = tmp_path / "wild.toml"
    path.write_text(OWN.replace("[0.001, 0.01]", "[1e20]").replace("best | 0.001 | 0.01\nall | 50 1.5 | 60\n", ""))
    record = json.loads(dlntheory(path, "--scale", "paper", "--out", tmp_path / "out", "--json").stdout)
    best = record["lines"][0]
    assert (best["seeds"], best["diverged"], best["mean"]) == (2, 2, None)


def test_what_differs_from_the_paper_is_said():
    row = REGISTRY["002-table-1"]
    found = table.differences(row, "quick", cells.make_cells(row, "quick"))
    assert "seeds: 1 (paper: 5)" in found
    assert "epochs: 1 (paper: 25, 50)" in found
    assert "train_samples: 64 (paper: all); 8 (paper: all)" in found
    assert "data: digits (paper: mnist); digits-32 (paper: cifar10)" in found
    assert table.differences(row, "paper", cells.make_cells(row, "paper")) == []
    assert "weights: searched, 1e-3 (paper: searched)" in table.differences(row, "cpu", [])
    widths = "width: 32, 128, 512 (paper: 32, 64, 128, 256, 512, 1024, 2048, 4096)"
    assert widths in table.differences(REGISTRY["002-figure-16"], "cpu", [])
    assert not [each for each in found if each.startswith("model: ")]


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("002-figure-6c", {"width": "2048", "activation": "leaky_relu"}, 2 * 6 * 7 * 3),  # figure 13
        ("002-figure-14", {"width": "1024", "optimiser": "sgd-0.9"}, 2 * 6 * 7 * 10),
        ("002-figure-15", {"width": "256", "optimiser": "adamw"}, 2 * 6 * 7 * 10),
        ("003-figure-6", {"model": "AlexNet"}, 3 * 3),
    ],
)
def test_what_a_figure_shows_can_be_run(name, values, count):
    """By the texts of appendix D.1, and of section 5.1 of Better Initialization."""
    assert len(cells.make_cells(REGISTRY[name], "paper", [",".join(values.values())])) == count


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fantasy"], "study 'fantasy' is not here"),
        (["table-1"], "Did you mean 000-table-1 or 002-table-1 or 003-table-1?"),
        (["nowhere.toml"], "nowhere.toml is no file; wanted one with a study"),
        (["002-table-1", "--data-dir", "nowhere"], "--data-dir is nowhere, which is no folder"),
        (["002-table-1", "--scale", "huge"], "wanted one of"),
        (["002-table-1", "--scale", "paper"], "the data of cifar10, cifar100, fashion-mnist, mnist, tiny-imagenet are"),
        (["002-table-1", "--only", "VGG-8"], "'VGG-8' is on no axis; wanted of model MLP, VGG-5, "),
        (["002-table-1", "--only", "MLP,cifar10"], "no cell has MLP and cifar10 together"),
        (["002-table-1", "--shard", "3/2"], "--shard is '3/2'"),
        (["002-figure-9", "--scale", "cpu"], "has no cpu scale"),
        (["003-figure-7", "--scale", "cpu"], "the data of fashion-mnist are missing"),
        (["002-table-6"], "is no experiment"),
        (["modes", "--only", "PC-SE"], "--only: modes is one figure"),
        (["modes", "--shard", "1/2"], "--shard: modes is one figure"),
        (["002-figure-17", "--scale", "cpu"], "the data of fashion-mnist are missing"),
        (["004-figure-9", "--scale", "paper"], "the data of mnist are missing"),
        (["002-figure-20", "--scale", "cpu"], "the data of mnist are missing"),
        (["002-table-3", "--scale", "paper"], "the data of tiny-imagenet are missing"),
    ],
)
def test_refusals_are_one_line(arguments, message, tmp_path):
    done = dlntheory(*arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.stdout
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_folder_of_another_study_is_refused(whole):
    done = dlntheory("002-table-1", "--out", whole)
    assert done.exit_code == 2
    assert done.stderr == f"Error: {whole} holds study mine at paper scale; wanted study 002-table-1 at quick scale.\n"
    assert "holds study mine" in dlntheory("modes", "--out", whole).stderr


def test_data_are_found_by_their_names(tmp_path):
    (tmp_path / "all" / "mnist").mkdir(parents=True)
    (tmp_path / "kmnist").mkdir()
    folders = [tmp_path / "all", tmp_path / "kmnist"]
    own = {"fashion-mnist": "mine"}
    made = [
        cells.Cell({}, config, config)
        for config in (TrainingConfig(data=name, data_dir=own.get(name)) for name in ("iris", *SOURCES))
    ]
    found, missing = runner.with_data(made, folders)
    assert {each.config.data: each.config.data_dir for each in found} == {
        "iris": None,
        "mnist": str(tmp_path / "all" / "mnist"),
        "fashion-mnist": "mine",
        "kmnist": str(tmp_path / "kmnist"),
    }
    assert missing == sorted(SOURCES.keys() - {"mnist", "fashion-mnist", "kmnist"})
