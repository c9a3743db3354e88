"""Inference in closed form at finite time, against its simulation step by step.

Oracles: the simulation, a matrix power of the oracle's Hessian, and derivatives by central differences.
"""

import math
import warnings

import jax
import numpy as np
import oracles
import pytest
from cases import GRID, Case, over, uncompiled
from closeness import assert_close, bound, epsilon, norm, relative_error
from relaxing import CHAIN, STEP, forward_rows, free_rows

import dlntheory as dln
from dlntheory.numerics.kinds import map_leaves, namespace, to_jax

TIMES = (0, 1, 10, 33, 1000)
MOMENTA = (0.3, 0.9)


@over([CHAIN, Case(2, "expanding", batch=None), Case(3, "square", "mixed", "matrices", nudge="soft")])
@pytest.mark.parametrize("start", ["forward", "random"])
def test_the_closed_form_is_the_simulation(case, start):
    for momentum in MOMENTA:
        modes = dln.InferenceModes(*case.data, STEP, momentum, start, **case.options)
        condition = 10 * float(modes.eigenvalues[-1] / modes.eigenvalues[0])
        for steps in TIMES:
            expected = dln.simulate_inference(*case.data, steps, STEP, momentum, start, **case.options)
            found = modes.at(steps)
            assert_close(found.activities, expected.activities, condition)
            assert_close(found.errors, expected.errors, condition)
            assert relative_error(found.energy_by_layer, expected.energy_by_layer) < bound(epsilon(1.0), condition)
            assert found.steps == expected.steps == steps
            if not 1e-9 < expected.residual_norm < 1e-7:  # else rounding may decide
                assert found.outcome == expected.outcome


def test_the_series_is_the_modes():
    """And leaves out no more than it says, but for rounding."""
    for start in ("forward", "random"):
        for steps in (0, 50, 1000):
            options = {"momentum": 0.3, "start": start, **CHAIN.options}
            expected = dln.finite_time_activities(*CHAIN.data, steps, STEP, **options)
            found = dln.finite_time_activities(*CHAIN.data, steps, STEP, **options, solver="series")
            assert float(found.truncation) < 1e-10
            assert relative_error(found.activities, expected.activities) <= float(found.truncation) + bound(
                epsilon(1.0), 100
            )
            assert (found.steps, expected.truncation) == (steps, 0)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [10, 1000, 100_000])
@pytest.mark.parametrize("momentum", [pytest.param(0.0, marks=pytest.mark.daily), 0.5])
def test_the_closed_form_keeps_ten_digits_over_many_steps(steps, momentum):
    """The bar: a relative error of at most 1e-10."""
    net = dln.LinearNetwork.random([12, 16, 16, 16, 12], "norm_preserving", key=0)
    x, y = np.random.default_rng(0).normal(size=(2, 8, 12))
    for fraction in (0.05, 0.99):
        step = fraction * (1 + momentum) * float(dln.inference_spectrum(net).stability_limit)
        expected = dln.simulate_inference(net, x, y, steps, step, momentum)
        for solver in ("modes", "series"):
            found = dln.finite_time_activities(net, x, y, steps, step, momentum, solver=solver)
            assert relative_error(found.activities, expected.activities) < 1e-10
            assert relative_error(found.errors, expected.errors) < 1e-10
            assert relative_error(found.energy_by_layer, expected.energy_by_layer) < 1e-10


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_an_unstable_step_diverges_alike(momentum):
    case = Case(3)
    limit = (1 + momentum) * float(dln.inference_spectrum(case.net).stability_limit)
    with pytest.warns(UserWarning, match=f"above the stability limit {limit:.6g}"):
        expected = dln.simulate_inference(*case.data, 400, 1.02 * limit, momentum)
    with pytest.warns(UserWarning, match="above the stability limit"):
        found = dln.finite_time_activities(*case.data, 400, 1.02 * limit, momentum)
    assert found.outcome == expected.outcome == "diverged"
    assert norm(expected.activities) > 100 * norm(dln.equilibrium(*case.data).activities)
    assert relative_error(found.activities, expected.activities) < 1e-10
    stable = dln.simulate_inference(*case.data, 400, 0.98 * limit, momentum)
    assert stable.outcome in ("converged", "step limit")


