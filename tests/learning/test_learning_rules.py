"""Weight and bias updates of every rule, on the whole grid.

Oracles: complex steps through the loss, ``½ rᵀS⁻¹r`` and the energy at fixed activities; automatic differentiation of
the library's own energy; the dense Jacobian and its pseudoinverse, block by block and whole; limits.
"""

from functools import cache

import equinox as eqx
import jax
import numpy as np
import oracles
import pytest
from cases import FEW, GRID, PLAIN, SOLVERS, Case, mostly_daily, over
from closeness import assert_close, bound, epsilon, norm, promised, relative_error, spread

import dlntheory as dln

CLAMPED = [case for case in GRID if not case.nudge]
PRECISE = [case for case in CLAMPED if case.dtype == "float64"]


@cache
def jacobian(case):
    return oracles.jacobian(oracles.problem_of(case), case.learned)


def updates(case, rule, **options):
    data = (*case.data, rule)
    return dln.weight_updates(*data, **options), dln.bias_updates(*data, **options)


def assert_descends(case, moved, gradient, tolerance):
    """Compare updates with minus a gradient in `Parameters`, where only some biases are learned."""
    weights, biases = moved
    assert [bias is not None for bias in biases] == case.learned
    slopes = [slope if learns else None for slope, learns in zip(gradient.biases, case.learned, strict=True)]
    expected = oracles.flatten(gradient.weights, slopes)
    assert_close(oracles.flatten(weights, biases), [-each for each in expected], tolerance=tolerance)


def allowance(case):
    problem = oracles.problem_of(case)
    condition = oracles.dense_equilibrium(problem)[1]
    return promised(epsilon(case.x), condition) + bound(epsilon(1.0), condition)


def sign(case):
    nudge = case.options["nudge"]
    return np.sign(nudge) if isinstance(nudge, float) else 1.0


@over(GRID)
def test_backpropagation_descends_the_loss(case):
    problem = oracles.problem_of(case, nudged=False)
    gradient = oracles.derivatives(lambda each: oracles.loss(each, problem), problem.parameters)
    amplified = norm(problem.parameters) ** case.depth * norm((problem.x, problem.y)) ** 2 / norm(gradient)
    assert_descends(case, updates(case, "bp"), gradient, bound(epsilon(case.x), amplified))


@over(GRID)
def test_predictive_coding_descends_the_energy_of_the_equilibrium(case):
    problem = oracles.problem_of(case)
    gradient = oracles.derivatives(lambda each: oracles.equilibrium_energy(each, problem), problem.parameters)
    gradient = jax.tree.map(lambda each: sign(case) * each, gradient)
    assert_descends(case, updates(case, "pc", **case.options), gradient, allowance(case))


@over(GRID)
def test_predictive_coding_descends_the_energy_at_fixed_activities(case):
    problem = oracles.problem_of(case)
    activities = oracles.dense_equilibrium(problem)[0].activities[1:]
    free = activities if problem.beta is not None else activities[:-1]
    gradient = oracles.derivatives(lambda each: oracles.energy(each, problem, free).mean(), problem.parameters)
    gradient = jax.tree.map(lambda each: sign(case) * each, gradient)
    assert_descends(case, updates(case, "pc", **case.options), gradient, allowance(case))


ROUTES = [
    *((Case(3, "bottleneck", "mixed", "mixed", "soft"), solver) for solver in SOLVERS),
    *((case, "covariance") for case in FEW if case.depth == 3 and not isinstance(case.options["nudge"], float)),
]


@pytest.mark.parametrize("route", mostly_daily(ROUTES, ROUTES[:1]), ids=lambda route: "-".join(map(str, route)))
def test_predictive_coding_descends_the_energy_that_the_library_reports(route):
    case, solver = route

    def mean_energy(net):
        return dln.equilibrium(net, case.x, case.y, **case.options, solver=solver).energy.mean()

    layers = eqx.filter_jit(eqx.filter_grad(mean_energy))(case.net).layers
    biases = [np.zeros(layer.out_size) if layer.bias is None else layer.bias for layer in layers]
    gradient = oracles.Parameters([layer.weight for layer in layers], biases)
    assert_descends(case, updates(case, "pc", solver=solver, **case.options), gradient, 4 * allowance(case))


@over([case for case in FEW if case.layers == "mixed"])
def test_updates_do_not_depend_on_the_route(case):
    moved = [oracles.flatten(*updates(case, "pc", solver=solver, **case.options)) for solver in SOLVERS]
    for other in moved[1:]:
        assert_close(other, moved[0], tolerance=2 * allowance(case))


