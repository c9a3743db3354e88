"""The equilibrium of inference, by every route, on the whole grid.

Oracles: a dense solve with the energy's Hessian by automatic differentiation, a least-norm solve by QR, inference
simulated until it converges, the definitions of stationarity and of the clamp, and limits.
"""

from functools import cache

import jax
import numpy as np
import oracles
import pytest
from cases import FEW, GRID, PLAIN, SOLVERS, Case, mostly_daily, over
from cases import eagerly as eagerly
from closeness import assert_close, bound, epsilon, norm, promised

import dlntheory as dln

by_every_route = pytest.mark.parametrize("solver", SOLVERS)


@cache
def expected(case):
    problem = oracles.problem_of(case)
    return problem, *oracles.dense_equilibrium(problem)


@cache
def solved(case, solver):
    return dln.equilibrium(*case.data, **case.options, solver=solver)


def rows(tree):
    return jax.tree.map(lambda each: np.atleast_2d(np.asarray(each, float)), tree)


def allowance(case):
    condition = expected(case)[-1]
    return promised(epsilon(case.x), condition) + bound(epsilon(1.0), condition)  # the library's, the oracle's


@pytest.mark.grid
@over(GRID)
@by_every_route
def test_the_equilibrium_is_that_of_a_dense_solve(case, solver):
    _, reference, _ = expected(case)
    result, tolerance = solved(case, solver), allowance(case)
    assert result.solver == solver
    assert_close(rows(result.activities), tuple(reference.activities), tolerance=tolerance)
    assert_close(rows(result.errors), tuple(reference.errors), tolerance=tolerance)
    assert_close(rows(result.weighted_errors), tuple(reference.weighted_errors), tolerance=tolerance)
    assert_close(rows(result.multiplier), reference.weighted_errors[-1], tolerance=tolerance)
    assert_close(np.ravel(result.energy), reference.energy, tolerance=tolerance)


@pytest.mark.grid
@over(GRID)
@by_every_route
def test_the_errors_are_those_of_least_norm(case, solver):
    errors = tuple(oracles.least_norm_errors(expected(case)[0]))
    assert_close(rows(solved(case, solver).errors), errors, tolerance=allowance(case))


@pytest.mark.grid
@over(GRID)
@by_every_route
def test_the_energy_is_half_the_residual_in_the_norm_of_the_output_covariance(case, solver):
    problem, result, tolerance = expected(case)[0], solved(case, solver), allowance(case)
    gap = problem.y - oracles.predict(problem.parameters, problem.skips, problem.x)
    multiplier = np.linalg.solve(oracles.output_covariance(problem), gap.T).T
    assert_close(np.ravel(result.energy), (gap * multiplier).sum(axis=1) / 2, tolerance=tolerance)
    assert_close(rows(result.multiplier), multiplier, tolerance=tolerance)


@pytest.mark.grid
@over(GRID)
@by_every_route
def test_input_and_output_are_clamped(case, solver):
    problem, result = expected(case)[0], solved(case, solver)
    np.testing.assert_array_equal(result.activities[0], case.x)
    if problem.beta is None:
        assert_close(rows(result.activities[-1]), problem.y, tolerance=bound(epsilon(case.x)))


@over(GRID)
def test_no_hidden_activity_feels_a_force(case):
    problem, result = expected(case)[0], solved(case, "covariance")
    hidden = list(rows(result.activities)[1:])
    forces = oracles.slopes(problem, hidden if problem.beta is not None else hidden[:-1])
    sizes = norm(problem.precisions) * norm(problem.parameters) ** 2 * norm(rows(result.activities))
    assert norm(forces) <= bound(epsilon(case.x)) * sizes


@over(mostly_daily(GRID, FEW[::4]))
def test_simulated_inference_converges_to_it(case):
    problem, _, _ = expected(case)
    result, simulated = solved(case, "covariance"), oracles.simulated_equilibrium(problem)
    assert_close(rows(result.activities), tuple(simulated.activities), tolerance=allowance(case))
    assert_close(np.ravel(result.energy), simulated.energy, tolerance=allowance(case))


