"""Nonlinear networks: inference by Newton's method, local updates, and how far the linear theory carries.

Oracles: closed forms of linear networks; the energy's derivatives by complex steps; small moves around a minimum;
inference by gradient descent; limits of small residuals. All of them in NumPy.
"""

from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from activations import FUNCTIONS, SLOPES
from closeness import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

import dlntheory as dln
from dlntheory.nonlinear.activations import ACTIVATIONS
from dlntheory.nonlinear.clamped import steepest
from dlntheory.nonlinear.equilibrium import clamp

WIDTHS, BATCH = (5, 7, 6, 4), 6
DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=(BATCH, WIDTHS[0])), DRAW.normal(size=(BATCH, WIDTHS[-1]))
TIGHT = {"tolerance": 1e-13}
RESCALINGS = (None, "adaptive", "adaptive_positive", "decorrelated")


@cache
def network(activation, key=0):
    return dln.NonlinearNetwork.from_linear(dln.LinearNetwork.random(WIDTHS, "norm_preserving", key), activation)


predict = eqx.filter_jit(lambda net, x: net(x))


def forward(net, activation, x=X):
    """The states of a feedforward pass."""
    states = [x]
    for index, block in enumerate(net.blocks):
        seen = FUNCTIONS[activation](states[-1]) if index else states[-1]
        states.append(seen @ np.asarray(block.layer.weight).T)
    return states


def mixed():
    """A linear network with fixed and learned biases and a skip."""
    weights = dln.LinearNetwork.random((5, 6, 6, 4), "norm_preserving", key=3).weights
    layers = [dln.Dense(weights[0], np.arange(6.0), learn_bias=True), dln.Residual(weights[1], np.ones(6))]
    return dln.LinearNetwork([*layers, dln.Dense(weights[2], learn_bias=True)])


def modules():
    """The same chain twice: of layers, and of blocks that are somebody else's."""
    net = network("tanh")
    first, *others = (block.layer.weight for block in net.blocks)

    def after_tanh(weight, x):
        return weight @ jnp.tanh(x)

    linear = eqx.tree_at(lambda it: it.weight, eqx.nn.Linear(5, 7, False, key=jax.random.key(0), dtype=float), first)
    blocks = [linear, *(jax.tree_util.Partial(after_tanh, weight) for weight in others)]
    return net, dln.NonlinearNetwork(blocks, input_shape=(5,))


def errors_of(net, activation, hidden):
    states, weights = [X, *hidden, Y], [np.asarray(block.layer.weight) for block in net.blocks]
    seen = [X, *map(FUNCTIONS[activation], hidden)]
    return [after - each @ weight.T for after, each, weight in zip(states[1:], seen, weights, strict=True)], weights


def energy(net, activation, hidden):
    """``½ Σ ‖ε‖²`` of every sample, written down once more."""
    return sum(np.sum(error**2, axis=1) for error in errors_of(net, activation, hidden)[0]) / 2


