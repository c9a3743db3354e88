"""Simulated inference against a plain NumPy simulation and the equilibrium; its outcomes, and bad input.

Oracles: the energy's gradient by automatic differentiation, loops in NumPy, and the equilibrium in closed form.
"""

import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import Case, mostly_daily, over, uncompiled
from closeness import assert_close, bound, epsilon, norm, relative_error
from relaxing import CHAIN, STEP, by_hand, forward_rows, free_rows

import dlntheory as dln
from dlntheory.equilibria.problem import as_problem
from dlntheory.inference.energy import COORDINATES
from dlntheory.inference.methods import METHODS
from dlntheory.inference.relaxation import free_chain

CASES = [
    CHAIN,
    Case(2, "expanding", "learned", batch=None),
    Case(6, "square", "residual", "scalars"),
    Case(2, "square", nudge="negative"),
    Case(3, "square", "mixed", "matrices", nudge="soft"),
    Case(3, dtype="float32"),
]


def random_start(case, problem):
    """Activities with no gradient that is zero but for rounding, which Adam would blow up to a whole step."""
    draws = np.random.default_rng(0)
    free = [draws.normal(size=each.shape).astype(case.dtype) for each in forward_rows(problem)]
    clamped = free if problem.beta is not None else [*free, np.atleast_2d(case.y)]
    return [each.astype(float) for each in free], [
        np.reshape(each, (*case.x.shape[:-1], -1)) for each in (case.x, *clamped)
    ]


RULES = {
    "gradient": ({}, {}),
    "heavy ball": ({"momentum": 0.7}, {"momentum": 0.7}),
    "nesterov": ({"momentum": 0.7, "method": "nesterov"}, {"momentum": 0.7, "nesterov": True}),
    "adam": ({"method": "adam"}, {"adam": True}),
}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(
            name, case, id=f"{name}-{case}", marks=[] if name == "gradient" or case in CASES[:2] else pytest.mark.daily
        )
        for name, case in itertools.product(RULES, CASES)
    ],
)
def test_each_step_is_that_of_a_plain_simulation(name, case):
    options, rule = RULES[name]
    problem = oracles.problem_of(case)
    free, start = random_start(case, problem) if "adam" in rule else (forward_rows(problem), "forward")
    expected = oracles.solution(problem, by_hand(problem, free, 5, STEP, **rule))
    with uncompiled():
        found = dln.simulate_inference(*case.data, 5, STEP, start=start, **case.options, **options)
    assert found.steps == 5
    tolerance = bound(epsilon(found.energy))
    assert relative_error(free_rows(case, found.activities), free_rows(case, expected.activities)) < tolerance
    assert relative_error([np.atleast_2d(e) for e in found.errors], expected.errors) < tolerance
    assert relative_error([np.atleast_2d(e) for e in found.weighted_errors], expected.weighted_errors) < tolerance
    assert relative_error(np.atleast_1d(found.energy), expected.energy) < tolerance


def test_energies_by_layer_add_up_to_the_energy():
    found = dln.simulate_inference(*CHAIN.data, 3, STEP, **CHAIN.options)
    energies = [
        np.sum(np.asarray(e) * np.asarray(w), axis=-1) / 2
        for e, w in zip(found.errors, found.weighted_errors, strict=True)
    ]
    assert_close(found.energy_by_layer, np.stack(energies, axis=-1))
    assert_close(found.energy, np.sum(energies, axis=0))


STEADY = ("gradient", "nesterov", "error_coordinates", "cg", "cg_activities", "newton")


SOFT = Case(2, "expanding", batch=None, nudge="soft")


@pytest.mark.parametrize(
    ("case", "method"),
    [
        *((CHAIN, method) for method in STEADY),
        *(pytest.param(SOFT, method, marks=pytest.mark.daily) for method in STEADY if method != "cg"),
        (SOFT, "cg"),
    ],
    ids=str,
)
def test_every_relaxation_ends_at_the_equilibrium(case, method):
    options = case.options
    coordinates = "errors" if method == "error_coordinates" else "activities"
    spectrum = dln.inference_spectrum(case.net, options["covariances"], options["nudge"], coordinates)
    step = spectrum.best_step if method in ("gradient", "nesterov", "error_coordinates") else None
    found = dln.simulate_inference(*case.data, 5000, step, start="zero", **options, method=method, tolerance=1e-13)
    assert found.outcome == "converged"
    assert found.steps < 5000
    assert found.residual_norm <= 1e-13
    exact = dln.equilibrium(*case.data, **options)
    assert_close(found.activities, exact.activities, float(spectrum.condition_number) * 10)
    assert_close(found.weighted_errors, exact.weighted_errors, float(spectrum.condition_number) * 10)
    assert_close(found.energy, exact.energy, float(spectrum.condition_number) * 10)


