"""Theorems 1 and 2 and their printed forms, through `verify` and directly.

Oracles: the theorems' own conclusion ``dŷ = r``; hypotheses decided by NumPy on the equilibrium of a dense solve;
recorded examples on which the printed forms fail.
"""

import numpy as np
import oracles
import pytest
from cases import GRID, SOLVERS, Case, over
from cases import eagerly as eagerly
from closeness import relative_error

import dlntheory as dln

CASES = [case for case in GRID if not case.nudge and case.covariances in ("", "scalars")]
PRINTED = ("printed-1", "printed-2", "printed-residual")
FAILS_BY = 1e-3
PRECISION = "precision: tolerance ≤ 1e-3"


def verify(case, theorem, **options):
    return dln.verify(*case.data, theorem, covariances=case.covariance_list, **options)


def features(case):
    """Feedforward activities, with a row of ones where the next layer's bias is learned; one column per sample."""
    problem = oracles.problem_of(case)
    activities = oracles.forward(problem.parameters, problem.skips, problem.x)
    rows = [
        np.hstack([each, np.ones((len(each), int(learns)))])
        for each, learns in zip(activities, case.learned, strict=False)
    ]
    return [each.T for each in rows], (problem.y - activities[-1]).T


@over(CASES)
def test_theorem_1_holds_for_every_sample(case):
    verdict = verify(case, 1)
    assert verdict.applicable, verdict.detail
    assert verdict.holds, verdict.detail
    np.testing.assert_allclose(verdict.alignment, 1, atol=verdict.tolerance)
    x, y = np.atleast_2d(case.x), np.atleast_2d(case.y)
    options = {"rescaling": "adaptive", "covariances": case.covariance_list}
    moved = [dln.prediction_change(case.net, *pair, **options) for pair in zip(x, y, strict=True)]
    assert relative_error(moved, list(y - np.atleast_2d(case.net(case.x)))) <= verdict.tolerance


@over(CASES)
def test_theorem_2_applies_exactly_where_the_residual_lies_in_every_row_space(case):
    """``rank(X̂ X*ᵀ) = rank X̂`` is generic, so the rows of ``R`` decide."""
    hidden, residual = features(case)
    inside = [oracles.rank(np.vstack([each, residual])) == oracles.rank(each) for each in hidden]
    verdict = verify(case, 2)
    rows = [each.holds for name, each in verdict.hypotheses.items() if "rows of R" in name]
    ranks = [each.holds for name, each in verdict.hypotheses.items() if "rank(" in name]
    assert rows == inside
    assert all(ranks)
    assert verdict.applicable == (all(inside) and verdict.hypotheses[PRECISION].holds)
    if case.dtype == "float64":
        assert verdict.holds == all(inside), verdict.detail


@over(CASES)
def test_theorem_2_moves_every_prediction_by_its_residual(case):
    verdict = verify(case, 2)
    moved = dln.prediction_change(*case.data, rescaling="decorrelated", covariances=case.covariance_list)
    error = relative_error(moved, case.y - np.asarray(case.net(case.x)))
    if verdict.applicable:
        assert error <= verdict.tolerance
        np.testing.assert_allclose(verdict.alignment, 1, atol=verdict.tolerance)
    elif verdict.hypotheses[PRECISION].holds:
        assert error > FAILS_BY


def test_the_grid_has_both_outcomes_of_theorem_2():
    outcomes = [verify(case, 2).applicable for case in CASES]
    assert 5 <= sum(outcomes) <= len(outcomes) - 5


def linear_problem(widths, batch, seed=0):
    draws = np.random.default_rng(seed)
    net = dln.LinearNetwork.random(widths, key=seed)
    x = draws.normal(size=(batch, widths[0]))
    return net, x, x @ draws.normal(size=(widths[0], widths[-1]))


@pytest.mark.parametrize("batch", [1, 5, 19, 20, 21, 64])
def test_sharp_theorem_2_is_exact_for_every_batch_size_with_linear_targets(batch):
    verdict = dln.verify(*linear_problem((20, 20, 20), batch), 2)
    assert verdict.applicable, verdict.detail
    assert verdict.holds, verdict.detail


@pytest.mark.parametrize("widths", [(20, 15, 20)])
def test_sharp_theorem_2_fails_through_a_bottleneck(widths):
    verdict = dln.verify(*linear_problem(widths, 64), 2)
    assert not verdict.applicable
    assert not verdict.holds
    assert verdict.alignment.mean() < 1 - FAILS_BY


def test_sharp_theorem_2_fails_for_independent_targets_and_more_samples_than_inputs():
    net, x, y = linear_problem((20, 20, 20), 64)
    verdict = dln.verify(net, x, np.random.default_rng(1).normal(size=y.shape), 2)
    assert not verdict.applicable
    assert not verdict.holds
    assert verdict.alignment.mean() < 1 - FAILS_BY


def test_printed_theorem_2_asks_for_more_than_is_needed():
    """``B`` is above the smallest width, yet the conclusion holds."""
    problem = linear_problem((20, 20, 20), 64)
    assert dln.verify(*problem, 2).holds
    assert not dln.verify(*problem, "printed-2").hypotheses["B < smallest width of layers 0 … L-1"].holds


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("depth", [2, 9])
def test_printed_theorem_2_fails_where_the_true_one_holds(depth, linear):
    net, x, y = linear_problem((20,) * (depth + 1), 8)
    y = y if linear else np.random.default_rng(1).normal(size=y.shape)
    true, printed = dln.verify(net, x, y, 2), dln.verify(net, x, y, "printed-2")
    assert true.holds
    assert printed.applicable, "its own hypotheses hold"
    assert not printed.holds
    assert printed.alignment.mean() < 1 - FAILS_BY