@over(GRID)
def test_the_residual_ignores_the_nudge(case):
    prediction = oracles.predict(*expected(case)[0][:3])
    residual = np.atleast_2d(case.y).astype(float) - prediction
    tolerance = bound(epsilon(case.x), norm(prediction) / norm(residual))
    assert_close(rows(solved(case, "covariance").residual), residual, tolerance=tolerance)


@over(GRID)
def test_auto_names_the_route_it_took(case):
    result = dln.equilibrium(*case.data, **case.options)
    assert result.solver in SOLVERS
    np.testing.assert_array_equal(result.activities[-1], solved(case, result.solver).activities[-1])


@over(GRID)
def test_shapes_and_dtypes_are_those_of_the_data(case):
    result = solved(case, "square_root")
    batch = () if case.batch is None else (case.batch,)
    assert [each.shape for each in result.activities] == [(*batch, width) for width in case.widths]
    assert [each.shape for each in result.errors] == [(*batch, width) for width in case.widths[1:]]
    assert result.residual.shape == result.multiplier.shape == (*batch, case.widths[-1])
    assert result.energy.shape == result.accuracy.shape == batch
    assert {str(each.dtype) for each in jax.tree.leaves((result.activities, result.errors, result.energy))} == {
        case.dtype
    }


@over([case for case in FEW if case.nudge.startswith("soft")])
@by_every_route
def test_a_strong_soft_output_is_a_clamp(case, solver):
    clamped = dln.equilibrium(*case.data, case.covariance_list, solver=solver)
    gaps = []
    for beta in (1e3, 1e4):
        soft = dln.equilibrium(*case.data, case.covariance_list, dln.SoftOutput(beta), solver)
        gaps.append(norm([one - other for one, other in zip(soft.activities, clamped.activities, strict=True)]))
    assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.1), "the gap is not of first order in 1/beta"


@over([case for case in PLAIN if case.depth > 1])
def test_a_weak_soft_output_sends_down_the_errors_of_backpropagation(case):
    beta = 1e-7
    soft = dln.equilibrium(*case.data, nudge=dln.SoftOutput(beta))
    residual = np.asarray(soft.residual)
    problem = expected(case)[0]
    plain = [residual @ D for D in oracles.downstream(problem)]
    scaled = [np.asarray(each) / beta for each in soft.weighted_errors]
    assert_close(scaled, plain, tolerance=2 * beta * norm(oracles.output_covariance(problem)))


@pytest.mark.parametrize("beta", [0.25, -2.0, 0.0])
def test_a_nudged_clamp_scales_the_errors(beta):
    case = Case(3, "bottleneck", "mixed", "mixed")
    plain, nudged = (dln.equilibrium(*case.data, case.covariance_list, nudge) for nudge in (None, beta))
    assert_close(nudged.errors, tuple(beta * each for each in plain.errors), expected(case)[2])
    assert_close(nudged.energy, beta**2 * plain.energy, expected(case)[2])


def test_nudging_is_not_an_output_precision_at_equilibrium():
    """Erratum 11: clamping at ``ŷ + β r`` gives ``β S⁻¹ r``; the output precision ``β`` gives ``(S − I + I/β)⁻¹ r``."""
    case, beta = Case(3), 0.25
    nudged = dln.equilibrium(*case.data, nudge=beta)
    weighted = dln.equilibrium(*case.data, covariances=[1.0, 1.0, 1 / beta])
    S, r = oracles.output_covariance(expected(case)[0]), np.asarray(nudged.residual).T
    assert_close(nudged.multiplier, beta * np.linalg.solve(S, r).T, np.linalg.cond(S))
    assert_close(weighted.multiplier, np.linalg.solve(S + (1 / beta - 1) * np.eye(4), r).T, np.linalg.cond(S))
    assert norm(nudged.multiplier - weighted.multiplier) > 0.1 * norm(nudged.multiplier)


def test_at_the_prediction_nothing_moves():
    net, x, _ = Case(3, "bottleneck", "mixed").data
    result = dln.equilibrium(net, x, net(x))
    assert norm(result.residual) == 0
    assert norm(result.errors) <= bound(epsilon(x)) * norm(result.activities)


def test_zero_data_have_a_zero_equilibrium():
    net = Case(3).net
    for solver in SOLVERS:
        result = dln.equilibrium(net, np.zeros(4), np.zeros(4), solver=solver)
        assert norm((result.activities, result.errors, result.energy, result.accuracy)) == 0
