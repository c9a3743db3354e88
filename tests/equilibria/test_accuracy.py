"""The accuracy that is promised, measured.

Oracle: the equilibrium in ball arithmetic (FLINT), from the weights and data as rounded to the dtype. The bars:
1e-13 × √cond(H) on ordinary networks by every route; where weights grow with depth, 1e-10 for activities and 1e-9 for
energy and updates by the orthogonal route and by "auto"; in float32, 1e-2 or a refusal.
"""

from functools import cache

import jax
import numpy as np
import pytest
from cases import SOLVERS
from closeness import assert_close, epsilon, promised

import dlntheory as dln
from dlntheory.equilibria import routes
from dlntheory.equilibria.problem import as_problem
from dlntheory.equilibria.settling import settle, settle_by
from dlntheory.numerics.algebra import divide
from experiments.benchmarks.accuracy import by_sample, compare
from experiments.benchmarks.reference import reference

WIDTH, SAMPLES = 20, 3
INITS = ("kaiming_uniform", "norm_preserving", "orthogonal", "lecun_normal")
GROWING_BARS = {"activities": 1e-10, "energy": 1e-9, "updates": 1e-9}
SINGLE_BAR = 1e-2

slow = pytest.mark.slow
ORDINARY = [
    pytest.param(init, depth, condition, id=f"{init}-{depth}-{condition}", marks=[slow] * (depth > 9))
    for init in INITS
    for depth in (1, 2, 9, 33)
    for condition in (None, 1e12)
    if depth < 33 or init == "kaiming_uniform" or (init, condition) == ("norm_preserving", None)
]
GROWING = [
    pytest.param(gains, id=name, marks=[slow] * (len(gains) > 9))
    for name, gains in {
        "gain 2": (2,) * 9,
        "gain 4": (4,) * 9,
        "gain 2, deep": (2,) * 33,
        "gain 4, deep": (4,) * 33,
        "expanding, then contracting": (8,) * 5 + (1 / 8,) * 4,
        "contracting, then expanding": (1 / 8,) * 5 + (8,) * 4,
    }.items()
]
by_every_route = pytest.mark.parametrize("solver", ["auto", *SOLVERS])


@cache
def ordinary(init, depth, condition, dtype):
    weights = dln.LinearNetwork.random([WIDTH] * (depth + 1), init, depth, condition).weights
    return with_data(weights, dtype)


@cache
def growing(gains, dtype):
    draws = np.random.default_rng(len(gains))
    return with_data([draws.normal(size=(WIDTH, WIDTH)) * gain / np.sqrt(WIDTH) for gain in gains], dtype)


def with_data(weights, dtype):
    """The network and data rounded to the dtype, and the truth about them."""
    weights = [np.asarray(weight).astype(dtype) for weight in weights]
    x, y = np.random.default_rng(7).normal(size=(2, SAMPLES, WIDTH)).astype(dtype)
    net = dln.LinearNetwork.from_weights(weights)
    return net, x, y, reference(net, x, y), hessian_condition(weights)


def hessian_condition(weights):
    """``H = MᵀM`` for the bidiagonal map ``M`` from hidden activities to errors."""
    depth = len(weights)
    if depth == 1:
        return 1.0
    errors = np.zeros((depth * WIDTH, (depth - 1) * WIDTH)) + np.eye(depth * WIDTH, (depth - 1) * WIDTH)
    for l in range(1, depth):
        errors[l * WIDTH : (l + 1) * WIDTH, (l - 1) * WIDTH : l * WIDTH] = -weights[l]
    return np.linalg.cond(errors) ** 2


def measured(problem, solver):
    net, x, y, truth, _ = problem
    return compare(net, x, y, None, solver, truth)


@pytest.mark.grid
@pytest.mark.parametrize(("init", "depth", "condition"), ORDINARY)
@by_every_route
def test_ordinary_networks_keep_the_promise_by_every_route(init, depth, condition, solver):
    problem = ordinary(init, depth, condition, "float64")
    found = measured(problem, solver)
    bar = promised(epsilon(1.0), problem[-1])
    assert not found["refused"]
    assert {name: error for name, error in found["error"].items() if error > bar} == {}
    assert found["estimate_over_error"] >= 0.1, "the estimate is far below the error"


@pytest.mark.parametrize("gains", GROWING)
@pytest.mark.parametrize("solver", ["auto", "square_root"])
def test_growing_weights_are_solved_by_orthogonal_elimination(gains, solver):
    found = measured(growing(gains, "float64"), solver)
    assert not found["refused"]
    assert {name: found["error"][name] for name, bar in GROWING_BARS.items() if found["error"][name] > bar} == {}
    assert found["estimate_over_error"] >= 0.1, "the estimate is far below the error"


