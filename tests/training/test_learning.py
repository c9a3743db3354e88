"""Training of one network.

Oracles: a NumPy loop over samples, layers and steps (`slow_training`); the library's own single updates; limits.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_training
from closeness import assert_close, bound
from interpreter import fresh_python

import dlntheory as dln
from dlntheory.equilibria.equilibrium import REFUSED
from dlntheory.numerics.kinds import leaves

STEPS, BATCH, WIDTHS = 6, 7, (5, 4, 3)
ALGORITHMS = {
    "bp": ("bp", None, {}),
    "pc": ("pc", None, {}),
    "natural": ("natural", None, {}),
    "bp adaptive": ("bp", "adaptive", {}),
    "pc adaptive": ("pc", "adaptive", {}),
    "pc positive": ("pc", "adaptive_positive", {}),
    "bp decorrelated": ("bp", "decorrelated", {"regularisation": 1e-2}),
    "pc decorrelated": ("pc", "decorrelated", {"regularisation": 1e-2}),
    "pc pseudoinverse": ("pc", "decorrelated", {}),
}

OF_SWEEPS = ("bp", "pc", "pc positive", "bp decorrelated", "pc decorrelated")
"""Algorithms that `test_sweeps.py` compares with the slow loop, too: the steps are the same."""


def problem(widths=WIDTHS, steps=STEPS, batch=BATCH, seed=0):
    """A network, minibatches, and the map that made them."""
    draw = np.random.default_rng(seed)
    net = dln.LinearNetwork.random(widths, "norm_preserving", key=seed)
    target = draw.normal(size=(widths[-1], widths[0])) / np.sqrt(widths[0])
    x = draw.normal(size=(steps, batch, widths[0]))
    return net, x, x @ target.T, target


@pytest.mark.parametrize(
    ("rule", "rescaling", "options"),
    [
        pytest.param(*given, id=name, marks=pytest.mark.daily if name in OF_SWEEPS else [])
        for name, given in ALGORITHMS.items()
    ],
)
def test_it_is_the_slow_loop(rule, rescaling, options):
    net, x, y, target = problem()
    found = dln.train(net, x, y, 0.05, rule, rescaling, target=target, **options)
    weights, errors, losses = slow_training.train(
        net.weights, x, y, 0.05, rule, rescaling, target, options.get("regularisation")
    )
    condition = 1e4 if rescaling == "decorrelated" else 1e2  # of the correlations, and of activities
    assert_close((found.net.weights, found.error, found.loss), (tuple(weights), errors, losses), condition)
    assert found.outcome == "finished"
    assert int(found.steps) == STEPS


@pytest.mark.parametrize("options", [{"nudge": 0.5}, {"covariances": [2.0, 0.5]}, {"nudge": dln.SoftOutput(2.0)}])
def test_a_step_is_the_update_of_the_library(options):
    net, x, y, _ = problem(steps=2)
    found = dln.train(net, x, y, 0.1, "pc", "adaptive", **options).net
    for each in range(2):
        changes = dln.weight_updates(net, x[each], y[each], "pc", "adaptive", **options)
        pairs = zip(net.weights, changes, strict=True)
        net = dln.LinearNetwork.from_weights([weight + 0.1 * change for weight, change in pairs])
    assert_close(found.weights, net.weights, 1e2)


def test_learned_biases_move_and_fixed_ones_do_not():
    net, x, y, _ = problem(steps=1)
    layers = [dln.Dense(net.weights[0], np.ones(4), learn_bias=True), dln.Dense(net.weights[1], np.ones(3))]
    biased = dln.LinearNetwork(layers)
    found = dln.train(biased, x, y, 0.1).net
    assert_close(found.biases[0], 1 + 0.1 * dln.bias_updates(biased, x[0], y[0])[0], 1e2)
    np.testing.assert_array_equal(found.biases[1], np.ones(3))


def test_alignment_is_that_of_the_updates():
    net, x, y, _ = problem()
    found = dln.train(net, x, y, 0.05, alignment_every=4)
    middle = dln.train(net, x, y, 0.05, steps=4).net
    expected = [dln.target_alignment(each, x[t], y[t]).mean() for each, t in ((net, 0), (middle, 4))]
    assert_close(found.alignment, jnp.stack(expected), 1e2)
    assert dln.train(net, x, y, 0.05).alignment is None
    assert dln.train(net, x, y, 0.05).error is None


def test_samples_without_an_alignment_do_not_count():
    """One blank input, one target that is fitted, and a batch of nothing else."""
    net, x, y, _ = problem(steps=3)
    x[0, 0] = 0
    y[1, 2] = net(x[1, 2])
    x[2] = 0
    found = dln.train(net, x, y, 1e-9, alignment_every=1).alignment
    each = dln.target_alignment(net, x[0], y[0])
    assert np.isnan(each[0])
    np.testing.assert_allclose(found[0], np.delete(each, 0).mean(), atol=1e-12)
    assert np.isfinite(found[1])
    assert np.isnan(found[2])


def test_numpy_in_numpy_out_and_jax_in_jax_out():
    net, x, y, target = problem(steps=2)
    options = {"target": target, "alignment_every": 1}
    by_numpy, by_jax = dln.train(net, x, y, 0.05, **options), dln.train(net, jnp.asarray(x), y, 0.05, **options)
    for name in ("net", "error", "loss", "alignment"):
        assert_close(getattr(by_numpy, name), getattr(by_jax, name), 1e2)
    assert all(isinstance(each, np.ndarray | np.generic) for each in leaves(by_numpy))
    assert all(isinstance(each, jax.Array) for each in leaves(by_jax))


def test_numpy_is_trained_in_64_bits_without_a_flag():
    script = """
