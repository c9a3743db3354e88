"""The theorems as checks, by NumPy and by JAX. Oracle: each other; they share the formulas and neither arithmetic."""

import jax
import numpy as np
import pytest
from cases import FEW, Case, mostly_daily, over, uncompiled
from closeness import assert_close

import dlntheory as dln

CASES = [case for case in FEW if not case.nudge and case.covariances in ("", "scalars")]
KEPT = [Case(3, covariances="scalars"), Case(2, "square", "mixed"), Case(1, batch=None)]
SEARCHED = [Case(2, batch=2), Case(3, "expanding", "learned", batch=None), Case(3, "bottleneck", "residual", batch=1)]
EITHER_WAY = 1e6
"""Conditioning of what the theorems invert on the grid."""


def assert_same_verdict(one, other):
    assert (one.holds, one.applicable) == (other.holds, other.applicable)
    assert one.hypotheses.keys() == other.hypotheses.keys()
    for name, hypothesis in one.hypotheses.items():
        assert hypothesis.holds == other.hypotheses[name].holds, name
    np.testing.assert_allclose(one.tolerance, other.tolerance, rtol=1e-2)
    np.testing.assert_allclose(one.alignment, other.alignment, atol=max(one.tolerance, 1e-9))


@over(mostly_daily(CASES, KEPT))
@pytest.mark.parametrize("theorem", [1, 2])
def test_both_kinds_find_the_same_verdict(case, theorem):
    net, x, y = case.data
    with uncompiled():
        by_jax = dln.verify(net.to_jax(), x, y, theorem, covariances=case.covariance_list)
    assert_same_verdict(dln.verify(net, x, y, theorem, covariances=case.covariance_list), by_jax)


@pytest.mark.parametrize("theorem", ["spike", "nudging", "printed-spike", "printed-nudging"])
def test_both_kinds_find_the_same_verdict_of_precisions(theorem):
    net, x, y = Case(3, "bottleneck", "mixed").data
    with uncompiled():
        by_jax = dln.verify(net.to_jax(), x, y, theorem)
    assert_same_verdict(dln.verify(net, x, y, theorem), by_jax)


@over(mostly_daily(SEARCHED, SEARCHED[:1]))
def test_both_kinds_find_the_same_covariances(case):
    net, x, y = case.data
    by_numpy, by_jax = (dln.interference_free_covariances(each, x, y) for each in (net, net.to_jax()))
    assert isinstance(by_numpy.covariances, np.ndarray)
    assert isinstance(by_jax.covariances, jax.Array)
    np.testing.assert_array_equal(by_numpy.found, by_jax.found)
    found = np.asarray(by_numpy.found)
    assert_close(by_numpy.covariances[found], np.asarray(by_jax.covariances)[found], EITHER_WAY)
