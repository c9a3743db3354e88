"""Escapes from saddles. Oracles: the flow itself; fractions."""

from functools import partial

import numpy as np
import pytest
from closeness import assert_close
from landscapes import SHAPES, data

import dlntheory as dln


def displacement(net, size, seed=0):
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=weight.shape) for weight in net.weights]
    return [size * each / np.sqrt(sum(np.sum(one**2) for one in drawn)) for each in drawn]


@pytest.mark.parametrize(
    ("rule", "modes"),
    [
        pytest.param("bp", (), marks=pytest.mark.daily),
        ("pc", ()),
        pytest.param("bp", (0,), marks=pytest.mark.daily),
        pytest.param("pc", (0,), marks=pytest.mark.daily),
    ],
)
def test_escape_times(rule, modes):
    """Predicted and followed: the difference is of the order of the radius; the slope in ln σ is 1/|λ|."""
    x, y = data()
    saddle = dln.critical_network(x, y, SHAPES[0], modes)
    rate = -dln.lowest_curvature(saddle, x, y, rule).value
    sizes, radius = (1e-6, 1e-9), 1e-2
    predicted = [dln.escape_time(saddle, x, y, displacement(saddle, size), radius, rule) for size in sizes]
    followed = [dln.simulated_escape_time(saddle, x, y, displacement(saddle, size), radius, rule) for size in sizes]
    np.testing.assert_allclose(followed, predicted, atol=5 * radius / rate)
    np.testing.assert_allclose([*np.diff(predicted), *np.diff(followed)], np.log(1e3) / rate, rtol=1e-2)


def test_no_escape():
    """From a flat saddle the linear theory sees no way, and backpropagation takes a power of the displacement."""
    net = dln.LinearNetwork.from_weights([[[0.0]]] * 3)
    times = []
    for size in (1e-2, 1e-3):
        moved = [[[size]]] * 3
        assert dln.escape_time(net, [1.0], [1.0], moved, 0.5, "bp") == np.inf
        times.append(dln.simulated_escape_time(net, [1.0], [1.0], moved, 0.5, "bp"))
    assert_close(times[1] / times[0], 10.0, tolerance=0.05)
    assert dln.escape_time(net, [1.0], [1.0], [[[0.0]]] * 3, 0.5) == np.inf
    assert dln.escape_time(net, [1.0], [1.0], [[[1.0]]] * 3, 0.5) == 0
    assert dln.simulated_escape_time(net, [1.0], [1.0], [[[0.0]]] * 3, 0.5) == np.inf


NET = partial(dln.LinearNetwork.random, [3, 4, 3])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dln.escape_time(NET(), *data(), [np.ones((4, 3))], 1.0), ValueError, "`displacement` has shapes"),
        (lambda: dln.escape_time(NET(), *data(), [np.ones((4, 3)), np.ones((3, 4))], 0.0), ValueError, "`radius` is 0.0"),
        (lambda: dln.simulated_escape_time(NET(), *data(), [[1.0]], -1.0), ValueError, "`radius` is -1.0"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
