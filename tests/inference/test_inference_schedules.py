"""Precisions that change, how energy travels, and local updates from a relaxation that has not settled.

Oracles: a plain NumPy simulation, the local rule written out, binomial coefficients, and the equilibrium.
"""

import math
from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import Case, over
from closeness import assert_close
from relaxing import CHAIN, STEP, by_hand, forward_rows

import dlntheory as dln
from dlntheory.inference.propagation import arrivals

SCHEDULES = {"spiking": dln.Spiking(), "decaying": dln.Decaying(0.4), "constant": dln.Decaying(0.0)}


def test_spikes_come_when_the_error_does():
    table = np.array([SCHEDULES["spiking"].precisions(time, 6, 4, 0.1) for time in range(6)])
    expected = np.ones((6, 4))
    for layer in range(1, 5):
        expected[4 - layer, layer - 1] = 10
    np.testing.assert_allclose(table, expected)


@pytest.mark.parametrize("k", [0.0, 0.3, 2.0])
def test_decaying_precisions_sum_to_one_while_they_are_active(k):
    steps, depth = 9, 4
    table = np.array([dln.Decaying(k).precisions(time, steps, depth, 0.1) for time in range(steps + 1)])
    for layer in range(1, depth + 1):
        first = depth - layer
        np.testing.assert_allclose(table[first:, layer - 1].sum(), 1)
        np.testing.assert_array_equal(table[:first, layer - 1], 1)
        np.testing.assert_allclose(table[first + 1 :, layer - 1] / table[first:-1, layer - 1], np.exp(-k))


@pytest.mark.parametrize("name", [*SCHEDULES, "prescribed"])
def test_scheduled_steps_are_those_of_a_plain_simulation(name):
    """Precisions of time ``t`` take the state of time ``t`` on; those of the last time weight what is returned."""
    case, steps = Case(3, "square", "mixed", "scalars"), 5
    problem = oracles.problem_of(case)
    prescribed = np.random.default_rng(0).uniform(0.5, 2, size=(3, 3))
    if name == "prescribed":
        schedule, factors = prescribed, [*1 / prescribed, *np.ones((3, 3))]
    else:
        schedule = SCHEDULES[name]
        factors = [np.asarray(schedule.precisions(time, steps, 3, STEP)) for time in range(steps + 1)]
    free = forward_rows(problem)
    for time in range(steps):
        at_time = problem._replace(precisions=[f * p for f, p in zip(factors[time], problem.precisions, strict=True)])
        free = by_hand(at_time, free, 1, STEP)
    last = problem._replace(precisions=[f * p for f, p in zip(factors[steps], problem.precisions, strict=True)])
    expected = oracles.solution(last, free)
    found = dln.simulate_inference(*case.data, steps, STEP, **case.options, schedule=schedule)
    assert_close(found.activities, expected.activities, 10)
    assert_close(found.weighted_errors, expected.weighted_errors, 10)
    assert_close(found.energy, expected.energy, 10)
    found_covariances = [1 / np.asarray(each) for each in found.problem.covariances]
    assert_close(np.array(found_covariances), np.array([p[0, 0] for p in last.precisions]))


@pytest.mark.parametrize("tolerance", [None, 1e-6])
def test_precisions_that_decay_do_not_pass_for_convergence(tolerance):
    """They stop the state wherever it is; how far from the equilibrium it is, the constant ones tell."""
    case = Case(3)
    found = dln.simulate_inference(*case.data, 2000, STEP, schedule=dln.Decaying(0.5), tolerance=tolerance)
    at_rest = dln.simulate_inference(*case.data, 0, STEP, start=found.activities)
    assert found.outcome == "step limit"
    assert found.residual_norm > 0.1
    np.testing.assert_allclose(found.residual_norm, at_rest.residual_norm, rtol=1e-12)


def test_prescribed_covariances_leave_the_limit_unknown():
    """A step far above the constant limit is stable with large covariances, and one far below is not with small ones."""
    case, table = Case(3), np.ones((400, 3))
    slow = dln.simulate_inference(*case.data, 400, 5.0, schedule=100 * table)
    plain = dln.simulate_inference(*case.data, 400, 0.05)
    assert_close(slow.activities, plain.activities, 10)
    assert slow.outcome == plain.outcome
    fast = dln.simulate_inference(*case.data, 8, 0.05, schedule=1e-3 * table[:8])
    assert fast.outcome == "diverged", "by its numbers"


def test_a_spike_passes_and_so_the_limit_is_known():
    with pytest.warns(UserWarning, match="above the stability limit"):
        found = dln.simulate_inference(*Case(3).data, 10, 5.0, schedule="spiking")
    assert found.outcome == "diverged"


def test_the_unit_schedule_is_none():
    plain = dln.simulate_inference(*CHAIN.data, 3, STEP)
    assert_close(dln.simulate_inference(*CHAIN.data, 3, STEP, schedule="unit").activities, plain.activities)
    with pytest.raises(ValueError, match="`k` is -1"):
        dln.Decaying(-1.0)


def updates_at(case, activities, weighted):
    """The local rule, written out."""
    rows = [np.atleast_2d(np.asarray(each)) for each in activities]
    weighted = [np.atleast_2d(np.asarray(each)) for each in weighted]
    return [w.T @ before / len(before) for w, before in zip(weighted, rows, strict=False)]


