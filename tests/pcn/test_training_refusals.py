"""A run that diverges says where; options and folders that do not fit are refused before anything is written."""

import json
import shutil
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pytest
from interpreter import fresh_python

from dlntheory.pcn.runs.checkpoints import Checkpoints
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.divergence import DivergedError, Position, explain, first_bad
from dlntheory.pcn.runs.folder import CHECKPOINTS
from dlntheory.pcn.runs.run import read_data, read_run
from dlntheory.pcn.runs.trainer import Trainer
from tests.checkpointing import LEFTOVERS
from tests.training_runs import CONFIG, train, whole_run

pytestmark = LEFTOVERS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(tmp_path_factory)


def test_states_that_diverge_are_named(tmp_path):
    config = replace(CONFIG, step_size=50.0, inference_steps=12, momentum=0.9, activation="identity")
    with pytest.raises(DivergedError) as refusal:
        train(tmp_path, config)
    message = str(refusal.value)
    assert "Training diverged at step" in message
    assert "in inference, the energy of layer" in message
    assert "--step-size" in message


def test_a_decoder_whose_states_diverge_at_first_may_go_on(tmp_path):
    """Its loss is of after inference, so that the states are to blame. Adam's steps do not grow with the energies."""
    config = replace(CONFIG, model="Decoder", hidden=(8, 4), algorithm="iPC", initial="zero", activation="identity",
                     inference_steps=12, step_size=3.0, momentum=0.0, epochs=1)  # fmt: skip
    with pytest.raises(DivergedError, match=r"in inference, the energy of layer 2 (.|\n)*--step-size"):
        train(tmp_path / "stopped", config)
    records = train(tmp_path / "goes on", replace(config, diverged_above=1e30))
    assert 1e8 < records[-1]["loss"] < np.inf


def test_what_diverges_from_kept_states_is_looked_for_from_them():
    config = replace(CONFIG, model="Decoder", hidden=(8, 4), algorithm="PC-SE", initial="null")
    trainer = Trainer(config, read_data(config))
    batches = trainer.batches(0)[:1]
    state, metrics = trainer.train(trainer.start(), 0, 0, batches)
    far = jax.tree.map(lambda each: each + 1e6 if each.ndim else each, state.memory)
    state = eqx.tree_at(lambda it: it.memory, state, far)
    message = trainer.diagnose(state, 0, 1, batches, jax.tree.map(np.asarray, metrics), 0)
    assert f"in step 0 of {config.inference_steps}" in message


def test_weights_that_diverge_are_named_and_the_last_good_state_kept(tmp_path):
    config = replace(CONFIG, algorithm="BP-SE", inference_steps=None, step_size=None, learning_rate=1e5,
                     activation="identity", log_every=4)  # fmt: skip
    with pytest.raises(DivergedError, match=r"so its weights have diverged.\n.*--learning-rate") as refusal:
        train(tmp_path, config)
    kept = int(str(refusal.value).partition("checkpoint is of step ")[2].partition(",")[0])
    assert kept < int(str(refusal.value).partition("at step ")[2].partition(" ")[0])
    state, _ = Checkpoints(tmp_path / CHECKPOINTS).restore(Trainer(config, read_data(config)).start())
    assert int(state.step) == kept
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(eqx.filter(state.network, eqx.is_array)))


def test_explanations():
    one, fine = np.ones(2), np.ones((3, 2))
    overflow = explain(Position(3, 1), 1.0, one, fine, np.array([1.0, np.inf]))
    assert "the update of layer 2 is infinite" in overflow
    forward = explain(Position(3, 1), np.nan, np.array([1.0, np.nan]), fine * np.nan, one)
    assert "the prediction of layer 2 is NaN before inference" in forward
    good = {"loss": np.ones(2), "energy": np.ones((2, 2)), "update": np.ones((2, 2))}
    assert first_bad(good) is None
    assert first_bad(good | {"update": np.array([[1.0, 1.0], [1.0, np.inf]])}) == 1


