"""Inference in closed form on NumPy arrays and in JAX: one answer, each in its own kind, and NumPy's without JAX.

The two share their lines but not their arithmetic, loops or derivatives; so each is the other's oracle.
"""

import jax
import numpy as np
import pytest
from cases import GRID, Case, mostly_daily, over, uncompiled
from closeness import assert_close
from interpreter import fresh_python
from relaxing import CHAIN, STEP

import dlntheory as dln
from dlntheory.numerics.kinds import leaves

MOMENTUM = 0.3
LATE = 60
MODES = [case for case in GRID if case.depth <= 3][::3]
KEPT = [
    Case(1, batch=None),
    Case(3, batch=1),
    Case(6, "square", "mixed", "scalars"),
    Case(2, "square", nudge="negative"),
    Case(3, "square", "mixed", "mixed", nudge="soft", dtype="float32"),
]


def has_spectrum(case):
    """Whether something is free to move."""
    return case.depth > 1 or isinstance(case.options["nudge"], dln.SoftOutput)


def condition(case):
    """Of the Hessian."""
    return 10 * float(dln.inference_spectrum(case.net, **case.options).condition_number) if has_spectrum(case) else 1.0


def spectrum(net, x, y, coordinates, covariances, nudge):
    found = dln.inference_spectrum(net, covariances, nudge, coordinates)
    derived = (found.condition_number, found.stability_limit, found.best_step, found.best_momentum, found.momentum_step)
    return found.smallest, found.largest, *derived, found.rate(), found.rate(0.1, 0.2)


def propagated(net, x, y, covariances, nudge):
    if isinstance(nudge, dln.SoftOutput):
        nudge = None
    return dln.energy_propagation(net, x, y, 7, STEP, MOMENTUM, covariances, nudge)


def energies(net, x, y, covariances, nudge):
    shapes = [(*x.shape[:-1], width) for width in net.widths]
    activities = [np.sin(np.arange(float(np.prod(shape)))).reshape(shape).astype(x.dtype) for shape in shapes]
    target = {"nudge": nudge, "y": y} if isinstance(nudge, dln.SoftOutput) else {}
    return tuple(dln.energy(net, activities, covariances, **target, by_layer=each) for each in (False, True))


def early(net, x, y, **options):
    return dln.finite_time_activities(net, x, y, 4, STEP, MOMENTUM, **options)


def modes(net, x, y, **options):
    found = dln.InferenceModes(net, x, y, STEP, MOMENTUM, "zero", **options)
    return found.eigenvalues, found.at(LATE), found.at(10**9)


def series(net, x, y, **options):
    return dln.finite_time_activities(net, x, y, LATE, STEP, MOMENTUM, solver="series", **options)


FUNCTIONS = {
    "spectrum": lambda *data, **options: spectrum(*data, "activities", **options),
    "errors' spectrum": lambda *data, **options: spectrum(*data, "errors", **options),
    "energy": energies,
    "energy_propagation": propagated,
    "early times": early,
}


def in_both_kinds(function, case):
    """The results of NumPy and of JAX, each of its kind."""
    net, x, y = case.data
    plain = function(net, x, y, **case.options)
    with uncompiled():
        traced = function(net.to_jax(), jax.numpy.asarray(x), jax.numpy.asarray(y), **case.options)
    assert all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves(plain))
    assert all(isinstance(leaf, jax.Array) for leaf in leaves(traced))
    return plain, traced


def comparable(result):
    """What a relaxation says in numbers that rounding moves a little: the small residual is nothing but rounding."""
    if isinstance(result, dln.Relaxation):
        return result.activities, result.errors, result.weighted_errors, result.energy_by_layer, result.energy
    return result


PAIRS = [
    pytest.param(name, case, id=f"{name}-{case}", marks=[] if case in KEPT else pytest.mark.daily)
    for name in FUNCTIONS
    for case in GRID
    if "spectrum" not in name or has_spectrum(case)
]


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_numpy_and_jax_agree(name, case):
    plain, traced = in_both_kinds(FUNCTIONS[name], case)
    assert_close(comparable(plain), comparable(traced), condition(case))
    if isinstance(plain, dln.Relaxation):
        assert_close(plain.residual_norm, traced.residual_norm, condition(case))
        assert (plain.steps, plain.outcome) == (traced.steps, traced.outcome)