def test_printed_theorem_1_fails_for_a_batch():
    net, x, y = linear_problem((20, 20, 20), 8)
    verdict = dln.verify(net, x, y, "printed-1")
    assert verdict.applicable
    assert not verdict.holds
    assert verdict.alignment.mean() < 1 - FAILS_BY
    assert dln.verify(net, x[:1], y[:1], "printed-1").holds, "it is exact for one sample"


@pytest.mark.parametrize("kind", [dln.Dense, dln.Residual])
def test_the_printed_rates_for_residual_networks_are_wrong(kind):
    draws = np.random.default_rng(0)
    net = dln.LinearNetwork([kind(draws.normal(size=(20, 20)) / np.sqrt(20)) for _ in range(9)])
    x, y = draws.normal(size=(2, 20))
    verdict = dln.verify(net, x, y, "printed-residual")
    assert verdict.applicable
    assert not verdict.holds
    assert verdict.alignment.min() < 1 - FAILS_BY
    assert dln.verify(net, x, y, 1).holds


def test_negative_rates_exist_and_the_alignment_is_still_one():
    found = 0
    for seed in range(5):
        net = dln.LinearNetwork.random((16,) * 10, key=seed)
        x, y = np.random.default_rng(seed).normal(size=(2, 16))
        if (dln.adaptive_learning_rates(net, x, y) < 0).any():
            found += 1
            verdict = dln.verify(net, x, y, 1)
            assert verdict.holds
            negative = [each.value for name, each in verdict.hypotheses.items() if "≠ 0" in name and each.value < 0]
            assert negative, "the sign is reported"
    assert found


def opposed(y):
    """A chain of identities with ``S = 4``, whose arithmetic is exact: ``x*_1 = x + ¾ (y − x)``."""
    net = dln.LinearNetwork.from_weights([np.eye(2), np.eye(2)])
    return (net, np.array([3.0, 0.0]), np.array(y)), {"covariances": [3.0, 1.0], "solver": "covariance"}


@pytest.mark.parametrize("theorem", [1, "printed-1"])
def test_theorem_1_needs_activities_that_are_not_orthogonal(theorem):
    data, options = opposed([-1.0, 4.0])
    np.testing.assert_array_equal(dln.equilibrium(*data, **options).activities[1], [0, 3])
    verdict = dln.verify(*data, theorem, **options)
    assert not verdict.applicable
    assert not verdict.holds
    failed = [name for name, each in verdict.hypotheses.items() if not each.holds]
    assert any(name.endswith("layer 2: x*_1ᵀ x̂_1 ≠ 0") for name in failed)
    assert dln.verify(*data, 2, **options).holds, "theorem 2 does not need it"


def test_theorem_2_needs_the_rank_of_the_correlation():
    """``x*_1 = 0``: the second layer learns nothing, and no factor can change that."""
    data, options = opposed([-1.0, 0.0])
    verdict = dln.verify(*data, 2, **options)
    assert not verdict.applicable
    assert not verdict.holds
    assert not verdict.hypotheses["layer 2: rank(X̂_1 X*_1ᵀ) = rank X̂_1"].holds
    assert verdict.hypotheses["layer 2: rows of R in those of X̂_1"].holds


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("theorem", [1, 2])
def test_an_activity_that_is_zero_but_for_rounding_counts_as_zero(theorem, solver):
    net, x = dln.LinearNetwork.from_weights([np.eye(2), np.eye(2)]), np.array([1.0, 0.3])
    assert not dln.verify(net, x, -x, theorem, solver=solver).applicable


@pytest.mark.parametrize("theorem", [1, 2, *PRINTED])
def test_every_statement_holds_for_one_layer_and_one_sample(theorem):
    verdict = dln.verify(*Case(1, batch=None).data, theorem)
    assert verdict.holds
    assert verdict.applicable
    assert verdict.theorem == theorem


@pytest.mark.parametrize("theorem", [1, 2, *PRINTED])
def test_a_verdict_says_what_decided_it(theorem):
    verdict = verify(Case(3, "bottleneck", "mixed"), theorem)
    assert verdict.statement in verdict.detail
    assert f"{verdict.error:.1e}" in verdict.detail
    assert f"{verdict.tolerance:.1e}" in verdict.detail
    assert ("does not hold" in verdict.detail) == (not verdict.holds)
    for name, hypothesis in verdict.hypotheses.items():
        assert np.isfinite([hypothesis.value, hypothesis.threshold]).all()
        assert (name in verdict.detail) == (not hypothesis.holds)
    assert verdict.applicable == all(each.holds for each in verdict.hypotheses.values())


def test_where_precision_does_not_decide_it_says_so():
    """Eighteen layers that shrink a residual below what float32 resolves."""
    draws = np.random.default_rng(0)
    net = dln.LinearNetwork.from_weights([(draws.normal(size=(8, 8)) * 0.1).astype(np.float32) for _ in range(18)])
    x, y = draws.normal(size=(2, 8)).astype(np.float32)
    target = np.asarray(net(x)) + np.float32(1e-7) * y
    verdict = dln.verify(net, x, target, 2)
    assert verdict.tolerance > 0
    if verdict.tolerance > FAILS_BY:
        assert not verdict.applicable
        assert "precision" in verdict.detail


@pytest.mark.parametrize("theorem", [1, 2])
def test_single_precision_decides_too(theorem):
    verdict = verify(Case(2, "square", "learned", batch=2, dtype="float32"), theorem)
    assert verdict.holds
    assert verdict.applicable
    assert 1e-8 < verdict.tolerance < FAILS_BY
