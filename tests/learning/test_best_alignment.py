"""The best alignment of factors on the right of the updates. Oracle: NumPy's least squares on the explicit matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import uncompiled
from closeness import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

import dlntheory as dln

WIDTHS = (3, 4, 2, 2)
BATCH = 6


def draws(seed):
    return np.random.default_rng(seed)


def dense(seed, widths=WIDTHS, batch=BATCH):
    draw = draws(seed)
    weights = [draw.normal(size=shape) for shape in zip(widths[1:], widths, strict=False)]
    net = dln.LinearNetwork.from_weights(weights)
    return net, draw.normal(size=(batch, widths[0])), draw.normal(size=(batch, widths[-1]))


def images():
    draw = draws(1)
    net = dln.LinearNetwork(
        [dln.Conv2d(draw.normal(size=(2, 1, 2, 1)), groups=2, learn_bias=True), dln.AvgPool2d(2), dln.Conv2d(np.ones((1, 2, 1, 1)))],
        input_shape=(2, 3, 2),
    )  # fmt: skip
    return net, draw.normal(size=(9, 2, 3, 2)), draw.normal(size=(9, 1, 1, 1))


def whole_cosine(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)


def reached(net, x, updates, factors):
    """The prediction change of dense layers' updates times factors, in NumPy."""
    out, moved = x, np.zeros_like(x)
    for weight, update, factor in zip(net.weights, updates, factors, strict=True):
        weight, update = np.asarray(weight), np.asarray(update)
        moved = moved @ weight.T + out @ (update @ factor).T
        out = out @ weight.T
    return moved


def brute_force(net, x, y, rule):
    """One column a number of a factor, and ``numpy.linalg.lstsq``."""
    updates = dln.weight_updates(net, x, y, rule)
    sizes = [update.shape[1] for update in updates]
    columns = []
    for layer, size in enumerate(sizes):
        for index in range(size**2):
            factors = [np.zeros((each, each)) for each in sizes]
            factors[layer].flat[index] = 1
            columns.append(reached(net, x, updates, factors).ravel())
    residual = np.asarray(y - net(x)).ravel()
    matrix = np.stack(columns, axis=1)
    moved = matrix @ np.linalg.lstsq(matrix, residual, rcond=1e-12)[0]
    return whole_cosine(residual, moved)


@pytest.mark.parametrize("rule", ["bp", "pc"])
@pytest.mark.parametrize("batch", [1, 2, BATCH])
def test_it_is_the_brute_force_optimum(rule, batch):
    net, x, y = dense(0, batch=batch)
    with uncompiled():
        best = dln.best_alignment(net, x, y, rule)
    assert best.alignment == pytest.approx(brute_force(net, x, y, rule), rel=1e-10)
    updates = dln.weight_updates(net, x, y, rule)
    moved = reached(net, x, updates, [np.asarray(each) for each in best.factors])
    assert whole_cosine(y - net(x), moved) == pytest.approx(float(best.alignment), rel=1e-10)
    each = [whole_cosine(*pair) for pair in zip(y - net(x), moved, strict=True)]
    assert_close(best.sample_alignment, np.array(each), condition=1e4)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["bp", "pc"]))
def test_no_factors_do_better(seed, rule):
    """Neither Theorem 2's, nor none, nor any others."""
    net, x, y = dense(seed)
    residual = np.asarray(y - net(x))
    with uncompiled():
        best = dln.best_alignment(net, x, y, rule).alignment
        others = [dln.prediction_change(net, x, y, rule, rescaling) for rescaling in (None, "adaptive", "decorrelated")]
        updates = dln.weight_updates(net, x, y, rule)
    factors = [draws(seed).normal(size=(each.shape[1],) * 2) for each in updates]
    for moved in (*others, reached(net, x, updates, factors)):
        assert whole_cosine(residual, moved) <= best + 1e-9


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["bp", "pc"]))
def test_of_square_layers_it_is_the_cosine_between_the_residual_and_the_inputs(seed, rule):
    """Every change of predictions lies in the row space of the inputs, and factors reach all of it."""
    net, x, y = dense(seed, (2, 2, 2), BATCH)
    residual = np.asarray(y - net(x))
    basis = np.linalg.qr(x)[0]
    with uncompiled():
        best = dln.best_alignment(net, x, y, rule)
    assert best.alignment == pytest.approx(np.linalg.norm(basis.T @ residual) / np.linalg.norm(residual), rel=1e-6)
    assert not best.exact


