"""Runs of training: the steps and tests of each epoch, validation, devices and precision.

Oracles: the steps done by hand with the library's own functions, and NumPy.
"""

import json
import subprocess
import sys
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
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.folder import METRICS
from dlntheory.pcn.runs.metrics import read_metrics
from dlntheory.pcn.runs.run import Progress, read_data, read_run, run_training
from dlntheory.pcn.runs.trainer import Trainer
from tests.checkpointing import LEFTOVERS
from tests.training_runs import CONFIG, assert_same_run, cut_off, train, whole_run, without_seconds

pytestmark = LEFTOVERS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(tmp_path_factory)


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


@pytest.mark.parametrize(("algorithm", "steps"), [("PC-SE", 12), ("iPC", 24)])
def test_the_learning_rate_falls_over_all_steps_of_the_optimiser(algorithm, steps):
    config = replace(CONFIG, algorithm=algorithm)
    assert config.make_optimiser(steps_per_epoch=4).total_steps == steps


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


SHARED = """
import json
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)
import numpy as np
from dlntheory.pcn.data.dataset import Dataset, Normalisation, Split
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.trainer import Trainer

draw = np.random.default_rng(0)
train, test = (Split(draw.integers(17, size=(n, 1, 8, 8), dtype="uint8"), draw.integers(10, size=n)) for n in (128, 50))
data = Dataset("digits", train, test, 10, Normalisation((0.3,), (0.4,), 16.0))

def trained(devices):
    config = TrainingConfig(data="digits", hidden=(6,), flip=True, crop=8, padding=1, algorithm="PC-SE",
        inference_steps=3, batch_size=32, epochs=1, precision="float64", devices=devices)
    trainer = Trainer(config, data)
    state, metrics = trainer.train(trainer.start(), 0, 0, trainer.batches(0))
    return {name: each.tolist() for name, each in metrics.items()} | trainer.test(state.network)

print(json.dumps([trained(1), trained(2)]))
"""


def test_two_devices_give_the_numbers_of_one():
    done = subprocess.run([sys.executable, "-c", SHARED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, two = json.loads(done.stdout.splitlines()[-1])
    assert len(one["loss"]) == 4
    for name in ("loss", "accuracy", "energy", "test_loss"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-10, err_msg=name)
    assert one["test_accuracy"] == two["test_accuracy"]


def test_precision_is_that_of_the_configuration():
    data = read_data(CONFIG)
    for precision in ("float32", "float64"):
        state = Trainer(replace(CONFIG, precision=precision), data).start()
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(state.network)} == {precision}


def test_mixed_precision_multiplies_in_16_bits_and_keeps_32(whole, tmp_path):
    data = read_data(CONFIG)
    mixed, plain = (Trainer(replace(CONFIG, precision=each), data) for each in ("bfloat16", "float32"))
    state = mixed.start()
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state.network)} == {"float32"}
    x = jnp.asarray(np.random.default_rng(0).normal(size=(20, 4)), "float32")
    forward = eqx.filter_jit(lambda network, x: network.forward(x, training=True)[0])
    states, others = (forward(each.network, x) for each in (state, plain.start()))
    assert all(array.dtype == jnp.float32 for array in states)
    error = max(float(abs(own - other).max()) for own, other in zip(states, others, strict=True))
    assert 0 < error < 8 * 2**-8 * max(float(abs(other).max()) for other in others)
    assert "bf16" in forward.lower(state.network, x).as_text()
    losses = [
        [record["loss"] for record in each] for each in (train(tmp_path, mixed.config), read_metrics(whole / METRICS))
    ]
    np.testing.assert_allclose(*losses, rtol=0.05)


def test_data_of_ones_own(tmp_path):
    iris = read_data(CONFIG)
    own = Dataset("own", iris.train.part(40), iris.test, 3, iris.normalisation)
    records = train(tmp_path, replace(CONFIG, epochs=1), data=own)
    assert [record["step"] for record in records] == [2, 2]
