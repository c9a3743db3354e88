"""Networks as chains of layers.

Oracle: the forward pass in NumPy, layer by layer.
"""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import GRID, Case, over
from cases import eagerly as eagerly
from closeness import assert_close, bound, epsilon, norm

import dlntheory as dln


@over(GRID)
def test_the_prediction_is_the_forward_pass(case):
    problem = oracles.problem_of(case)
    expected = oracles.predict(problem.parameters, problem.skips, problem.x).reshape(np.shape(case.y))
    stretch = np.prod(
        [norm(weight) + skip for weight, skip in zip(problem.parameters.weights, problem.skips, strict=True)]
    )
    sizes = stretch * (norm(case.x) + norm(problem.parameters.biases) + 1)
    actual = case.net(case.x)
    assert actual.dtype == case.dtype
    assert_close(actual, expected, tolerance=bound(epsilon(case.x), sizes / norm(expected)))


@over(GRID)
def test_widths_depth_weights_and_biases(case):
    assert case.net.widths == case.widths
    assert case.net.depth == case.depth == len(case.net.weights) == len(case.net.biases)
    assert [each.shape for each in case.net.weights] == list(zip(case.widths[1:], case.widths[:-1], strict=True))


def test_weights_and_biases_come_back_as_given():
    weights, biases = [np.ones((3, 2)), 2 * np.ones((1, 3))], [None, np.array([0.5])]
    net = dln.LinearNetwork.from_weights(weights, biases)
    for one, other in zip(weights, net.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert net.biases[0] is None
    assert net.biases[1] == 0.5
    assert not any(layer.learn_bias for layer in net.layers)


def test_a_stack_of_weights_is_a_list_of_them():
    stack = np.random.default_rng(0).normal(size=(3, 2, 2))
    for one, other in zip(dln.LinearNetwork.from_weights(stack).weights, stack, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_highest_precision_wins():
    low, high = np.eye(2, dtype=np.float32), np.eye(2)
    assert dln.LinearNetwork.from_weights([low, high]).dtype == "float64"
    assert dln.LinearNetwork([dln.Dense(low), dln.Residual(low)]).dtype == "float32"
    net = dln.LinearNetwork.from_weights([low])
    assert net(np.ones(2)).dtype == "float64"
    assert net(np.ones(2, np.float32)).dtype == net([1, 1]).dtype == "float32"


def test_integers_become_the_default_float():
    assert dln.LinearNetwork.from_weights([[[1, 2]]]).dtype == jnp.result_type(float)


def test_a_network_is_a_pytree_and_immutable():
    net = Case(3, "square", "mixed").net
    leaves, structure = jax.tree.flatten(net)
    assert_close(jax.tree.unflatten(structure, leaves)(np.ones(4)), net(np.ones(4)))
    assert len(leaves) == 3 + sum(bias is not None for bias in net.biases)
    with pytest.raises(AttributeError):
        net.layers = ()
