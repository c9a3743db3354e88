"""`dlntheory train` and `dlntheory search`: exit codes, files, JSON, resumption and refusals.

Oracle: the runs that `tests/pcn/test_training_*.py` check, and the tables of the papers.
"""

import dataclasses
import inspect
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from dlntheory.cli import app
from dlntheory.cli.train import train
from dlntheory.pcn.choices.presets import PRESETS
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.folder import read_epochs
from dlntheory.pcn.runs.search import LITTLE, Search, take_up
from dlntheory.pcn.runs.spaces import SPACES, Choice, Range, search_space
from dlntheory.pcn.runs.trainer import Trainer
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS

TINY = ["--data", "iris", "--hidden", "4", "--batch-size", "40", "--epochs", "2"]


def dlntheory(*arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))


def test_train_writes_a_run_and_resumes_it(tmp_path):
    folder = tmp_path / "run"
    done = dlntheory("train", *TINY, "--algorithm", "PC-SE", "--out", folder, "--json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "metrics.jsonl", "summary.json", "checkpoints", "training.png",
    }  # fmt: skip
    assert record["config"]["hidden"] == [4]
    assert [each["epoch"] for each in record["epochs"]] == [1, 2]
    assert all(len(each["energy"]) == 2 for each in record["epochs"])
    assert record["summary"]["best_accuracy"] == max(each["test_accuracy"] for each in record["epochs"])
    again = dlntheory("train", "--resume", "--out", folder)
    assert again.exit_code == 0, again.stderr
    assert "Best test accuracy" in again.stdout
    refused = dlntheory("train", *TINY, "--out", folder)
    assert refused.exit_code == 2
    assert "has a run already" in refused.stderr
    other = dlntheory("train", "--resume", "--seed", 1, "--out", folder)
    assert other.exit_code == 2
    assert "seed (0, now 1)" in other.stderr


def test_diverged_training_ends_with_one(tmp_path):
    done = dlntheory("train", *TINY, "--algorithm", "BP-SE", "--activation", "identity", "--learning-rate", "1e6",
                     "--out", tmp_path / "run")  # fmt: skip
    assert done.exit_code == 1
    assert "Training diverged at step" in done.stderr
    assert "Likely cause" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "mnist"], "`data_dir` is missing"),
        (["--data", "mnist", "--data-dir", "nowhere"], "curl"),
        (["--algorithm", "PC"], "wanted one of"),
        (["--hidden", "4,x"], "--hidden is '4,x'"),
        (["--epochs", "0"], "`epochs` is 0"),
        (["--crop", "99"], "`crop` is 99"),
    ],
)
def test_refusals(arguments, message, tmp_path):
    done = dlntheory("train", *arguments, "--out", tmp_path / "run")
    assert done.exit_code == 2, done.stdout
    assert message in done.stderr


