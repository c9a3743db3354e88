"""Random networks by formula with JAX arrays: the numbers of NumPy, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import mostly_daily
from numpy.testing import assert_allclose

from dlntheory.random_networks.expected import expected_alignment
from dlntheory.random_networks.limit_covariances import expected_covariances

WIDTHS, VARIANCES = [40, 50, 30, 60, 40], np.array([0.02, 0.03, 0.01, 0.015])
COVARIANCES = np.array([0.7, 1.5, 1.0, 0.8])


def outcome(variances, covariances, widths=WIDTHS):
    """Limit, energies by layer and a trace, as one vector."""
    expected = expected_alignment(widths, variances=variances, covariances=covariances, input_norm=2.0, target_norm=3.0)
    xp = jnp if isinstance(expected.limit, jax.Array) else np
    return xp.concatenate([expected.limit[None], expected.energy_by_layer, expected.traces[..., :1]])


def differences(function, point, step=1e-5):
    """The Jacobian by central differences of fourth order in relative steps."""
    columns = []
    for direction in np.diag(point):
        values = [function(point + shift * step * direction) for shift in (1, -1, 2, -2)]
        columns.append((8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * step))
    return np.stack(columns, axis=-1) / point


def test_numbers_and_derivatives():
    program = jax.jit(lambda v, c: (outcome(v, c), jax.jacrev(outcome, argnums=(0, 1))(v, c)))
    value, (by_variance, by_covariance) = program(jnp.asarray(VARIANCES), jnp.asarray(COVARIANCES))
    assert_allclose(value, outcome(VARIANCES, COVARIANCES), rtol=1e-12)
    by_variance, by_covariance = np.asarray(by_variance), np.asarray(by_covariance)
    scale = np.abs(np.asarray(value))[:, None]
    assert_allclose(by_variance * VARIANCES / scale,
                    differences(lambda v: outcome(v, COVARIANCES), VARIANCES) * VARIANCES / scale, atol=1e-9)  # fmt: skip
    assert_allclose(by_covariance / scale, differences(lambda c: outcome(VARIANCES, c), COVARIANCES) / scale, atol=1e-9)


@pytest.mark.parametrize(
    ("widths", "variances"),
    [pytest.param(WIDTHS[:4], VARIANCES[:3], marks=pytest.mark.daily), ([64] * 4, np.full(3, 1 / 64))],
)
def test_derivatives_at_finite_width(widths, variances):
    """Along a direction; equal layers too, whose matrices have eigenvalues that coincide."""
    direction = np.array([1.0, -0.6, 0.3])

    def found(v):
        expected = expected_alignment(widths, variances=v)
        xp = jnp if isinstance(expected.limit, jax.Array) else np
        return xp.stack([expected.mean, expected.spread, expected.negative_rates])

    slope = jax.jvp(found, (jnp.asarray(variances),), (jnp.asarray(direction * variances),))[1]
    difference = differences(lambda shift: found(variances * (1 + (shift - 1) * direction)), np.ones(1), 1e-3)
    assert_allclose(slope, difference[:, 0], atol=1e-8)


def test_layers_of_several_kinds_are_not_scanned():
    variances = np.array([0.01, 0.02, 0.04])

    def limit(v):
        layers = [("residual", 30, 30, v[0]), ("orthogonal", 30, 40, v[1]), ("dense", 40, 20, v[2])]
        return expected_alignment(layers=layers).limit

    value, slope = jax.jit(jax.value_and_grad(limit))(jnp.asarray(variances))
    assert_allclose(value, limit(variances), rtol=1e-12)
    assert_allclose(slope * variances, differences(limit, variances) * variances, atol=1e-9)


@pytest.mark.parametrize("batch", mostly_daily([1, 30], [1]))
def test_backpropagation(batch):
    def limit(v):
        return expected_alignment(WIDTHS, rule="bp", batch=batch, target="linear", variances=v).limit

    value, slope = jax.jit(jax.value_and_grad(limit))(jnp.asarray(VARIANCES))
    assert_allclose(value, limit(VARIANCES), rtol=1e-12)
    assert_allclose(slope * VARIANCES, differences(limit, VARIANCES) * VARIANCES, atol=1e-9)


def test_grids_and_vmap():
    grid = np.stack([VARIANCES, 2 * VARIANCES])
    by_numpy = expected_alignment(WIDTHS, variances=grid).limit
    assert_allclose(expected_alignment(WIDTHS, variances=jnp.asarray(grid)).limit, by_numpy, rtol=1e-12)
    mapped = jax.vmap(lambda v: expected_alignment(WIDTHS, variances=v).limit)(jnp.asarray(grid))
    assert_allclose(mapped, by_numpy, rtol=1e-12)


def test_finite_width_and_covariances():
    expected = expected_alignment(WIDTHS, variances=jnp.asarray(VARIANCES))
    by_numpy = expected_alignment(WIDTHS, variances=VARIANCES)
    for name in ("mean", "spread", "negative_rates", "activities", "output_norm"):
        assert_allclose(getattr(expected, name), getattr(by_numpy, name), rtol=1e-8)
    found = expected_covariances(WIDTHS, variances=jnp.asarray(VARIANCES))
    assert_allclose(found.covariances, expected_covariances(WIDTHS, variances=VARIANCES).covariances, rtol=1e-12)
    assert repr(expected).startswith("ExpectedAlignment(pc, 40-50-30-60-40, limit=0.9")


def test_single_precision_stays_single():
    limit = expected_alignment(WIDTHS, variances=jnp.asarray(VARIANCES, jnp.float32)).limit
    assert limit.dtype == jnp.float32
    assert_allclose(limit, expected_alignment(WIDTHS, variances=VARIANCES).limit, rtol=1e-4)
