"""What would make a theorem apply: each proposal is tried out.

Oracle: `verify` on the changed batch or network; hypotheses broken by construction.
"""

import pickle
import re

import numpy as np
import pytest

import dlntheory as dln

DRAW = np.random.default_rng(0)
NET = dln.LinearNetwork.random([6, 4, 5], "norm_preserving", key=0)
X, Y = DRAW.normal(size=(9, 6)), DRAW.normal(size=(9, 5))


def test_nothing_to_change():
    assert dln.verify(NET, X[:3], Y[:3], theorem=2).explain() == "Nothing needs to change: every hypothesis holds."


def test_the_first_samples_that_it_names_satisfy_theorem_2_and_one_more_do_not():
    text = dln.verify(NET, X, Y, theorem=2).explain()
    most = int(re.search(r"applies to the first (\d+) samples", text).group(1))
    assert dln.verify(NET, X[:most], Y[:most], theorem=2).applicable
    assert not dln.verify(NET, X[: most + 1], Y[: most + 1], theorem=2).applicable
    assert "the inputs of layer 2 span 4 directions, and 9 hold every residual" in text


def test_a_verdict_keeps_the_data_that_it_is_about():
    x, y, covariances = X.copy(), Y.copy(), np.array([1.0, 2.0])
    verdict = dln.verify(NET, x, y, theorem=2, covariances=covariances)
    expected = dln.verify(NET, X, Y, theorem=2, covariances=[1.0, 2.0]).explain()
    x[...], y[...], covariances[...] = 1, 2, -1
    assert verdict.explain() == expected


def test_as_many_units_as_it_wants_are_enough():
    wide = dln.LinearNetwork.random([9, 9, 5], "norm_preserving", key=1)
    assert "9 units and more" in dln.verify(NET, X, Y, theorem=2).explain()
    assert dln.verify(wide, DRAW.normal(size=(9, 9)), Y, theorem=2).applicable


def test_samples_to_leave_out_of_theorem_1():
    net = dln.LinearNetwork.from_weights([[[1.0]], [[1.0]]])
    x, y = np.array([[1.0], [1.0], [1.0]]), np.array([[3.0], [-1.0], [2.0]])  # x*_1 = (x + y) / 2 = 0 for the second
    text = dln.verify(net, x, y, theorem=1).explain()
    assert text == "Batch: it applies to 2 of the 3 samples; leave out 1 (from 0)."
    assert dln.verify(net, x[[0, 2]], y[[0, 2]], theorem=1).applicable
    assert dln.verify(net, x[1], y[1], theorem=1).explain().startswith("Targets: others would do")


def test_layers_that_no_theorem_is_about():
    net = dln.LinearNetwork([dln.Conv2d(DRAW.normal(size=(1, 1, 2, 2)))], input_shape=(1, 3, 3))
    verdict = dln.verify(net, DRAW.normal(size=(2, 1, 3, 3)), DRAW.normal(size=(2, 1, 2, 2)), theorem=1)
    assert verdict.explain().startswith("Layer: the weight of layer 1 must meet each sample once")


def test_covariances_of_spikes():
    verdict = dln.verify(NET, X, Y, theorem="spike", covariances=[2.0, 1.0])
    assert verdict.explain().startswith("Covariances: leave them out")


@pytest.mark.parametrize("theorem", [1, 2, "spike"])
def test_verdicts_pickle(theorem):
    verdict = dln.verify(NET, X, Y, theorem=theorem)
    assert pickle.loads(pickle.dumps(verdict)).explain() == verdict.explain()