BAD = {
    "data": ({"data": "minst"}, "wanted one of"),
    "folder": ({"data": "mnist"}, "`data_dir` is missing"),
    "count": ({"epochs": 0}, "`epochs` is 0"),
    "limit": ({"diverged_above": 0.0}, "`diverged_above` is 0.0; wanted a positive number"),
    "negative": ({"weight_decay": -1.0}, "`weight_decay` is -1.0"),
    "model": ({"model": "VGG-6"}, "`model` is 'VGG-6'"),
    "activation": ({"activation": "selu"}, "`activation` is 'selu'"),
    "algorithm": ({"algorithm": "PC"}, "'PC-SE'"),
    "order": ({"order": "sorted"}, "`order` is 'sorted'"),
    "precision": ({"precision": "float8"}, "`precision` is 'float8'"),
    "no use": ({"beta": 0.5}, "PC-SE has no use for it"),
    "steps of BP": ({"algorithm": "BP-SE"}, "BP-SE has no use for it"),
    "owner": ({"skip": True}, "`skip` is an option of VGG-19"),
    "channels": ({"model": "VGG-5", "hidden": None, "channels": (8, 8)}, "wanted 4, one per convolution of VGG-5"),
    "norm": ({"algorithm": "PC-SE+BF", "norm": "standard"}, "needs 'frozen'"),
    "devices": ({"devices": 3}, "multiple of 3 devices"),
    "too many devices": ({"devices": 20}, "`devices` is 20, but JAX has "),
    "validation": ({"validation": 1.0}, "`validation` is 1.0"),
    "momentum": ({"momentum": 1.5}, "`momentum` is 1.5"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_bad_configurations_are_refused_before_anything_is_read(changes, message, tmp_path, monkeypatch):
    monkeypatch.setattr("dlntheory.pcn.runs.run.load_dataset", lambda *_: pytest.fail("data were read"))
    with pytest.raises((ValueError, TypeError), match=message):
        train(tmp_path / "run", replace(CONFIG, **changes))
    assert not (tmp_path / "run").exists()


def test_a_folder_has_one_run(whole):
    with pytest.raises(ValueError, match="has a run already"):
        train(whole)
    with pytest.raises(ValueError, match=r"other options: learning_rate \(0.01, now 0.1\)"):
        train(whole, replace(CONFIG, learning_rate=0.1), resume=True)
    assert CONFIG.differences(replace(CONFIG, data_dir="elsewhere")) == []


def test_damaged_configuration(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "copy")
    for text in ("{", '{"config": {"colour": "red"}}', "[]"):
        (folder / "config.json").write_text(text)
        with pytest.raises(ValueError, match="is damaged"):
            read_run(folder)
    with pytest.raises(FileNotFoundError, match="wanted the folder of a run"):
        read_run(tmp_path)


def test_configuration_survives_json():
    config = replace(CONFIG, hidden=(3, 4), crop=None)
    assert TrainingConfig.from_json(json.loads(json.dumps(config.as_json()))) == config


def test_what_does_not_fit_the_data_leaves_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="curl"):
        train(tmp_path / "run", replace(CONFIG, data="mnist", data_dir=str(tmp_path)))
    assert not (tmp_path / "run").exists()


def test_values_of_a_wrong_type_are_refused_by_name():
    """In a new interpreter, as arguments' types are checked by others in this one."""
    refusals = fresh_python("""
import json, numpy as np
from dlntheory import pcn
from dlntheory.pcn.runs.config import TrainingConfig
network, algorithm, optimiser = pcn.mlp((3, 2), key=0), pcn.algorithm("PC-SE", steps=2), pcn.sgd(0.1)
x, y, found = np.ones((1, 3), np.float32), np.ones((1, 2), np.float32), []
for call in (
    lambda: pcn.start_training(np.tanh, algorithm, optimiser),
    lambda: pcn.relax(np.tanh, x, y, algorithm),
    lambda: pcn.predict(np.tanh, x),
    lambda: pcn.evaluate(np.tanh, x, y),
    lambda: pcn.train_step(network, x, y, algorithm, optimiser),
    lambda: pcn.train_steps(network, x[None], y[None], algorithm, optimiser),
    lambda: TrainingConfig(model="Decoder", test_steps=3).check(),
    lambda: TrainingConfig(hidden=3).check(),
    lambda: pcn.HopfieldMemory(rate="fast"),
    lambda: pcn.HopfieldMemory(seed=0.5),
):
    try:
        call()
    except TypeError as error:
        found.append(str(error))
print(json.dumps(found))
""")
    assert refusals[:4] == ["`network` is a ufunc; wanted a network of dlntheory.pcn."] * 4
    assert refusals[4:6] == ["`state` is a Network; wanted one from dlntheory.pcn.start_training."] * 2
    assert refusals[6:] == [
        "`test_steps` is a int; wanted a list of whole numbers.",
        "`hidden` is a int; wanted a list of whole numbers.",
        "`rate` is 'fast'; wanted a real number.",
        "`seed` is 0.5; wanted a whole number.",
    ]
