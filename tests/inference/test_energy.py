"""The energy of given activities, against the sum written out, its derivatives, and what equilibria and runs report.

Oracles: the energy of `oracles`, written out once, and automatic differentiation.
"""

import jax
import numpy as np
import oracles
import pytest
from cases import GRID, Case, over
from closeness import assert_close, bound, epsilon, norm
from hypothesis import given
from hypothesis import strategies as st
from relaxing import CHAIN, STEP, free_rows

import dlntheory as dln


def activities_of(case, draws):
    """Any activities, the clamped ones too."""
    shape = case.x.shape[:-1]
    return [draws.normal(size=(*shape, width)).astype(case.dtype) for width in case.widths]


def soft(case):
    """The options that change the energy."""
    nudge = case.options["nudge"]
    return {"nudge": nudge, "y": case.y} if isinstance(nudge, dln.SoftOutput) else {}


@over(GRID)
def test_it_is_the_sum_written_out(case):
    activities = activities_of(case, np.random.default_rng(1))
    problem = oracles.problem_of(case)._replace(x=np.atleast_2d(activities[0]).astype(float))
    if problem.beta is None:
        problem = problem._replace(y=np.atleast_2d(activities[-1]).astype(float))
    expected = oracles.energy(problem.parameters, problem, free_rows(case, activities))
    found = dln.energy(case.net, activities, case.covariance_list, **soft(case))
    assert found.shape == case.x.shape[:-1]
    assert found.dtype == case.dtype
    assert_close(np.atleast_1d(found), expected)
    layers = dln.energy(case.net, activities, case.covariance_list, **soft(case), by_layer=True)
    assert layers.shape == (*case.x.shape[:-1], case.depth)
    if soft(case):
        expected = expected - problem.beta * ((problem.y - np.atleast_2d(activities[-1])) ** 2).sum(axis=-1) / 2
    assert_close(np.atleast_2d(layers).sum(axis=-1), expected, 10)


@over([CHAIN, Case(3, "expanding", "fixed", "matrices", nudge="soft"), Case(2, batch=None)])
def test_equilibria_and_runs_report_it_and_it_is_stationary_at_equilibrium(case):
    settled = dln.equilibrium(*case.data, **case.options)
    run = dln.finite_time_activities(*case.data, 7, STEP, **case.options)
    for found in (settled, run):
        assert_close(dln.energy(case.net, found.activities, case.covariance_list, **soft(case)), found.energy, 100)
    layers = dln.energy(case.net, run.activities, case.covariance_list, **soft(case), by_layer=True)
    assert_close(layers, run.energy_by_layer, 100)

    def total(activities):
        return dln.energy(case.net.to_jax(), activities, case.covariance_list, **soft(case)).sum()

    slopes = jax.jit(jax.grad(total))(list(settled.activities))
    free = slopes[1:] if soft(case) else slopes[1:-1]
    assert norm(free) < bound(epsilon(free), 100) * norm(settled.activities)
    assert norm(slopes[:1]) > 0.01


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e3))
def test_it_is_quadratic_in_activities_without_biases(seed, scale):
    case = Case(3, "bottleneck", covariances="scalars")
    activities = activities_of(case, np.random.default_rng(seed))
    one = dln.energy(case.net, activities, case.covariance_list)
    assert_close(dln.energy(case.net, [scale * each for each in activities], case.covariance_list), scale**2 * one)
    assert (one > 0).all()
    predicted = [case.x]
    for weight in case.net.weights:
        predicted.append(predicted[-1] @ weight.T)
    assert norm(dln.energy(case.net, predicted)) < bound(epsilon(1.0)) ** 2


GOOD = [np.ones((3, 4))] * 4
BAD = {
    "number": ({"activities": GOOD[1:]}, ValueError, "`activities` has 3 entries; wanted 4, the activities x_0 … x_L"),
    "shape": ({"activities": [*GOOD[1:], np.ones((2, 4))]}, ValueError, r"`activities\[3\]` has shape \(2, 4\); wanted \(3, 4\)"),
    "first shape": ({"activities": [np.ones((3, 5)), *GOOD[1:]]}, ValueError, r"`activities\[0\]` has shape \(3, 5\)"),
    "not a list": ({"activities": 1.0}, TypeError, "`activities` is a float; wanted a list of activities"),
    "not finite": ({"activities": [*GOOD[1:], np.full((3, 4), np.nan)]}, ValueError, r"`activities\[3\]` holds NaN"),
    "no targets": ({"nudge": dln.SoftOutput(1.0)}, ValueError, "`y` is None; wanted targets, as `nudge` is a SoftOutput"),
    "targets": ({"y": np.ones((3, 4))}, ValueError, "`y` is given; wanted None, as `nudge` is no SoftOutput"),
    "other samples": ({"nudge": dln.SoftOutput(1.0), "y": np.ones((2, 4))}, ValueError, "wanted the same number of samples"),
    "covariance": ({"covariances": [1.0, -1.0, 1.0]}, ValueError, r"`covariances\[1\]` is -1.0; wanted a positive number"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        dln.energy(Case(3).net, **({"activities": GOOD} | options))