@pytest.mark.parametrize("widths", mostly_daily([[6, 5, 4, 3], [3, 7, 7, 2], [4, 6, 1]], [[6, 5, 4, 3], [4, 6, 1]]))
def test_conjugate_gradients_in_error_coordinates_end_after_one_step_more_than_outputs(widths):
    net = dln.LinearNetwork.random(widths, key=3)
    x, y = (np.random.default_rng(0).normal(size=(4, width)) for width in (widths[0], widths[-1]))
    for covariances in (None, np.geomspace(0.3, 3, net.depth)):
        options = {"covariances": covariances, "method": "cg", "start": "random", "tolerance": 1e-12}
        found = dln.simulate_inference(net, x, y, 100, **options)
        assert found.outcome == "converged"
        assert found.steps <= widths[-1] + 1


@over([CHAIN, Case(2, batch=None), Case(3, nudge="soft")])
def test_zero_steps_return_the_start(case):
    predicted = [np.asarray(each) for each in forward_rows(oracles.problem_of(case))]
    for run in (dln.simulate_inference, dln.finite_time_activities):
        forward = run(*case.data, 0, STEP, **case.options)
        assert_close(free_rows(case, forward.activities), predicted)
        assert (forward.steps, forward.outcome) == (0, "step limit")
        np.testing.assert_allclose(forward.residual_norm, 1)
        zero = run(*case.data, 0, STEP, start="zero", **case.options)
        assert norm(free_rows(case, zero.activities)) < bound(epsilon(1.0))
        random = run(*case.data, 0, STEP, start="random", key=5, **case.options)
        again = run(*case.data, 0, STEP, start="random", key=5, **case.options)
        assert_close(random.activities, again.activities)
        assert 0.3 < norm(free_rows(case, random.activities)) ** 2 / sum(map(np.size, predicted)) < 3


@pytest.mark.parametrize("method", METHODS)
def test_depth_1_has_nothing_to_move(method):
    case = Case(1)
    found = dln.simulate_inference(*case.data, 7, STEP, method=method)
    assert (found.steps, found.outcome, float(found.residual_norm)) == (7, "converged", 0)
    np.testing.assert_array_equal(found.activities[1], case.y)
    assert_close(found.errors[0], case.y - np.asarray(case.net(case.x)))
    for solver in ("modes", "series"):
        assert_close(dln.finite_time_activities(*case.data, 7, STEP, solver=solver).activities, found.activities)


def test_outcomes_that_only_the_numbers_tell():
    """In a traced program no limit is known beforehand; and Adam has none."""
    data = Case(3).data
    status = jax.jit(lambda step: dln.simulate_inference(*data, 60, step).status)
    assert [int(status(step)) for step in (0.01, 2.0, 1e9)] == [1, 2, 3]
    assert dln.simulate_inference(*data, 3, 1e9, method="adam").outcome == "diverged"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = dln.simulate_inference(*data, 10_000, 2.0, tolerance=1e-9)
    assert found.outcome == "diverged"
    assert found.steps < 10_000, "a run with a tolerance ends where numbers do"
    assert "diverged" in repr(found.outcome)


UNSTABLE = {
    "tolerance met": {"steps": 5, "step_size": 3.0, "tolerance": 2.0},
    "newton": {"steps": 5, "step_size": 2.1, "method": "newton"},
    "newton's numbers overflow": {"steps": 20_000, "step_size": 2.1, "method": "newton"},
}


@pytest.mark.parametrize("options", UNSTABLE.values(), ids=UNSTABLE)
def test_a_known_instability_outranks_the_numbers(options):
    with pytest.warns(UserWarning, match="above the stability limit"):
        found = dln.simulate_inference(*Case(3).data, **options)
    assert found.outcome == "diverged"


