"""Studies that test one trained decoder with several numbers of steps, and keep its reconstructions.

Oracles: the records of the trainings, reconstructions one by one, and an undisturbed study.
"""

import csv
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from dlntheory import pcn
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data, restored, run_training
from dlntheory.pcn.runs.trainer import Trainer
from experiments.papers.picture import _draw_learning
from tests.checkpointing import LEFTOVERS
from tests.own_studies import dlntheory, run_whole, study_file

pytestmark = LEFTOVERS

OWN = """
[mine]
title = "starts and steps"
seeds = 2
measures = ["error"]
choose = ["step_size"]
picture = "lines and curves"
x = "test_steps"
panels = "inference_steps"
reconstructions = 2

[mine.options]
data = "digits"
model = "Decoder"
hidden = [6, 4]
algorithm = "PC-SE"
batch_size = 20
epochs = 2
train_samples = 40
test_samples = 20
normalise = false

[mine.axes]
start = { zero = { initial = "zero" }, hopfield = { initial = "hopfield", memory_layers = 1 } }
inference_steps = [2]
step_size = [0.1, 0.2]
test_steps = [1, 6]
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return study_file(tmp_path_factory, OWN)


@pytest.fixture(scope="module")
def whole(own, tmp_path_factory):
    return run_whole(tmp_path_factory, own)


def trainings(folder):
    """The results of the trainings, without when and where."""
    found = [json.loads(path.read_text()) for path in sorted((folder / "cells").iterdir())]
    for each in found:
        for epoch in each["epochs"]:
            epoch["seconds"] = None
    return [{name: each[name] for name in ("place", "seed", "config", "epochs", "reconstructions")} for each in found]


def test_steps_of_the_test_take_no_training_of_their_own(whole):
    """Four trainings a seed, and a line for every start and number of steps: of the rates the best for each."""
    record = json.loads((whole / "results.json").read_text())
    assert (record["cells"], record["finished"], record["chosen"]) == (8, 8, ["step_size"])
    lines = list(csv.DictReader(io.StringIO((whole / "mine.csv").read_text())))
    assert [(each["start"], each["test_steps"]) for each in lines] == [
        (start, steps) for start in ("zero", "hopfield") for steps in ("1", "6")
    ]
    for line in lines:
        by_rate = {}
        for each in trainings(whole):
            if each["place"]["start"] == line["start"]:
                tested = [epoch["by_test_steps"][line["test_steps"]] for epoch in each["epochs"]]
                by_rate.setdefault(each["place"]["step_size"], []).append(1e3 * min(one["test_mse"] for one in tested))
        best = min(by_rate, key=lambda rate: np.mean(by_rate[rate]))
        assert line["step_size"] == best
        np.testing.assert_allclose(float(line["mean"]), np.mean(by_rate[best]))
        np.testing.assert_allclose(float(line["deviation"]), np.std(by_rate[best], ddof=1))
    assert (whole / "mine.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.daily
def test_a_study_that_is_killed_resumes_to_the_same_numbers(whole, own, tmp_path, monkeypatch):
    """Within a training whose start has a memory, after its first epoch."""
    original, tested = Trainer.test, []

    def dying(*arguments):
        tested.append(None)
        if len(tested) == 6:  # the second epoch of the third training, from a Hopfield memory
            raise MemoryError
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "test", dying)
        assert isinstance(dlntheory(own, "--scale", "paper", "--out", tmp_path).exception, MemoryError)
    again = dlntheory(own, "--scale", "paper", "--out", tmp_path)
    assert again.exit_code == 0, again.stderr
    assert trainings(tmp_path) == trainings(whole)


def test_reconstructions_are_those_of_the_trained_network(whole, tmp_path):
    """The same training again has them, in whole numbers from black to white."""
    kept = next(each for each in trainings(whole) if each["place"]["start"] == "hopfield")
    config = TrainingConfig.from_json(kept["config"])
    assert config.test_steps == (1, 6)
    for _ in run_training(config, tmp_path):
        pass
    data = read_data(config)
    trainer, state = restored(tmp_path, data)
    images = np.asarray(data.test.samples[:2], np.float32) / data.normalisation.maximum
    np.testing.assert_array_equal(kept["reconstructions"]["picture"], np.rint(255 * images))
    for steps in config.test_steps:
        chosen = pcn.algorithm("PC-SE", steps=steps, step_size=config.step_size, initial=trainer.algorithm.initial)
        found = np.asarray(pcn.reconstruct(state.network, images, chosen, memory=state.memory))
        error = np.array(kept["reconstructions"][str(steps)]) - 255 * np.clip(found, 0, 1)
        assert np.abs(error).max() < 0.51


BOTH = """
[mine]
title = "a decoder and an autoencoder"
seeds = 1
measures = ["error"]
picture = "reconstructions"
reconstructions = 2
options = { data = "digits", hidden = [6, 4], batch_size = 20, epochs = 1, train_samples = 40, test_samples = 20, normalise = false }
cells = [{ model = ["Decoder"], algorithm = ["PC-SE"] }, { model = ["AE"], algorithm = ["BP-SE"] }]

