"""Hessians of loss and energy, at the origin and elsewhere, and the directions of lowest curvature.

Oracles: automatic differentiation of the energy as a dense formula; closed forms at the origin.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close
from jax.flatten_util import ravel_pytree
from landscapes import SHAPES, data, hessian, objective, random_network

import dlntheory as dln


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_hessians_are_second_derivatives(rule):
    net, (x, y) = random_network(SHAPES[1]), data(noise=0.5)
    start, restore = ravel_pytree(net.weights)
    wanted = jax.jit(jax.hessian(lambda vector: objective(restore(vector), x, y, rule)))(start)
    found = hessian(net, x, y, rule)
    assert_close(found, wanted, condition=100)
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_hessians_of_layers_of_every_kind_are_those_by_differentiation(rule):
    rng = np.random.default_rng(0)
    kernel, inner, last, *biases = (rng.normal(size=shape) * 0.5 for shape in ((2, 1, 2, 2), (8, 8), (2, 8), 8, 2))
    layers = [
        dln.Conv2d(kernel),
        dln.Flatten(),
        dln.Residual(dln.Dense(inner, biases[0], learn_bias=True)),
        dln.Scaled(dln.Dense(last, biases[1]), 0.3),
    ]
    net, (x, y) = dln.LinearNetwork(layers, input_shape=(1, 3, 3)), data(9, 2, noise=0.5, samples=5)
    x = x.reshape(5, 1, 3, 3)
    found, by_jax = hessian(net, x, y, rule), hessian(net.to_jax(), x, y, rule)
    assert isinstance(found, np.ndarray)
    assert isinstance(by_jax, jax.Array)
    assert_close(found, by_jax, condition=100)


def test_hessian_of_a_chain_of_weights_that_share_an_error():
    """The loss does not depend on where errors are: the chain's is that of its layers one by one."""
    first, second, last = (random_network((3, 3), seed).weights[0] for seed in range(3))
    block = dln.LinearNetwork([dln.Chain([dln.Dense(first), dln.Dense(second)]), dln.Dense(last)])
    x, y = data()
    plain = dln.LinearNetwork.from_weights([first, second, last])
    assert_close(dln.loss_hessian(block, x, y), dln.loss_hessian(plain, x, y), condition=100)


def test_hessian_of_a_single_sample_and_of_covariances():
    net, (x, y) = random_network(SHAPES[0]), data()
    assert_close(dln.energy_hessian(net, x[0], y[0]), dln.energy_hessian(net, x[:1], y[:1]), condition=100)
    tripled = [3.0] * net.depth
    assert_close(dln.energy_hessian(net, x, y, covariances=tripled), dln.energy_hessian(net, x, y) / 3, condition=100)


def test_hessians_compile():
    net, (x, y) = random_network(SHAPES[0]), data()
    compiled = jax.jit(partial(dln.energy_hessian, net, solver="covariance"))
    assert_close(compiled(x, y), dln.energy_hessian(net, x, y), condition=100)
    assert_close(jax.jit(partial(dln.loss_hessian, net))(x, y), dln.loss_hessian(net, x, y), condition=100)
    closed = jax.jit(partial(dln.origin_hessian, widths=SHAPES[0]))
    assert_close(closed(x, y), dln.origin_hessian(x, y, SHAPES[0]))


def test_the_origin_keeps_the_precision_of_the_data():
    x, y = (each.astype(np.float32) for each in data(3, 2))
    assert dln.origin_hessian(x, y, (3, 4, 2)).dtype == np.float32


@pytest.mark.parametrize("rule", ["bp", "pc"])
@pytest.mark.parametrize("widths", [(3, 2), (3, 4, 2), (3, 2, 2, 2)], ids=str)
def test_the_origin_in_closed_form(widths, rule):
    x, y = data(3, 2, noise=0.5)
    origin = dln.LinearNetwork.from_weights([np.zeros(shape) for shape in zip(widths[1:], widths, strict=False)])
    closed = dln.origin_hessian(x, y, widths, rule)
    assert_close(hessian(origin, x, y, rule), closed, condition=10)
    lowest = dln.lowest_curvature(origin, x, y, rule)
    assert_close(lowest.value, np.linalg.eigvalsh(closed)[0], condition=10)
    assert lowest.strict == (len(widths) == 3 or (len(widths) > 3 and rule == "pc"))
    if len(widths) == 4:
        wanted = -np.linalg.norm(y.T @ y / len(x), 2) if rule == "pc" else 0.0
        assert_close(lowest.value, wanted, condition=10)
    elif len(widths) == 3:
        crossed, own = y.T @ x / len(x), (y.T @ y / len(x) if rule == "pc" else np.zeros((2, 2)))
        block = np.block([[own, crossed], [crossed.T, np.zeros((3, 3))]])
        assert_close(lowest.value, -np.linalg.eigvalsh(block)[-1], condition=10)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_the_direction_is_of_the_kind_and_precision_of_the_hessian(rule):
    """Not of the weights: network and data together decide."""
    narrow = dln.LinearNetwork.from_weights([np.ones((2, 3), np.float32), np.ones((2, 2), np.float32)])
    x, y = data(3, 2, noise=0.5)
    for inputs in (x, jnp.asarray(x)):
        direction = dln.lowest_curvature(narrow, inputs, y, rule).direction
        matrix = hessian(narrow, inputs, y, rule)
        assert {(type(each), each.dtype) for each in direction} == {(type(matrix), np.dtype(np.float64))}
        vector = ravel_pytree(direction)[0]
        assert_close(vector @ matrix @ vector, np.linalg.eigvalsh(matrix)[0], condition=100)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_the_direction_is_an_eigenvector(rule):
    net, (x, y) = random_network(SHAPES[1]), data()
    lowest = dln.lowest_curvature(net, x, y, rule)
    vector = ravel_pytree(lowest.direction)[0]
    assert [each.shape for each in lowest.direction] == [each.shape for each in net.weights]
    assert_close(np.linalg.norm(vector), 1.0)
    assert_close(hessian(net, x, y, rule) @ vector, lowest.value * vector, condition=100)


NET = partial(dln.LinearNetwork.random, [3, 4, 3])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dln.loss_hessian(NET(), *data(2)), ValueError, "`x` has shape"),
        (lambda: dln.energy_hessian(NET(), *data(), covariances=[1.0]), ValueError, "`covariances` has 1"),
        (lambda: dln.energy_hessian(NET(), *data(), solver="best"), ValueError, "`solver` is 'best'"),
        (lambda: dln.lowest_curvature(NET(), *data(), "natural"), ValueError, "`rule` is 'natural'"),
        (lambda: dln.origin_hessian(*data(), [3, 4, 2]), ValueError, "`y` has shape"),
        (lambda: dln.origin_hessian(*data(), [3, 3.5, 3]), TypeError, r"`widths\[1\]` is 3.5"),
        (lambda: dln.origin_hessian(*data(), [3, 4, 3], "natural"), ValueError, "`rule` is 'natural'"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
