"""The output covariance, in both orders.

Oracles: the sum over explicit products of maps, and samples of the generative model.
"""

import itertools

import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import GRID, Case, over
from cases import eagerly as eagerly
from closeness import assert_close, bound, epsilon, norm

import dlntheory as dln
from dlntheory.equilibria.covariance import (
    add_noise,
    as_covariances,
    backward_covariance,
    backward_is_cheaper,
    forward_covariance,
    scale,
)
from dlntheory.networks.passes import downstream_maps

CASES = [case for case in GRID if not case.nudge]
ORDERS = {
    "forward": forward_covariance,
    "backward": lambda layers, covariances: backward_covariance(downstream_maps(layers), covariances),
}


@over(CASES)
def test_the_output_covariance_is_the_sum_over_layers(case):
    actual = dln.output_covariance(case.net, case.covariance_list)
    assert_close(actual, oracles.output_covariance(oracles.problem_of(case)))
    np.testing.assert_array_equal(actual, actual.T)


@pytest.mark.grid
@over(CASES)
@pytest.mark.parametrize("order", ORDERS)
def test_both_orders_agree(case, order):
    covariances = as_covariances(case.net.layers, case.covariance_list, case.net.dtype)
    assert_close(ORDERS[order](case.net.layers, covariances), oracles.output_covariance(oracles.problem_of(case)))


@over(CASES)
def test_downstream_maps_are_products_of_the_maps_above(case):
    expected = [each.T for each in oracles.downstream(oracles.problem_of(case))]
    for actual, matrix in zip(downstream_maps(case.net.layers), expected, strict=True):
        assert_close(actual, matrix, condition=1 + 1 / norm(matrix))


@over([case for case in CASES if not case.covariances])
def test_without_covariances_it_exceeds_the_identity(case):
    smallest = np.linalg.eigvalsh(np.asarray(dln.output_covariance(case.net), float))[0]
    assert smallest >= 1 - bound(epsilon(case.x), norm(dln.output_covariance(case.net)))


def test_it_is_the_covariance_of_the_generative_model():
    """Each layer adds its own noise; 200 000 draws leave a relative error of about 1/√200 000."""
    case, samples = Case(3, "bottleneck", covariances="matrices"), 200_000
    draws = np.random.default_rng(0)
    z = np.zeros((4, samples))
    for weight, covariance in zip(case.net.weights, case.covariance_list, strict=True):
        z = np.asarray(weight) @ z + np.linalg.cholesky(covariance) @ draws.normal(size=(len(weight), samples))
    expected = np.asarray(dln.output_covariance(case.net, case.covariance_list))
    assert norm(np.cov(z) - expected) < 5 * norm(expected) / np.sqrt(samples)


def test_few_outputs_are_reached_backward():
    shapes = {(784, 512, 512, 10): True, (10, 512, 512, 512): False}
    for widths, backward in shapes.items():
        layers = [dln.Dense(jnp.ones((rows, columns))) for columns, rows in itertools.pairwise(widths)]
        assert backward_is_cheaper(layers) == backward


@pytest.mark.parametrize("covariance", [None, jnp.asarray(2.0), jnp.asarray([[2.0, 1.0], [1.0, 3.0]])])
def test_a_covariance_scales_columns_and_adds_noise(covariance):
    matrix = np.eye(2) if covariance is None else covariance * np.eye(2) if covariance.ndim == 0 else covariance
    columns = jnp.asarray([[1.0, 2.0], [3.0, 5.0]])
    assert_close(scale(covariance, columns), np.asarray(matrix) @ np.asarray(columns))
    assert_close(add_noise(covariance, columns), np.asarray(matrix) + np.asarray(columns))


@pytest.mark.parametrize("kind", [list, tuple, np.array, jnp.array])
def test_any_sequence_of_scalars_will_do(kind):
    case = Case(3)
    expected = dln.output_covariance(case.net, [0.5, 1.0, 2.0])
    assert_close(dln.output_covariance(case.net, kind([0.5, 1.0, 2.0])), expected)