def slopes(net, activation, hidden):
    """The energy's derivative in every hidden unit of every sample, by complex steps."""
    found = []
    for layer, each in enumerate(hidden):
        for unit in range(each.shape[1]):
            moved = [np.array(states, complex) for states in hidden]
            moved[layer][:, unit] += 1e-30j
            found.append(energy(net, activation, moved).imag / 1e-30)
    return np.stack(found, axis=1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_prediction_is_that_of_the_formula(activation):
    net = network(activation)
    expected = forward(net, activation)[-1]
    assert_close(predict(net, X), expected)
    if activation == "tanh":
        assert_close(net(X[0]), expected[0])


def test_a_chain_of_linear_blocks_settles_where_the_closed_form_does():
    linear = mixed()
    expected = dln.equilibrium(linear, X, Y)
    for method in ("newton", "linearised"):
        found = dln.nonlinear_equilibrium(
            dln.NonlinearNetwork.from_linear(linear, "identity"), X, Y, **TIGHT, method=method
        )
        assert found.outcome == "converged"
        for name in ("activities", "errors", "residual", "energy"):
            assert_close(getattr(found, name), getattr(expected, name), condition=10)


@pytest.mark.parametrize(
    ("rule", "rescaling"),
    [
        ("bp", None),
        ("pc", None),
        ("pc", "adaptive_positive"),
        *(pytest.param("pc", rescaling, marks=pytest.mark.daily) for rescaling in ("adaptive", "decorrelated")),
        *(pytest.param("bp", rescaling, marks=pytest.mark.daily) for rescaling in RESCALINGS[1:]),
    ],
)
def test_a_chain_of_linear_blocks_learns_what_a_linear_network_learns(rule, rescaling):
    linear = mixed()
    net = dln.NonlinearNetwork.from_linear(linear, "identity")
    found = dln.nonlinear_updates(net, X, Y, rule, rescaling, **TIGHT)
    weights, biases = (f(linear, X, Y, rule, rescaling) for f in (dln.weight_updates, dln.bias_updates))
    condition = 1e4 if rescaling == "decorrelated" else 10
    assert_close([block.layer.weight for block in found.blocks], list(weights), condition)
    assert_close([block.layer.bias for block in found.blocks], list(biases), condition)
    for rate in (None,) if rescaling else (None, 0.1):
        for ours, theirs in (
            (dln.nonlinear_alignment, dln.target_alignment),
            (dln.nonlinear_prediction_change, dln.prediction_change),
        ):
            assert_close(
                ours(net, X, Y, rule, rescaling, rate, **TIGHT), theirs(linear, X, Y, rule, rescaling, rate), condition
            )


@pytest.mark.parametrize("activation", ["tanh", pytest.param("gelu", marks=pytest.mark.daily)])
def test_the_equilibrium_is_a_stationary_point_of_the_energy(activation):
    """And a minimum: the dense Hessian of each sample is positive definite."""
    net = network(activation)
    found = dln.nonlinear_equilibrium(net, X, Y, **TIGHT)
    assert found.outcome == "converged"
    hidden = list(map(np.asarray, found.activities[1:-1]))
    start = forward(net, activation)[1:-1]
    reference = np.linalg.norm(slopes(net, activation, start), axis=1)
    missing = np.linalg.norm(slopes(net, activation, hidden), axis=1) / reference
    assert missing.max() < 1e-12
    assert_close(found.energy, energy(net, activation, hidden))
    step, curvature = 1e-5, []
    for move in step * np.eye(13):
        ends = [
            slopes(net, activation, np.split(np.concatenate(hidden, axis=1) + each, [7], axis=1))
            for each in (move, -move)
        ]
        curvature.append((ends[0] - ends[1]) / (2 * step))
    assert np.linalg.eigvalsh(np.stack(curvature, axis=1)).min() > 1e-6


@pytest.mark.parametrize("activation", [pytest.param("relu", marks=pytest.mark.daily), "leaky_relu"])
def test_at_kinks_no_small_move_lowers_the_energy(activation):
    """Units rest on the kinks of rectifiers, where no gradient vanishes."""
    net = network(activation, key=2)
    found = dln.nonlinear_equilibrium(net, X, Y, **TIGHT)
    assert found.outcome == "converged"
    assert found.pinned.max() > 0
    hidden = list(map(np.asarray, found.activities[1:-1]))
    assert_close(found.pinned, sum(np.sum(each == 0, axis=1) for each in hidden) / 13)
    draw = np.random.default_rng(5)
    for size in (1e-2, 1e-4, 1e-6):
        for _ in range(20):
            moved = [each + size * draw.normal(size=each.shape) for each in hidden]
            assert (energy(net, activation, moved) >= np.asarray(found.energy) - 1e-13).all()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradient_descent_ends_there_or_above(activation):
    """Where it ends in the same minimum, it has the same energy; on kinks it only comes near."""
    net = network(activation)
    found = dln.nonlinear_equilibrium(net, X, Y, **TIGHT)
    hidden = start = forward(net, activation)[1:-1]
    for _ in range(5000):
        errors, weights = errors_of(net, activation, hidden)
        pulls = [SLOPES[activation](each) * (errors[l + 1] @ weights[l + 1]) for l, each in enumerate(hidden)]
        hidden = [each - 0.02 * (errors[l] - pulls[l]) for l, each in enumerate(hidden)]
    same = np.abs(energy(net, activation, hidden) - found.energy) < (1e-9 if activation == "tanh" else 1e-2)
    assert same.sum() >= BATCH - 1
    assert (np.asarray(found.energy) <= energy(net, activation, start)).all()


def test_blocks_of_any_make():
    """They settle and learn as layers do."""
    net, other = modules()
    one, two = (dln.nonlinear_equilibrium(each, X, Y, **TIGHT, method="linearised") for each in (net, other))
    assert_close(two.errors, one.errors, condition=10)
    for rule in ("bp", "pc"):
        one, two = (dln.nonlinear_updates(each, X, Y, rule, **TIGHT) for each in (net, other))
        assert_close(jax.tree.leaves(two), jax.tree.leaves(one), condition=10)
    one, two = (dln.nonlinear_alignment(each, X, Y, "pc", **TIGHT) for each in (net, other))
    assert_close(two, one, condition=10)


def test_images():
    """A small convolutional network, its activities not flat."""
    keys = jax.random.split(jax.random.key(0), 2)
    conv = eqx.nn.Conv2d(1, 2, 3, key=keys[0], dtype=float)
    last = eqx.nn.Sequential(
        [eqx.nn.Lambda(jnp.tanh), eqx.nn.Lambda(jnp.ravel), eqx.nn.Linear(8, 3, key=keys[1], dtype=float)]
    )
    net = dln.NonlinearNetwork([conv, last], input_shape=(1, 4, 4))
    assert net.shapes == ((1, 4, 4), (2, 2, 2), (3,))
    draw = np.random.default_rng(1)
    x, y = (jnp.asarray(draw.normal(size=shape)) for shape in ((3, 1, 4, 4), (3, 3)))
    found = dln.nonlinear_equilibrium(net, x, y, **TIGHT)
    assert found.outcome == "converged"
    assert found.activities[1].shape == (3, 2, 2, 2)
    updates = dln.nonlinear_updates(net, x, y, **TIGHT)

    def settled_energy(net):
        states = [x, found.activities[1], y]
        pairs = zip(net.blocks, states, states[1:], strict=False)
        return sum(jnp.sum((state - jax.vmap(block)(before)) ** 2) for block, before, state in pairs) / 6

    expected = jax.tree.map(lambda each: -np.asarray(each), eqx.filter_jit(eqx.filter_grad(settled_energy))(net))
    assert_close(jax.tree.leaves(updates), jax.tree.leaves(expected))
    along = dln.update_alignment(predict, net, x, y, updates)
    assert_close(dln.nonlinear_alignment(net, x, y, **TIGHT), along)


def convolutional():
    """A linear convolutional network with pooling, on images of 2 × 6 × 6."""
    draw = np.random.default_rng(3)
    layers = [dln.Conv2d(draw.normal(size=(4, 2, 3, 3)) / 4, padding=1), dln.AvgPool2d(2), dln.Flatten()]
    return dln.LinearNetwork(
        [*layers, dln.Dense(draw.normal(size=(3, 36)) / 6, learn_bias=True)], input_shape=(2, 6, 6)
    )


@pytest.mark.parametrize("rescaling", [pytest.param(None, marks=pytest.mark.daily), "decorrelated"])
def test_convolutions_learn_what_they_learn_in_linear_networks(rescaling):
    linear, draw = convolutional(), np.random.default_rng(4)
    x, y = draw.normal(size=(5, 2, 6, 6)), draw.normal(size=(5, 3))
    net = dln.NonlinearNetwork.from_linear(linear, "identity")
    assert net.shapes == linear.shapes
    found = dln.nonlinear_updates(net, x, y, "pc", rescaling, **TIGHT)
    expected = dln.weight_updates(linear, x, y, "pc", rescaling)
    condition = 1e4 if rescaling else 10
    assert_close([block.layer.weight for block in found.blocks], list(expected), condition)
    moved = dln.nonlinear_alignment(net, x, y, "pc", rescaling, **TIGHT)
    assert_close(moved, dln.target_alignment(linear, x, y, "pc", rescaling), condition)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_updates_are_gradients(activation):
    """BP's of the loss; PC's of the energy at the equilibrium, found anew for moved weights."""
    net = network(activation)
    loss = lambda net: -jnp.sum((Y - net(X)) ** 2) / 2 / BATCH  # noqa: E731
    expected = jax.jit(jax.grad(loss))(net)
    assert_close(dln.nonlinear_updates(net, X, Y, "bp"), expected)
    updates = dln.nonlinear_updates(net, X, Y, **TIGHT)
    move = jax.tree.map(lambda each: DRAW.normal(size=each.shape), updates)
    step = 1e-6
    ends = []
    for side in (step, -step):
        moved = jax.tree.map(lambda p, m, side=side: jnp.asarray(np.asarray(p) + side * m), net, move)
        ends.append(dln.nonlinear_equilibrium(moved, X, Y, **TIGHT).energy.mean())
    slope = sum(np.vdot(u, m) for u, m in zip(jax.tree.leaves(updates), jax.tree.leaves(move), strict=True))
    np.testing.assert_allclose((ends[1] - ends[0]) / 2 / step, slope, rtol=1e-6)


def test_alignment_of_one_sample_is_one_to_second_order():
    """Adaptive PC of a smooth network misses 1 by the square of the residual; other rules miss it anyway."""
    net = network("tanh")
    sizes = np.array([1e-1, 1e-2, 1e-3])
    targets = [forward(net, "tanh")[-1][0] + size * Y[0] for size in sizes]
    missing = [1 - dln.nonlinear_alignment(net, X[0], each, "pc", "adaptive", **TIGHT) for each in targets]
    np.testing.assert_allclose(np.diff(np.log10(missing)), -2, atol=0.1)
    assert 1 - dln.nonlinear_alignment(net, X[0], targets[-1], "pc", **TIGHT) > 1e3 * missing[-1]
    assert 1 - dln.nonlinear_alignment(net, X[0], targets[-1], "bp", "adaptive") > 1e3 * missing[-1]
    assert_close(
        dln.nonlinear_alignment(net, X[0], Y[0], "pc", "adaptive", **TIGHT, method="linearised"), jnp.ones(()), 100
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), size=st.floats(1e-6, 3))
def test_linear_theory_is_exact_in_a_rectifier_network_while_no_unit_changes_its_side(seed, size):
    """And its hypothesis is needed: where units change sides, errors and alignment differ."""
    net = network("relu", key=seed % 7)
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(1, 5))
    y = forward(net, "relu", x)[-1] + size * draw.normal(size=(1, 4))
    found = dln.nonlinear_equilibrium(net, x, y, **TIGHT)
    linear = dln.nonlinear_equilibrium(net, x, y, **TIGHT, method="linearised")
    signs = [
        [np.sign(each) for each in states]
        for states in (found.activities[1:-1], forward(net, "relu", x)[1:-1], linear.activities[1:-1])
    ]
    kept = all(bool((a == b).all()) for other in signs[1:] for a, b in zip(signs[0], other, strict=True))
    if kept and found.outcome == "converged":
        assert_close(found.errors, linear.errors, condition=1e4 / size)
        rates = dln.nonlinear_alignment(net, x, y, "pc", "adaptive", **TIGHT)
        assert np.isnan(rates).all() or abs(1 - float(rates[0])) < 1e-8
    if max(np.abs(error).max() for error in found.errors[:-1]) == 0:
        return  # a dead network: nothing arrives
    if not kept and found.outcome == "converged" and size > 1:
        assert max(np.abs(np.subtract(*pair)).max() for pair in zip(found.errors, linear.errors, strict=True)) > 1e-9


