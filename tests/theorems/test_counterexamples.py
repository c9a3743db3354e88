"""The recorded counterexamples refute what is printed, and the corrected theorems hold on them.

Oracle: exact arithmetic, with each conclusion worked out by hand in the recorded text.
"""

import numpy as np
import pytest

from dlntheory.theorems.counterexamples import COUNTEREXAMPLES
from dlntheory.theorems.verify import STATEMENTS, verify

# alignment of every sample with what is claimed, and the relative error of the worst, by hand
BY_HAND = {
    "printed-1": ([-1, -1], 6 / 5),
    "printed-2": ([-1, -1], 3),
    "printed-residual": ([-1], 3 / 2),
    "printed-spike": ([1.11 / np.sqrt(3 * 1.0101)], np.sqrt((0.99**2 + 0.9**2) / 3)),
    "printed-nudging": ([12 / np.sqrt(145)], np.sqrt(41 / 261)),
}


def test_every_printed_form_has_one():
    assert set(COUNTEREXAMPLES) == set(BY_HAND) == {name for name in STATEMENTS if "printed" in str(name)}


@pytest.mark.parametrize("name", COUNTEREXAMPLES)
def test_the_printed_form_fails(name):
    verdict = verify(*COUNTEREXAMPLES[name].problem(), theorem=name)
    alignment, error = BY_HAND[name]
    assert verdict.applicable
    assert not verdict.holds
    assert max(verdict.alignment) < 1 - 1e-3
    np.testing.assert_allclose(verdict.alignment, alignment, rtol=1e-13)
    np.testing.assert_allclose(verdict.error, error, rtol=1e-13)


@pytest.mark.parametrize("name", COUNTEREXAMPLES)
def test_the_corrected_theorem_holds(name):
    example = COUNTEREXAMPLES[name]
    verdict = verify(*example.problem(), theorem=example.corrected)
    assert verdict.applicable
    assert verdict.holds


@pytest.mark.parametrize("name", COUNTEREXAMPLES)
def test_small_whole_numbers(name):
    example = COUNTEREXAMPLES[name]
    for array in (*example.weights, example.inputs, example.targets):
        assert np.asarray(array).dtype.kind == "i"
        assert np.abs(array).max() <= 4
