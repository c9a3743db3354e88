"""Adaptive learning rates, decorrelation matrices, and regularisation.

Oracles: the definitions in NumPy at the equilibrium of a dense solve, with pseudoinverses of the known rank; spectra by
their definitions.
"""

from functools import cache

import numpy as np
import oracles
import pytest
from cases import FEW, GRID, Case, over
from cases import eagerly as eagerly
from closeness import assert_close, bound, epsilon, norm, promised, spread

import dlntheory as dln

SCALAR = [case for case in GRID if case.covariances in ("", "scalars")]
by_rule = pytest.mark.parametrize("rule", ["bp", "pc"])


@cache
def features(case, rule):
    """Each layer's features of the rule's own activities and of the feedforward ones; rows are samples."""
    problem = oracles.problem_of(case)
    plain = oracles.forward(problem.parameters, problem.skips, problem.x)[:-1]
    own = oracles.dense_equilibrium(problem)[0].activities if rule == "pc" else plain

    def extend(rows, learns):
        return np.hstack([rows, np.ones((len(rows), 1))]) if learns else rows

    triples = zip(own, plain, case.learned, strict=False)
    return [(extend(one, learns), extend(other, learns)) for one, other, learns in triples]


def scales(case, rule):
    return (
        [float(each) for each in case.covariance_list] if case.covariance_list and rule == "pc" else [1.0] * case.depth
    )


def allowance(case):
    condition = oracles.dense_equilibrium(oracles.problem_of(case))[1]
    return promised(epsilon(case.x), condition) + bound(epsilon(1.0), condition)


@pytest.mark.grid
@over(SCALAR)
@by_rule
def test_learning_rates_are_one_over_the_mean_product(case, rule):
    products = [(own * plain).sum(axis=1).mean() for own, plain in features(case, rule)]
    sizes = [norm(own) * norm(plain) / len(own) for own, plain in features(case, rule)]
    expected = np.divide(scales(case, rule), products)
    actual = dln.adaptive_learning_rates(*case.data, rule, **case.options)
    assert actual.shape == (case.depth,)
    cancelled = max(size / abs(product) for size, product in zip(sizes, products, strict=True))
    np.testing.assert_allclose(actual, expected, rtol=cancelled * allowance(case))


@pytest.mark.grid
@over(SCALAR)
@by_rule
def test_decorrelation_matrices_are_pseudoinverses_of_the_mean_correlation(case, rule):
    for own, plain, scale, actual in zip(
        *zip(*features(case, rule), strict=True),
        scales(case, rule),
        dln.decorrelation_matrices(*case.data, rule, **case.options),
        strict=True,
    ):
        correlation, rank = plain.T @ own / len(own), min(oracles.rank(plain), oracles.rank(own))
        amplified = norm(plain) * norm(own) / len(own) / np.linalg.svd(correlation, compute_uv=False)[rank - 1]
        tolerance = amplified * spread(correlation, rank) * allowance(case)
        if tolerance < 1:
            assert_close(actual, scale * oracles.pinv(correlation, rank), tolerance=tolerance)
        assert actual.shape == correlation.shape


@pytest.mark.grid
@over([case for case in SCALAR if case in FEW or case.depth == 9])
@pytest.mark.parametrize("rescaling", ["adaptive", "adaptive_positive", "decorrelated"])
def test_rescaled_updates_are_updates_times_their_factor(case, rescaling):
    plain = [getattr(dln, name)(*case.data, **case.options) for name in ("weight_updates", "bias_updates")]
    rescaled = [
        getattr(dln, name)(*case.data, "pc", rescaling, **case.options) for name in ("weight_updates", "bias_updates")
    ]
    if rescaling == "decorrelated":
        factors = dln.decorrelation_matrices(*case.data, **case.options)
    elif rescaling == "adaptive":
        factors = dln.adaptive_learning_rates(*case.data, **case.options)
    else:
        pairs = zip(scales(case, "pc"), features(case, "pc"), strict=True)
        factors = [scale * len(own) / norm(own) ** 2 for scale, (own, _) in pairs]
    for weight, bias, new_weight, new_bias, factor in zip(*plain, *rescaled, factors, strict=True):
        extended = np.asarray(weight) if bias is None else np.column_stack([weight, bias])
        result = np.asarray(new_weight) if new_bias is None else np.column_stack([new_weight, new_bias])
        expected = extended @ np.asarray(factor) if np.ndim(factor) == 2 else extended * np.asarray(factor)
        cancelled = norm(extended) * norm(factor) / norm(expected)
        assert_close(result, expected, tolerance=bound(epsilon(case.x), cancelled) + allowance(case))