[mine.axes]
model = ["Decoder", "AE"]
algorithm = ["PC-SE", "BP-SE"]

[mine.scales.cpu.of]
"Decoder,PC-SE" = { inference_steps = 2, initial = "zero" }
"AE,BP-SE" = { learning_rate = 1e-2 }
"AE,PC-SE" = { learning_rate = 1e-1 }
"""


def test_an_autoencoder_keeps_its_predictions(tmp_path_factory, tmp_path):
    """Beside a decoder, which is tested with the steps of its training; ``of`` takes the cells that have all words."""
    path, out = study_file(tmp_path_factory, BOTH), tmp_path / "out"
    done = dlntheory(path, "--scale", "cpu", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert (out / "mine.png").read_bytes().startswith(b"\x89PNG")
    found = {each["place"]["model"]: each for each in trainings(out)}
    assert {name: each["config"]["learning_rate"] for name, each in found.items()} == {"AE": 1e-2, "Decoder": 3e-4}
    config = TrainingConfig.from_json(found["AE"]["config"])
    for _ in run_training(config, tmp_path / "again"):
        pass
    data = read_data(config)
    images = np.asarray(data.test.samples[:2], np.float32) / data.normalisation.maximum
    expected = np.asarray(pcn.predict(restored(tmp_path / "again", data)[1].network, images))
    kept = dict(found["AE"]["reconstructions"])
    np.testing.assert_array_equal(kept.pop("picture"), np.rint(255 * images))
    ((_, own),) = kept.items()
    assert np.abs(np.array(own) - 255 * np.clip(expected, 0, 1)).max() < 0.51


def test_curves_are_of_the_steps_that_they_name():
    """Also where an axis ends with fewer steps than the most, whose numbers are the test's own."""
    epochs = [{"epoch": 1, "test_mse": 0.1, "by_test_steps": {"6": {"test_mse": 0.1}, "2": {"test_mse": 0.3}}}]
    cell, axes = SimpleNamespace(place={"start": "zero"}), Figure().subplots()
    _draw_learning(axes, "error", [{"start": "zero", "test_steps": "2"}], [(cell, {"epochs": epochs})])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [300.0])
    assert "test steps 2" in axes.get_ylabel()


@pytest.mark.parametrize("x", ["test_steps", "start"])
def test_pictures_of_reconstructions(whole, own, x, tmp_path):
    """From the trainings that another study has finished, whose files are its own."""
    chosen = {"test_steps": '["step_size"]', "start": '["step_size", "inference_steps", "test_steps"]'}[x]
    changed = OWN.replace('"lines and curves"', '"reconstructions"').replace('x = "test_steps"', f'x = "{x}"')
    path, out = tmp_path / "mine.toml", tmp_path / "out"
    path.write_text(changed.replace('choose = ["step_size"]', f"choose = {chosen}"))
    (out / "cells").mkdir(parents=True)
    for each in (whole / "cells").iterdir():
        (out / "cells" / each.name).write_bytes(each.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train", None)
        done = dlntheory(path, "--scale", "paper", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert (out / "mine.png").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((out / "results.json").read_text())["lines"]) == {"test_steps": 4, "start": 2}[x]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("reconstructions = 2\n", 'picture = "reconstructions"\n', "keeps none"),
        ('panels = "inference_steps"', 'panels = "depth"', "has panels of 'depth'"),
        ("test_steps = [1, 6]", "test_steps = [0, 1]", "`test_steps` is 0"),
    ],
)
def test_rows_that_make_no_sense_are_refused(old, new, message, tmp_path):
    path = tmp_path / "mine.toml"
    text = OWN.replace('picture = "lines and curves"\n', "") if "picture" in new else OWN
    path.write_text(text.replace(old, new))
    done = dlntheory(path, "--scale", "paper", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert message in done.stderr
