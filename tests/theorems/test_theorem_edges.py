"""No theorem applies and fails: Hypothesis looks at the edges of all of them, and fitted or blank samples decide nothing.

Numbers are small and whole, so that targets of zero, lost rank, repeated singular values and orthogonal activities are
exact and frequent. Oracle: the theorems' own conclusions.
"""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from interpreter import fresh_python

import dlntheory as dln

KINDS = ("dense", "residual", "learned", "fixed", "convolution")
WIDTHS = st.lists(st.integers(1, 3), min_size=2, max_size=4)
TARGETS = ("drawn", "zero", "fitted", "half fitted", "nearly fitted")


def layer(draws, kind, outputs, inputs):
    """A layer of small whole numbers; with ``"convolution"`` a kernel of one number, used at every position."""
    if kind == "convolution":
        return [dln.Reshape((1, inputs, 1)), dln.Conv2d(draws.integers(-2, 3, size=(1, 1, 1, 1))), dln.Flatten()]
    weight = draws.integers(-1, 2, size=(outputs, inputs))
    if kind == "residual" and outputs == inputs:
        return [dln.Residual(weight)]
    bias = draws.integers(-1, 2, size=outputs) if kind in ("learned", "fixed") else None
    return [dln.Dense(weight, bias, learn_bias=kind == "learned")]


def problem(seed, widths, kinds, batch, target):
    """A network, inputs with blank and equal samples among them, and targets."""
    draws = np.random.default_rng(seed)
    layers = []
    for outputs, inputs, kind in zip(widths[1:], widths, kinds, strict=False):
        layers += layer(draws, kind if kind != "convolution" or outputs == inputs else "dense", outputs, inputs)
    net = dln.LinearNetwork([*layers, dln.Dense(np.eye(widths[-1]))], (widths[0],))
    x = draws.integers(-1, 2, size=(batch, widths[0])).astype(float)
    y = draws.integers(-2, 3, size=(batch, widths[-1])).astype(float)
    fitted = {"fitted": batch, "half fitted": batch // 2, "nearly fitted": batch}.get(target, 0)
    y[:fitted] = net(x)[:fitted]
    if target == "nearly fitted":
        y = y + np.spacing(np.maximum(np.abs(y), 1))
    return net, x, 0 * y if target == "zero" else y


@settings(max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    WIDTHS,
    st.lists(st.sampled_from(KINDS), min_size=3, max_size=3),
    st.integers(1, 4),
    st.sampled_from(TARGETS),
    st.sampled_from([1, 2, "spike", "nudging"]),
)
def test_where_a_theorem_applies_it_holds(seed, widths, kinds, batch, target, theorem):
    verdict = dln.verify(*problem(seed, widths, kinds, batch, target), theorem)
    event(f"{theorem}: {'applies' if verdict.applicable else 'does not apply'}")
    assert verdict.holds or not verdict.applicable, verdict.detail


@settings(max_examples=12)
@given(
    st.integers(0, 2**32 - 1),
    WIDTHS,
    st.lists(st.sampled_from(KINDS), min_size=3, max_size=3),
    st.sampled_from(TARGETS),
)
def test_where_theorem_3_applies_it_holds(seed, widths, kinds, target):
    verdict = dln.verify(*problem(seed, widths, kinds, 1, target), 3)
    event(f"{'applies' if verdict.applicable else 'does not apply'}")
    assert verdict.holds or not verdict.applicable, verdict.detail


def batch_with_one_fitted(ulps):
    """Three samples, of which the last is fitted, but for so many units in the last place."""
    draws = np.random.default_rng(0)
    weights = [draws.integers(-2, 3, size=shape).astype(float) for shape in ((4, 5), (3, 4))]
    net, x, y = dln.LinearNetwork.from_weights(weights), draws.normal(size=(3, 5)), draws.normal(size=(3, 3))
    x[2] = np.round(x[2])
    y[2] = weights[1] @ weights[0] @ x[2]
    y[2] += ulps * np.spacing(y[2])
    return net, x, y


@pytest.mark.parametrize("ulps", [0, 1, -2])
@pytest.mark.parametrize("theorem", [1, 2])
def test_a_fitted_sample_decides_nothing(theorem, ulps):
    net, x, y = batch_with_one_fitted(ulps)
    verdict = dln.verify(net, x, y, theorem)
    assert verdict.applicable, verdict.detail
    assert verdict.holds, verdict.detail
    assert np.isnan(verdict.alignment[2])
    np.testing.assert_allclose(verdict.alignment[:2], 1, atol=verdict.tolerance)


@pytest.mark.parametrize("theorem", [1, 2])
def test_a_residual_too_small_to_divide_by_is_not_decided(theorem):
    net = dln.LinearNetwork.from_weights([np.eye(2), np.diag([1.0, 2.0])])
    verdict = dln.verify(net, [[1.0, 0.0], [0.0, 1.0]], [[2.0, 1.0], [5e-324, 2.0]], theorem)
    assert verdict.holds
    verdict = dln.verify(net, [[0.0, 0.0], [0.0, 1.0]], [[1e-310, 0.0], [3.0, 1.0]], theorem)
    assert not verdict.applicable


def test_a_fitted_sample_whose_prediction_moves_by_more_than_rounding_refutes():
    """Without its rescaling by matrices, the update of the other samples moves it."""
    net, x, y = batch_with_one_fitted(0)
    verdict = dln.verify(net, x, y, "printed-1")
    moved = dln.prediction_change(net, x, y, rescaling="adaptive")[2]
    assert np.linalg.norm(moved) > 1e-2
    assert not verdict.holds


def test_theorem_3_of_a_fitted_sample():
    net, x, y = batch_with_one_fitted(1)
    verdict = dln.verify(net, x[2], y[2], 3)
    assert verdict.applicable, verdict.detail
    assert verdict.holds, verdict.detail


def test_verify_of_numpy_data_imports_no_jax():
    script = """
import json, sys
import numpy as np
import dlntheory as dln
from dlntheory.theorems.counterexamples import COUNTEREXAMPLES
net = dln.LinearNetwork.random([4, 4, 3], key=0)
x, y = np.ones((1, 4)), 2 * np.ones((1, 3))
for theorem in (1, 2, 3, "spike", "nudging", "printed-residual"):
    dln.verify(net, x, y, theorem)
for name, example in COUNTEREXAMPLES.items():
    dln.verify(*example.problem(), name)
dln.interference_free_covariances(net, x, y, start=[1.0, 2.0])
print(json.dumps(sorted({"jax", "equinox"} & set(sys.modules))))
"""
    assert fresh_python(script) == []
