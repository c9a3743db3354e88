"""The linearised network against automatic differentiation, dense formulas in NumPy, and inference's own linearisation."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from activations import FUNCTIONS, SLOPES
from cases import mostly_daily
from closeness import assert_close

import dlntheory as dln
from dlntheory.nonlinear.chains import forward

DRAW = np.random.default_rng(7)
X, Y = DRAW.normal(size=(3, 5)), DRAW.normal(size=(3, 4))


def perceptron(activation, learn_bias=True):
    """Biases, of which one may be learned, and a skip, behind an activation."""
    weights = dln.LinearNetwork.random((5, 6, 6, 4), "norm_preserving", key=3).weights
    layers = [dln.Dense(weights[0], DRAW.normal(size=6)), dln.Residual(weights[1], np.ones(6))]
    return dln.NonlinearNetwork.from_linear(
        dln.LinearNetwork([*layers, dln.Dense(weights[2], np.ones(4), learn_bias=learn_bias)]), activation
    )


def convolutional(activation):
    layers = [dln.Conv2d(DRAW.normal(size=(3, 1, 3, 3)) / 3, padding=1), dln.AvgPool2d(2), dln.Flatten()]
    return dln.NonlinearNetwork.from_linear(
        dln.LinearNetwork([*layers, dln.Dense(DRAW.normal(size=(4, 12)) / 3)], input_shape=(1, 4, 4)), activation
    )


IMAGES = np.random.default_rng(8).normal(size=(3, 1, 4, 4))
NAMES = {"dense": "tanh", "rectified": "relu", "fixed": "tanh", "images": "tanh"}


@cache
def network(name):
    """A network and its inputs."""
    return (convolutional("tanh"), IMAGES) if name == "images" else (perceptron(NAMES[name], name != "fixed"), X)


@eqx.filter_jit
def linear_parts(net, x):
    """The states of one sample, and the Jacobian of every block there."""
    states = [each[0] for each in forward(net.blocks, x[None])]
    return states, [jax.jacobian(block)(at) for block, at in zip(net.blocks, states, strict=False)]


linearised = eqx.filter_jit(dln.linearised)
predict = eqx.filter_jit(lambda net, x: net(x))


def near(net, x):
    """The linearised network, of NumPy: what the theory says of it compiles nothing."""
    return linearised(net, x).to_numpy()


def dense_theory(net, x, y, name):
    """Alignments of one sample by the formulas, with Jacobians by automatic differentiation, layer by layer."""
    states, maps = jax.tree.map(np.asarray, linear_parts(net, x))
    names = ["identity"] + [name] * (len(net.blocks) - 1)
    tangents = [(FUNCTIONS[each](at), SLOPES[each](at), at) for each, at in zip(names, states, strict=False)]
    features = [lambda z, value=value, slope=slope, at=at: value + slope * (z - at) for value, slope, at in tangents]
    down = [np.eye(len(y))]
    for each in maps[:0:-1]:
        down.insert(0, down[0] @ each)
    residual = y - states[-1]
    errors = [d.T @ np.linalg.solve(sum(each @ each.T for each in down), residual) for d in down]
    settled = [states[0]]
    for each, state, after, error in zip(maps, states, states[1:], errors, strict=False):
        settled.append(after + each @ (settled[-1] - state) + error)
    learned = [float(block.layer.learn_bias) for block in net.blocks]
    products = [f(a) @ f(b) + one for f, a, b, one in zip(features, settled, states, learned, strict=False)]
    squares = [f(b) @ f(b) + one for f, b, one in zip(features, states, learned, strict=False)]
    moves = {
        "bp": sum(size * d @ d.T @ residual for d, size in zip(down, squares, strict=True)),
        "pc": sum(size * d @ error for d, error, size in zip(down, errors, products, strict=True)),
    }
    found = {rule: move @ residual / np.linalg.norm(move) / np.linalg.norm(residual) for rule, move in moves.items()}
    return found, settled, errors


@pytest.mark.parametrize("name", ["dense", "rectified", "fixed"])
def test_it_is_what_the_formulas_say(name):
    net, x = network(name)
    linear = near(net, x[0])
    expected, settled, errors = dense_theory(net, x[0], Y[0], NAMES[name])
    found = dln.equilibrium(linear, x[0], Y[0])
    assert_close(found.errors, tuple(errors), condition=10)
    assert_close(found.activities, tuple(settled), condition=10)
    for rule, alignment in expected.items():
        assert_close(dln.target_alignment(linear, x[0], Y[0], rule), alignment, condition=10)
        assert_close(dln.update_kernel(linear, x[0], Y[0], rule).target_alignment(), alignment, condition=10)


@pytest.mark.parametrize("name", mostly_daily(NAMES, ["dense", "images"]))
def test_predictions_jacobians_and_equilibria_agree(name):
    """With the network's own; and learning by backpropagation does, which needs nothing else."""
    net, x = network(name)
    linear, way = near(net, x[0]), np.random.default_rng(9).normal(size=x[0].shape)
    value, moved = jax.jit(lambda x, way: jax.jvp(net, (x,), (way,)))(x[0], way)
    assert_close(linear(x[0]), value)
    assert_close(linear(x[0] + way) - linear(x[0]), moved, condition=10)
    own = dln.nonlinear_equilibrium(net, x[0], Y[0], method="linearised", tolerance=1e-13)
    found = dln.equilibrium(linear, x[0], Y[0])
    assert_close(own.errors, found.errors, condition=100)
    assert_close(own.activities, found.activities, condition=100)
    updates = dln.nonlinear_updates(net, x[0], Y[0], "bp")
    assert_close(
        [block.layer.weight for block in updates.blocks], list(dln.weight_updates(linear, x[0], Y[0], "bp")), 10
    )
    assert_close(dln.target_alignment(linear, x[0], Y[0], "bp"), dln.nonlinear_alignment(net, x[0], Y[0], "bp"))


