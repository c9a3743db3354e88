"""Alignment of random networks with activations, by formula.

Oracles: linear networks of half the width, for ReLU; and drawn networks, whose updates are applied and differentiated.
"""

import numpy as np
import pytest

from dlntheory import expected_alignment
from dlntheory.random_networks.activations import expected_activated_alignment as expected

ACTIVATIONS = {"tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2), "relu": (lambda x: np.maximum(x, 0), lambda x: x > 0)}


@pytest.mark.parametrize("widths", [(8, 6, 4), (10, 20, 8, 6, 12), (64, 16, 16, 16, 16, 10)])
def test_relu_is_a_linear_network_of_half_as_many_hidden_units(widths):
    """The two recursions share no line."""
    variances = np.random.default_rng(0).uniform(0.5, 2, len(widths) - 1) / widths[:-1]
    active = [widths[0], *(width // 2 for width in widths[1:-1]), widths[-1]]
    layers = [("dense", *pair, v) for *pair, v in zip(active[:-1], active[1:], variances, strict=True)]
    for norms in ({}, {"input_norm": 0.1, "target_norm": 3.0}):
        linear = float(expected_alignment(layers=layers, rule="bp", **norms).limit)
        assert expected(widths, "relu", variances, **norms) == pytest.approx(linear, rel=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_drawn_networks_have_it(activation):
    """At four times the width the difference is a quarter, within three standard errors of both."""
    narrow, wide = (drawn(activation, n, draws) for n, draws in ((64, 100), (256, 25)))
    assert abs(wide[0]) < abs(narrow[0]) / 4 + 3 * (wide[1] + narrow[1] / 4)


def drawn(activation, n, draws):
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
        change, down = np.zeros(n), np.eye(n)
        for index in (2, 1, 0):
            change += features[index] @ features[index] * (down @ (down.T @ r))
            if index:
                down = down @ weights[index] * slope(states[index - 1])
        found.append(r @ change / np.linalg.norm(r) / np.linalg.norm(change))
    return np.mean(found) - expected([n] * 4, activation, np.divide(gains, n)), np.std(found, ddof=1) / np.sqrt(draws)


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