@pytest.mark.parametrize(
    ("library", "command", "extra"),
    [("orbax.checkpoint", "train", "training"), ("optax", "train", "training"), ("optuna", "search", "search"),
     ("sklearn.datasets", "train", "data")],
)  # fmt: skip
def test_missing_libraries_are_named_with_their_extra(library, command, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    done = dlntheory(command, *TINY, "--data", "moons", "--out", tmp_path / "run")
    assert done.exit_code == 2, done.stdout
    assert f"dlntheory[{extra}]" in done.stderr


def test_list_of_algorithms():
    listed = json.loads(dlntheory("train", "--list-algorithms", "--json").stdout)
    assert [each["name"] for each in listed] == list(PRESETS)
    assert all(each["source"] for each in listed)
    shown = dlntheory("train", "--list-algorithms").stdout
    assert all(name in shown for name in PRESETS)


def test_every_option_is_there_with_the_default_that_help_shows():
    fields = {field.name: field.default for field in dataclasses.fields(TrainingConfig)}
    parameters = inspect.signature(train).parameters
    assert set(fields) == set(parameters) - {"out", "resume", "list_algorithms", "json"}
    for name, default in fields.items():
        shown = get_args(parameters[name].annotation)[1].show_default
        if default is not None and not isinstance(default, bool):
            assert shown == str(default), name


def test_spaces_are_those_of_the_papers():
    pc = search_space("benchmarking", TrainingConfig(algorithm="PN"))
    assert pc["step_size"] == Range(1e-2, 5e-1, log=True)
    assert pc["beta"] == Range(0.0, 1.0, step=0.05)
    assert pc["inference_steps"] == Choice((4, 5, 6, 7, 8))
    assert "beta" not in search_space("benchmarking", TrainingConfig(algorithm="PC-SE"))
    ipc = search_space("benchmarking", TrainingConfig(algorithm="iPC", model="VGG-7"))
    assert ipc["step_size"] == Range(1e-2, 1.0, log=True)
    assert ipc["inference_steps"] == Choice((8, 9, 10, 11, 12))
    bp = search_space("deeper", TrainingConfig(algorithm="BP-SE"))
    skips = search_space("skips", TrainingConfig(model="VGG-19", skip=True))
    assert (skips["inference_steps"], skips["momentum"]) == (Choice((24, 36)), Choice((0.0, 0.5, 0.9, 0.99)))
    decoder = search_space("sampling", TrainingConfig(algorithm="MCPC", model="Decoder"))
    assert decoder["inference_steps"].values == (1000,)  # appendix C.2
    sampling = search_space("sampling", TrainingConfig(algorithm="MCPC"))
    assert [round(noise**2, 12) for noise in sampling["noise"].values] == [1.0, 0.3, 0.01, 0.001]
    assert sampling["output_variance"] == Range(0.03, 1.0, log=True)
    assert search_space("autoencoders", TrainingConfig(model="Conv-AE"))["kernel"] == Choice((3, 4, 5, 7))
    decoders = search_space("autoencoders", TrainingConfig(model="AE", algorithm="iPC"))
    assert "kernel" not in decoders
    assert (decoders["inference_steps"], decoders["weight_decay"]) == (Choice((20,)), Range(1e-5, 1e-1, log=True))
    assert set(bp) == {"activation", "learning_rate", "weight_decay"}
    assert search_space("deeper", TrainingConfig(algorithm="D+F+BF"))["decay"] == Choice((1.0, 1.5, 2.0))
    ipc = search_space("autoencoders", TrainingConfig(algorithm="iPC", model="Decoder"))
    assert ipc["weight_decay"] == Range(1e-5, 1e-1, log=True)
    assert ipc["inference_steps"] == Choice((20,))
    assert "beta" not in ipc
    for paper in SPACES:
        for name in PRESETS:
            search_space(paper, TrainingConfig(algorithm=name))


def test_search_resumes_and_is_shared_through_its_storage(tmp_path):
    pytest.importorskip("optuna", reason="Optuna is not installed")
    options = ["search", "--data", "iris", "--hidden", "4", "--batch-size", "40", "--algorithm", "BP-SE", "--epochs", "1",
               "--sampler-seed", "0", "--out", tmp_path]  # fmt: skip
    first = dlntheory(*options, "--trials", "1", "--json")
    assert first.exit_code == 0, first.stderr
    assert json.loads(first.stdout)["completed"] == 1
    second = dlntheory(*options, "--trials", "2", "--json")
    record = json.loads(second.stdout)
    assert record["completed"] == 2
    assert record["best"]["accuracy"] >= json.loads(first.stdout)["best"]["accuracy"]
    assert second.stderr.count("trial ") == 1
    assert "2." in dlntheory(*options, "--trials", "2").stdout
    other = dlntheory(*options, "--trials", "3", "--batch-size", "20")
    assert other.exit_code == 2
    assert "begun with other options: batch_size" in other.stderr


def test_search_tells_bad_reconstructions_apart(tmp_path):
    """A decoder that explains less than nothing has a value of its own; one that diverged comes last."""
    pytest.importorskip("optuna", reason="Optuna is not installed")
    options = ["search", "--data", "digits", "--model", "AE", "--hidden", "8", "--algorithm", "iPC", "--epochs", "1",
               "--space", "autoencoders", "--trials", "1", "--sampler-seed", "0", "--out", tmp_path, "--json"]  # fmt: skip
    done = dlntheory(*options)
    found = json.loads(done.stdout)["best"]
    assert ("trial 0: diverged" in done.stderr) == found["diverged"]
    (folder,) = (tmp_path / "trials").iterdir()
    explained = max(each["test_accuracy"] for each in read_epochs(folder))
    assert found["accuracy"] == (LITTLE if found["diverged"] else explained) < 0


SEARCH = ("search", "--data", "iris", "--hidden", "4", "--batch-size", "40", "--algorithm", "BP-SE", "--epochs", "2",
          "--sampler-seed", "0")  # fmt: skip


def test_a_search_with_validation_leaves_the_test_out_of_its_choices(tmp_path, monkeypatch):
    """The best trial and its best epoch by what validation says, whatever the test does."""
    pytest.importorskip("optuna", reason="Optuna is not installed")
    original = Trainer.test
    told = [(0.5, 0.9), (0.7, 0.2), (0.6, 0.8), (0.1, 0.9)]  # two epochs of each trial: validation and test
    numbers = iter(told)

    def scripted(*arguments):
        found, (validation, test) = original(*arguments), next(numbers)
        assert {"validation_loss", "validation_accuracy", "test_loss", "test_accuracy"} <= found.keys()
        return {**found, "validation_accuracy": validation, "test_accuracy": test}

    monkeypatch.setattr(Trainer, "test", scripted)
    options = [*SEARCH, "--validation", "0.2", "--batch-size", "32", "--trials", "2", "--out", tmp_path]
    done = dlntheory(*options, "--json")
    assert done.exit_code == 0, done.stderr
    best = json.loads(done.stdout)["best"]
    assert (best["trial"], best["accuracy"], best["test"]) == (0, 0.7, 0.2)
    shown = dlntheory(*options).stdout
    assert "Best validation accuracy 70.00%, in trial 0 of 2. Its test accuracy is 20.00%." in shown


def test_a_run_with_validation_says_how_its_best_epoch_was_chosen(tmp_path):
    folder = tmp_path / "run"
    done = dlntheory("train", *TINY, "--validation", "0.2", "--algorithm", "BP-SE", "--out", folder)
    assert done.exit_code == 0, done.stderr
    summary = json.loads((folder / "summary.json").read_text())
    shown = f"Best validation accuracy {summary['best_validation']:.2%}, test accuracy {summary['best_accuracy']:.2%}"
    assert f"{shown}, in epoch {summary['best_epoch']}" in done.stdout


def test_an_interrupted_trial_is_taken_up_again(tmp_path, monkeypatch):
    """After its first epoch: the next process goes on with its second, and knows how good the first was."""
    pytest.importorskip("optuna", reason="Optuna is not installed")
    original, tested = Trainer.test, []

    def interrupted(*arguments):
        if not tested:
            signal.raise_signal(signal.SIGINT)
        found = original(*arguments)
        tested.append(found["test_accuracy"])
        return found

    monkeypatch.setattr(Trainer, "test", interrupted)
    first = dlntheory(*SEARCH, "--trials", "1", "--out", tmp_path)
    assert (first.exit_code, len(tested)) == (130, 1)
    assert first.stderr.splitlines() == ["Interrupted; the same command goes on with the trial."]
    second = dlntheory(*SEARCH, "--trials", "1", "--out", tmp_path, "--json")
    assert second.exit_code == 0, second.stderr
    assert len(tested) == 2
    assert [path.name for path in (tmp_path / "trials").iterdir()] == ["00000"]
    assert json.loads(second.stdout)["best"]["accuracy"] == max(tested)


@pytest.mark.parametrize(
    "storage",
    ["study.db", "nonsense", "sqlite:////nowhere/at/all/study.db", "sqlite:///notes.txt", "fantasy://host/study", ""],
)
def test_a_storage_that_is_none_is_refused_in_a_line(storage, tmp_path, monkeypatch):
    pytest.importorskip("optuna", reason="Optuna is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("no database " * 100)
    done = dlntheory(*SEARCH, "--trials", "1", "--out", "out", "--storage", storage)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"`storage` is {storage!r}" in done.stderr
    assert "sqlite:///study.db" in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("a%20b", "file:x?mode=ro", ":memory:"),
        *(
            pytest.param(each, marks=pytest.mark.daily)
            for each in ("why?", "a#b", "{SCHEMA_VERSION}", "a b&c=d", "ä@b:c")
        ),
    ],
)
def test_a_study_stands_in_its_folder_whatever_that_is_called(name, tmp_path, monkeypatch):
    pytest.importorskip("optuna", reason="Optuna is not installed")
    monkeypatch.chdir(tmp_path)
    config = TrainingConfig(data="iris", hidden=(4,), batch_size=40, algorithm="BP-SE", epochs=1)
    study = Search(config, "benchmarking", Path(name), seed=0).study
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in (tmp_path / name).iterdir()] == ["study.db"]
    assert Search(config, "benchmarking", tmp_path / name).study.study_name == study.study_name


