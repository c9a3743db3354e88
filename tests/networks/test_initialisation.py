"""Random weights follow the papers' distributions.

Oracles: Kolmogorov-Smirnov tests against SciPy's distributions, orthogonality, and the singular values of eqs. 30-32.
Seeds are fixed, so a p-value below 1e-4 is a finding and not luck.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close, bound, epsilon
from scipy import stats

import dlntheory as dln

OUT, IN = 300, 200
DISTRIBUTIONS = {
    "kaiming_uniform": stats.uniform(-np.sqrt(1 / IN), 2 * np.sqrt(1 / IN)),
    "norm_preserving": stats.norm(0, np.sqrt(1 / OUT)),
    "lecun_normal": stats.norm(0, np.sqrt(1 / IN)),
}
INITS = [*DISTRIBUTIONS, "orthogonal"]
KINDS = {"numpy": int, "jax": jax.random.key}
SHAPES = [(20, 20), (20, 7), (7, 20), (1, 5), (5, 1), (1, 1)]


def draw(init, out_size=OUT, in_size=IN, key=0, **kwargs):
    return np.asarray(dln.LinearNetwork.random([in_size, out_size], init, key=key, **kwargs).weights[0])


@pytest.mark.parametrize("init", DISTRIBUTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_entries_follow_the_distribution(init, dtype, kind):
    entries = draw(init, dtype=dtype, key=KINDS[kind](0)).ravel()
    assert stats.kstest(entries, DISTRIBUTIONS[init].cdf).pvalue > 1e-4
    assert stats.kstest(entries * 1.05, DISTRIBUTIONS[init].cdf).pvalue < 1e-4, "the test sees a scale off by 5 %"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_orthogonal_weights_have_orthonormal_rows_or_columns(shape, kind):
    weight = draw("orthogonal", *shape, key=KINDS[kind](0))
    small = weight @ weight.T if shape[0] <= shape[1] else weight.T @ weight
    assert_close(small, np.eye(min(shape)))


@pytest.mark.parametrize("kind", KINDS)
def test_orthogonal_weights_are_uniformly_distributed(kind):
    """The first column of a Haar matrix is uniform on the sphere: in three dimensions each entry is uniform on ±1."""
    columns = np.array([draw("orthogonal", 3, 3, key=KINDS[kind](seed))[:, 0] for seed in range(200)])
    for entries in columns.T:
        assert stats.kstest(entries, stats.uniform(-1, 2).cdf).pvalue > 1e-4


@pytest.mark.grid
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("condition", [1.0, 10.0, 1e6, 1e12])
@pytest.mark.parametrize("shape", [(20, 20), (20, 7), (7, 20)])
def test_conditioned_weights_have_linearly_spaced_singular_values(init, condition, shape):
    plain, weight = draw(init, *shape), draw(init, *shape, condition_number=condition)
    values = np.linalg.svd(weight, compute_uv=False)
    expected = np.linspace(1, 1 / condition, min(shape))
    expected *= np.linalg.norm(plain) / np.linalg.norm(expected)
    np.testing.assert_allclose(values, expected, rtol=0, atol=bound(epsilon(weight)) * expected[0])
    assert_close(np.linalg.norm(weight), np.linalg.norm(plain))


@pytest.mark.parametrize("condition", [10.0, 1e12])
def test_conditioning_keeps_the_singular_vectors(condition):
    plain, weight = draw("kaiming_uniform", 6, 4), draw("kaiming_uniform", 6, 4, condition_number=condition)
    left, _, right = np.linalg.svd(plain, full_matrices=False)
    middle = left.T @ weight @ right.T
    assert_close(middle, np.diag(np.diag(middle)))
    assert (np.diag(middle) > 0).all()


@pytest.mark.parametrize("init", INITS)
def test_a_vector_has_condition_number_one_whatever_is_asked(init):
    assert_close(draw(init, 1, 5, condition_number=100.0), draw(init, 1, 5))


@pytest.mark.parametrize("init", INITS)
def test_keys_decide_the_draw(init):
    keyed, old = (draw(init, key=key) for key in (jax.random.key(3), jax.random.PRNGKey(3)))
    np.testing.assert_array_equal(keyed, old)
    seeded, generated = (draw(init, key=key) for key in (3, np.random.default_rng(3)))
    np.testing.assert_array_equal(seeded, generated)
    for other in (keyed, draw(init, key=4)):
        assert np.abs(seeded - other).max() > 0.01


def test_a_seed_is_that_of_numpys_default_generator():
    expected = np.random.default_rng(5).standard_normal((3, 2)) / np.sqrt(2)
    np.testing.assert_array_equal(draw("lecun_normal", 3, 2, key=5), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_the_key_decides_the_kind_of_the_network(kind):
    weight = dln.LinearNetwork.random([2, 3], key=KINDS[kind](0)).weights[0]
    assert isinstance(weight, np.ndarray if kind == "numpy" else jax.Array)


def test_layers_are_independent():
    first, second = dln.LinearNetwork.random([50, 50, 50]).weights
    assert abs(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]) < 5 / 50


@pytest.mark.parametrize(("dtype", "expected"), [(None, "float64"), ("float32", "float32"), (jnp.float64, "float64")])
def test_dtypes(dtype, expected):
    assert draw("orthogonal", dtype=dtype).dtype == expected
