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


def test_other_weights_are_checked_and_copied():
    net = dln.LinearNetwork(
        [dln.Dense(np.ones((3, 2)), np.ones(3)), dln.Chain([dln.Dense(np.ones((2, 3))), dln.Residual(np.eye(2))])]
    )
    first, chained = np.full((3, 2), 2.0), (np.full((2, 3), 3.0), np.zeros((2, 2)))
    other = net.with_weights([first, chained])
    expected = chained[0] @ (first @ np.ones(2) + 1)
    first[:], chained[0][:] = 0, 0
    np.testing.assert_array_equal(other(np.ones(2)), expected)
    assert not other.layers[0].weight.flags.writeable
    for wrong, message in (
        ([first], "1 entries; wanted 2"),
        ([first.T, chained], r"`weights\[0\]` has shape \(2, 3\); wanted \(3, 2\)"),
        ([first, (chained[0],)], r"`weights\[1\]` has 1 entries"),
        ([np.full((3, 2), np.nan), chained], r"`weights\[0\]` holds NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            net.with_weights(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda array: dln.Prior(array, 1.0).mean,
        lambda array: dln.Prior(0.0, array).covariance,
        lambda array: dln.SoftOutput(array).beta,
        lambda array: dln.Algorithm("pc", nudge=array).given["nudge"],
        lambda array: dln.Algorithm("pc", covariances=[array, None]).given["covariances"][0],
        lambda array: dln.LinearNetwork.from_weights([np.eye(3)]).with_weights([array]).weights[0],
    ],
    ids=["mean", "covariance", "beta", "nudge", "covariances", "weights"],
)
def test_what_is_kept_is_a_copy(make):
    given = np.eye(3)
    found = make(given)
    assert not np.shares_memory(found, given)
    np.testing.assert_array_equal(found, np.eye(3))


@pytest.mark.parametrize(
    ("whole", "like"), [(2**53 + 1, np.float64), (2**24 + 1, np.float32), (-(2**53) - 1, np.float64)]
)
def test_whole_numbers_that_would_be_rounded_are_refused(whole, like):
    net = dln.LinearNetwork.from_weights([np.eye(2, dtype=like)])
    with pytest.raises(ValueError, match="`x` holds whole numbers that"):
        net(np.array([whole, 0]))
    np.testing.assert_array_equal(net(np.array([2**24, 0])), [2**24, 0])


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


def test_networks_of_every_layer_can_be_compared():
    def net(kernel=1.0):
        layers = [dln.Conv2d(np.full((1, 1, 2, 2), kernel)), dln.AvgPool2d(2), dln.Flatten(), dln.Dense([[1.0]])]
        return dln.LinearNetwork(layers, input_shape=(1, 3, 3))

    assert net() == net()
    assert net() != net(2.0)
    assert dln.Flatten() != dln.AvgPool2d(2)