BEGIN = """
import multiprocessing, sys
from pathlib import Path
import optuna
from dlntheory.pcn.runs.search import open_storage

def begin():
    for number in range(4):
        together.wait(60)
        storage = open_storage(optuna, Path(sys.argv[1]) / f"{number}.db")
        optuna.create_study(storage=storage, study_name="one", load_if_exists=True).set_user_attr("a", 1)

open_storage(optuna, Path(sys.argv[1]) / "imports")  # once, before the processes are forked
fork = multiprocessing.get_context("fork")
together = fork.Barrier(3)
processes = [fork.Process(target=begin) for _ in range(3)]
for process in processes:
    process.start()
for process in processes:
    process.join()
raise SystemExit(any(process.exitcode for process in processes))
"""


@pytest.mark.daily
def test_processes_that_begin_a_study_together_all_do(tmp_path):
    """Four times, three processes let go at the same moment."""
    pytest.importorskip("optuna", reason="Optuna is not installed")
    command = [sys.executable, "-c", BEGIN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.db"))) == 4


def test_ctrl_c_in_train_keeps_what_was_done(tmp_path, monkeypatch):
    original, calls = Trainer.train, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(Trainer, "train", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    folder = tmp_path / "a run"
    try:
        done = dlntheory("train", *TINY, "--epochs", "4", "--checkpoint-seconds", "1e6", "--out", folder)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done.exit_code == 130
    assert f"go on with: dlntheory train --resume --out '{folder}'" in done.stderr
    calls.append(None)
    again = dlntheory("train", "--resume", "--out", folder, "--json")
    assert [each["epoch"] for each in json.loads(again.stdout)["epochs"]] == [1, 2, 3, 4]
    assert len(calls) == 5  # four epochs of one call each, and the mark between


def test_the_trial_of_a_process_that_died_is_taken_up(tmp_path):
    pytest.importorskip("optuna", reason="Optuna is not installed")
    config = TrainingConfig(data="iris", hidden=(4,), batch_size=40, algorithm="BP-SE", epochs=1)
    search = Search(config, "benchmarking", tmp_path, seed=0)

    def dies(trial):
        trial.suggest_float("learning_rate", 3e-5, 3e-4, log=True)
        raise RuntimeError

    search.study.optimize(dies, n_trials=1, catch=RuntimeError)
    rate = search.study.trials[0].params["learning_rate"]
    take_up(search.study, search.study.trials[0])
    [record] = search.run(1)
    assert (record["trial"], record["learning_rate"]) == (1, rate)
    assert [path.name for path in (tmp_path / "trials").iterdir()] == ["00000"]
