"""Alignment of random networks with activations, by formula.

Oracles: linear networks of half the width, for ReLU; and drawn networks, whose updates are applied and differentiated.
"""

import numpy as np
import pytest

from dlntheory import PrecisionError, expected_alignment
from dlntheory.random_networks.activated_pc import Units, first_order
from dlntheory.random_networks.activations import expected_activated_alignment as expected

ACTIVATIONS = {"tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2), "relu": (lambda x: np.maximum(x, 0), lambda x: x > 0)}


@pytest.mark.parametrize(("rule", "tolerance"), [("bp", 1e-12), ("pc", 1e-10)])
@pytest.mark.parametrize("widths", [(6, 5), (8, 6, 4), (10, 20, 8, 6, 12), (64, 16, 16, 16, 16, 10)])
def test_relu_is_a_linear_network_of_half_as_many_hidden_units(widths, rule, tolerance):
    """The two recursions share no line."""
    variances = np.random.default_rng(0).uniform(0.5, 2, len(widths) - 1) / widths[:-1]
    active = [widths[0], *(width // 2 for width in widths[1:-1]), widths[-1]]
    layers = [("dense", *pair, v) for *pair, v in zip(active[:-1], active[1:], variances, strict=True)]
    for norms in ({}, {"input_norm": 0.1, "target_norm": 3.0}):
        linear = float(expected_alignment(layers=layers, rule=rule, **norms).limit)
        assert expected(widths, "relu", variances, **norms, rule=rule) == pytest.approx(linear, rel=tolerance)


@pytest.mark.parametrize("rule", ["bp", "pc"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_drawn_networks_have_it(activation, rule):
    """At four times the width the difference is a quarter, within three standard errors of both."""
    narrow, wide = (drawn(activation, rule, n, draws) for n, draws in ((64, 100), (256, 25)))
    assert abs(wide[0]) < abs(narrow[0]) / 4 + 3 * (wide[1] + narrow[1] / 4)


@pytest.mark.parametrize("depth", [12, pytest.param(30, marks=pytest.mark.daily)])
def test_deep_networks_have_a_limit(depth):
    """Sweeps of first order end, also where signals grow."""
    linear = [("dense", 32, 64, 1 / 32), *[("dense", 64, 64, 1.5 / 64)] * (depth - 2), ("dense", 64, 32, 1.5 / 64)]
    variances = [variance for *_, variance in linear]
    limit = float(expected_alignment(layers=[linear[0], *linear[1:]], rule="pc").limit)
    widths = [32, *[128] * (depth - 1), 32]
    assert expected(widths, "relu", variances, rule="pc") == pytest.approx(limit, rel=1e-8)


def drawn(activation, rule, n, draws):
    """How far the formula is from the mean alignment of drawn networks, and the mean's standard error."""
    f, slope = ACTIVATIONS[activation]
    gains = (1.0, 1.5, 1.0)
    found = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        weights = [np.sqrt(gain / n) * rng.standard_normal((n, n)) for gain in gains]
        x, y = rng.standard_normal((2, n))
        features, states = [x * np.sqrt(n) / np.linalg.norm(x)], []
        for weight in weights:
            states.append(weight @ features[-1])
            features.append(f(states[-1]))
        r = y * np.sqrt(n) / np.linalg.norm(y) - states[-1]
        slopes = [slope(state) for state in states[:2]]
        downs = [np.eye(n)]
        for weight, F in zip(weights[:0:-1], slopes[::-1], strict=True):
            downs.insert(0, downs[0] @ weight * F)
        multiplier = r if rule == "bp" else np.linalg.solve(sum(down @ down.T for down in downs), r)
        change, moved = np.zeros(n), np.zeros(n)  # how far the equilibrium moves the state below
        for index, down in enumerate(downs):
            shift = slopes[index - 1] * moved if index and rule == "pc" else 0
            error = down.T @ multiplier
            change += (features[index] + shift) @ features[index] * (down @ error)
            moved = error + (weights[index] @ shift if index and rule == "pc" else 0)
        found.append(r @ change / np.linalg.norm(r) / np.linalg.norm(change))
    return np.mean(found) - expected([n] * 4, activation, np.divide(gains, n), rule=rule), np.std(
        found, ddof=1
    ) / np.sqrt(draws)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([4, 4], "sine", [1.0]), "activation"),
        (([4, 4], "tanh", [1.0, 1.0]), "variances"),
        (([4, 4], "tanh", [-1.0]), "variances"),
        (([4], "tanh", []), "widths"),
        (([4, 4], "relu", [1.0], 0.0), "input_norm"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        expected(*given)


def test_first_order_is_refused_where_its_sweeps_do_not_settle():
    """Strong weights, and half of the units off, in each layer another half."""
    shares, slopes = np.full(20, 1 / 20), np.random.default_rng(0).integers(0, 2, (10, 20)).astype(float)
    slopes[[0, -1]] = 1
    units = Units(slopes, slopes, slopes, shares)
    with pytest.raises(PrecisionError, match="first order"):
        first_order([64] * 10, [1000 / 64] * 9, units)