def test_any_number_of_steps_costs_one_product():
    modes = dln.InferenceModes(*CHAIN.data, STEP, 0.3, **CHAIN.options)
    exact = dln.equilibrium(*CHAIN.data, **CHAIN.options)
    for steps in (10**6, 10**12, 10**30):
        found = modes.at(steps)
        assert found.outcome == "converged"
        assert found.steps == pytest.approx(steps)
        assert_close(found.activities, exact.activities, float(modes.eigenvalues[-1] / modes.eigenvalues[0]))


def test_two_half_runs_make_a_whole():
    """Without momentum, whose velocity a restart forgets."""
    whole = dln.simulate_inference(*CHAIN.data, 8, STEP, **CHAIN.options)
    half = dln.simulate_inference(*CHAIN.data, 4, STEP, **CHAIN.options)
    for again in (dln.simulate_inference, dln.finite_time_activities):
        assert_close(again(*CHAIN.data, 4, STEP, start=half.activities, **CHAIN.options).activities, whole.activities)


@over([case for case in GRID if case.depth in (2, 3) and case.dtype == "float64"][::3])
def test_the_closed_form_holds_over_the_grid(case):
    """Against the oracle's matrix power."""
    problem = oracles.problem_of(case)
    hessian, gradients = oracles.quadratic(problem)
    start = np.hstack(forward_rows(problem))
    target = -np.linalg.solve(hessian, gradients.T).T
    left = np.linalg.matrix_power(np.eye(len(hessian)) - STEP * hessian, 40)
    expected = target + (start - target) @ left.T
    with uncompiled():
        found = dln.finite_time_activities(*case.data, 40, STEP, **case.options)
    assert_close(np.hstack(free_rows(case, found.activities)), expected, float(np.linalg.cond(hessian)))


