"""Triangular inverses against LAPACK's, at sizes on both sides of every size where the method changes."""

import jax.numpy as jnp
import numpy as np
import pytest
from closeness import bound, epsilon

from dlntheory.cholesky import LEAF, SMALL, SMALL_LEAF, inverse_cholesky, triangular_inverse


@pytest.mark.parametrize(
    "size", [1, SMALL_LEAF, SMALL_LEAF + 1, LEAF, LEAF + 1, SMALL, SMALL + 1, 3 * LEAF, 4 * LEAF + 1]
)
def test_triangular_inverses(size):
    draw = np.random.default_rng(size).normal(size=(size, size))
    matrix = np.eye(size) + draw @ draw.T / size
    lower = np.linalg.cholesky(matrix)
    allowed = bound(epsilon(1.0), np.linalg.cond(lower))
    assert np.abs(np.asarray(triangular_inverse(jnp.asarray(lower))) @ lower - np.eye(size)).max() <= allowed
    inverse = np.asarray(inverse_cholesky(jnp.asarray(matrix)))
    assert np.abs(inverse @ matrix @ inverse.T - np.eye(size)).max() <= bound(epsilon(1.0), np.linalg.cond(matrix))