def test_what_is_stable_is_not_warned_of():
    """Newton's limit is 2, whatever the spectrum; and it is a limit: the state changes sides for ever."""
    found = dln.simulate_inference(*Case(3).data, 50, 2.0, method="newton")
    assert found.outcome == "step limit"
    np.testing.assert_allclose(found.residual_norm, 1, rtol=1e-6)


def test_an_unstable_step_that_is_not_taken_is_warned_of():
    with pytest.warns(UserWarning, match="above the stability limit"):
        found = dln.simulate_inference(*Case(3).data, 0, 5.0)
    assert found.outcome == "step limit"


TRACED = {
    "step size": {"step_size": -0.1},
    "momentum": {"momentum": 2.0},
    "negative momentum": {"momentum": -0.1},
    "covariance": {"covariances": [-1.0, 1.0]},
    "covariance of conjugate gradients": {"covariances": [1.0, -1.0], "method": "cg"},
    "matrix": {"covariances": [np.diag([1.0, 1.0, 1.0, -1.0]), 1.0]},
    "strength": {"nudge": dln.SoftOutput(-0.5)},
    "schedule": {"schedule": -np.ones((2, 2))},
}


@pytest.mark.parametrize(
    "name",
    mostly_daily(
        TRACED, ["step size", "momentum", "covariance of conjugate gradients", "matrix", "strength", "schedule"]
    ),
)
def test_bad_values_are_nan_where_they_are_traced(name):
    """What is refused outside becomes NaN inside of a traced program, in the closed forms too."""
    data, bad = Case(2).data, TRACED[name]
    named = {option: value for option, value in bad.items() if option == "method"}
    traced = {option: jax.tree.map(jnp.asarray, value) for option, value in bad.items() if option != "method"}
    options = {"step_size": STEP} | traced

    def simulated(options):
        return dln.simulate_inference(*data, 4, **options, **named)

    def settled(traced):
        return dln.equilibrium(*data, **traced, solver="covariance").activities[1]

    with pytest.raises(ValueError, match="wanted"):
        simulated(options)
    found = jax.jit(simulated)(options)
    assert (found.outcome, bool(jnp.isnan(found.activities[1]).all())) == ("not finite", True)
    if set(traced) <= {"covariances", "nudge"}:
        assert jnp.isnan(jax.jit(settled)(traced)).all()
    if not named and "schedule" not in traced:
        closed = jax.jit(lambda options: dln.finite_time_activities(*data, 4, **options).activities[1])(options)
        assert jnp.isnan(closed).all()


def test_a_traced_tolerance_below_zero_is_never_met():
    found = jax.jit(lambda tolerance: dln.simulate_inference(*Case(3).data, 7, STEP, tolerance=tolerance))(-1.0)
    assert (found.steps, found.outcome) == (7, "step limit")


@pytest.mark.parametrize("tolerance", [1, 1.5, 0.0, -1.0])
def test_a_spectrum_refuses_tolerances_outside_of_zero_to_one(tolerance):
    spectrum = dln.inference_spectrum(Case(3).net)
    with pytest.raises(ValueError, match="`tolerance` is"):
        spectrum.steps_to(tolerance)
    assert jnp.isnan(jax.jit(lambda tolerance: spectrum.steps_to(tolerance))(jnp.asarray(float(tolerance))))


def test_a_run_with_a_tolerance_has_a_derivative_forward_only():
    net, x, y = Case(2).data

    def energy(step, tolerance):
        return dln.simulate_inference(net, x, y, 5, step, tolerance=tolerance).energy.sum()

    with pytest.raises(ValueError, match="Reverse-mode differentiation does not work"):
        jax.grad(energy)(STEP, 1e-9)
    forward = jax.jit(jax.jacfwd(energy))(STEP, 1e-9)
    np.testing.assert_allclose(forward, jax.jit(jax.grad(lambda step: energy(step, None)))(STEP), rtol=1e-12)


def test_the_outcome_of_a_traced_run_is_its_status():
    net, x, y = Case(2).data
    with pytest.raises(TypeError, match="return `status`"):
        jax.jit(lambda x: dln.simulate_inference(net, x, y, 3, STEP).outcome)(x)
    together = jax.vmap(lambda step: dln.simulate_inference(net, x, y, 2000, step))(jnp.array([1e-3, 0.3]))
    assert together.outcome.tolist() == ["step limit", "converged"]


