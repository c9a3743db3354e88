"""Layers times a constant, and what parameterisations make of them.

Oracles: the same maps as plain layers; numbers of JPC 1.0 for 24 networks, where they are at hand.
"""

from pathlib import Path

import numpy as np
import pytest
from closeness import assert_close

import dlntheory as dln

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 2))
FACTORS = (0.5, -2.0)
WEIGHTS = [RNG.normal(size=(4, 5)), RNG.normal(size=(2, 4))]
SCALED = dln.LinearNetwork(
    [dln.Scaled(dln.Dense(w, np.ones(len(w)), True), a) for w, a in zip(WEIGHTS, FACTORS, strict=True)]
)
PLAIN = dln.LinearNetwork([dln.Dense(a * w, a * np.ones(len(w)), True) for w, a in zip(WEIGHTS, FACTORS, strict=True)])
REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "parameterisations" / "jpc_reference.npz"


def test_the_constant_is_part_of_the_map():
    assert_close(SCALED(X), PLAIN(X))
    assert_close(dln.output_covariance(SCALED), dln.output_covariance(PLAIN))
    assert_close(dln.equilibrium(SCALED, X, Y).energy, dln.equilibrium(PLAIN, X, Y).energy, condition=100)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_updates_act_on_the_unscaled_weight(rule):
    found, plain = (dln.weight_updates(net, X, Y, rule) for net in (SCALED, PLAIN))
    for factor, own, other in zip(FACTORS, found, plain, strict=True):
        assert_close(own, factor * other, condition=100)
    found, plain = (dln.bias_updates(net, X, Y, rule) for net in (SCALED, PLAIN))
    for factor, own, other in zip(FACTORS, found, plain, strict=True):
        assert_close(own, factor * other, condition=100)


def test_a_finite_step_is_that_of_the_moved_network():
    rate = 0.01
    moved = SCALED.with_weights(
        [w + rate * u for w, u in zip(SCALED.weights, dln.weight_updates(SCALED, X, Y), strict=True)]
    )
    biases = [b + rate * u for b, u in zip(SCALED.biases, dln.bias_updates(SCALED, X, Y), strict=True)]
    layers = [dln.Scaled(dln.Dense(w, b, True), a) for w, b, a in zip(moved.weights, biases, FACTORS, strict=True)]
    difference = dln.LinearNetwork(layers)(X) - SCALED(X)
    assert_close(dln.prediction_change(SCALED, X, Y, learning_rate=rate), difference, condition=1000)


@pytest.mark.parametrize("parameterisation", ["standard", "ntk", "mupc"])
def test_theorem_1_holds_in_every_parameterisation(parameterisation):
    net = dln.LinearNetwork.random([5, 6, 6, 6, 2], parameterisation=parameterisation, key=1)
    verdict = dln.verify(net, X[:1], Y[:1], theorem=1)
    assert verdict.applicable
    assert verdict.holds


def test_files_hold_constants(tmp_path):
    net = dln.LinearNetwork.random([3, 4, 4, 2], parameterisation="mupc", key=0)
    for name in ("net.npz", "net.safetensors"):
        dln.save_weights(tmp_path / name, net)
        assert dln.load_weights(tmp_path / name) == net


def test_depth_mup_wants_equal_hidden_widths():
    with pytest.raises(ValueError, match="hidden layers 1 and 2"):
        dln.LinearNetwork.random([3, 4, 5, 2], parameterisation="mupc")


@pytest.mark.skipif(not REFERENCE.exists(), reason="the numbers of JPC are not at hand")
def test_energies_and_covariances_are_those_of_jpc():
    with np.load(REFERENCE) as data:
        names = sorted({key.split("/")[0] for key in data.files})
        for name in names:
            case = {key.split("/")[1]: data[key] for key in data.files if key.startswith(f"{name}/")}
            skips, precision = "-skips-" in name, float(name.rpartition("precision")[2])
            layers = [dln.Scaled(dln.Dense(case[f"W{l}"]), case["scalings"][l - 1]) for l in range(1, 6)]
            layers = [dln.Residual(each) if skips and 0 < l < 4 else each for l, each in enumerate(layers)]
            net, covariances = dln.LinearNetwork(layers), [1.0] * 4 + [1 / precision]
            found = dln.equilibrium(net, case["x"], case["y"], covariances=covariances).energy.mean()
            np.testing.assert_allclose(found, case["energy"], rtol=1e-6)
            np.testing.assert_allclose(dln.output_covariance(net, covariances), case["S"], rtol=1e-6, atol=1e-9)
    assert len(names) == 24


def test_pc_aligned_weights_have_their_variances_and_align():
    widths = [64] * 6
    net = dln.LinearNetwork.random(widths, init="pc_aligned", growth=9.0, key=0)
    for weight, variance in zip(net.weights, dln.aligned_variances(widths, 9.0), strict=True):
        assert abs(weight.var() / variance - 1) < 6 * np.sqrt(2 / weight.size)
    draws = np.random.default_rng(1)
    values = [
        dln.target_alignment(
            dln.LinearNetwork.random(widths, init="pc_aligned", growth=9.0, key=key),
            draws.normal(size=64), draws.normal(size=64),
        )
        for key in range(20)
    ]  # fmt: skip
    assert np.mean(values) > 0.9