@over(mostly_daily(MODES, MODES[1::5]))
@pytest.mark.parametrize("function", [modes, series])
def test_numpy_and_jax_agree_at_late_times(case, function):
    plain, traced = in_both_kinds(function, case)
    pairs = zip(plain, traced, strict=True) if isinstance(plain, tuple) else [(plain, traced)]
    for one, other in pairs:
        assert_close(comparable(one), comparable(other), 10 * condition(case))


def test_simulations_return_the_kind_that_came():
    net, x, y = CHAIN.data
    given = {"steps": 5, "step_size": STEP, "schedule": dln.Spiking(), **CHAIN.options}
    plain = dln.simulate_inference(net, x, y, **given)
    traced = dln.simulate_inference(net.to_jax(), x, y, **given)
    assert all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves(plain))
    assert all(isinstance(leaf, jax.Array) for leaf in leaves(traced))
    assert_close(comparable(plain), comparable(traced))


def test_a_seed_starts_numpy_and_jax_alike_and_a_random_key_starts_jax():
    net, x, y = CHAIN.data
    plain = dln.finite_time_activities(net, x, y, 5, STEP, start="random", key=3, **CHAIN.options)
    traced = dln.finite_time_activities(net.to_jax(), x, y, 5, STEP, start="random", key=3, **CHAIN.options)
    keyed = dln.finite_time_activities(net, x, y, 5, STEP, start="random", key=jax.random.key(3), **CHAIN.options)
    assert isinstance(plain.energy, np.ndarray)
    assert isinstance(keyed.energy, jax.Array)
    for other in (traced, keyed):
        assert_close(comparable(plain), comparable(other))


@pytest.mark.parametrize("function", [dln.simulate_inference, dln.finite_time_activities])
def test_a_start_of_higher_precision_keeps_its_digits(function):
    net, (x, y) = dln.LinearNetwork.random([2, 2, 2], dtype="float32"), np.ones((2, 2), np.float32)
    hidden = np.array([1 / 3, 2 / 3])
    found = function(net, x, y, 0, 0.1, start=[x, hidden, y]).activities[1]
    assert np.allclose(found, hidden, rtol=1e-14, atol=0)


def test_a_traced_option_makes_a_numpy_network_a_jax_one():
    net, x, y = CHAIN.data
    expected = dln.finite_time_activities(net, x, y, 5, STEP, **CHAIN.options)
    found = jax.jit(lambda step: dln.finite_time_activities(net, x, y, 5, step, start="forward", **CHAIN.options))(STEP)
    assert_close(comparable(found), comparable(expected))
    steps = dln.inference_spectrum(net).steps_to(1e-3)
    assert jax.jit(lambda tolerance: dln.inference_spectrum(net).steps_to(tolerance))(1e-3) == steps


def test_every_outcome_has_a_word_and_a_sentence():
    case = Case(3)
    found = dln.finite_time_activities(*case.data, 3, STEP)
    assert found.outcome == "step limit"
    assert found.explanation.startswith("Every step was taken")
    assert dln.finite_time_activities(*case.data, 10**9, STEP).explanation.endswith("at most the tolerance.")


def test_closed_forms_on_numpy_arrays_never_import_jax():
    seen = fresh_python("""
import json, sys, warnings
import numpy as np
import dlntheory as dln
net = dln.LinearNetwork.random([6, 8, 7, 5], key=0)
x, y = np.ones((3, 6)), np.ones((3, 5))
soft = {"nudge": dln.SoftOutput(2.0), "covariances": [0.5, 1.0, 2.0]}
for options in ({}, soft):
    spectrum = dln.inference_spectrum(net, **options)
    spectrum.steps_to(1e-3), spectrum.rate(0.1, 0.2), spectrum.best_momentum
    dln.inference_spectrum(net, **options, coordinates="errors")
    for solver in ("auto", "modes", "series"):
        for steps in (3, 100, 10**9):
            run = dln.finite_time_activities(net, x, y, steps, 0.1, 0.2, "zero", solver=solver, **options)
            run.outcome, run.explanation, run.steps
    dln.InferenceModes(net, x, y, 0.1, start=run.activities, **options).at(50)
dln.energy_propagation(net, x, y, 5, 0.1)
dln.energy(net, run.activities)
for schedule in (dln.Spiking(), dln.Decaying(0.3)):
    schedule.precisions(2, 5, 3, 0.1)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    dln.finite_time_activities(net, x, y, 100, 9.0)
big = dln.LinearNetwork.random([40] * 9, key=0)
dln.inference_spectrum(big)
print(json.dumps(["jax" in sys.modules, "equinox" in sys.modules, type(run.energy).__module__]))
""")
    assert seen == [False, False, "numpy"]
