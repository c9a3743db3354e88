"""Theorem 3 where its solutions end: zero targets, weights of one size, activities that vanish.

Oracles: the exact conditions of chains and of one hidden layer, decided in fractions or by the construction of the data.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlntheory as dln

FOUND = "a positive solution was found"
SIZES = st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2)])
WEIGHTS = st.lists(st.tuples(SIZES, st.sampled_from([1, -1])), min_size=2, max_size=5)


def chain(weights):
    return dln.LinearNetwork.from_weights([[[float(weight)]] for weight in weights])


def assert_none(net, x, y):
    found, verdict = dln.interference_free_covariances(net, x, y), dln.verify(net, x, y, theorem=3)
    assert found.outcome == "no positive solution found"
    assert np.isnan(found.covariances).all()
    assert not verdict.applicable
    assert not verdict.hypotheses[FOUND].holds


@pytest.mark.parametrize("weights", [(1, 1), (1, 2, 1), (2, 1, 1), (2, 3, 1, 1)], ids=str)
def test_covariances_that_tend_to_zero_are_no_solution(weights):
    """Where weights tie, rounding decides how far a search gets on its way to zero."""
    assert_none(chain(weights), [1.0], [0.0])


@settings(max_examples=12)
@given(WEIGHTS)
def test_a_chain_with_target_zero_has_a_solution_only_if_its_last_weight_is_the_smallest(drawn):
    """Weights of a few sizes, so that the smallest is often there twice."""
    weights = [size * sign for size, sign in drawn]
    *others, last = map(abs, weights)
    found = dln.interference_free_covariances(chain(weights), [1.0], [0.0])
    assert bool(found.found) == (last < min(others))
    if found.found:  # Π_l (1 − τ/w_l²) = 0 at τ = w_L²
        partial, expected = Fraction(1), []
        for before, weight in pairwise([Fraction(1), *weights]):
            expected.append(partial * (1 if not expected else 1 - last**2 / before**2))
            partial = expected[-1] * weight**2
        np.testing.assert_allclose(found.covariances, np.array(expected, float), rtol=1e-6)


def largest_ratio(weights):
    """``max_u (u/w_L² − 1) Π_{l<L} (1 − u/w_l²)`` between ``w_L²`` and the smallest other ``w_l²``."""
    squares = np.square(weights)
    u = np.linspace(squares[-1], squares[:-1].min(), 200_001)
    return float(np.max((u / squares[-1] - 1) * np.prod(1 - u / squares[:-1, None], axis=0)))


@settings(max_examples=15)
@given(st.lists(st.floats(1.1, 3.0), min_size=1, max_size=3), st.sampled_from([0.01, 0.5, 0.99, 1.01, 1.5]))
def test_a_chain_of_opposite_signs_has_a_solution_up_to_a_ratio(others, share):
    weights = np.array([*others, 1.0])
    target = -share * largest_ratio(weights) * np.prod(weights)
    assert bool(dln.interference_free_covariances(chain(weights), [1.0], [target]).found) == (share < 1)


def test_a_target_of_zero_need_not_have_a_solution_behind_one_hidden_layer():
    """``g(0) = 0`` and ``g(τ) < τ‖x‖²``."""
    net = dln.LinearNetwork.from_weights([np.eye(2), [[1.0, 0.3], [0.0, 1.0]]])
    assert_none(net, [1.0, 1.0], [0.0, 0.0])


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-1, 1e-3, 1e-6]))
def test_behind_one_hidden_layer_a_product_that_stays_positive_is_enough(seed, share):
    """``x̂_1ᵀ W_2⁻¹ y > 0`` with square weights: the solution is as near to the edge as the product is to zero."""
    draws = np.random.default_rng(seed)
    first, second = draws.normal(size=(2, 3, 3)) + 3 * np.eye(3)
    x, across = draws.normal(size=(2, 3))
    hidden = first @ x
    across -= hidden * (hidden @ across) / (hidden @ hidden)
    net = dln.LinearNetwork.from_weights([first, second])
    found = dln.interference_free_covariances(net, x, second @ (across + share * hidden))
    assert found.found, (found.nearest, found.mismatch)


def test_an_activity_of_zero_leaves_no_solution():
    """Whatever the target is: the product of the layer above is zero at every equilibrium."""
    rank_deficient = np.array([[1.0, -1.0], [2.0, -2.0]])
    net = dln.LinearNetwork.from_weights([rank_deficient, np.eye(2)])
    for y in ([0.0, 0.0], [1.0, 0.0], [-3.0, 5.0]):
        assert_none(net, [1.0, 1.0], y)


@pytest.mark.parametrize("target", ["itself", "the residual reversed"])
@pytest.mark.parametrize("weights", [[np.eye(3)] * 3, [np.eye(3)[::-1]] * 3, [2 * np.eye(3)] * 4])
def test_repeated_singular_values(weights, target):
    """All ``D_l D_lᵀ`` are multiples of one matrix: a chain in each direction, with all of its weights of one size."""
    net, x = dln.LinearNetwork.from_weights(weights), np.array([1.0, 2.0, -1.0])
    predicted = np.asarray(net(x))
    if target == "itself":
        assert dln.interference_free_covariances(net, x, 2 * predicted).found
    else:
        assert_none(net, x, -predicted)


def test_a_convolution_at_one_position_is_a_dense_layer_and_at_several_theorem_3_does_not_apply():
    draws = np.random.default_rng(0)
    weight, image = draws.normal(size=(2, 4)), draws.normal(size=(1, 2, 2))
    convolution = dln.Conv2d(weight.reshape(2, 1, 2, 2))
    single = dln.LinearNetwork([convolution, dln.Flatten(), dln.Dense(np.eye(2))], (1, 2, 2))
    dense = dln.LinearNetwork.from_weights([weight, np.eye(2)])
    y = 1.1 * np.asarray(dense(image.ravel()))
    found = dln.interference_free_covariances(single, image, y)
    assert found.found
    expected = dln.interference_free_covariances(dense, image.ravel(), y)
    np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-9)
    several = dln.LinearNetwork([convolution, dln.Flatten(), dln.Dense(np.ones((2, 8)))], (1, 3, 3))
    verdict = dln.verify(several, np.ones((1, 3, 3)), np.ones(2), theorem=3)
    assert not verdict.applicable


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_single_precision_sees_the_same_edges(dtype):
    for weights, y, outcome in (((1, 1), 0, False), ((2, 1, 1), 0, False), ((2, 1), 0, True), ((2, 2, 1), 0, True)):
        net = dln.LinearNetwork.from_weights([np.full((1, 1), weight, dtype) for weight in weights])
        assert bool(dln.interference_free_covariances(net, [1.0], [float(y)]).found) == outcome