def test_kinks_that_are_not_on_units_stall_it():
    """``x_l = relu(W x_{l-1})`` as a block of its own hides its kink: some samples stop, and say so."""

    def rectified(weight, x):
        return jax.nn.relu(weight @ x)

    weights = dln.LinearNetwork.random((5, 16, 16, 4), key=jax.random.key(1)).weights
    blocks = [jax.tree_util.Partial(rectified, weight) for weight in weights[:-1]]
    net = dln.NonlinearNetwork([*blocks, jax.tree_util.Partial(jnp.matmul, weights[-1])], input_shape=(5,))
    found = dln.nonlinear_equilibrium(net, X, Y)
    assert found.outcome == "stalled"
    stalled = np.asarray(found.status) == 2
    assert (np.asarray(found.residual_norm)[~stalled] <= 2e-8).all()
    assert (np.asarray(found.residual_norm)[stalled] > 2e-8).all()
    assert dln.nonlinear_equilibrium(net, X, Y, steps=1).outcome == "step limit"


def test_limits():
    net = network("tanh")
    assert dln.nonlinear_equilibrium(net, X, predict(net, X)).steps == 0  # nothing to do
    assert np.isnan(dln.nonlinear_alignment(net, X[0], net(X[0])))
    one = dln.NonlinearNetwork.from_linear(dln.LinearNetwork.random((5, 4)))
    found = dln.nonlinear_equilibrium(one, X, Y)
    assert_close(found.energy, np.sum((Y - predict(one, X)) ** 2, axis=1) / 2)
    assert found.outcome == "converged"
    assert_close(dln.nonlinear_alignment(one, X[0], Y[0]), jnp.ones(()))
    single, batch = (dln.nonlinear_equilibrium(net, *data, **TIGHT) for data in ((X[0], Y[0]), (X, Y)))
    assert_close(single.activities, [np.asarray(each)[0] for each in batch.activities], condition=10)
    assert single.energy.shape == single.status.shape == ()