FUNCTIONS = {
    "gradient": lambda net, x, y, step: (
        dln.simulate_inference(net, x, y, 6, step, 0.5, nudge=dln.SoftOutput(2.0)).energy
    ),
    "spiking": lambda net, x, y, step: dln.simulate_inference(net, x, y, 6, step, schedule="spiking").energy / 1e3,
    "cg": lambda net, x, y, step: dln.simulate_inference(net, x, y, 2, method="cg").activities,
    "modes": lambda net, x, y, step: dln.finite_time_activities(net, x, y, 40, step, 0.5, "random").activities,
    "spectrum": lambda net, x, y, step: dln.inference_spectrum(net).best_step,
    "errors' spectrum": lambda net, x, y, step: dln.inference_spectrum(net, coordinates="errors").largest,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_derivatives_agree_with_differences(function):
    """Wide hidden layers give the Hessian eigenvalue 1 many times over."""
    case = Case(3, "square", "mixed")
    net = dln.LinearNetwork(
        [
            dln.Dense(np.linspace(-1, 1, 24).reshape(6, 4)),
            dln.Dense(np.cos(np.arange(18.0)).reshape(3, 6)),
            dln.Dense(np.sin(np.arange(6.0)).reshape(2, 3)),
        ]
    )
    draws = np.random.default_rng(0)
    point = (net, case.x, case.y[:, :2], np.asarray(STEP))
    direction = map_leaves(lambda each: draws.normal(size=each.shape) * 0.1, point)

    def scalar(point):
        leaves = jax.tree.leaves(function(*point))
        return sum(namespace(each).sum(namespace(each).sin(each)) for each in leaves)

    gradient = jax.jit(jax.grad(scalar))(to_jax(point))
    slope = sum(np.vdot(*pair) for pair in zip(*map(jax.tree.leaves, (gradient, direction)), strict=True))
    values = [scalar(map_leaves(lambda p, d, h=h: p + h * d, point, direction)) for h in (1e-5, -1e-5)]
    assert abs((values[0] - values[1]) / 2e-5 - slope) < 1e-6 * (1 + abs(slope))


def test_the_series_needs_concrete_numbers():
    case = Case(3)
    net, x, y = case.data
    with pytest.raises(TypeError, match="'series' in a traced program"):
        jax.jit(lambda x: dln.finite_time_activities(net, x, y, 5, STEP, solver="series").energy)(x)
    with pytest.raises(ValueError, match="`solver` is 'krylov'"):
        dln.finite_time_activities(*case.data, 5, STEP, solver="krylov")


@pytest.mark.parametrize("momentum", [pytest.param(0.0, marks=pytest.mark.daily), 0.5])
@pytest.mark.parametrize(("steps", "excess"), [(10**5, 1e-5), (10**6, 0.0), (10**6, -1e-6)])
def test_the_series_sees_the_spike_next_to_the_stability_limit(steps, excess, momentum):
    """It is ``1/T`` wide and stands at the end of the spectrum, where few nodes are; it costs ``T`` epsilons."""
    case = Case(3)
    step = (1 + excess) * (1 + momentum) * float(dln.inference_spectrum(case.net).stability_limit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = dln.finite_time_activities(*case.data, steps, step, momentum)
        found = dln.finite_time_activities(*case.data, steps, step, momentum, solver="series")
    assert expected.residual_norm > 1e-6
    assert relative_error(found.activities, expected.activities) < float(found.truncation) + bound(epsilon(1.0), steps)
    assert float(found.truncation) < 1e-6


def test_a_spike_too_narrow_for_any_series_is_told_of(monkeypatch):
    monkeypatch.setattr("dlntheory.inference.chebyshev.MOST", 2**12)  # the longest takes seconds
    case = Case(3)
    limit = float(dln.inference_spectrum(case.net).stability_limit)
    with pytest.warns(UserWarning, match="The series leaves out") as caught:
        found = dln.finite_time_activities(*case.data, 10**12, limit, solver="series")
    assert found.truncation > 1e-8
    assert caught[0].filename == __file__


@pytest.mark.daily
def test_auto_decomposes_where_the_series_does_not_end(monkeypatch):
    case = Case(3)
    limit = float(dln.inference_spectrum(case.net).stability_limit)
    modes = dln.finite_time_activities(*case.data, 10**12, limit, solver="modes")
    monkeypatch.setattr("dlntheory.inference.finite_time.DECOMPOSED", 0)
    found = dln.finite_time_activities(*case.data, 10**12, limit)
    assert found.truncation == 0
    assert found.steps == 10**12
    assert relative_error(found.activities, modes.activities) == 0
    monkeypatch.setattr("dlntheory.inference.finite_time.DECOMPOSABLE", 0)
    with pytest.warns(UserWarning, match="The series leaves out"):
        assert dln.finite_time_activities(*case.data, 10**12, limit).truncation > 1e-8


def test_early_times_are_exact_in_every_layer():
    net = dln.LinearNetwork.random([16] * 10, "norm_preserving", key=0)
    x, y = np.random.default_rng(0).normal(size=(2, 3, 16))
    modes = dln.InferenceModes(net, x, y, 0.01)
    for steps in (3, 10, 32):
        expected = dln.simulate_inference(net, x, y, steps, 0.01)
        for found in (modes.at(steps), dln.finite_time_activities(net, x, y, steps, 0.01, solver="series")):
            for own, other in zip(found.errors, expected.errors, strict=True):
                assert norm([own - other]) <= bound(epsilon(1.0), 10) * norm([other])


def test_an_unstable_step_is_warned_of_where_it_is_asked_for():
    case = Case(3)
    for run in (
        lambda: dln.InferenceModes(*case.data, 9.0),
        lambda: dln.finite_time_activities(*case.data, 5, 9.0),
        lambda: dln.simulate_inference(*case.data, 5, 9.0),
    ):
        with pytest.warns(UserWarning, match="above the stability limit") as caught:
            run()
        assert [each.filename for each in caught] == [__file__]


def test_leading_order_takes_any_number_of_steps():
    """Against whole numbers."""
    net = dln.LinearNetwork.random([4] * 6, "norm_preserving", key=0)
    x, y = np.random.default_rng(0).normal(size=(2, 4))
    below = range(len(net.weights) - 1, -1, -1)

    def ways(steps):
        return np.array([float(math.comb(steps, layers)) for layers in below]) ** 2

    unit = dln.energy_propagation(net, x, y, 5, 1.0) / ways(5)
    for steps in (7, 2**40):
        np.testing.assert_allclose(dln.energy_propagation(net, x, y, steps, 1.0), unit * ways(steps), rtol=1e-12)
