"""Spiking precision: what arrives, what breaks it, what is left behind, and where forward updates lead.

Oracles: inference simulated layer by layer in NumPy, linear and nonlinear; backpropagation by automatic
differentiation; exact arithmetic; a small step size.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import bound, epsilon, relative_error
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Matrix, Rational

import dlntheory as dln
from dlntheory.inference.energy import prediction_errors
from dlntheory.inference.propagation import arriving_errors
from dlntheory.learning.rules import backpropagation_signals
from dlntheory.networks.passes import backward_sweep

SEED = st.integers(0, 2**32 - 1)
WIDTHS = [4, 3, 5, 3, 4]
DEPTH = len(WIDTHS) - 1


def spiking_weights(time, depth, rate):
    """The precisions of equation 4, time from 0."""
    return [1 / rate if layer == depth - time else 1.0 for layer in range(1, depth + 1)]


def simulate(weights, x, y, rate, steps, first_time=0, momentum=0.0, act=lambda z: z, dact=np.ones_like):
    """Inference with ``x_l = W_l f(x_{l−1}) + ε_l``: the errors of every layer at times 0 … ``steps``."""
    states = [x]
    for weight in weights:
        states.append(weight @ act(states[-1]))
    states[-1], history, velocity = y, [], [0 * state for state in states]
    for time in range(steps + 1):
        errors = [after - w @ act(before) for w, before, after in zip(weights, states, states[1:], strict=False)]
        history.append(errors)
        scaled = [p * e for p, e in zip(spiking_weights(time + first_time, len(weights), rate), errors, strict=True)]
        for layer in range(1, len(weights)):
            pull = weights[layer].T @ scaled[layer] * dact(states[layer])
            velocity[layer] = momentum * velocity[layer] + rate * (pull - scaled[layer - 1])
        states = [state + move for state, move in zip(states, velocity, strict=True)]
    return history


def arrivals(history):
    depth = len(history[0])
    return [history[depth - layer][layer - 1] for layer in range(1, depth + 1)]


def backpropagated(weights, x, y, act):
    """``−∂(½|y − x_L|²)`` by every layer's own output, by automatic differentiation."""

    def loss(bumps):
        state = x
        for weight, bump in zip(weights, bumps, strict=True):
            state = weight @ act(state) + bump
        return jnp.sum((y - state) ** 2) / 2

    return [-np.asarray(each) for each in jax.grad(loss)([np.zeros(len(weight)) for weight in weights])]


def draw(seed, widths=WIDTHS):
    draws = np.random.default_rng(seed)
    weights = [draws.normal(size=shape[::-1]) / np.sqrt(shape[0]) for shape in pairwise(widths)]
    return weights, draws.normal(size=widths[0]), draws.normal(size=widths[-1])


def linear(seed):
    weights, x, y = draw(seed)
    return dln.LinearNetwork.from_weights(weights), x, y


@settings(max_examples=20)
@given(seed=SEED, rate=st.floats(0.01, 1.5), nonlinear=st.booleans())
def test_the_spike_delivers_the_error_of_backpropagation(seed, rate, nonlinear):
    weights, x, y = draw(seed)
    act, dact, jact = (
        (np.tanh, lambda z: 1 - np.tanh(z) ** 2, jnp.tanh) if nonlinear else (lambda z: z, np.ones_like, lambda z: z)
    )
    expected = backpropagated(weights, x, y, jact)
    arrived = arrivals(simulate(weights, x, y, rate, DEPTH, act=act, dact=dact))
    size = max(np.linalg.norm(each) for each in expected)
    for one, other in zip(arrived, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=bound(epsilon(x), 1 / rate + 1) * size)


@settings(max_examples=20)
@given(seed=SEED, rate=st.floats(0.01, 2.0))
def test_verify_says_so(seed, rate):
    verdict = dln.verify(*linear(seed), theorem="spike", step_size=rate)
    assert verdict.applicable
    assert verdict.holds, verdict.detail
    np.testing.assert_allclose(verdict.alignment, 1, atol=verdict.tolerance)


