"""The pseudoinverse of square matrices and of products of tall ones, and its derivative where columns are zero or repeat.

Oracles: the inverses of known singular values, NumPy's pseudoinverse of the product, and central differences of it along
changes that keep the rank.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import mostly_daily
from closeness import assert_close

import dlntheory as dln
from dlntheory.learning.rescaling import RESCALINGS
from dlntheory.numerics.algebra import default_rcond, pinv, pinv_product

KINDS = ("independent", "zero", "repeated")


def columns(kind, seed, rows=6):
    """Four columns, the second zero, or like the first."""
    drawn = np.random.default_rng(seed).normal(size=(rows, 4))
    if kind == "zero":
        drawn[:, 1] = 0
    if kind == "repeated":
        drawn[:, 1] = drawn[:, 0]
    return drawn


def slow(left, right):
    return np.linalg.pinv(left @ right.T, rcond=1e-10)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
@pytest.mark.parametrize("share", [0.0, 0.1, 100.0, 1e9])
@pytest.mark.parametrize("rcond", [None, 1e-10])
def test_a_square_matrix_loses_the_singular_values_below_the_threshold_alone(share, rcond, kind):
    """The smallest is a share of the threshold."""
    left, right = (np.linalg.qr(np.random.default_rng(seed).normal(size=(20, 20)))[0] for seed in (1, 2))
    threshold = default_rcond(left) if rcond is None else rcond
    values = np.linspace(1, 2, 20)[::-1] / 2
    values[-1] = share * threshold
    inverses = np.where(values > threshold, 1 / np.where(values > 0, values, 1), 0)
    found = pinv(kind((left * values) @ right.T), rcond)
    assert_close(found, (right * inverses) @ left.T, inverses.max())


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e30])
def test_small_and_large_square_matrices_are_inverted_without_a_warning(size):
    """In single precision the square of their norm under- or overflows."""
    wanted = 1 / size if size else 0.0
    for width in (0, 1, 3):
        found = pinv(size * np.eye(width, dtype=np.float32))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted * np.eye(width), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_derivative_is_that_of_the_product(kind):
    left, right, d_left, d_right = (columns(kind, seed, rows) for seed, rows in enumerate((6, 5, 6, 5)))
    step = 1e-6
    forth, back = (slow(left + sign * d_left, right + sign * d_right) for sign in (step, -step))
    value, change = jax.jvp(pinv_product, (left, right), (d_left, d_right))
    assert_close(value, slow(left, right), 1e4)
    np.testing.assert_allclose(change, (forth - back) / (2 * step), rtol=0, atol=1e-7 * np.abs(forth).max() ** 2)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_differentiated_again_and_for_many(kind):
    left, right = jnp.asarray(columns(kind, 0)), jnp.asarray(columns(kind, 1, 5))
    slope = jax.grad(lambda matrix: jnp.sin(pinv_product(matrix, right)).sum())
    assert bool(jnp.isfinite(jax.jit(jax.jacobian(slope))(left)).all())
    many = jax.jit(jax.vmap(pinv_product))(jnp.stack([left, left]), jnp.stack([right, right]))
    assert_close(many[1], pinv_product(left, right))


@partial(jax.jit, static_argnums=(3, 4))
def mean_slopes(net, x, y, rule, rescaling):
    def mean(net, x, y):
        return jnp.nanmean(dln.target_alignment(net, x, y, rule=rule, rescaling=rescaling, solver="covariance"))

    return jax.grad(mean, (0, 1, 2))(net, x, y)


ALGORITHMS = [(rule, rescaling) for rule in ("bp", "pc") for rescaling in RESCALINGS]
KEPT = [("bp", "decorrelated"), *(("pc", each) for each in RESCALINGS if each != "adaptive")]


@pytest.mark.parametrize("algorithm", mostly_daily(ALGORITHMS, KEPT), ids=str)
@pytest.mark.parametrize("kind", ["blank", "fitted", "both", "twice"])
def test_the_gradient_of_a_mean_alignment_is_finite(kind, algorithm):
    """Where a sample is blank, fitted exactly or there twice, in the weights and in the data."""
    draw = np.random.default_rng(0)
    net = dln.LinearNetwork.from_weights([jnp.asarray(draw.normal(size=shape)) for shape in ((6, 5), (3, 6))])
    x, y = draw.normal(size=(4, 5)), draw.normal(size=(4, 3))
    if kind in ("blank", "both"):
        x[1] = 0
    if kind in ("fitted", "both"):
        y[0] = net(x[0])
    if kind == "twice":
        x[1], y[1] = x[0], y[0]

    for leaf in jax.tree.leaves(mean_slopes(net, x, y, *algorithm)):
        assert bool(jnp.isfinite(leaf).all())