def test_a_residual_is_the_gradients_norm():
    case = Case(3, "square", "mixed", "scalars")
    problem = oracles.problem_of(case)
    found = dln.simulate_inference(*case.data, 4, STEP, **case.options)
    expected = norm(oracles.slopes(problem, free_rows(case, found.activities))) / norm(
        oracles.slopes(problem, forward_rows(problem))
    )
    assert_close(found.residual_norm, expected, 10)


BAD = {
    "negative steps": ({"steps": -1}, ValueError, "`steps` is -1; wanted at least 0"),
    "half a step": ({"steps": 1.5}, TypeError, "`steps` is 1.5; wanted a whole number"),
    "too many steps": ({"steps": 2**31}, ValueError, "finite_time_activities takes any number"),
    "no step size": ({"step_size": None}, ValueError, "`step_size` is None with 'gradient'"),
    "negative step size": ({"step_size": -0.1}, ValueError, "`step_size` is -0.1; wanted a positive number"),
    "momentum": ({"momentum": 1.0}, ValueError, "`momentum` is 1.0; wanted a number from 0 to below 1"),
    "covariance": ({"covariances": [1.0, 0.0, 1.0]}, ValueError, "wanted a positive number"),
    "start": ({"start": "feedforward"}, ValueError, "`start` is 'feedforward'; wanted one of 'forward'"),
    "short start": ({"start": [np.ones((3, 4))]}, ValueError, "`start` has 1 entries; wanted 4"),
    "start's shape": (
        {"start": [np.ones((2, 4))] * 4},
        ValueError,
        r"`start\[0\]` has shape \(2, 4\); wanted \(3, 4\)",
    ),
    "tolerance": ({"tolerance": 0.0}, ValueError, "`tolerance` is 0.0; wanted a positive number"),
    "method": ({"method": "sgd"}, ValueError, "`method` is 'sgd'; wanted one of 'gradient'"),
    "momentum of adam": ({"method": "adam", "momentum": 0.5}, ValueError, "`momentum` is given with 'adam'"),
    "schedule of newton": (
        {"method": "newton", "schedule": "spiking"},
        ValueError,
        "`schedule` is given with 'newton'",
    ),
    "schedule": (
        {"schedule": "decaying"},
        ValueError,
        r"`schedule` is 'decaying'; wanted 'unit', 'spiking', Decaying\(k\)",
    ),
    "long schedule": ({"schedule": np.ones((6, 3))}, ValueError, "covers 6 steps but the run has 5"),
    "schedule's shape": (
        {"schedule": np.ones((5, 2))},
        ValueError,
        r"`schedule` has shape \(5, 2\); wanted \(times, 3\)",
    ),
    "schedule's sign": ({"schedule": -np.ones((5, 3))}, ValueError, "`schedule` holds -1.0; wanted positive"),
}


@pytest.mark.parametrize(("options", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(options, error, message):
    case = Case(3)
    arguments = {"steps": 5, "step_size": STEP} | options
    with pytest.raises(error, match=message):
        dln.simulate_inference(*case.data, **arguments)
    closed = ("steps", "step_size", "momentum", "start", "covariances")
    if set(options) <= set(closed) and options.get("steps") != 2**31:
        with pytest.raises(error, match=message):
            dln.finite_time_activities(*case.data, **arguments)


def test_the_gradient_in_the_errors_becomes_that_in_the_activities():
    """Both of one state; so a tolerance means the same in all coordinates."""
    case = Case(3, "bottleneck", "residual", "scalars")
    inference = free_chain(as_problem(*case.data, case.covariance_list, None))
    hidden = [
        jnp.sin(jnp.arange(each.size, dtype=each.dtype)).reshape(each.shape) for each in inference.predicted[1:-1]
    ]
    one, other = (
        space.in_activities(
            inference.layers,
            space.gradient(
                inference.layers, inference.precisions, space.from_hidden(inference.layers, hidden), inference.output
            ),
        )
        for space in COORDINATES.values()
    )
    assert_close(other, one, 10)
