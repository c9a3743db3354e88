"""Two layers in closed form against integration, the logistic curve of one mode, and what the flow conserves."""

import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

import dlntheory as dln
from dlntheory.training.flow import tolerance

FOLLOWED = 100 * tolerance(np.float64)
"""What an integration of some hundred steps may be off."""


def white(rng, samples, width, variance=1.0):
    return np.linalg.qr(rng.normal(size=(samples, width)))[0] * np.sqrt(samples * variance)


def balanced(rng, widths, imbalance=0.0):
    """Weights with ``W_2ᵀW_2 − W_1W_1ᵀ = λI``; other than zero, ``λ`` needs hidden units that both layers reach."""
    inner, hidden, outer = widths
    rank = min(widths)
    outputs, middle, inputs = (np.linalg.qr(rng.normal(size=(n, n)))[0][:, :rank] for n in (outer, hidden, inner))
    squares = rng.uniform(0.7, 1, rank)
    first = middle * np.sqrt(squares) @ inputs.T
    return dln.LinearNetwork.from_weights([first, outputs * np.sqrt(squares + imbalance) @ middle.T])


@settings(max_examples=6)
@given(
    widths=st.tuples(*[st.integers(1, 4)] * 3),
    imbalance=st.floats(-0.6, 0.6),
    variance=st.sampled_from([0.5, 1.0, 2.0]),
    rank=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_products_are_those_of_the_integrated_flow(widths, imbalance, variance, rank, seed):
    rng = np.random.default_rng(seed)
    net = balanced(rng, widths, imbalance if widths[1] == min(widths) else 0.0)
    x = white(rng, 8, widths[0], variance)
    y = x @ rng.normal(size=(widths[0], rank)) @ rng.normal(size=(rank, widths[2]))  # of zero and full rank, too
    times = np.array([0.0, 0.2, 1.0])
    found = dln.two_layer_dynamics(net, x, y, times)
    first, second = dln.gradient_flow(net, x, y, times, "bp")
    bound = FOLLOWED * (1 + max(np.abs(first).max(), np.abs(second).max()) ** 2)
    np.testing.assert_allclose(found.maps, second @ first, atol=bound)
    np.testing.assert_allclose(found.first, first.swapaxes(1, 2) @ first, atol=bound)
    np.testing.assert_allclose(found.second, second @ second.swapaxes(1, 2), atol=bound)


def test_one_mode_is_the_logistic_curve():
    """``u' = 2 v u (s − u)``, from rounding to rest: ``u`` grows by twelve orders."""
    start, target, variance, times = 1e-12, 3.0, 2.0, np.linspace(0, 8, 9)
    net = dln.LinearNetwork.from_weights([[[np.sqrt(start)]], [[np.sqrt(start)]]])
    x = np.full((1, 1), np.sqrt(variance))
    found = dln.two_layer_dynamics(net, x, target * x, times).maps.ravel()
    grown = np.exp(-2 * variance * target * times)
    np.testing.assert_allclose(found, target / (1 + (target / start - 1) * grown), rtol=1e-12)


def test_modes_that_differ_by_many_orders_keep_their_digits():
    """Fast modes are at rest when slow ones have hardly begun; each follows its own equation."""
    targets, start, times = np.array([30.0, 3.0, 0.3, 0.0]), 1e-6, np.array([0.5, 2.0, 10.0])
    net = dln.LinearNetwork.from_weights([np.sqrt(start) * np.eye(4)] * 2)
    x = 2 * np.eye(4)
    found = dln.two_layer_dynamics(net, x, x * targets, times).maps
    modes = dln.mode_dynamics(targets, np.full(2, np.sqrt(start)), times, "bp")
    np.testing.assert_allclose(found[:, range(4), range(4)], modes.products, rtol=1e-8)


def test_the_narrow_network_learns_the_larger_mode():
    net = dln.LinearNetwork.from_weights([[[0.1, 0.1]], [[0.1], [0.1]]])
    x = np.sqrt(2) * np.eye(2)
    found = dln.two_layer_dynamics(net, x, x * [2.0, 1.0], [100.0]).maps[0]
    np.testing.assert_allclose(found, np.diag([2.0, 0.0]), atol=1e-14)


def test_jax_in_jax_out():
    net, x, times = balanced(np.random.default_rng(0), (3, 2, 2)), np.sqrt(3) * np.eye(3), [0.0, 0.5]
    found = dln.two_layer_dynamics(net.to_jax(), jnp.asarray(x), x[:, :2], times)
    assert_close(found.maps, dln.two_layer_dynamics(net, x, x[:, :2], times).maps)
    assert isinstance(found.maps, jnp.ndarray)


NET, X = dln.LinearNetwork.from_weights([np.eye(2)] * 2), np.sqrt(2) * np.eye(2)


@pytest.mark.parametrize(
    ("net", "x", "times", "message"),
    [
        (dln.LinearNetwork.from_weights([np.eye(2)]), X, [1.0], "`net` has layers .*; wanted two dense layers"),
        (dln.LinearNetwork.from_weights([np.eye(2)] * 2, [np.ones(2), None]), X, [1.0], "without biases"),
        (dln.LinearNetwork([dln.Dense(np.eye(2)), dln.Residual(np.eye(2))]), X, [1.0], "wanted two dense layers"),
        (dln.LinearNetwork.from_weights([np.eye(2), np.diag([1.0, 2.0])]), X, [1.0], "`net` has .* by 6.0e-01"),
        (NET, X * [1.0, 2.0], [1.0], r"`x` has mean\(x xᵀ\) off a multiple of the identity by"),
        (NET, 0 * X, [1.0], "`x` is zero"),
        (NET, X, [-1.0], "`times` is negative"),
    ],
)
def test_what_has_no_closed_form_is_refused(net, x, times, message):
    with pytest.raises(ValueError, match=message):
        dln.two_layer_dynamics(net, x, X, times)


def test_times_beyond_floating_point_are_refused():
    with pytest.raises(dln.PrecisionError, match="`times` holds 1000; wanted at most 300"):
        dln.two_layer_dynamics(NET, X, X, [1000.0])
