"""How the cases of a claim decide it, and how numbers are shown.

Oracle: cases made up for the purpose.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.sample_efficiency.claims import Claim, Results, grid
from experiments.sample_efficiency.claims.trainings import Training, lower
from experiments.sample_efficiency.claims.verdicts import Case, above, below, slight, verdict_of


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        ([above({"size": 1}, 1), above({"size": 2}, 0.1)], "holds"),
        ([above({"size": 1}, -1), below({"size": 2}, 2, 1)], "fails"),
        ([above({"size": 1}, 1), above({"size": 2}, -1), above({"size": 3}, -1)], "holds in 1 of 3"),
        ([above({"size": 1}, [-1, 1.1])], "within noise"),  # 0.05 ± 1.05
        ([above({"size": 1}, [-1, 1.1]), above({"size": 2}, [1, 1.1])], "holds"),
        ([above({"size": 1}, [-1, 1.1]), above({"size": 2}, [-1, -1.1])], "fails"),
        ([above({"size": 1}, 0.1, least=0.1), above({"size": 2}, -0.1, least=0.1)], "within noise"),
        ([above({"size": 1}, 0.2, least=0.1), above({"size": 2}, -0.2, least=0.1)], "holds in 1 of 2"),
        ([above({"size": 1}, 0.0)], "within noise"),
        ([above({"size": 1}, 1), above({"size": 1}, 1)], "holds"),  # panels that share a point
    ],
)
def test_verdicts(cases, verdict):
    assert verdict_of(cases).text == verdict


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1))
def test_a_verdict_counts_sides(values):
    found = verdict_of([above({"place": place}, value, least=0.5) for place, value in enumerate(values)])
    right, wrong = values.count(1), values.count(-1)
    kinds = {(True, False): "holds", (False, True): "fails", (True, True): "in part", (False, False): "within noise"}
    assert found.kind == kinds[right > 0, wrong > 0]
    assert found.text == (f"holds in {right} of {right + wrong}" if found.kind == "in part" else found.kind)


def test_the_noise_is_the_standard_error_of_the_mean():
    case = above({}, [1.0, 2.0, 3.0, 6.0], 0.5)
    spread = math.sqrt((4 + 1 + 0 + 9) / 3) / 2  # mean 3
    assert (case.value, case.threshold, case.error) == pytest.approx((3, 0.5, spread))
    assert case.side == "right"
    assert above({}, [1.0, 2.0, 3.0, 6.0], 3 - 1.9 * spread).side == "noise"


@pytest.mark.parametrize(
    ("gain", "side"), [(-0.5, "wrong"), (-0.005, "noise"), (0.05, "right"), (0.1, "noise"), (0.5, "wrong")]
)
def test_a_loss_is_no_slight_gain(gain, side):
    assert slight({}, gain, 0.1, least=0.01).side == side


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([], "no cases"),
        ([Case({"size": 1}, math.nan)], "compares nan"),
        ([above({"size": 1}, 1), above({"size": 1}, -1)], "with the same factors disagree"),
    ],
)
def test_what_decides_nothing_is_refused(cases, message):
    with pytest.raises(ValueError, match=message):
        verdict_of(cases)


# The plain table of cases


def record_of(cases):
    return Claim("name", "1", "Text.", "test", lambda _: cases).record(Results({}))


def test_the_factor_that_leaves_fewest_rows_goes_across():
    cases = [above({"kind": kind, "size": size}, size - 2, least=0.5) for kind in ("a", "b") for size in (4, 1, 2)]
    assert grid.grid(record_of(cases)) == (["size", "1", "2", "4"], [["a", "-1✗", "0~", "2"], ["b", "-1✗", "0~", "2"]])


def test_one_case_is_a_table_too():
    assert grid.grid(record_of([above({}, 0.25)])) == (["", ""], [["", ".25"]])


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(0.25, 0, ".25"), (10.25, 1e-15, "10.2"), (3.19e-11, 0, "3e-11"), (0.0, 0, "0"), (-0.27312, 0.0043, "-.273 ±.004"), (12.49, 3.3, "12 ±3"), (2e-5, 3e-6, "2e-5 ±3e-6"), (0.99918, 8.9e-5, ".9992 ±.0001")],
)  # fmt: skip
def test_a_number_has_the_digits_that_its_error_leaves(value, error, text):
    assert grid.number(value, error) == text


def test_extremes_are_against_and_for_a_claim():
    cases = [above({"n": 1}, -2, least=1), above({"n": 2}, 50, unit="steps", least=60), above({"n": 3}, 3)]
    assert grid.extremes(record_of(cases)) == ("-2✗", "3")
    assert grid.extremes(record_of(cases[1:])) == ("50 steps~", "3")


# Errors below rounding


def course(*powers):
    """A training of two seeds, measured every five steps, of curves whose errors fall to these powers of ten."""
    errors = {
        name: np.array([[10.0**power for power in each]] * 2) for name, each in zip(("bp", "pc"), powers, strict=True)
    }
    return Training({}, 5 * np.arange(len(powers[0])), errors, {})


def test_errors_below_rounding_are_ties_that_steps_break():
    slow, fast = (0, -10, -20, -31), (0, -20, -30, -30)
    case = lower(course(slow, fast), "pc", "bp", {})
    assert (case.value, case.unit, case.side) == (5, "steps", "noise")  # a step of the measurement
    late = (0, -5, -10, -20)
    case = lower(course(late, fast), "pc", "bp", {})
    assert (case.value, case.unit, case.side) == (10, "steps", "right")
    assert lower(course(fast, late), "pc", "bp", {}).side == "wrong"
    case = lower(course((0, -3, -6, -9), fast), "pc", "bp", {})
    assert (case.value, case.unit) == (pytest.approx(5), "")  # 1e-9 against rounding, 1e-14


@given(st.floats(-0.09, 0.09))
def test_less_than_a_quarter_is_no_difference(power):
    assert lower(course((0, -3), (0, -3 + power)), "pc", "bp", {}).side == "noise"