import json
import numpy as np
import dlntheory as dln
net = dln.LinearNetwork.random([3, 2], key=0)
x, y = np.ones((4, 3)), np.ones((4, 2))
trained = dln.train(net, x, y, 0.1, steps=2, batch=2)
swept = dln.sweep([net], x[None, None], y[None, None], [0.1])
import jax
print(json.dumps([str(trained.net.dtype), str(swept.loss.dtype), str(dln.loss_hessian(net, x, y).dtype), jax.config.jax_enable_x64]))
"""
    assert fresh_python(script) == ["float64", "float64", "float64", False]


def test_a_data_set_whole_and_drawn():
    net, x, y, _target = problem()
    whole = dln.train(net, x[0], y[0], 0.05, steps=3)
    assert_close(whole.net.weights, dln.train(net, x[:1].repeat(3, 0), y[:1].repeat(3, 0), 0.05).net.weights, 1e2)
    drawn = [dln.train(net, x[0], y[0], 0.05, steps=3, batch=2, key=key) for key in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0].loss, drawn[1].loss)
    assert (drawn[0].loss != drawn[2].loss).any()
    by_generator = np.random.default_rng(1).integers(0, BATCH, (3, 2), np.int32)
    by_key = jax.random.randint(jax.random.key(1), (3, 2), 0, BATCH)
    for key, rows in ((1, by_generator), (np.random.default_rng(1), by_generator), (jax.random.key(1), by_key)):
        found = dln.train(net, x[0], y[0], 0.05, steps=3, batch=2, key=key)
        assert_close(found.loss, dln.train(net, x[0][rows], y[0][rows], 0.05).loss, 1e2)


def test_divergence_is_a_value():
    net, x, y, target = problem(steps=60)
    found = dln.train(net, x, y, 50.0, "bp", target=target)
    steps = int(found.steps)
    assert found.outcome == "diverged"
    assert 0 < steps < 60
    for curve in (found.error, found.loss):
        assert np.isfinite(curve[:steps]).all()
        assert (np.asarray(curve[steps + 1 :]) == np.inf).all()
    np.testing.assert_array_equal(
        found.error[: steps + 1], dln.train(net, x[:steps], y[:steps], 50.0, "bp", target=target).error
    )


@pytest.mark.parametrize(
    ("depth", "gain"),
    [
        pytest.param(6, 100, id="0.12"),
        pytest.param(12, 10, id="not a number", marks=pytest.mark.daily),
    ],  # the estimated error
)
def test_inference_without_digits_ends_training(depth, gain):
    """Where a fixed route loses all digits the library refuses; training stops there, and another route goes on."""
    net = dln.LinearNetwork.random([16] * (depth + 1), "norm_preserving", key=0)
    net = dln.LinearNetwork.from_weights([gain * weight for weight in net.weights])
    x = np.random.default_rng(0).normal(size=(1, 2, 16))
    with pytest.raises(dln.PrecisionError):
        dln.weight_updates(net, x[0], x[0], solver="covariance")
    assert dln.train(net, x, x, 1e-30, solver="covariance").outcome == "diverged"
    stable = dln.train(net, x, x, 1e-30, solver="square_root")
    assert stable.outcome == "finished"
    assert stable.accuracy < REFUSED


def test_accuracy_is_the_largest_of_the_steps():
    net, x, y, _ = problem(steps=2)
    middle = dln.train(net, x, y, 0.05, steps=1).net
    largest = [dln.equilibrium(each, x[t], y[t]).accuracy.max() for t, each in enumerate((net, middle))]
    assert float(dln.train(net, x, y, 0.05).accuracy) <= bound(np.finfo(float).eps)
    assert float(dln.train(net, x, y, 0.05).accuracy) <= 4 * max(map(float, largest))
    assert float(dln.train(net, x, y, 0.05, "bp").accuracy) == 0


def test_it_differentiates_and_vectorises():
    net, x, y, target = problem(steps=2)

    def final(rate):
        return dln.train(net, x, y, rate, target=target).error[-1]

    rates = np.array([0.01, 0.05])
    assert_close(jax.jit(jax.vmap(final))(rates), np.array([final(rate) for rate in rates]), 1e2)
    step = 1e-6
    slope = (final(0.05 + step) - final(0.05 - step)) / (2 * step)
    np.testing.assert_allclose(jax.jit(jax.grad(final))(0.05), slope, rtol=1e-6)


NET, X, Y, TARGET = problem()
BAD = {
    "rate zero": ({"learning_rate": 0.0}, ValueError, "`learning_rate` is 0.0; wanted a positive number"),
    "rate NaN": ({"learning_rate": np.nan}, ValueError, "`learning_rate` holds NaN"),
    "rates": ({"learning_rate": [0.1, 0.2]}, ValueError, r"`learning_rate` has shape \(2,\)"),
    "rule": ({"rule": "hebb"}, ValueError, "`rule` is 'hebb'"),
    "rescaling": ({"rescaling": "more"}, ValueError, "`rescaling` is 'more'"),
    "natural rescaled": ({"rule": "natural", "rescaling": "adaptive"}, ValueError, "rule='natural'"),
    "option": ({"momentum": 0.9}, TypeError, "`momentum` is no option here"),
    "width of x": ({"x": X[..., 1:]}, ValueError, r"`x` has shape \(6, 7, 4\); wanted \(steps, batch, 5\) or"),
    "one sample": ({"x": X[0, 0], "y": Y[0, 0]}, ValueError, r"`x` has shape \(5,\)"),
    "no samples": ({"x": X[:, :0], "y": Y[:, :0]}, ValueError, "`x` is empty"),
    "other samples": ({"y": Y[:, 1:]}, ValueError, "same number of samples"),
    "NaN": ({"x": X * np.nan}, ValueError, "`x` holds NaN"),
    "too many steps": ({"steps": 7}, ValueError, "`steps` is 7 but `x` has 6 minibatches"),
    "no steps": ({"steps": 0}, ValueError, "`steps` is 0; wanted at least 1"),
    "steps missing": ({"x": X[0], "y": Y[0]}, ValueError, "`steps` is None"),
    "batch of minibatches": ({"batch": 2}, ValueError, "`batch` is 2, and `x` has shape"),
    "batch zero": ({"x": X[0], "y": Y[0], "steps": 1, "batch": 0}, ValueError, "`batch` is 0"),
    "target": ({"target": TARGET.T}, ValueError, r"`target` has shape \(5, 3\); wanted \(3, 5\)"),
    "alignment": ({"alignment_every": 0}, ValueError, "`alignment_every` is 0"),
    "matrix covariances": (
        {"rescaling": "adaptive", "covariances": [np.eye(4), np.eye(3)]}, ValueError, "`covariances` holds a matrix"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input(change, error, message):
    arguments = {"net": NET, "x": X, "y": Y, "learning_rate": 0.1} | change
    with pytest.raises(error, match=message):
        dln.train(**arguments)
