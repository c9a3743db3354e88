"""Triangular inverses against LAPACK's, at sizes on both sides of every size where the method changes."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import mostly_daily
from closeness import assert_close, bound, epsilon

from dlntheory.numerics.cholesky import BLOCK, LEAF, SMALL, inverse_cholesky, triangular_inverse


@pytest.mark.parametrize(
    "size",
    mostly_daily(
        [1, LEAF, LEAF + 1, SMALL, SMALL + 1, 3 * LEAF, 4 * LEAF + 1], [1, LEAF, LEAF + 1, SMALL + 1, 4 * LEAF + 1]
    ),
)
def test_triangular_inverses(size):
    draw = np.random.default_rng(size).normal(size=(size, size))
    matrix = np.eye(size) + draw @ draw.T / size
    lower = np.linalg.cholesky(matrix)
    allowed = bound(epsilon(1.0), np.linalg.cond(lower))
    assert np.abs(np.asarray(jax.jit(triangular_inverse)(lower)) @ lower - np.eye(size)).max() <= allowed
    inverse = np.asarray(jax.jit(inverse_cholesky)(matrix))
    assert np.abs(inverse @ matrix @ inverse.T - np.eye(size)).max() <= bound(epsilon(1.0), np.linalg.cond(matrix))


def positive_definite(*shape):
    draw = np.random.default_rng(0).normal(size=shape)
    return np.eye(shape[-1]) + draw @ np.swapaxes(draw, -1, -2) / shape[-1]


@pytest.mark.parametrize("size", [pytest.param(3, marks=pytest.mark.daily), BLOCK + 1])
def test_its_derivatives_are_those_of_lapack(size):
    matrix, weights = positive_definite(size, size), np.random.default_rng(1).normal(size=(size, size))

    def through(inverse, matrix):
        symmetric = (matrix + matrix.T) / 2
        return jnp.sum(weights * jnp.sin(inverse(symmetric)))

    by_lapack = lambda matrix: jnp.linalg.inv(jnp.linalg.cholesky(matrix))  # noqa: E731
    for differentiate in (jax.grad, lambda f: jax.grad(lambda m: jnp.sum(jax.grad(f)(m) ** 2))):
        found, expected = (
            jax.jit(differentiate(partial(through, inverse)))(matrix) for inverse in (inverse_cholesky, by_lapack)
        )
        assert_close(found, expected, condition=np.linalg.cond(matrix) ** 2)


@pytest.mark.parametrize("size", [3, BLOCK + 1])
def test_a_batch_is_factored_one_after_another(size):
    """No batch reaches LAPACK, whose threads may wait for one another for ever; in two nested batches neither."""
    matrices = positive_definite(2, 3, size, size)
    of_many = jax.jit(jax.vmap(jax.vmap(inverse_cholesky)))
    expected = np.stack([[np.linalg.inv(np.linalg.cholesky(each)) for each in row] for row in matrices])
    assert_close(of_many(matrices), expected, condition=10)
    calls = re.findall(r"lapack_dpotrf_ffi.*-> \(tensor<([\dx]+)xf64>", of_many.lower(matrices).as_text())
    assert calls
    assert all(call.count("x") == 1 for call in calls)
