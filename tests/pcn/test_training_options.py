"""Options of a run: optimisers, nudges and precisions of any algorithm, initial states, rotations, top-5 and costs.

Oracles: NumPy step by step, `np.rot90`, sorting, and multiplications counted on paper.
"""

import dataclasses
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlntheory import pcn
from dlntheory.inference.precision_schedules import Decaying, Spiking
from dlntheory.pcn.choices.optimisers import warm_up_cosine
from dlntheory.pcn.data.augmentation import random_rotation, turned
from dlntheory.pcn.data.catalogue import load_dataset
from dlntheory.pcn.engine.training import among_largest, keys_of
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.spaces import Choice, search_space
from dlntheory.pcn.runs.trainer import Trainer
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS

RATE, DECAY, MOMENTUM = 0.1, 0.03, 0.9


def descend(optimiser, weight, gradients):
    """The weights after every step of an optimiser."""
    state, found = optimiser.init((weight,)), []
    for gradient in gradients:
        with jax.numpy_dtype_promotion("standard"):
            (change,), state = optimiser.update((gradient,), state, (weight,))
        weight = weight + change
        found.append(np.asarray(weight))
    return np.array(found)


@pytest.mark.parametrize("steps", [None, 4])
@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
def test_optimisers_step_as_their_papers_say(kind, steps):
    draw = np.random.default_rng(0)
    weight, gradients = draw.normal(size=3), draw.normal(size=(5, 3))
    options = {"momentum": MOMENTUM} if kind == "sgd" else {}
    optimiser = getattr(pcn, kind)(RATE, weight_decay=DECAY, total_steps=steps, **options)
    found = descend(optimiser, jnp.asarray(weight), jnp.asarray(gradients))
    first = second = np.zeros(3)
    for number, gradient in enumerate(gradients):
        rate = RATE if steps is None else RATE * float(warm_up_cosine(number, steps, float))
        slope = gradient if kind == "adamw" else gradient + DECAY * weight
        if kind == "sgd":
            first = MOMENTUM * first + slope
            weight = weight - rate * first
        else:
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            means = first / (1 - 0.9 ** (number + 1)), second / (1 - 0.999 ** (number + 1))
            decayed = DECAY * weight if kind == "adamw" else 0
            weight = weight - rate * (means[0] / (np.sqrt(means[1]) + 1e-8) + decayed)
        np.testing.assert_allclose(found[number], weight, rtol=1e-12)


def test_the_optimiser_is_that_of_the_configuration():
    config = TrainingConfig(optimiser="sgd", weight_momentum=0.5, rate="constant", learning_rate=0.1)
    made = config.make_optimiser(10)
    assert (made.momentum, made.total_steps, made.learning_rate) == (0.5, None, 0.1)
    assert dataclasses.replace(config, rate="cosine", epochs=3).make_optimiser(10).total_steps == 30
    assert type(TrainingConfig(optimiser="adam").make_optimiser(10)).__name__ == "PlainAdam"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser": "lion"}, "`optimiser` is 'lion'"),
        ({"weight_momentum": 0.9}, "`weight_momentum` is an option of sgd"),
        ({"optimiser": "sgd", "weight_momentum": 1.0}, "`weight_momentum` is 1.0"),
        ({"rate": "linear"}, "`rate` is 'linear'"),
        ({"rate": "constant", "schedule_epochs": 3}, "`schedule_epochs` is 3 with a constant rate"),
        ({"rotation": -1.0}, "`rotation` is -1.0"),
        ({"average_layer": 2}, "`average_layer` is an option of ClassAverage, and inference starts at Forward"),
        ({"initial": "class_average", "patterns": 4}, "`patterns` is an option of HopfieldMemory"),
        ({"noise": 1.0}, "PC-SE has no use for it"),
        ({"algorithm": "MCPC", "noise": -1.0}, "`noise` is -1.0"),
        ({"sign_by": "batch"}, "PC-SE has no use for it"),
        ({"algorithm": "CN", "sign_by": "sample"}, "`sign_by` is 'sample'"),
        ({"algorithm": "BP-SE", "nudging": "centred"}, "BP-SE has no use for it"),
        ({"algorithm": "BP-SE", "precisions": "spiking"}, "BP-SE has no use for it"),
        ({"nudging": "sideways"}, "`nudging` is 'sideways'"),
        ({"norm": "batch"}, "`norm` is 'batch'"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**changes).check()


