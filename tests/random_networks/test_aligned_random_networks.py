"""Variances and covariances that make predictive coding aligned at large width."""

from math import factorial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from random_network_twins import chain, square

from dlntheory.networks.aligned_variances import aligned_variances
from dlntheory.random_networks.expected import expected_alignment
from dlntheory.random_networks.limit_covariances import expected_covariances


@pytest.mark.parametrize(
    ("widths", "growth"), [([9, 9], 0.7), ([64] * 10, 3.0), ([20, 40, 30], 1.0), ([100, 300, 50, 20], 20.0)]
)
def test_aligned_variances(widths, growth):
    expected = expected_alignment(widths, variances=aligned_variances(widths, growth))
    assert_allclose(expected.limit, 1, rtol=1e-12)
    assert_allclose(expected.activities, widths[0], rtol=1e-11)  # x*'x̂ = |x|² in every layer
    first = widths[1] / (widths[1] * aligned_variances(widths, growth)[0]) / expected.traces[0]
    assert_allclose(first, growth, rtol=1e-11)  # T_1


def test_aligned_variances_of_equal_widths():
    depth, growth, n = 6, 2.5, 30
    closed = [(1 + 1 / growth) ** l for l in range(1, depth)] + [(1 + 1 / growth) ** (depth - 1) / growth]
    assert_allclose(np.multiply(n, aligned_variances([n] * (depth + 1), growth)), closed, rtol=1e-12)


def test_aligned_variances_may_not_exist():
    for growth in (0.3, 1, 3):
        with pytest.raises(ValueError, match=r"no variances make predictive coding aligned.*a growth above 15\.6"):
            aligned_variances([100, 300, 50, 20], growth)
    aligned_variances([100, 300, 50, 20], 15.7)
    with pytest.raises(TypeError, match="`growth` is '3'"):
        aligned_variances([4, 4, 4], "3")
    for growth in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"`growth` (is|holds)"):
            aligned_variances([4, 4, 4], growth)


@pytest.mark.parametrize("depth", [1, 2, 4, 9])
def test_interference_free_covariances(depth):
    found = expected_covariances([50] * (depth + 1), "norm_preserving")
    closed = [factorial(depth - 1) / (factorial(depth - l) * depth ** (l - 1)) for l in range(1, depth + 1)]
    assert_allclose(found.covariances, closed, rtol=1e-12)
    assert found.exists is True


@pytest.mark.parametrize(
    "layers",
    [
        chain("dense", [30, 50, 40, 60, 20], lambda a, b: 0.7 / a),
        square("residual", 0.4, 5),
        [("dense", 30, 60, 0.02), ("orthogonal", 60, 40, 1 / 60), ("residual", 40, 40, 0.01), ("dense", 40, 10, 0.1)],
    ],
)
def test_interference_free_covariances_are_activities_and_align(layers):
    c = expected_covariances(layers=layers).covariances
    expected = expected_alignment(layers=layers, covariances=c)
    assert_allclose(expected.limit, 1, rtol=1e-11)
    assert_allclose(expected.activities / expected.activities[0], c, rtol=1e-10)


def test_interference_free_covariances_may_not_exist():
    """They need ``n_l > n_L V_l/V_L``."""
    widths, norms = [100, 30, 40, 100], [1, 2, 3]
    exists = []
    for last in norms:
        variances = np.array([1 / 30, 1 / 40, 1 / (100 * last)])
        V = np.cumsum(1 / variances)
        found = expected_covariances(widths, variances=variances)
        assert_allclose(found.free, widths[1:3] - 100 * V[:2] / V[2], rtol=1e-12)
        assert found.exists == (found.free > 0).all() == (not np.isnan(found.covariances).any())
        exists.append(found.exists)
    assert exists == [False, True, True]
