"""Autoencoders: their layers against the transposed map, their updates against `jax.grad`, and what training says."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import r2_score

from dlntheory import pcn
from dlntheory.nonlinear import images
from dlntheory.nonlinear.network import channels_last
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data, read_run, run_training
from dlntheory.pcn.runs.trainer import Trainer
from tests import pcn_naive as naive
from tests.closeness import assert_close
from tests.pcn_lessons import daily, lesson, moving

F64 = jnp.float64


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize(("size", "stride", "padding", "shape"), [(3, 2, 1, (7, 8)), (4, 3, 0, (8, 9))])
def test_the_transpose_of_a_convolution(size, stride, padding, shape):
    """Against automatic differentiation: the transposed map of the convolution, whose channels are exchanged."""
    kernel, x = normal(size, size, 4, 3), normal(2, *shape, 3, seed=1)

    def convolved(x):
        return images.convolve(x, kernel.swapaxes(2, 3), stride, padding)

    y = normal(*jax.eval_shape(convolved, x).shape, seed=2)
    added = tuple((length + 2 * padding - size) % stride for length in shape)
    (expected,) = jax.jit(lambda x, y: jax.vjp(convolved, x)[1](y))(x, y)
    assert_close(
        jax.jit(images.convolve_transposed, static_argnums=(2, 3, 4))(y, kernel, stride, padding, added), expected
    )


NETWORKS = {
    "dense": lambda: pcn.autoencoder((2, 3, 5), (4, 3), "tanh", dtype=F64),
    "convolutions": lambda: pcn.deconvolutional_autoencoder((2, 7, 6), (3, 2), "tanh", dtype=F64),
}


@pytest.mark.parametrize("name", [daily("dense"), "convolutions"])
def test_updates(name):
    """The input is the target: of backpropagation and of inference, with channels in the order of either."""
    net = NETWORKS[name]()
    assert net.output_shape == net.input_shape
    x = normal(3, *net.input_shape)
    last = channels_last(x)
    found = lesson(net, pcn.PRESETS["BP-SE"].algorithm, x, last)
    assert_close(found.gradients, naive.loss_gradients(net, "squared_error", x, last), condition=100)

    run = pcn.relax(net, x, x, moving(3, 0.1, 0.5))
    start = (*naive.forward(net, x)[:-1], last)
    assert_close(run.states, naive.descend(net, "squared_error", x, start, 3, 0.1, 0.5), condition=100)
    predicted = np.asarray(pcn.predict(net, x))
    assert_close(predicted, np.moveaxis(naive.forward(net, x)[-1], -1, 1), condition=10)
    error = np.square(np.asarray(x) - predicted).sum() / 2
    assert_close(pcn.evaluate(net, x, x)["loss"], error, condition=10)


@pytest.mark.parametrize(
    ("name", "shape", "options", "shapes"),
    [
        ("AE", (1, 28, 28), {}, [(128,), (32,), (128,), (28, 28, 1)]),
        ("AE", (4,), {"hidden": (2,)}, [(2,), (4,)]),
        ("Conv-AE", (1, 28, 28), {}, [(14, 14, 32), (7, 7, 64), (4, 4, 8), (7, 7, 64), (14, 14, 32), (28, 28, 1)]),
        ("Conv-AE", (3, 9, 6), {"channels": (5,), "norm": "frozen"}, [(5, 3, 5), (9, 6, 3)]),
        ("Conv-AE", (3, 8, 8), {"channels": (5, 2), "kernel": 4}, [(4, 4, 5), (2, 2, 2), (4, 4, 5), (8, 8, 3)]),
        ("Decoder", (1, 28, 28), {}, [(64,), (128,), (128,), (28, 28, 1)]),
        ("Decoder", (4,), {"hidden": (2,)}, [(2,), (4,)]),
        ("Conv-Decoder", (3, 32, 32), {}, [(4, 4, 8), (8, 8, 6), (16, 16, 4), (32, 32, 3)]),
        ("Conv-Decoder", (1, 28, 28), {"kernel": 7}, [(4, 4, 8), (7, 7, 6), (14, 14, 4), (28, 28, 1)]),
    ],
)
def test_sizes(name, shape, options, shapes):
    net = eqx.filter_eval_shape(lambda: pcn.build(name, shape, 10, **options))
    assert list(net.state_shapes) == shapes
    assert net.output_shape == shape
    assert net.free_input == ("Decoder" in name)
    assert net.blocks[-1].norm is None
    assert net.blocks[-1].activation == "identity"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pcn.autoencoder((4,), ()), "`hidden` is empty"),
        (lambda: pcn.deconvolutional_autoencoder((4,)), "channels, height, width"),
        (lambda: pcn.deconvolutional_autoencoder(channels=()), "`channels` is empty"),
        (lambda: pcn.decoder((4,), ()), "`hidden` is empty"),
        (lambda: pcn.decoder((4,), variance=-1.0), "`variance` is -1"),
        (lambda: pcn.deconvolutional_decoder((3, 8, 7), kernel=2), "`kernel` is 2"),
        (lambda: pcn.build("AE", (4,), 2, norm="frozen"), "`norm` is 'frozen' with AE"),
    ],
)
def test_bad_autoencoders(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kernel", [3, 4, 5, 7])
def test_kernels_of_table_8_make_images_of_the_right_size(kernel):
    net = eqx.filter_eval_shape(lambda: pcn.deconvolutional_decoder(kernel=kernel))
    assert net.output_shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "Decoder", "algorithm": "BP-SE"}, "infers no latent for Decoder"),
        ({"model": "Decoder", "alignment": True}, "`alignment` is True, and Decoder has no input"),
        ({"model": "Decoder", "prior": 0.0}, "`prior` is 0.0"),
        ({"prior": 1.0}, "`prior` is an option of Decoder and Conv-Decoder"),
        ({"algorithm": "PC-CE"}, "`algorithm` is 'PC-CE'; wanted one with the squared error"),
        ({"algorithm": "PC-SE", "initial": "class_average"}, "no classes"),
    ],
)
def test_runs_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**{"data": "digits", "model": "AE", **options}).check()


def test_a_run_explains_variance(tmp_path):
    """Against scikit-learn's score of the reconstructions."""
    config = TrainingConfig(
        data="digits", model="AE", hidden=(8,), algorithm="PC-SE", inference_steps=2, step_size=0.1, batch_size=100,
        epochs=2, learning_rate=1e-2, train_samples=300, test_samples=120, log_every=3,
    )  # fmt: skip
    epochs = [record for record in run_training(config, tmp_path) if record["kind"] == "epoch"]
    assert epochs[1]["accuracy"] > epochs[0]["accuracy"]
    _, network = read_run(tmp_path)
    trainer = Trainer(config, read_data(config))
    x = trainer.preparation.inputs(trainer.tested["test"][0])
    flat, found = (np.asarray(each).reshape(len(x), -1) for each in (x, network(x)))
    assert_close(np.float32(epochs[1]["test_loss"]), np.square(flat - found).sum() / (2 * len(x)))
    kept = flat.std(axis=0) > 0
    score = r2_score(flat[:, kept], found[:, kept], multioutput="variance_weighted")
    rest = np.square(found[:, ~kept] - flat[:, ~kept]).sum() / np.square(flat - flat.mean(axis=0)).sum()
    assert abs(epochs[1]["test_accuracy"] - (score - rest)) < 1e-5