def square_layers_that_lose_a_direction(share):
    """``W_1 = X = I``, and targets for which ``X*_1 w`` is ``share`` times ``X̂_1 w``, with ``w = (1, 1)ᵀ``."""
    second, w = np.diag([1.0, 3.0]), np.ones((2, 1))
    S = np.eye(2) + second @ second.T
    y = second - (1 - share) * S @ np.linalg.inv(second).T @ w @ w.T / 2
    return dln.LinearNetwork.from_weights([np.eye(2), second]), np.eye(2), y.T


def test_predictive_coding_need_not_reach_the_row_space_of_the_inputs():
    """Where ``R X*_{l-1}ᵀ`` loses rank its best is below backpropagation's; next to that point it is not."""
    problem = square_layers_that_lose_a_direction(0.0)
    np.testing.assert_allclose(dln.equilibrium(*problem).activities[1].sum(axis=0), 0, atol=1e-15)
    best = {rule: float(dln.best_alignment(*problem, rule).alignment) for rule in ("bp", "pc")}
    assert best["bp"] == pytest.approx(1, abs=1e-12)
    assert best["pc"] == pytest.approx(brute_force(*problem, "pc"), rel=1e-10)
    assert round(best["pc"], 5) == 0.97619
    assert float(dln.best_alignment(*square_layers_that_lose_a_direction(1e-3)).alignment) == pytest.approx(1, abs=1e-9)


def test_exact_where_theorem_2_is_and_also_elsewhere():
    """Behind a bottleneck Theorem 2's factors fail; with one output, those of the first layer alone suffice."""
    expected = {(4, 4, 4): (True, True), (4, 1, 2): (False, False), (4, 1, 1): (False, True)}
    for widths, (theorem, best) in expected.items():
        net, x, y = dense(2, widths, 3)
        with uncompiled():
            reached_by_theorem = whole_cosine(y - net(x), dln.prediction_change(net, x, y, "pc", "decorrelated"))
            assert (reached_by_theorem > 1 - 1e-9) == theorem
            assert dln.best_alignment(net, x, y).exact == best


@pytest.mark.parametrize("problem", [lambda: dense(3), images], ids=["dense", "images"])
def test_lsqr_finds_the_same(problem):
    net, x, y = problem()
    best, iterated = (dln.best_alignment(net, x, y, method=method) for method in ("dense", "lsqr"))
    assert iterated.converged
    assert_close((iterated.alignment, iterated.factors), (best.alignment, best.factors), condition=1e6)
    assert [each.shape for each in best.factors] == [each.shape for each in dln.decorrelation_matrices(net, x, y)]
    assert best.alignment < 0.999


def test_a_single_sample_and_no_residual():
    net, x, y = dense(4)
    assert dln.best_alignment(net, x[0], y[0]).sample_alignment.shape == ()
    assert np.isnan(dln.best_alignment(net, x[0], net(x[0])).alignment)
    assert jax.jit(lambda y: dln.best_alignment(net, x[0], y).alignment)(jnp.asarray(y[0])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda *data: dln.best_alignment(*data, rule="natural"), ValueError, "`rule` is 'natural'"),
        (lambda *data: dln.best_alignment(*data, method="qr"), ValueError, "`method` is 'qr'"),
        (lambda *data: dln.best_alignment(*data, rescaling="adaptive"), TypeError, "`rescaling` is no option"),
        (lambda net, x, y: dln.best_alignment(net, x, y[:2]), ValueError, "same number of samples"),
        (
            lambda net, x, y: jax.jit(lambda x: dln.best_alignment(net, x, y, method="lsqr").alignment)(x),
            TypeError,
            "wanted 'dense' there",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(*dense(0))
