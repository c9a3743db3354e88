"""Runs of training: killed or cut off at any point they end with the same numbers; what is wrong is refused or named.

Oracles: an undisturbed run, the steps done by hand with the library's own functions, and NumPy.
"""

import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlntheory import pcn
from dlntheory.pcn.data.batches import epoch_batches
from dlntheory.pcn.data.catalogue import load_dataset
from dlntheory.pcn.data.dataset import Dataset
from dlntheory.pcn.runs.checkpoints import Checkpoints, named_arrays
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.divergence import DivergedError, Position, explain, first_bad
from dlntheory.pcn.runs.folder import CHECKPOINTS, METRICS, SUMMARY, read_config
from dlntheory.pcn.runs.interruptions import SIGNALS, held_back
from dlntheory.pcn.runs.metrics import Metrics, read_metrics
from dlntheory.pcn.runs.run import Progress, read_data, read_run, run_training
from dlntheory.pcn.runs.trainer import Trainer
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS

CONFIG = TrainingConfig(
    data="iris", hidden=(5,), algorithm="PC-SE", inference_steps=2, step_size=0.2, batch_size=20, epochs=3,
    learning_rate=1e-2, log_every=2, checkpoint_seconds=0.0,
)  # fmt: skip
"""Six steps an epoch, a line of metrics every two."""


def train(folder, config=CONFIG, **options):
    return list(run_training(config, folder, **options))


def without_seconds(folder):
    return [{**record, "seconds": None} for record in read_metrics(folder / METRICS)]


def final_arrays(folder):
    config = read_config(folder)
    state, _ = Checkpoints(folder / CHECKPOINTS).restore(Trainer(config, read_data(config)).start())
    return named_arrays(state)


