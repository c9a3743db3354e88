"""Arguments of `compare` and others that are no data, rules, flags or seeds: converted as elsewhere, or refused by name."""

import jaxtyping
import numpy as np
import pytest

import dlntheory as dln

DRAW = np.random.default_rng(0)
NET = dln.LinearNetwork.from_weights([DRAW.normal(size=(4, 4)), DRAW.normal(size=(4, 4))])
X, Y = DRAW.normal(size=(2, 5, 4))
MASKED = np.ma.masked_array(X, X > 1)
RELAXED = dln.finite_time_activities(NET, X, Y, 2, 0.05)


@pytest.fixture(autouse=True)
def _as_users_call_it():
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def compare(**given):
    return dln.compare(**{"net": NET, "x": X, "y": Y, "rules": ["bp"], "batches": [1]} | given)


def test_one_sample_is_a_batch_of_one():
    rows = compare(x=X[0], y=Y[0], rules=["pc"]).rows
    assert [(row.batch, row.mean) for row in rows] == [(1, pytest.approx(dln.target_alignment(NET, X[0], Y[0])))]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: compare(x=MASKED), ValueError, "`x` has masked entries"),
        (lambda: compare(y=None), TypeError, "`y` is a NoneType"),
        (lambda: compare(x=3.0), ValueError, r"`x` has shape \(\)"),
        (lambda: compare(x=np.where(X > 1, np.nan, X)), ValueError, "`x` holds NaN"),
        (lambda: compare(x=X[:3]), ValueError, "same number of samples"),
        (lambda: compare(rules=[1]), TypeError, r"`rules\[0\]` is 1"),
        (lambda: compare(rules=[]), ValueError, "`rules` is empty"),
        (lambda: compare(batches=[]), ValueError, "`batches` is empty"),
        (lambda: compare(batches=X), TypeError, r"`batches\[0\]`"),
        (lambda: compare(seed=-1), ValueError, "`seed` is -1"),
        (lambda: dln.verify(None, X, Y), TypeError, "`net` is a NoneType"),
        (lambda: dln.target_alignment(NET, X, Y, by_layer="no"), TypeError, "`by_layer` is 'no'"),
        (lambda: dln.relaxed_alignment(NET, RELAXED, forward=X), TypeError, "`forward` is"),
        (lambda: dln.recall(NET, Y, None, X), TypeError, "`observed` is None"),
        (lambda: dln.log_likelihood(NET, X, Y, observed=[[1], 2]), ValueError, "`observed` is not an array"),
        (lambda: dln.expected_alignment([4, 4], input_norm=[]), ValueError, r"`input_norm` is \[\]"),
        (lambda: dln.expected_spectrum([4, 4, 4], grid="abc"), TypeError, "`grid` is a str"),
        (lambda: dln.aligned_variances([4, "a"]), TypeError, r"`widths\[1\]`"),
        (lambda: dln.aligned_variances([]), ValueError, r"`widths` is \(\)"),
        (lambda: dln.aligned_variances([4, 4], growth=None), TypeError, "`growth` is None"),
    ],
)
def test_refused_by_name(call, error, words):
    with pytest.raises(error, match=words):
        call()