def test_any_algorithm_that_infers_is_nudged_and_has_precisions():
    chosen = pcn.algorithm("S+F", nudging="centred", beta=0.3, beta_rate=0.1)
    assert chosen == dataclasses.replace(pcn.algorithm("S+F"), output=pcn.CentredNudge(0.3, 0.1))
    incremental = pcn.algorithm("iPC", precisions="spiking", step_size=0.2)
    assert isinstance(incremental.schedule, Spiking)
    assert incremental.relaxation == pcn.Gradient(0.2, decay_last=True)
    assert pcn.algorithm("PC-SE", precisions="decaying", decay=2.0).schedule == Decaying(2.0)
    assert pcn.algorithm("S", precisions="decaying").relaxation.decay_last is False
    assert pcn.algorithm("PC-SE", precisions="spiking") == dataclasses.replace(
        pcn.algorithm("S"), relaxation=dataclasses.replace(pcn.algorithm("PC-SE").relaxation, decay_last=True)
    )


def test_options_of_initial_states_and_noise():
    config = TrainingConfig(initial="class_average", average_layer=2)
    assert config.make_algorithm().initial == pcn.ClassAverage(first=2)
    memory = TrainingConfig(initial="hopfield", patterns=4, memory_width=3, memory_rate=0.5).make_algorithm().initial
    assert memory == pcn.HopfieldMemory(patterns=4, width=3, rate=0.5)
    assert TrainingConfig(algorithm="MCPC", noise=0.1).make_algorithm().relaxation == pcn.Langevin(0.01, 0.9, 0.1)


@pytest.mark.parametrize("by", ["epoch", "batch"])
def test_the_sign_of_centred_nudging_is_drawn_by_epoch_or_batch(by):
    algorithm = pcn.algorithm("CN", sign_by=by)
    state = pcn.start_training(pcn.mlp((2, 2)), algorithm, pcn.adamw(1e-3))
    signs = np.array(
        [
            [
                algorithm.output.phases(
                    epoch, keys_of(dataclasses.replace(state, step=jnp.asarray(step)), epoch).of(algorithm.output)
                )[0].weight
                for step in range(12)
            ]
            for epoch in map(jnp.asarray, range(8))
        ]
    )
    assert set(np.unique(signs)) == {-1, 1}
    assert (len(np.unique(signs[0])) == 1) == (by == "epoch")
    assert len(np.unique(signs[:, 0])) == (2 if by == "epoch" else 1)


@pytest.mark.parametrize("size", [4, 5])
def test_quarter_turns_are_those_of_numpy(size):
    images = jnp.arange(4 * 2 * size**2).reshape(4, 2, size, size)
    found = jax.jit(turned)(images, jnp.linspace(0, 1.5 * np.pi, 4))
    for quarters, (image, before) in enumerate(zip(found, images, strict=True)):
        np.testing.assert_array_equal(image, np.rot90(before, quarters, axes=(1, 2)))


def test_rotations_keep_the_middle_and_blacken_the_corners():
    images = jnp.ones((50, 1, 9, 9), jnp.uint8)
    found = jax.jit(partial(random_rotation, degrees=30.0))(jax.random.key(0), images)
    assert found.dtype == jnp.uint8
    assert (found[:, :, 2:7, 2:7] == 1).all()
    assert 0 < (found[:, 0, 0, 0] == 0).mean() < 1


