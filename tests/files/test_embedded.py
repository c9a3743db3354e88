"""The built-in networks and data: where they come from, and that they show what they are there to show."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dlntheory as dln
from dlntheory.files.builtin import DIGITS_NETWORK, DIGITS_SAMPLES, digits, networks, normal_data
from dlntheory.files.weights import load_weights

ROOT = Path(__file__).parents[2]
NAMES = list(networks())


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    """In a process that optimises programs as the script's does: training multiplies what rounding does otherwise."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "experiments.embedded.train_digits", "--out", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"XLA_FLAGS": ""})
    return folder


@pytest.mark.daily
def test_the_script_makes_the_digits(remade):
    with np.load(DIGITS_SAMPLES) as shipped, np.load(remade / DIGITS_SAMPLES.name) as again:
        assert set(shipped) == set(again) == {"inputs", "targets"}
        for name in shipped:
            np.testing.assert_array_equal(shipped[name], again[name], strict=True)


@pytest.mark.daily
def test_the_script_makes_the_network(remade):
    """Trained in float64 and rounded to float32, so that platforms differ in the last digit at most."""
    shipped, again = load_weights(DIGITS_NETWORK), load_weights(remade / DIGITS_NETWORK.name)
    for one, other in zip(shipped.weights, again.weights, strict=True):
        assert one.dtype == other.dtype == jnp.float32
        np.testing.assert_array_max_ulp(np.asarray(one), np.asarray(other), maxulp=4)


def test_the_data_is_small():
    assert sum(file.stat().st_size for file in DIGITS_NETWORK.parent.iterdir()) < 50_000


def test_digits_are_balanced_scaled_and_one_hot():
    _, x, y = digits()
    assert jnp.min(x) == 0
    assert jnp.max(x) == 1
    np.testing.assert_array_equal(y.argmax(axis=1), np.arange(200) % 10)
    np.testing.assert_array_equal(y.sum(axis=1), 1)


def test_digits_network_is_trained_and_not_done():
    """Its error is near the least-squares floor, an independent solution, and still above it."""
    net, x, y = (jax.tree.map(np.asarray, part) for part in digits())
    floor = np.sum((y - x @ np.linalg.lstsq(x, y)[0]) ** 2)
    error = np.sum((y - np.linalg.multi_dot([x, *(weight.T for weight in net.weights)])) ** 2)
    assert floor < error < 1.5 * floor


@pytest.mark.parametrize("name", NAMES)
def test_networks_are_small_and_in_the_default_float(name):
    net, x, y, description = networks()[name]
    assert max(net.widths) <= 64
    assert x.shape == (len(y), net.widths[0])
    assert y.shape == (len(x), net.widths[-1])
    assert {leaf.dtype for leaf in jax.tree.leaves((net, x, y))} == {jnp.dtype("float64")}
    assert description


def test_networks_are_always_the_same():
    equal = jax.tree.map(np.array_equal, networks(), networks())
    assert jax.tree.all(equal)


def test_networks_are_numpy_in_64_bits_and_import_no_jax():
    script = (
        "import sys; from dlntheory.files.builtin import networks; from dlntheory.numerics.kinds import leaves; "
        "print({str(leaf.dtype) for leaf in leaves([each[:3] for each in networks().values()])}, 'jax' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "{'float64'} False"


def test_networks_cover_the_kinds_of_layers():
    layers = [layer for each in networks().values() for layer in each.net.layers]
    assert any(isinstance(layer, dln.Residual) for layer in layers)
    assert any(layer.bias is not None and layer.learn_bias for layer in layers)
    assert any(layer.bias is not None and not layer.learn_bias for layer in layers)
    assert any(net.depth == 9 for net, *_ in networks().values())


@pytest.mark.parametrize("name", NAMES)
def test_whether_decorrelation_aligns(name):
    """Theorem 2 in its sharp form: everywhere but in the bottleneck, where the features lose rank."""
    net, x, y, _ = networks()[name]
    alignment = dln.target_alignment(net, x, y, rescaling="decorrelated")
    assert bool(jnp.min(alignment) > 1 - 1e-9) == (name != "bottleneck")


def test_normal_data_is_linear_only_when_asked():
    net = networks()["single"].net
    for linear in (True, False):
        x, y = map(np.asarray, normal_data(net, samples=50, linear=linear))
        left = y - x @ np.linalg.lstsq(x, y)[0]
        assert (np.linalg.norm(left) < 1e-12 * np.linalg.norm(y)) == linear