@pytest.mark.parametrize("gains", GROWING)
@pytest.mark.parametrize("solver", ["covariance", "hessian"])
def test_other_routes_refuse_growing_weights_or_say_how_wrong_they_are(gains, solver):
    found = measured(growing(gains, "float64"), solver)
    assert found["refused"] or found["estimate_over_error"] >= 0.1


def test_growing_weights_are_beyond_the_covariance_route():
    assert measured(growing((4,) * 33, "float64"), "covariance")["refused"]


@pytest.mark.parametrize("gains", GROWING)
def test_auto_takes_the_cheap_route_only_where_it_is_safe(gains):
    problem = growing(gains, "float64")
    tried = {route: measured(problem, route) for route in ("covariance", "hessian")}
    most = (256 + 4 * len(gains)) * epsilon(1.0)
    safe = [name for name, it in tried.items() if not it["refused"] and it["estimate"] <= most]
    assert measured(problem, "auto")["route"] == (*safe, "square_root")[0]


def test_auto_keeps_an_answer_where_later_routes_have_none():
    """Orthogonal elimination subtracts activities 1e14 times as large as an error's deviation; ``S`` is one number."""
    draws = np.random.default_rng(0)
    weights = [50 * draws.normal(size=(rows, 6)) / np.sqrt(6) for rows in (6, 6, 6, 1)]
    net, x, y = dln.LinearNetwork.from_weights(weights), draws.normal(size=6), draws.normal(size=1)
    covariances = [1.0, 1e-14, 1e7, 1e-14]
    with pytest.raises(dln.PrecisionError):
        dln.equilibrium(net, x, y, covariances, solver="square_root")
    maps = [weights[3] @ weights[2] @ weights[1], weights[3] @ weights[2], weights[3], np.eye(1)]
    [[variance]] = sum(each @ each.T * scale for each, scale in zip(maps, covariances, strict=True))
    for kind in (net, net.to_jax()):
        for solve in (dln.equilibrium, jax.jit(dln.equilibrium)):
            found = solve(kind, x, y, covariances)
            assert np.allclose(found.multiplier, (y - net(x)) / variance, rtol=1e-12, atol=0)


SINGLE = [
    pytest.param(problem, each.values, solver, id=f"{each.id}-{solver}", marks=each.marks)
    for problem, group in ((ordinary, ORDINARY), (growing, GROWING))
    for each in group
    for solver in (["auto"] if each.marks else ["auto", *SOLVERS])  # deep networks take long to compile
]


@pytest.mark.grid
@pytest.mark.parametrize(("problem", "arguments", "solver"), SINGLE)
def test_single_precision_is_right_to_two_digits_or_refuses(problem, arguments, solver):
    found = measured(problem(*arguments, "float32"), solver)
    names = GROWING_BARS if problem is growing else found.get("error", {})
    assert found["refused"] or max(found["error"][name] for name in names) <= SINGLE_BAR


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_error_far_smaller_than_its_activity_keeps_its_digits(solver):
    """Its difference from the prediction keeps half of them: the last layer passes 1e-8 of the output's error back."""
    draws = np.random.default_rng(0)
    weights = [draws.normal(size=(WIDTH, WIDTH)) * gain / np.sqrt(WIDTH) for gain in (1, 1e-8)]
    net, x, y, truth, condition = with_data(weights, "float64")
    errors = dln.equilibrium(net, x, y, solver=solver).errors
    for found, exact in zip(errors, truth.errors, strict=True):
        assert by_sample([found], [exact]).max() <= promised(epsilon(1.0), condition)


def test_one_correction_squares_the_error_in_every_program(monkeypatch):
    """``S⁻¹`` is a thousandth too large here; the shape is this test's own, since its compiled programs stay."""
    monkeypatch.setattr(routes, "divide", lambda factor, right: 1.001 * divide(factor, right))
    net = dln.LinearNetwork.random([11, 13, 12, 11], key=0)
    x, y = np.random.default_rng(7).normal(size=(2, 5, 11))
    problem, in_jax = (as_problem(each, x, y, None, None) for each in (net, net.to_jax()))
    rough = settle(problem, routes.uncorrected)
    programs = {
        "NumPy": settle_by(problem, "covariance"),
        "a program of its own": settle_by(in_jax, "covariance"),
        "a branch": jax.jit(lambda given: settle_by(given, "covariance"))(in_jax),
        "a branch, of constants": jax.jit(lambda: settle_by(in_jax, "covariance"))(),
    }
    assert float(rough.accuracy.max()) > 1e-5
    for name, settled in programs.items():
        assert float(settled.accuracy.max()) < 1.1e-3 * float(rough.accuracy.max()), name
        assert_close(settled.activities, programs["NumPy"].activities, 100)