@over(PRECISE)
def test_the_natural_gradient_inverts_the_fisher_block_by_block(case):
    """``(1/L) J_l⁺ vec R``: the pseudoinverse of the block ``J_lᵀ J_l`` applied to the gradient ``J_lᵀ vec R``."""
    problem, blocks = oracles.problem_of(case), jacobian(case)
    residual = (problem.y - oracles.predict(problem.parameters, problem.skips, problem.x)).ravel()
    expected = [oracles.pinv(block) @ residual / case.depth for block in blocks]
    worst = max(spread(block, oracles.rank(block)) for block in blocks)
    assert_close(oracles.flatten(*updates(case, "natural")), expected, tolerance=bound(epsilon(case.x), worst**2))


@over(PRECISE)
def test_the_full_natural_gradient_inverts_the_whole_fisher(case):
    problem, whole = oracles.problem_of(case), np.hstack(jacobian(case))
    residual = (problem.y - oracles.predict(problem.parameters, problem.skips, problem.x)).ravel()
    expected = oracles.pinv(whole) @ residual
    moved = np.hstack(oracles.flatten(*updates(case, "natural", fisher="full")))
    assert_close(moved, expected, spread(whole, oracles.rank(whole)) ** 2)


@over(PRECISE)
def test_both_fishers_move_the_prediction_alike_where_no_layer_loses_rank(case):
    blocks = jacobian(case)
    whole = np.hstack(blocks)
    layerwise, full = (dln.prediction_change(*case.data, "natural", fisher=each) for each in ("layerwise", "full"))
    if all(oracles.rank(block) == oracles.rank(whole) for block in blocks):
        worst = max(spread(block, oracles.rank(block)) for block in blocks)
        assert_close(layerwise, full, worst**2)
    else:
        assert relative_error(layerwise, full) > 1e-3


def test_some_networks_of_the_grid_lose_rank_and_most_keep_it():
    kept = [len({oracles.rank(each) for each in [*jacobian(case), np.hstack(jacobian(case))]}) == 1 for case in PRECISE]
    assert 5 <= sum(not each for each in kept) < len(kept) / 2


@over([case for case in PLAIN if case.depth == 1])
def test_with_one_layer_predictive_coding_is_backpropagation(case):
    assert_close(updates(case, "pc")[0], updates(case, "bp")[0])


@over([case for case in PLAIN if case.depth in (2, 6)])
def test_a_weak_soft_output_learns_as_backpropagation(case):
    """``ΔW_l/β`` tends to backpropagation's update, to first order in ``β``."""
    plain = updates(case, "bp")[0]
    gaps = []
    for beta in (1e-5, 1e-6):
        soft = updates(case, "pc", nudge=dln.SoftOutput(beta))[0]
        gaps.append(relative_error([np.asarray(each) / beta for each in soft], plain))
    assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.05)


@over([case for case in PLAIN if case.depth in (2, 6)])
def test_a_strong_soft_output_learns_as_a_clamp(case):
    clamped = updates(case, "pc")[0]
    gaps = [relative_error(updates(case, "pc", nudge=dln.SoftOutput(beta))[0], clamped) for beta in (1e3, 1e4)]
    assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.05)


def test_opposite_nudges_average_to_the_first_order():
    """Centred nudging: the mean of the updates of ``±β`` is ``β (D_lᵀ S⁻¹ r) x̂_{l-1}ᵀ``, without the next order."""
    case, beta = Case(3, "bottleneck"), 0.5
    problem = oracles.problem_of(case)
    plain = oracles.forward(problem.parameters, problem.skips, problem.x)
    solution, condition = oracles.dense_equilibrium(problem)
    expected = [beta * e.T @ x / len(x) for e, x in zip(solution.weighted_errors, plain, strict=False)]
    pair = [updates(case, "pc", nudge=each)[0] for each in (beta, -beta)]
    assert_close([(one + other) / 2 for one, other in zip(*pair, strict=True)], expected, condition)


@over([Case(3, "bottleneck", "mixed", "scalars")])
@pytest.mark.parametrize("rule", ["bp", "natural"])
def test_rules_without_inference_ignore_its_options(case, rule):
    plain = dln.weight_updates(*case.data, rule)
    other = dln.weight_updates(*case.data, rule, **case.options | {"nudge": -0.5}, solver="hessian")
    for one, two in zip(plain, other, strict=True):
        np.testing.assert_array_equal(one, two)