def test_the_right_class_is_among_the_five_largest():
    draw = np.random.default_rng(0)
    prediction, labels = draw.normal(size=(200, 12)), draw.integers(12, size=200)
    ranks = (np.argsort(-prediction, axis=1) == labels[:, None]).argmax(axis=1)
    largest = jax.jit(partial(among_largest, count=5))
    np.testing.assert_array_equal(largest(prediction, np.eye(12)[labels]), ranks < 5)
    assert largest(np.zeros((1, 12)), np.eye(12)[7:8]).tolist() == [False]


@pytest.mark.parametrize(("data", "measured"), [("digits", True), ("iris", False)])
def test_top5_is_tested_where_there_are_more_classes(data, measured):
    trainer = Trainer(TrainingConfig(data=data, hidden=(4,), batch_size=40), load_dataset(data))
    tested = trainer.test(trainer.network)
    assert ("test_top5" in tested) == measured
    if measured:
        assert tested["test_accuracy"] <= tested["test_top5"] <= 1


def test_sequential_multiplications():
    """Five layers, counted on paper: forward 5, back 4; each step of inference 2."""
    network = pcn.mlp((3, 4, 4, 4, 4, 2))
    counts = {
        "BP-SE": 5 + 4,
        "PC-SE": 5 + 2 * 8,
        "S+F": 5 + 2 * 8,
        "iPC": 5 + 2 * 8,
        "ePC": 5 + 8 * (5 + 4),
        "Newton": None,
    }
    assert {name: pcn.sequential_multiplications(network, pcn.algorithm(name)) for name in counts} == counts
    starts = {pcn.Zero(): 0, pcn.Random(): 0, pcn.Null(): 0, pcn.ClassAverage(): 0, pcn.ClassAverage(3): 2}
    for initial, count in {**starts, pcn.HopfieldMemory(): 3}.items():
        algorithm = pcn.algorithm("PC-SE", steps=4, initial=initial)
        assert pcn.sequential_multiplications(network, algorithm) == count + 8


def test_a_latent_is_no_layer():
    network = pcn.with_latent(pcn.mlp((2, 4, 3)))
    assert pcn.sequential_multiplications(network, pcn.algorithm("PC-SE", steps=4)) == 2 + 2 * 4


def test_skips_do_not_shorten_the_longest_path():
    network = eqx.filter_eval_shape(pcn.resnet18, (3, 8, 8))
    assert pcn.sequential_multiplications(network, pcn.algorithm("BP-SE")) == 2 * 18 - 1


def test_a_resnet_has_the_same_normalisation_however_it_is_built():
    def structure(make, *arguments, **options):
        return jax.tree.structure(eqx.filter_eval_shape(lambda: make(*arguments, **options)))

    named = structure(pcn.build, "ResNet-18", (3, 8, 8), 10)
    assert named == structure(pcn.resnet18, (3, 8, 8))
    bare = structure(pcn.build, "ResNet-18", (3, 8, 8), 10, norm="none")
    assert bare == structure(pcn.resnet18, (3, 8, 8), norm=None)
    assert bare.num_leaves < named.num_leaves


@pytest.mark.parametrize(
    ("model", "hidden", "first"),
    [("VGG-19", None, 19), ("ResNet-18", None, 18), ("MLP", (8,) * 5, 6), ("AE", (8, 2), 4), ("AlexNet", None, 8)],
)
def test_inference_reaches_every_layer_of_a_model_that_no_table_has(model, hidden, first):
    steps = search_space("deeper", TrainingConfig(model=model, hidden=hidden))["inference_steps"]
    assert steps == Choice((first, first + 2, first + 4, first + 6))


def test_enlarged_digits_are_the_digits():
    small, large = load_dataset("digits"), load_dataset("digits-32")
    assert (large.shape, large.train.samples.dtype) == ((3, 32, 32), np.float32)
    np.testing.assert_array_equal(large.train.samples[:, :, ::4, ::4], small.train.samples.repeat(3, axis=1))
    np.testing.assert_array_equal(large.test.labels, small.test.labels)