@settings(max_examples=20)
@given(seed=SEED, rate=st.floats(0.01, 0.9))
def test_time_from_one_breaks_it(seed, rate):
    """Then every error arrives with the share ``γ`` that a step without a spike lets through."""
    net, x, y = linear(seed)
    verdict = dln.verify(net, x, y, theorem="printed-spike", step_size=rate)
    assert not verdict.holds
    weights = [np.asarray(each) for each in net.weights]
    arrived = arrivals(simulate(weights, x, y, rate, DEPTH, first_time=1))
    for layer, (one, other) in enumerate(zip(arrived, backpropagated(weights, x, y, lambda z: z), strict=True), 1):
        np.testing.assert_allclose(one, rate ** (DEPTH - layer) * other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_heavy_ball_momentum_does_not_break_it_but_a_look_ahead_does(momentum):
    """An error arrives by its layer's first move, which has no velocity yet; Nesterov's looks ahead of it."""
    weights, x, y = draw(3)
    expected = backpropagated(weights, x, y, lambda z: z)
    assert relative_error(arrivals(simulate(weights, x, y, 0.1, DEPTH, momentum=momentum)), expected) < 1e-12
    net = dln.LinearNetwork.from_weights(weights)
    options = {"step_size": 0.1, "momentum": momentum, "schedule": "spiking"}
    for method, exact in (("gradient", True), ("nesterov", False)):
        run = dln.simulate_inference(net, x, y, steps=DEPTH - 1, method=method, **options)
        assert (relative_error(run.errors[0], expected[0]) < 1e-12) == exact


@pytest.mark.parametrize("start", ["zero", "random"])
def test_a_forward_start_is_needed(start):
    weights, x, y = draw(4)
    net = dln.LinearNetwork.from_weights(weights)
    run = dln.simulate_inference(net, x, y, steps=DEPTH - 1, step_size=0.1, schedule="spiking", start=start)
    assert relative_error(run.errors[0], backpropagated(weights, x, y, lambda z: z)[0]) > 0.1


def test_unit_covariances_are_needed():
    verdict = dln.verify(*linear(0), theorem="spike", covariances=[1.0, 2.0, 1.0, 1.0])
    assert not verdict.applicable
    assert not verdict.holds
    assert dln.verify(*linear(0), theorem="spike", covariances=[1.0] * 4).applicable


def test_at_each_time_the_simulation_of_the_library_has_the_arriving_error():
    net, x, y = linear(5)
    expected = backpropagated([np.asarray(each) for each in net.weights], x, y, lambda z: z)
    for layer in range(1, DEPTH + 1):
        run = dln.simulate_inference(net, x, y, steps=DEPTH - layer, step_size=0.05, schedule=dln.Spiking())
        assert relative_error(run.errors[layer - 1], expected[layer - 1]) < 1e-12


def test_in_exact_arithmetic():
    layers = [
        dln.Dense(Matrix([[1, 2], [0, -1], [1, 1]])),
        dln.Residual(Matrix(3, 3, range(9))),
        dln.Dense(Matrix([[1, 0, 2]])),
    ]
    x, y, rate = Matrix([1, 3]), Matrix([2]), Rational(1, 7)
    plain = backpropagation_signals(layers, x, y)
    arrived = arriving_errors(layers, plain.residual, rate, lambda time: tuple(spiking_exactly(time, 3, rate)))
    assert arrived == plain.errors


def spiking_exactly(time, depth, rate):
    return [1 / rate if layer == depth - time else 1 for layer in range(1, depth + 1)]


def passed_deviations(layers, residual, steps):
    r"""``(x_l − x̂_l) / γ`` of the hidden layers after ``T ≥ L`` steps with spikes, as ``γ → 0``.

    ``(T_l T_lᵀ − T_{l+1}ᵀ T_{l+1}) D_lᵀ r``: the spike leaves nothing of order one behind, and what it leaves of order
    ``γ`` vanishes where neighbouring weights are balanced. The first layer has no ``T_1 T_1ᵀ``, as the input is
    clamped; the last hidden one has, in addition, the ``T − 1`` plain steps ``D_{L−1}ᵀ r`` that it took.
    """
    errors = backward_sweep(layers, residual)[:-1]
    passed = []
    for index, error in enumerate(errors):
        below, above = layers[index], layers[index + 1]
        left = -1 * above.transpose(above.apply(error))
        if index:
            left = left + below.apply(below.transpose(error))
        passed.append(left if index < len(errors) - 1 else left + (steps - 1) * error)
    return passed


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("extra", [0, 3])
def test_what_the_spike_leaves_is_of_the_order_of_the_step(depth, extra):
    """``(x_l − x̂_l)/γ`` in a simulation with a small step, against the closed form of its limit."""
    weights, x, y = draw(6, [4] * (depth + 1))
    net, rate = dln.LinearNetwork.from_weights(weights), 1e-7
    run = dln.simulate_inference(net, x, y, steps=depth + extra, step_size=rate, schedule="spiking")
    plain = backpropagation_signals(net.layers, jnp.asarray(x)[:, None], jnp.asarray(y)[:, None])
    limits = passed_deviations(net.layers, plain.residual, depth + extra)
    for layer, limit in enumerate(limits, 1):
        moved = (np.asarray(run.activities[layer]) - np.asarray(plain.feedforward[layer][:, 0])) / rate
        assert relative_error(moved, np.asarray(limit[:, 0])) < 1e-4


def test_balanced_neighbours_leave_nothing_of_first_order():
    net = dln.LinearNetwork.random([4] * 6, "orthogonal", key=0)
    left = passed_deviations(net.layers, jnp.ones((4, 1)), 5)
    for middle in left[1:-1]:
        np.testing.assert_allclose(middle, 0, atol=bound(epsilon(middle)))


def test_without_a_spike_the_first_layer_gets_a_power_of_the_step():
    weights, x, y = draw(7)
    net = dln.LinearNetwork.from_weights(weights)
    sizes = {}
    for schedule in ("unit", "spiking"):
        runs = [
            dln.simulate_inference(net, x, y, steps=DEPTH, step_size=rate, schedule=schedule) for rate in (1e-3, 1e-4)
        ]
        moved = [float(jnp.linalg.norm(run.errors[0])) for run in runs]
        sizes[schedule] = np.log10(moved[0] / moved[1])
    np.testing.assert_allclose([sizes["unit"], sizes["spiking"]], [DEPTH - 1, 1], atol=0.1)


@pytest.mark.parametrize("schedule", ["unit", "spiking"])
def test_forward_updates_end_where_partial_sums_of_the_output_covariance_say(schedule):
    """``dŷ = Σ_l ‖x̂_{l−1}‖² (Σ_{k≤l} D_k D_kᵀ) S⁻¹ r``, with spikes or without."""
    net, x, y = linear(8)
    step = float(dln.inference_spectrum(net).best_step)
    run = dln.simulate_inference(net, x, y, steps=3000, step_size=step, schedule=schedule)
    moved = dln.relaxed_prediction_change(net, run, forward=True)
    weights, predicted = [np.asarray(each) for each in net.weights], [x]
    for weight in weights:
        predicted.append(weight @ predicted[-1])
    downstream = [np.eye(len(y))]
    for weight in weights[:0:-1]:
        downstream.append(downstream[-1] @ weight)
    partial = np.cumsum([each @ each.T for each in downstream[::-1]], axis=0)
    multiplier = np.linalg.solve(partial[-1], y - predicted[-1])
    expected = sum((before @ before) * part @ multiplier for before, part in zip(predicted, partial, strict=False))
    assert relative_error(moved, expected) < 1e-9


def test_learning_as_errors_arrive_is_backpropagation():
    """The local update of a layer at the time of its spike, ``1/γ`` times, when the layers below have not moved."""
    (net, x, y), rate = linear(9), 0.1
    expected = dln.weight_updates(net, x, y, rule="bp")
    for layer in range(1, DEPTH + 1):
        run = dln.simulate_inference(net, x, y, steps=DEPTH - layer, step_size=rate, schedule="spiking")
        update = dln.relaxed_weight_updates(net, run)[layer - 1]
        assert relative_error(rate * update, expected[layer - 1]) < 1e-12


def test_errors_of_deviations_are_those_of_activities():
    net, x, y = linear(10)
    run = dln.simulate_inference(net, x, y, steps=3, step_size=0.1)
    plain = backpropagation_signals(net.layers, jnp.asarray(x)[:, None], jnp.asarray(y)[:, None])
    hidden = [
        after[:, None] - before for after, before in zip(run.activities[1:-1], plain.feedforward[1:-1], strict=True)
    ]
    for one, other in zip(prediction_errors(net.layers, hidden, plain.residual), run.errors, strict=True):
        assert relative_error(one[:, 0], other) < 1e-12
