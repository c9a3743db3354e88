"""Prediction change and target alignment, continuous and finite.

Oracles: the dense Jacobian of the forward pass times the update; the update applied and the network run again; the
order at which finite steps approach continuous time; the cosine by its definition.
"""

from functools import cache

import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import FEW, GRID, Case, over
from cases import eagerly as eagerly
from closeness import assert_close, bound, epsilon, norm, relative_error

import dlntheory as dln

RESCALINGS = (None, "adaptive", "adaptive_positive", "decorrelated")
COMBINATIONS = [(rule, rescaling) for rule in ("bp", "pc") for rescaling in RESCALINGS] + [("natural", None)]
MAIN = [("bp", None), ("pc", None), ("pc", "decorrelated")]


def crossed():
    """The main combinations on every case, all of them on a few."""
    for case in GRID:
        for rule, rescaling in COMBINATIONS if case in FEW else MAIN:
            if not (rule == "pc" and rescaling and case.covariances in ("matrices", "mixed")):
                yield pytest.param(case, rule, rescaling, id=f"{case.id}-{rule}-{rescaling}")


everywhere = pytest.mark.parametrize(("case", "rule", "rescaling"), list(crossed()))


@cache
def updates(case, rule, rescaling):
    data = (*case.data, rule, rescaling)
    return dln.weight_updates(*data, **case.options), dln.bias_updates(*data, **case.options)


@cache
def jacobian(case):
    return np.hstack(oracles.jacobian(oracles.problem_of(case, nudged=False), case.learned))


@pytest.mark.grid
@everywhere
def test_the_prediction_change_is_the_jacobian_times_the_update(case, rule, rescaling):
    update = np.hstack(oracles.flatten(*updates(case, rule, rescaling)))
    expected = (jacobian(case) @ update).reshape(np.shape(case.y))
    actual = dln.prediction_change(*case.data, rule, rescaling, **case.options)
    assert_close(actual, expected, condition=norm(jacobian(case)) * norm(update) / norm(expected))


@pytest.mark.grid
@everywhere
def test_a_finite_step_is_the_network_run_again(case, rule, rescaling):
    weights, biases = updates(case, rule, rescaling)
    problem = oracles.problem_of(case, nudged=False)
    rate = 0.3 / max(norm(each) for each in weights)
    rate = float(np.asarray(rate, case.dtype))
    moved = oracles.stepped(problem, weights, biases, rate)
    before, after = (oracles.predict(each.parameters, each.skips, each.x) for each in (problem, moved))
    actual = dln.prediction_change(*case.data, rule, rescaling, learning_rate=rate, **case.options)
    stretch = np.prod(
        [
            np.linalg.norm(each, 2) + 0.3 + skip
            for each, skip in zip(problem.parameters.weights, problem.skips, strict=True)
        ]
    )
    condition = stretch * (norm(case.x) + norm(problem.parameters.biases) + 1) / norm(after - before)
    assert_close(actual, (after - before).reshape(np.shape(case.y)), condition)


@pytest.mark.grid
@over(FEW)
@pytest.mark.parametrize(("rule", "rescaling"), MAIN)
def test_finite_steps_approach_continuous_time_at_first_order(case, rule, rescaling):
    if rescaling and case.covariances in ("matrices", "mixed"):
        rescaling = None
    continuous = dln.prediction_change(*case.data, rule, rescaling, **case.options)
    size = max(norm(each) for each in updates(case, rule, rescaling)[0])
    gaps, tiny = [], 1e-2 if case.dtype == "float32" else 1e-4
    for rate in (10 * tiny / size, tiny / size):
        finite = dln.prediction_change(*case.data, rule, rescaling, learning_rate=rate, **case.options)
        gaps.append(relative_error(finite / jnp.asarray(rate, finite.dtype), continuous))
    floor = bound(epsilon(case.x))
    assert gaps[1] <= floor or gaps[1] == pytest.approx(gaps[0] / 10, rel=0.1, abs=floor)


@over(GRID)
def test_the_alignment_is_the_cosine_of_change_and_residual(case):
    change = np.atleast_2d(dln.prediction_change(*case.data, **case.options)).astype(float)
    residual = np.atleast_2d(case.y - np.asarray(case.net(case.x))).astype(float)
    sizes = np.linalg.norm(change, axis=1) * np.linalg.norm(residual, axis=1)
    actual = dln.target_alignment(*case.data, **case.options)
    assert actual.shape == (() if case.batch is None else (case.batch,))
    cancelled = np.linalg.norm(np.atleast_2d(case.y), axis=1).max() / np.linalg.norm(residual, axis=1).min()
    tolerance = bound(epsilon(case.x), cancelled)
    np.testing.assert_allclose(np.ravel(actual), (change * residual).sum(axis=1) / sizes, rtol=0, atol=tolerance)


@over([Case(3, "bottleneck", "mixed"), Case(1)])
@pytest.mark.parametrize("rate", [0.5, -0.5, 10.0])
def test_the_alignment_of_a_finite_step_is_that_of_its_change(case, rate):
    change = dln.prediction_change(*case.data, learning_rate=rate)
    residual = case.y - case.net(case.x)
    cosine = (change * residual).sum(axis=1) / jnp.linalg.norm(change, axis=1) / jnp.linalg.norm(residual, axis=1)
    np.testing.assert_allclose(
        dln.target_alignment(*case.data, learning_rate=rate), cosine, rtol=0, atol=bound(epsilon(1.0))
    )


def test_no_step_moves_nothing():
    case = Case(3, "bottleneck", "mixed")
    assert norm(dln.prediction_change(*case.data, learning_rate=0.0)) == 0


def test_one_layer_and_one_sample_are_always_aligned():
    case = Case(1, batch=None)
    for rule, rescaling in COMBINATIONS:
        assert dln.target_alignment(*case.data, rule, rescaling) == pytest.approx(1, abs=bound(epsilon(1.0)))


def test_undefined_alignments_are_nan():
    net, x, y = Case(3).data
    prediction = net(x)
    np.testing.assert_array_equal(np.isnan(dln.target_alignment(net, x, prediction)), True)
    some = jnp.asarray(y).at[1].set(prediction[1])
    np.testing.assert_array_equal(np.isnan(dln.target_alignment(net, x, some)), [False, True, False])
    assert np.isnan(dln.target_alignment(net, np.zeros(4), y[0], rule="bp"))