def test_theorem_1_holds_and_batches_are_mapped():
    net, x = network("dense")
    verdict = dln.verify(near(net, x[0]), x[0], Y[0], theorem=1)
    assert verdict.applicable
    assert verdict.holds
    mapped = jax.jit(jax.vmap(lambda x, y: dln.target_alignment(dln.linearised(net, x), x, y, solver="square_root")))
    alone = [dln.target_alignment(near(net, one), one, target) for one, target in zip(x, Y, strict=True)]
    assert_close(mapped(x, Y), np.array(alone), condition=10)


def test_the_true_network_comes_near_it():
    """Predictive coding differs from the theory by the order of the residual, backpropagation not at all."""
    net, x = network("dense")
    linear = near(net, x[0])
    apart = []
    for size in (1e-3, 1e-4):
        y = np.asarray(predict(net, x[0])) + size * Y[0]
        apart.append(dln.nonlinear_alignment(net, x[0], y, tolerance=1e-12) - dln.target_alignment(linear, x[0], y))
    assert 5 < apart[0] / apart[1] < 20


@pytest.mark.parametrize(("widths", "exact"), [((5, 7, 4), True), ((5, 7, 7, 4), False)])
def test_theorem_1_is_exact_with_one_hidden_layer_of_rectifiers(widths, exact):
    """Whatever the residual: units stop at their kinks. With two hidden layers some cross them, and it is not."""
    missing = []
    for key in range(4):
        net = dln.NonlinearNetwork.from_linear(dln.LinearNetwork.random(widths, "norm_preserving", key), "relu")
        found = dln.nonlinear_equilibrium(net, X[0], 10 * Y[0], tolerance=1e-13)
        assert found.outcome == "converged"
        missing.append(1 - float(dln.nonlinear_alignment(net, X[0], 10 * Y[0], "pc", "adaptive", tolerance=1e-13)))
    assert (max(np.abs(missing)) < 1e-10) == exact


def of_functions():
    return dln.NonlinearNetwork([jax.tree_util.Partial(jnp.matmul, jnp.asarray(np.eye(5)))], input_shape=(5,))


BAD = {
    "a batch": (lambda: dln.linearised(network("dense")[0], X), r"`x` has shape \(3, 5\); wanted one sample"),
    "another width": (lambda: dln.linearised(network("dense")[0], Y[0]), r"`x` has shape \(4,\); wanted"),
    "NaN": (lambda: dln.linearised(network("dense")[0], X[0] * np.nan), "`x` holds NaN"),
    "a block that is no layer": (lambda: dln.linearised(of_functions(), X[0]), r"`net.blocks\[0\]` is a Partial"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