def test_the_smallest_subgradient_at_a_kink():
    """One unit at zero, by hand: left of it the energy has slope ``z − μ``, right of it ``z − μ − w ε``."""
    net = dln.NonlinearNetwork.from_linear(dln.LinearNetwork.from_weights([[[1.0]], [[1.0]]]), "relu")

    @jax.jit
    def at_kink(target):
        here = jnp.zeros((1, 1))
        found = steepest(clamp(net.blocks, here + 1, [here], here + target)[0], [here])
        return found.free[0][0, 0], found.gradient[0][0, 0]

    for target, pinned, slope in ((-3.0, True, 0.0), (3.0, False, -4.0)):
        free, gradient = at_kink(target)
        assert (float(free) == 0) is pinned
        assert float(gradient) == slope


def test_under_transformations():
    net = network("tanh")
    plain = dln.nonlinear_equilibrium(net, X, Y, **TIGHT)
    traced = eqx.filter_jit(partial(dln.nonlinear_equilibrium, tolerance=1e-13))(net, X, Y)
    assert_close(traced.activities, plain.activities, condition=10)
    with pytest.raises(TypeError, match="known after tracing"):
        eqx.filter_jit(lambda: dln.nonlinear_equilibrium(net, X, Y).outcome)()


def test_single_precision():
    net = dln.NonlinearNetwork.from_linear(dln.LinearNetwork.random(WIDTHS, dtype="float32"), "tanh")
    x, y = X.astype("float32"), Y.astype("float32")
    found = dln.nonlinear_equilibrium(net, x, y)
    assert found.outcome == "converged"
    assert found.energy.dtype == np.float32
    assert dln.nonlinear_equilibrium(net, X, Y).energy.dtype == np.float64