def assert_same_run(folder, other):
    assert without_seconds(folder) == without_seconds(other)
    arrays, others = final_arrays(folder), final_arrays(other)
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    assert json.loads((folder / SUMMARY).read_text()) == json.loads((other / SUMMARY).read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(folder)
    return folder


# -- The loop ---------------------------------------------------------------------------------------------------------


def test_a_run_is_the_steps_of_the_library(whole):
    data = read_data(CONFIG)
    mean, std = (jnp.asarray(each, "float32") for each in (data.normalisation.mean, data.normalisation.std))
    algorithm = pcn.algorithm("PC-SE", steps=2, step_size=0.2)
    optimiser = pcn.adamw(1e-2, 1e-4, total_steps=18)
    state = pcn.start_training(pcn.mlp((4, 5, 3), key=0), algorithm, optimiser, key=0, batch_size=20)
    losses = []
    for epoch in range(3):
        for batch in epoch_batches(data.train.labels, 20, 0, epoch):
            x = (jnp.asarray(data.train.samples[batch]) - mean[None]) / std[None]
            y = jax.nn.one_hot(data.train.labels[batch], 3, dtype="float32")
            state, metrics = pcn.train_step(state, x, y, algorithm, optimiser, epoch)
            losses.append(float(metrics["loss"]))
    records = [record for record in read_metrics(whole / METRICS) if record["kind"] == "epoch"]
    means = np.reshape(losses, (3, 6)).mean(axis=1)
    np.testing.assert_allclose([record["loss"] for record in records], means, rtol=1e-4)
    _, network = read_run(whole)
    for own, expected in zip(jax.tree.leaves(network), jax.tree.leaves(state.network), strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-3, atol=1e-4)
    x = (jnp.asarray(data.test.samples) - mean[None]) / std[None]
    right = np.asarray(network(x).argmax(axis=1)) == data.test.labels
    assert records[-1]["test_accuracy"] == right.mean()


def cut_off(run, records):
    """As if the process had been killed: nothing is kept but what was kept before."""
    for _ in range(records):
        next(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", lambda *_: None)
        run.close()


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("records", [1, 3, 4, 7])
def test_a_run_that_is_cut_off_resumes_to_the_same_numbers(records, interrupted, whole, tmp_path):
    """A run that was interrupted goes on with the next step."""
    folder = tmp_path / "cut"
    run = run_training(CONFIG, folder)
    if interrupted:
        last = [next(run) for _ in range(records)][-1]
        run.close()
        again = run_training(CONFIG, folder, resume=True)
        assert next(again)["step"] > last["step"]
        again.close()
    else:
        cut_off(run, records)
    with (folder / METRICS).open("a") as file:
        file.write('{"kind": "steps", "step": 99}\n{"kind": "ste')
    train(folder, resume=True)
    assert_same_run(whole, folder)


@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("place", ["train", "test", "alignment"])
def test_a_run_that_is_interrupted_loses_nothing(place, ask, whole, tmp_path, monkeypatch):
    """In the midst of its third piece of work: what is under way is finished, kept, and not done again."""
    folder, original, calls = tmp_path / "cut", getattr(Trainer, place), []
    config = replace(CONFIG, checkpoint_seconds=1e6, alignment=place == "alignment")

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == (3 if place != "test" else 1):
            signal.raise_signal(ask)
        return original(*arguments)

    monkeypatch.setattr(Trainer, place, interrupted)
    handlers = {each: signal.signal(each, signal.default_int_handler) for each in SIGNALS}
    try:
        with pytest.raises(KeyboardInterrupt):
            train(folder, config)
        assert all(signal.getsignal(each) is signal.default_int_handler for each in SIGNALS)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    assert [record["step"] for record in read_metrics(folder / METRICS)] == [2, 4, 6, 6]
    assert train(folder, config, resume=True)[0]["step"] == 8
    if place != "alignment":
        assert_same_run(whole, folder)


def test_only_what_would_be_answered_is_held_back():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with held_back():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_second_interruption_counts_at_once():
    came = []

    def impatient():
        with held_back():
            for number in range(3):
                came.append(number)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        impatient()
    assert came == [0, 1]


def test_an_interruption_is_not_lost_where_the_block_fails():
    """A study goes on after a run that diverges, and must not after one that was also interrupted."""

    def interrupted():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            raise DivergedError("too large")

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_other_threads_hold_nothing_back():
    def work():
        with held_back():
            return 3

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == 3


def test_a_finished_run_is_not_trained_again(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "copy")
    assert train(folder, resume=True) == []
    assert_same_run(whole, folder)


@pytest.mark.parametrize("algorithm", ["BP-CE", "CN", "iPC", "MCPC"])
def test_every_kind_of_algorithm_resumes(algorithm, tmp_path):
    config = TrainingConfig(data="iris", hidden=(4,), algorithm=algorithm, batch_size=40, epochs=2, log_every=2)
    train(tmp_path / "whole", config)
    run = run_training(replace(config, checkpoint_seconds=0.0), tmp_path / "cut")
    cut_off(run, 3)
    train(tmp_path / "cut", config, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize(("algorithm", "steps"), [("PC-SE", 12), ("iPC", 24)])
def test_the_learning_rate_falls_over_all_steps_of_the_optimiser(algorithm, steps):
    config = replace(CONFIG, algorithm=algorithm)
    assert config.make_optimiser(steps_per_epoch=4).total_steps == steps


def test_memory_of_the_initial_state_resumes(tmp_path):
    config = replace(CONFIG, initial="class_average", order="aligned", epochs=2, alignment=True)
    train(tmp_path / "whole", config)
    run = run_training(config, tmp_path / "cut")
    cut_off(run, 4)
    train(tmp_path / "cut", config, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")
    assert all(-1 <= each["alignment"] <= 1 for each in without_seconds(tmp_path / "cut") if each["kind"] == "steps")


def test_early_stopping_counts_epochs_without_a_better_test():
    config = replace(CONFIG, patience=2, epochs=10)
    progress = Progress()
    for accuracy, finished in [(0.5, False), (0.7, False), (0.7, False), (0.6, True)]:
        progress = progress.after_epoch(accuracy, config)
        assert progress.finished == finished
    assert (progress.best_accuracy, progress.best_epoch, progress.epoch) == (0.7, 2, 4)
    assert Progress(epoch=9).after_epoch(0.1, replace(config, patience=None)).finished


def test_the_best_epoch_is_chosen_in_validation():
    config = replace(CONFIG, validation=0.1, patience=2, epochs=10)
    progress = Progress()
    for accuracy, validation, finished in [(0.5, 0.0, False), (0.6, 0.4, False), (0.9, 0.3, False), (0.9, 0.4, True)]:
        progress = progress.after_epoch(accuracy, config, validation)
        assert progress.finished == finished
    assert (progress.best_accuracy, progress.best_epoch, progress.best_validation) == (0.6, 2, 0.4)


def test_validation_is_on_samples_that_are_not_learned(tmp_path):
    """Oracle: NumPy on the last samples of each class, and the same run cut off and resumed."""
    config = replace(CONFIG, validation=0.25, batch_size=15, epochs=2)
    whole, data = load_dataset("iris"), read_data(config)
    counts = np.bincount(data.validation.labels)
    assert counts.sum() == 30
    apart = [np.flatnonzero(whole.train.labels == label)[-count:] for label, count in enumerate(counts)]
    apart = np.sort(np.concatenate(apart))
    np.testing.assert_array_equal(data.validation.samples, whole.train.samples[apart])
    np.testing.assert_array_equal(data.train.samples, np.delete(whole.train.samples, apart, axis=0))
    train(tmp_path / "whole", config)
    last = without_seconds(tmp_path / "whole")[-1]
    _, network = read_run(tmp_path / "whole")
    mean, std = (np.asarray(each, "float32") for each in (data.normalisation.mean, data.normalisation.std))
    for name, split in {"validation": data.validation, "test": whole.test}.items():
        outputs = np.asarray(network(jnp.asarray((split.samples - mean) / std)))
        assert last[f"{name}_accuracy"] == np.mean(outputs.argmax(axis=1) == split.labels)
    run = run_training(config, tmp_path / "cut")
    cut_off(run, 4)
    train(tmp_path / "cut", config, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_alignment_of_a_linear_network_is_that_of_the_theory():
    """Backpropagation in a linear network without biases at zero: the library's closed form."""
    import dlntheory as dln

    config = TrainingConfig(data="iris", hidden=(6, 5), activation="identity", algorithm="BP-SE", batch_size=8,
                            precision="float64")  # fmt: skip
    trainer = Trainer(config, read_data(config))
    state = trainer.start()
    batch = trainer.batches(0)[0]
    x, y = trainer._batch(0, batch)
    layers = [dln.Dense(block.layer.weight, block.layer.bias, learn_bias=True) for block in state.network.blocks]
    expected = dln.target_alignment(dln.LinearNetwork(layers), x, y, rule="bp").mean()
    assert trainer.alignment(state, 0, 0, batch) == pytest.approx(float(expected), rel=1e-9)


# -- Checkpoints ------------------------------------------------------------------------------------------------------


def damage(folder):
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name == "d":
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(bytes(data))


def test_a_damaged_checkpoint_is_found_and_the_one_before_it_used(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "copy")
    newest, before = sorted((folder / CHECKPOINTS).iterdir(), key=lambda path: -int(path.name))
    damage(newest)
    with pytest.warns(UserWarning, match=f"checkpoint of step {newest.name} is damaged"):
        train(folder, resume=True)
    assert_same_run(whole, folder)
    for path in (folder / CHECKPOINTS).iterdir():
        damage(path)
    with pytest.warns(UserWarning, match="passed over"), pytest.raises(ValueError, match="no checkpoint in"):
        train(folder, resume=True)
    assert int(before.name) < int(newest.name)


def test_a_changed_number_is_found_by_the_digest(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": jnp.ones(3)}, {"note": 0.1})
    state, note = checkpoints.restore({"a": jnp.zeros(3)})
    assert note == {"note": 0.1}
    np.testing.assert_array_equal(state["a"], np.ones(3))
    [path] = tmp_path.rglob("note/metadata")
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.warns(UserWarning, match="digest"), pytest.raises(ValueError, match="of steps"):
        checkpoints.restore({"a": jnp.zeros(3)})


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": jnp.ones(3)}, {})
    with pytest.warns(UserWarning, match="passed over"), pytest.raises(ValueError, match="no checkpoint"):
        checkpoints.restore({"a": jnp.zeros(4)})


def test_random_keys_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"key": jax.random.key(7)}, {})
    state, _ = checkpoints.restore({"key": jax.random.key(0)})
    assert (jax.random.normal(state["key"]) == jax.random.normal(jax.random.key(7))).all()


def test_metrics_end_at_a_damaged_line(tmp_path):
    path = tmp_path / METRICS
    metrics = Metrics(path)
    for step in (1, 2, 3):
        metrics.append({"step": step})
    path.write_bytes(path.read_bytes()[:-3])
    assert [record["step"] for record in read_metrics(path)] == [1, 2]
    metrics.cut(1)
    metrics.append({"step": 2})
    assert [record["step"] for record in read_metrics(path)] == [1, 2]


# -- Divergence -------------------------------------------------------------------------------------------------------


def test_states_that_diverge_are_named(tmp_path):
    config = replace(CONFIG, step_size=50.0, inference_steps=12, momentum=0.9, activation="identity")
    with pytest.raises(DivergedError) as refusal:
        train(tmp_path, config)
    message = str(refusal.value)
    assert "Training diverged at step" in message
    assert "in inference, the energy of layer" in message
    assert "--step-size" in message


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


# -- Refusals ---------------------------------------------------------------------------------------------------------

BAD = {
    "data": ({"data": "minst"}, "wanted one of"),
    "folder": ({"data": "mnist"}, "`data_dir` is missing"),
    "count": ({"epochs": 0}, "`epochs` is 0"),
    "negative": ({"weight_decay": -1.0}, "`weight_decay` is -1.0"),
    "model": ({"model": "VGG-6"}, "`model` is 'VGG-6'"),
    "activation": ({"activation": "selu"}, "`activation` is 'selu'"),
    "algorithm": ({"algorithm": "PC"}, "'PC-SE'"),
    "order": ({"order": "sorted"}, "`order` is 'sorted'"),
    "precision": ({"precision": "float8"}, "`precision` is 'float8'"),
    "no use": ({"beta": 0.5}, "PC-SE has no use for it"),
    "steps of BP": ({"algorithm": "BP-SE"}, "BP-SE has no use for it"),
    "owner": ({"skip": True}, "`skip` is an option of VGG-19"),
    "norm": ({"algorithm": "PC-SE+BF", "norm": "standard"}, "needs 'frozen'"),
    "devices": ({"devices": 3}, "multiple of 3 devices"),
    "too many devices": ({"devices": 20}, "`devices` is 20, but JAX has 1"),
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


# -- Devices and precision --------------------------------------------------------------------------------------------

SHARED = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)
from dataclasses import replace
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import run_training
config = TrainingConfig(data="digits", model="MLP", hidden=(6,), flip=True, crop=8, padding=1, algorithm="PC-SE",
    inference_steps=3, batch_size=32, epochs=1, train_samples=128, test_samples=50, precision="float64", log_every=2)
runs = {devices: list(run_training(replace(config, devices=devices), f"{sys.argv[1]}/{devices}")) for devices in (1, 2)}
print(json.dumps([runs[1], runs[2]]))
"""


def test_two_devices_give_the_numbers_of_one(tmp_path):
    done = subprocess.run([sys.executable, "-c", SHARED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, two = json.loads(done.stdout.splitlines()[-1])
    for left, right in zip(one, two, strict=True):
        for name in ("loss", "accuracy", "energy"):
            np.testing.assert_allclose(left[name], right[name], rtol=1e-10, err_msg=name)
    assert one[-1]["test_accuracy"] == two[-1]["test_accuracy"]


def test_precision_is_that_of_the_configuration():
    data = read_data(CONFIG)
    for precision in ("float32", "float64"):
        state = Trainer(replace(CONFIG, precision=precision), data).start()
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(state.network)} == {precision}


def test_mixed_precision_multiplies_in_16_bits_and_keeps_32(tmp_path):
    data = read_data(CONFIG)
    mixed, plain = (Trainer(replace(CONFIG, precision=each), data) for each in ("bfloat16", "float32"))
    state = mixed.start()
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state.network)} == {"float32"}
    x = jnp.asarray(np.random.default_rng(0).normal(size=(20, 4)), "float32")
    states, others = (each.network.forward(x, training=True)[0] for each in (state, plain.start()))
    assert all(array.dtype == jnp.float32 for array in states)
    error = max(float(abs(own - other).max()) for own, other in zip(states, others, strict=True))
    assert 0 < error < 8 * 2**-8 * max(float(abs(other).max()) for other in others)
    assert "bf16" in jax.jit(lambda x: state.network.forward(x, training=True)[0]).lower(x).as_text()
    losses = [
        [record["loss"] for record in train(tmp_path / each.config.precision, each.config)] for each in (mixed, plain)
    ]
    np.testing.assert_allclose(*losses, rtol=0.05)


def test_data_of_ones_own(tmp_path):
    iris = read_data(CONFIG)
    own = Dataset("own", iris.train.part(40), iris.test, 3, iris.normalisation)
    records = train(tmp_path, replace(CONFIG, epochs=1), data=own)
    assert [record["step"] for record in records] == [2, 2]