@over([CHAIN, Case(2, "expanding", batch=None), Case(3, "square", "residual", nudge="soft"), Case(2, nudge="negative")])
def test_local_updates_need_the_relaxation_alone(case):
    found = dln.simulate_inference(*case.data, 4, STEP, **case.options)
    sign = -1.0 if case.nudge == "negative" else 1.0
    expected = [sign * each for each in updates_at(case, found.activities, found.weighted_errors)]
    assert_close(list(dln.relaxed_weight_updates(case.net, found)), expected, 10)
    biases = dln.relaxed_bias_updates(case.net, found)
    for learned, bias, error in zip(case.learned, biases, found.weighted_errors, strict=True):
        if learned:
            assert_close(bias, np.atleast_2d(error).mean(axis=0))
        else:
            assert bias is None


def test_forward_updates_move_away_from_the_feedforward_pass():
    case = Case(3, "bottleneck", "learned", "scalars")
    found = dln.simulate_inference(*case.data, 4, STEP, **case.options)
    predicted = oracles.forward(*oracles.problem_of(case)[:3])
    weighted = [
        (np.asarray(after) - np.asarray(before)) / covariance
        for after, before, covariance in zip(found.activities[1:], predicted[1:], case.covariance_list, strict=True)
    ]
    expected = updates_at(case, predicted, weighted)
    assert_close(list(dln.relaxed_weight_updates(case.net, found, forward=True)), expected, 10)


def test_at_equilibrium_they_are_the_rules_own():
    case = Case(3, "square", "mixed", "scalars")
    found = dln.finite_time_activities(*case.data, 10**6, STEP, **case.options)
    for rescaling in (None, "adaptive", "adaptive_positive", "decorrelated"):
        options = {"covariances": case.covariance_list, "rescaling": rescaling}
        for learning_rate in (None, 0.1):
            expected = dln.prediction_change(*case.data, learning_rate=learning_rate, **options)
            change = dln.relaxed_prediction_change(case.net, found, rescaling, learning_rate)
            assert_close(change, expected, 1e5)
            aligned = dln.target_alignment(*case.data, learning_rate=learning_rate, **options)
            assert_close(dln.relaxed_alignment(case.net, found, rescaling, learning_rate), aligned, 1e5)


def test_relaxed_updates_refuse_what_does_not_fit():
    found = dln.simulate_inference(*CHAIN.data, 1, STEP, **CHAIN.options)
    with pytest.raises(ValueError, match="widths"):
        dln.relaxed_weight_updates(Case(2).net, found)
    with pytest.raises(TypeError, match="`relaxation` is a tuple; wanted a Relaxation"):
        dln.relaxed_alignment(CHAIN.net, found.activities)
    with pytest.raises(ValueError, match="hold a matrix"):
        dln.relaxed_weight_updates(CHAIN.net, found, "adaptive")
    with pytest.raises(ValueError, match="`rescaling` is 'fast'"):
        dln.relaxed_weight_updates(CHAIN.net, found, "fast")


@over([Case(3), Case(6, "square", "residual", "scalars"), Case(2, "expanding", "learned", batch=None)])
def test_energy_travels_as_predicted_to_leading_order(case):
    """``γ^{2(L−l)} C(T, L−l)² |D_lᵀ r|²/2``, with every precision on the way; the error is of the next order."""
    steps, depth = 7, case.depth
    problem = oracles.problem_of(case)
    residual = problem.y - oracles.predict(problem.parameters, problem.skips, problem.x)
    maps = [w + s * np.eye(*w.shape) for w, s in zip(problem.parameters.weights, problem.skips, strict=True)]
    options = {"covariances": case.covariance_list}
    for step in (1e-5, 1e-3):
        error, expected = residual, []
        for layer in range(depth, 0, -1):
            share = step ** (depth - layer) * math.comb(steps, depth - layer)
            expected.append(share**2 * np.sum((error @ problem.precisions[layer - 1]) * error, axis=-1) / 2)
            error = error @ problem.precisions[layer - 1] @ maps[layer - 1]
        found = np.atleast_2d(dln.energy_propagation(*case.data, steps, step, **options))
        np.testing.assert_allclose(found, np.stack(expected[::-1], axis=-1), rtol=1e-11)
        simulated = np.atleast_2d(dln.simulate_inference(*case.data, steps, step, **options).energy_by_layer)
        np.testing.assert_allclose(simulated, found, rtol=200 * steps * step)


def test_energy_that_has_just_arrived_is_exact():
    case = Case(6)
    for momentum in (0.0, 0.9):
        for steps in (1, 3, 5):
            found = dln.energy_propagation(*case.data, steps, 0.2, momentum)
            simulated = dln.simulate_inference(*case.data, steps, 0.2, momentum).energy_by_layer
            assert_close(found[:, : 6 - steps], simulated[:, : 6 - steps])
            assert not np.asarray(found[:, : 5 - steps]).any()
    with pytest.raises(ValueError, match="`nudge` is a SoftOutput"):
        dln.energy_propagation(*case.data, 1, 0.2, nudge=dln.SoftOutput(1.0))


def test_momentum_carries_energy_on():
    """In how many ways: coefficients of ``(z / ((1 − z)(1 − μz)))^{L−l} / (1 − z)``, each move followed by its echoes."""
    steps, depth, momentum = 6, 4, Fraction(1, 2)
    layer = [sum((momentum**echo for echo in range(turn)), Fraction(0)) for turn in range(steps + 1)]
    ways, expected = [Fraction(1)] * (steps + 1), []
    for _ in range(depth):
        expected.append(float(ways[steps]))
        ways = [sum(ways[turn - echo] * layer[echo] for echo in range(turn + 1)) for turn in range(steps + 1)]
    np.testing.assert_allclose(arrivals(depth, steps, np.float64(0.5)), expected[::-1])