def test_positive_rates_are_positive_where_the_right_ones_are_not():
    case = negative_case()
    assert min(dln.adaptive_learning_rates(*case.data)) < 0
    plain = dln.weight_updates(*case.data)
    positive = dln.weight_updates(*case.data, rescaling="adaptive_positive")
    for one, other in zip(plain, positive, strict=True):
        assert np.vdot(one, other) > 0


def negative_case():
    """The first of a few draws of nine layers that has a negative product."""
    for batch in range(1, 20):
        case = Case(9, batch=batch)
        if min((own * plain).sum() for own, plain in features(case, "pc")) < 0:
            return case
    raise AssertionError("no negative product in 20 draws")


@pytest.mark.parametrize("a", [0.0, 0.1, 1.5])
@pytest.mark.parametrize("spectrum", ["symmetric", "singular", "eigen"])
def test_regularisation_lifts_the_smallest_eigenvalue_of_its_spectrum(a, spectrum):
    case = Case(3, batch=12)
    regularisation = dln.SpectralRegularisation(a, spectrum)
    matrices = dln.decorrelation_matrices(*case.data, regularisation=regularisation)
    for (own, plain), actual in zip(features(case, "pc"), matrices, strict=True):
        correlation = plain.T @ own / len(own)
        values = {
            "symmetric": np.linalg.eigvalsh((correlation + correlation.T) / 2),
            "singular": np.linalg.svd(correlation)[1],
            "eigen": np.linalg.eigvals(correlation).real,
        }[spectrum]
        lifted = correlation + max(0, a * values.max() - values.min()) * np.eye(4)
        # in float64, the shift leaves a symmetric part without its smallest eigenvalue where a = 0
        assert_close(actual, oracles.pinv(lifted), spread(lifted) ** 2 * norm(correlation) / norm(lifted))


def test_a_number_regularises_the_symmetric_part():
    case = Case(2, batch=12)
    number, explicit = (
        dln.decorrelation_matrices(*case.data, regularisation=each) for each in (0.01, dln.SpectralRegularisation(0.01))
    )
    for one, other in zip(number, explicit, strict=True):
        np.testing.assert_array_equal(one, other)


@over([Case(2, batch=12), Case(2, batch=2)])
@pytest.mark.parametrize("rcond", [1e-8, 0.3])
def test_rcond_is_a_share_of_the_largest_singular_value(case, rcond):
    matrices = dln.decorrelation_matrices(*case.data, rcond=rcond)
    for (own, plain), actual in zip(features(case, "pc"), matrices, strict=True):
        correlation = plain.T @ own / len(own)
        values = np.linalg.svd(correlation, compute_uv=False)
        kept = int((values > rcond * values[0]).sum())
        assert_close(actual, oracles.pinv(correlation, kept), spread(correlation, kept) ** 2)


def test_with_one_sample_both_rescalings_agree_along_the_activity():
    """``φ(x*) A φ(x̂)`` is 1 with either factor."""
    case = Case(3, "bottleneck", batch=1)
    rates, matrices = dln.adaptive_learning_rates(*case.data), dln.decorrelation_matrices(*case.data)
    for (own, plain), rate, matrix in zip(features(case, "pc"), rates, matrices, strict=True):
        assert (own @ plain.T)[0, 0] * rate == pytest.approx(1, rel=1e4 * bound(epsilon(1.0)))
        assert (own @ np.asarray(matrix) @ plain.T)[0, 0] == pytest.approx(1, rel=1e4 * bound(epsilon(1.0)))


def test_scalar_covariances_multiply_rates_and_matrices():
    case = Case(3)
    plain, weighted = (dln.adaptive_learning_rates(*case.data, covariances=each) for each in (None, np.full(3, 2.0)))
    assert_close(weighted, 2 * plain, 1e3)
