"""Which training is best, and which are as good: nothing is decided below rounding, or within noise.

Oracles: loops in plain Python; scrambled rounding, which must change nothing.
"""

import math
import statistics

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlntheory.training.comparison import NOISE, ROUNDING, arrivals, best_rate, gains, powers, tied, within_noise
from dlntheory.training.sweep import Sweep

POWERS = st.floats(-30, 2).filter(lambda power: abs(power + 14) > 0.01) | st.just(math.inf)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6))


@st.composite
def courses(draw):
    """Errors by rate, seed and time; every seed starts from its own, and diverged runs stay so."""
    rates, seeds, times = draw(SHAPES)
    size = rates * seeds * times
    exponents = np.array(draw(st.lists(POWERS, min_size=size, max_size=size))).reshape(rates, seeds, times)
    starts = np.array(draw(st.lists(st.floats(0.5, 50), min_size=seeds, max_size=seeds)))
    errors = starts[:, None] * 10.0 ** np.maximum.accumulate(np.where(np.isinf(exponents), np.inf, -np.inf), axis=-1)
    errors = np.where(np.isinf(errors), np.inf, starts[:, None] * 10.0 ** np.where(np.isinf(exponents), 0, exponents))
    return np.concatenate([np.broadcast_to(starts[:, None], (rates, seeds, 1)), errors], axis=-1)


def slow_best(errors):
    """Rates compared one by one."""
    best, least = 0, None
    for rate, course in enumerate(errors.tolist()):
        means = [sum(column) / len(column) for column in zip(*course, strict=True)]
        there = [time for time, mean in enumerate(means) if mean <= ROUNDING * means[0]]
        key = (0, there[0]) if there and there[-1] == len(means) - 1 else (1, means[-1])
        if least is None or key < least:
            best, least = rate, key
    return best


def slow_gain(better, worse):
    """Of two runs of one seed: powers of ten, and whether both end below rounding."""
    ends = [max(course[-1] / course[0], ROUNDING) for course in (better, worse)]
    clipped = [min(math.log10(end), math.log10(np.finfo(float).max)) if end < math.inf else 308.25 for end in ends]
    return clipped[1] - clipped[0], max(ends) <= ROUNDING


@given(courses())
def test_the_best_rate_is_that_of_a_loop(errors):
    assert int(best_rate(errors)) == slow_best(errors)
    np.testing.assert_array_equal(
        best_rate(np.stack([errors, errors[::-1]])), [slow_best(errors), slow_best(errors[::-1])]
    )


@given(courses())
def test_gains_are_those_of_a_loop(errors):
    for one in errors:
        gain, in_steps = gains(errors[0], one)
        pairs = [slow_gain(*pair) for pair in zip(errors[0].tolist(), one.tolist(), strict=True)]
        assert bool(in_steps) == all(both for _, both in pairs)
        if not in_steps:
            np.testing.assert_allclose(gain, [power for power, _ in pairs], atol=0.1)


@given(courses(), st.integers(0, 1000))
def test_what_rounding_leaves_decides_nothing(errors, seed):
    """Other remains of rounding, and arithmetic in another order, change neither the best rate nor its equals."""
    draw = np.random.default_rng(seed)
    starts = errors[..., :1]
    rounding = errors < ROUNDING * starts.min() / 2
    other = np.where(rounding, starts.min() * ROUNDING * 10.0 ** draw.uniform(-20, -1, errors.shape), errors)
    assert int(best_rate(other)) == int(best_rate(errors))
    np.testing.assert_array_equal(tied(other, best_rate(other)), tied(errors, best_rate(errors)))
    for one in errors:
        np.testing.assert_array_equal(gains(errors[0], one)[1], gains(errors[0], one)[1])


@given(courses())
def test_the_best_rate_is_as_good_as_itself_unless_it_diverges(errors):
    best = int(best_rate(errors))
    found = tied(errors, best_rate(errors))
    assert bool(found[best]) == bool(np.isfinite(errors[best, :, -1]).all())
    assert not found[np.isinf(errors[:, :, -1]).any(axis=1)].any()


@given(st.lists(st.floats(-3, 0), min_size=3, max_size=8))
def test_rates_are_as_good_within_two_standard_errors(differences):
    """The best rate ends at 1e-5 in every seed, the other at `differences` powers above it."""
    lifted = np.array(differences) + 3
    errors = np.ones((2, len(lifted), 2))
    errors[0, :, 1], errors[1, :, 1] = 1e-5, 10.0 ** (lifted - 5)
    mean, error = statistics.fmean(lifted), statistics.stdev(lifted) / math.sqrt(len(lifted))
    if abs(mean - NOISE * error) > 1e-9:
        assert bool(tied(errors, np.asarray(0))[1]) == (mean <= NOISE * error)


def test_times_that_differ_by_one_measurement_are_equal():
    course = np.full((4, 2, 10), 1e-20)
    for rate, arrival in enumerate((5, 3, 4, 9)):
        course[rate, :, :arrival] = 1.0
    assert arrivals(course).tolist() == [[5, 5], [3, 3], [4, 4], [9, 9]]
    assert int(best_rate(course)) == 1
    assert tied(course, best_rate(course)).tolist() == [False, True, True, False]


def test_a_course_that_leaves_rounding_again_has_not_arrived():
    """The first rate does not get there, the second late, the third early, the fourth is not there at the end."""
    powers_of_ten = [[-1, -2, -3], [-9, -20, -31], [-16, -18, -30], [-20, -20, -3]]
    errors = 10.0 ** np.array([[[0, *each]] * 2 for each in powers_of_ten])
    assert arrivals(errors)[:, 0].tolist() == [4, 2, 1, 4]
    assert int(best_rate(errors)) == 2
    assert int(best_rate(errors[[0, 1, 3]])) == 1


def test_a_network_that_starts_at_its_target_has_no_shares():
    errors = np.array([[[0.0, 0.0]], [[0.0, 1e-3]]])
    assert int(best_rate(errors)) == 0
    np.testing.assert_allclose(powers(errors)[..., -1], [[-14], [-3]])


@pytest.mark.parametrize("function", [lambda errors: best_rate(errors), lambda errors: tied(errors, best_rate(errors))])
def test_jax_decides_alike(function):
    errors = np.exp(np.random.default_rng(0).normal(size=(3, 5, 4, 6)) * 2)
    np.testing.assert_array_equal(jax.jit(function)(jnp.asarray(errors)), function(errors))


def test_the_least_that_counts_is_within_noise():
    assert within_noise(0.1, 0.0, 0.1)
    assert not within_noise(0.11, 0.05, 0.1)
    assert within_noise(-0.1, 0.05)


@pytest.mark.parametrize("by", ["error", "loss"])
def test_sweeps_decide_by_what_they_measured(by):
    curves = np.ones((1, 3, 2, 5))
    curves[0, 1, :, 2:], curves[0, 2, :, 3:] = 2e-16, 1e-31
    error = curves if by == "error" else None
    loss = curves if by == "loss" else np.ones((1, 3, 2, 5))
    found = Sweep(
        ("pc",), np.array([0.1, 0.2, 0.4]), error, loss, np.full((1, 3, 2), 5), np.zeros((1, 3, 2)), ((),), (None,)
    )
    assert found.best.tolist() == [1]
    assert found.tied.tolist() == [[False, True, True]]
    assert "tied" in str(found)