def test_a_decoder_is_tested_by_inference(tmp_path):
    """The error of a pixel between 0 and 1 by NumPy; it falls, and samples are as they are kept."""
    config = TrainingConfig(
        data="digits", model="Decoder", hidden=(16, 8), algorithm="iPC", inference_steps=4, step_size=0.1,
        batch_size=100, epochs=4, learning_rate=2e-2, train_samples=300, test_samples=120, normalise=False,
        output_variance=0.5,
    )  # fmt: skip
    epochs = [record for record in run_training(config, tmp_path) if record["kind"] == "epoch"]
    assert epochs[-1]["test_mse"] < 0.8 * epochs[0]["test_mse"]
    _, network = read_run(tmp_path)
    data = read_data(config)
    images = np.asarray(data.test.samples, np.float32) / data.normalisation.maximum
    found = pcn.reconstruct(network, images, config.make_algorithm())
    assert_close(np.float32(epochs[-1]["test_mse"]), np.square(images - np.asarray(found)).mean(), condition=10)
    assert epochs[-1]["loss"] == epochs[-1]["energy"][-1]
    spread = np.square(images - images.mean(axis=0)).sum() / len(images)
    assert abs(epochs[-1]["test_accuracy"] - (1 - 64 * epochs[-1]["test_mse"] / spread)) < 1e-5
