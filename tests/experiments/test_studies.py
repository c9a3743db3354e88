"""The runner of studies: what is killed or shared out ends alike, and what cannot be run is refused in a line.

Oracles: an undisturbed run, and NumPy.
"""

import csv
import dataclasses
import io
import json
import subprocess
import sys
import time

import numpy as np
import pytest

from dlntheory.pcn.data.catalogue import SOURCES
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.trainer import Trainer
from experiments.papers import cells, runner
from tests.checkpointing import LEFTOVERS
from tests.own_studies import dlntheory, run_whole, study_file

pytestmark = LEFTOVERS

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
    told = [line["by_seed"] for line in record["lines"] if line["measure"] == "best"]
    assert [list(each) for each in told] == [["0", "1"]] * 2
    np.testing.assert_allclose(np.sort([list(each.values()) for each in told]), np.sort(accuracies))
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
