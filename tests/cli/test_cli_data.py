"""Weights and data as files hold them: 32 bits, the other byte order, whole numbers, images, single samples.

Oracles: the same numbers in 64 bits; the library, on a batch of one; least squares by the normal equations.
"""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app

COMMANDS = {
    "align": ("align",),
    "verify": ("verify",),
    "train-linear": ("train-linear", "--rule", "bp", "--steps", "4", "--every", "1"),
}


def record(command, weights="weights.npz", inputs="x.npy", targets="y.npy"):
    arguments = [*COMMANDS[command], weights, "--inputs", inputs, "--targets", targets, "--json"]
    done = CliRunner().invoke(app, arguments)
    assert not done.stderr.startswith("Error"), done.stderr
    return json.loads(done.stdout)


def without_names(found):
    """A record without the files' names."""
    if isinstance(found, dict):
        return {key: without_names(each) for key, each in found.items() if key not in ("name", "description")}
    return [without_names(each) for each in found] if isinstance(found, list) else found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "dtype",
    [pytest.param("float32", marks=pytest.mark.daily), pytest.param(">f8", marks=pytest.mark.daily), ">f4", "float16"],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_compute_in_64_bits_whatever_the_files_hold(command, dtype, folder):
    draw = np.random.default_rng(0)
    weights = [draw.normal(size=shape).astype("f2") for shape in ((3, 4), (2, 3))]
    x, y = draw.normal(size=(2, 4)).astype("f2"), draw.normal(size=(2, 2)).astype("f2")
    for suffix, of_weights, of_data in (("", float, float), ("-narrow", dtype.replace("16", "32"), dtype)):
        np.savez(f"weights{suffix}.npz", **{f"W{n}": each.astype(of_weights) for n, each in enumerate(weights)})
        np.save(f"x{suffix}.npy", x.astype(of_data))
        np.save(f"y{suffix}.npy", y.astype(of_data))
    narrow = record(command, "weights-narrow.npz", "x-narrow.npy", "y-narrow.npy")
    assert without_names(narrow) == without_names(record(command))


def test_whole_numbers_are_numbers(folder):
    draw = np.random.default_rng(0)
    np.savez("weights.npz", W1=draw.integers(-3, 4, size=(2, 3)))
    np.save("x.npy", draw.integers(0, 256, size=(5, 3), dtype=np.uint8))
    np.save("y.npy", draw.integers(0, 2, size=(5, 2)).astype(bool))
    assert record("align")["samples"] == 5


@pytest.fixture(params=["vectors", "images", "images to images"])
def problem(request, folder):
    """A network and data in files; the network is linear in its kernels and matrices."""
    draw = np.random.default_rng(0)
    if request.param == "vectors":
        net = dln.LinearNetwork.random([4, 5, 3], key=0)
    else:
        layers = [dln.Conv2d(draw.normal(size=(2, 1, 2, 2)) / 2)]
        if request.param == "images":
            layers += [dln.Flatten(), dln.Dense(draw.normal(size=(3, 2 * 3 * 2)) / 4)]
        net = dln.LinearNetwork(layers, input_shape=(1, 4, 3))
    x, y = draw.normal(size=(6, *net.shapes[0])), draw.normal(size=(6, *net.shapes[-1]))
    dln.save_weights("weights.npz", net)
    np.save("x.npy", x)
    np.save("y.npy", y)
    np.save("x1.npy", x[0])
    np.save("y1.npy", y[0])
    np.save("x1-batch.npy", x[:1])
    np.save("y1-batch.npy", y[:1])
    return net, x, y


@pytest.mark.parametrize("command", COMMANDS)
def test_one_sample_is_a_batch_of_one(command, problem):
    one = record(command, inputs="x1.npy", targets="y1.npy")
    batch = record(command, inputs="x1-batch.npy", targets="y1-batch.npy")
    assert without_names(one) == without_names(batch)
    assert (one["networks"][0] if command == "verify" else one)["samples"] == 1


def test_train_linear_trains_any_network(problem):
    net, x, y = problem
    found = record("train-linear")
    trained = dln.train(net, x, y, 0.01, "bp", steps=4)
    losses = [line["loss"] for line in found["training"]]
    np.testing.assert_allclose(losses[:-1], trained.loss, rtol=1e-9)
    np.testing.assert_allclose(losses[-1], np.sum((y - np.asarray(trained.net(x))) ** 2) / 12, rtol=1e-9)
    assert losses[-1] < losses[0]
    assert found["samples"] == 6


def test_train_linear_measures_the_distance_from_the_least_squares_map_of_images(problem):
    """The whole map of the network, from the images of a basis."""
    net, x, y = problem
    inputs, targets = x.reshape(6, -1), y.reshape(6, -1)
    basis = np.eye(inputs.shape[1])
    whole = np.asarray(net(basis.reshape(-1, *net.shapes[0]))).reshape(len(basis), -1).T
    best = (np.linalg.pinv(inputs) @ targets).T
    error = record("train-linear")["training"][0]["error"]
    np.testing.assert_allclose(error, np.sum((whole - best) ** 2), rtol=1e-9)


@pytest.mark.parametrize("command", COMMANDS)
def test_names_that_do_not_tell_the_order_are_refused_in_a_line(command, folder):
    np.savez("weights.npz", **{"encoder.weight": np.eye(2), "decoder.weight": np.ones((2, 2))})
    np.save("x.npy", np.eye(2))
    done = CliRunner().invoke(app, [*COMMANDS[command], "weights.npz", "--inputs", "x.npy", "--targets", "x.npy"])
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "--order" in done.stderr


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: [np.save(file, np.eye(2)) for _ in range(2)], "goes on after its first array"),
        (lambda file: np.save(file, np.full((2, 2), 2**53 + 1)), "whole numbers that float64 would round"),
    ],
    ids=["two arrays", "rounded"],
)
def test_a_file_of_inputs_is_neither_cut_nor_rounded(write, message, folder):
    dln.save_weights("weights.npz", dln.LinearNetwork.from_weights([np.eye(2)]))
    np.save("y.npy", np.eye(2))
    with open("x.npy", "wb") as file:
        write(file)
    done = CliRunner().invoke(app, ["align", "weights.npz", "--inputs", "x.npy", "--targets", "y.npy"])
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_inputs_may_come_through_a_pipe(folder):
    np.savez("weights.npz", W1=np.eye(2))
    np.save("x.npy", [[1.0, 2.0], [3.0, 5.0]])
    np.save("y.npy", [[1.0, 0.0], [0.0, 1.0]])
    expected = without_names(record("align"))
    os.mkfifo("pipe.npy")
    writer = threading.Thread(target=lambda: Path("pipe.npy").write_bytes(Path("x.npy").read_bytes()))
    writer.start()
    assert without_names(record("align", inputs="pipe.npy")) == expected
    writer.join()
