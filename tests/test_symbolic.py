"""The kernels on exact rational numbers: the lines that run on JAX arrays run on SymPy matrices.

Oracles: exact arithmetic (identities hold with ``==``), and the numerical results of the same networks.
"""

import numpy as np
import pytest
from closeness import assert_close
from sympy import Matrix, Rational, eye, zeros

import dlntheory as dln
from dlntheory.alignment import finite_change, first_order_change
from dlntheory.covariance import backward_covariance, backward_is_cheaper, downstream_maps, forward_covariance
from dlntheory.learning_rules import backpropagation_signals, equilibrium_signals, local_updates
from dlntheory.network import feedforward
from dlntheory.rescaling import decorrelations, learning_rates, rescale
from dlntheory.system import solve_by_covariance

HALF = Rational(1, 2)
X = Matrix([[1, 2], [-1, 1]])
Y = Matrix([[0, 1], [3, -2]])
NETS = {
    "dense": ([dln.Dense(Matrix([[1, 2], [0, -1]])), dln.Dense(Matrix([[HALF, 1], [1, 3]]))], (None, None)),
    "weighted": (
        [dln.Dense(Matrix([[1, 2], [0, -1]])), dln.Dense(Matrix([[1, 1], [0, 2]])), dln.Dense(Matrix([[HALF, 1], [1, 3]]))],
        (Rational(2, 3), 2, Rational(1, 5))),
    "residual": ([dln.Residual(Matrix([[1, 2], [0, -HALF]])), dln.Residual(Matrix([[HALF, 1], [1, 3]]))], (None, 3)),
    "learned biases": (
        [dln.Dense(Matrix([[1, 2], [0, -1]]), Matrix([1, -1]), learn_bias=True),
         dln.Dense(Matrix([[HALF, 1], [1, 3]]), Matrix([0, 2]), learn_bias=True)], (None, None)),
    "narrow": ([dln.Dense(Matrix([[1, 2]])), dln.Dense(Matrix([[3], [HALF]]))], (None, None)),
    "wide": (  # few outputs: S backward
        [dln.Dense(Matrix([[1, 2], [0, -1], [1, 1]])), dln.Dense(Matrix([[1, 0, 2], [-1, 1, 0], [0, 1, 1]])),
         dln.Dense(Matrix([[HALF, 1, 0], [1, 3, -1]]))], (None, 2, None)),
}  # fmt: skip
each_net = pytest.mark.parametrize("name", NETS)


def signals(name, columns=slice(None)):
    """The equilibrium through ``S``, and what the rule multiplies."""
    layers, covariances = NETS[name]
    x, y = X[:, columns], Y[:, columns]
    plain = feedforward(layers, x)
    zero = [feedforward([layer], zeros(layer.in_size, x.shape[1]))[1] for layer in layers]  # the biases
    offsets = [plain[1], *zero[1:-1], zero[-1] - y]
    errors, activities = solve_by_covariance(layers, covariances, offsets)
    assert activities[-1] == zeros(*y.shape), "the clamp"
    return layers, equilibrium_signals(layers, x, y, errors, [x, *activities[:-1]])


def weighted(name, errors):
    return [(1 if each is None else each) * error for each, error in zip(NETS[name][1], errors, strict=True)]


@each_net
def test_both_orders_of_the_output_covariance_agree(name):
    layers, covariances = NETS[name]
    forward = forward_covariance(layers, covariances)
    assert forward == backward_covariance(downstream_maps(layers), covariances)
    assert forward == forward.T


@each_net
def test_the_equilibrium_is_stationary_and_its_errors_are_its_errors(name):
    layers, found = signals(name)
    for layer, above, below in zip(layers[1:], found.errors[1:], found.errors, strict=False):
        assert layer.transpose(above) == below
    targets = [*found.activities[1:], Y]
    for layer, before, after, error in zip(
        layers, found.activities, targets, weighted(name, found.errors), strict=True
    ):
        assert after - layer.affine(before) == error


@each_net
def test_the_energy_is_half_the_residual_in_the_norm_of_the_output_covariance(name):
    _layers, found = signals(name)
    pairs = zip(found.errors, weighted(name, found.errors), strict=True)
    energy = sum(((error.T @ noise).trace() for error, noise in pairs), start=0) / 2
    S = forward_covariance(*NETS[name])
    assert energy == (found.residual.T @ S.inv() @ found.residual).trace() / 2


@each_net
def test_theorem_1_is_exact(name):
    layers, found = signals(name, columns=slice(1))
    rates = weighted(name, learning_rates(layers, found))
    changes = rescale(local_updates(layers, found), rates)
    assert first_order_change(layers, changes, found.feedforward) == found.residual


@pytest.mark.parametrize("name", ["dense", "weighted", "residual"])
def test_theorem_2_is_exact_and_its_printed_form_is_not(name):
    layers, found = signals(name)
    factors = decorrelations(layers, found)
    moved = [
        first_order_change(layers, rescale(local_updates(layers, found), weighted(name, each)), found.feedforward)
        for each in (factors, [factor.T for factor in factors])
    ]
    assert moved[0] == found.residual
    assert moved[1] != found.residual


def test_the_limit_of_finite_steps_is_exact():
    """Of two layers, the finite change is ``η`` times the continuous one plus ``η²`` times a rest."""
    layers, found = signals("dense")
    changes = local_updates(layers, found)
    one, half = (finite_change(layers, changes, found.feedforward, rate) for rate in (1, HALF))
    assert 4 * half - one == first_order_change(layers, changes, found.feedforward)


def test_the_derivative_of_the_loss_is_backpropagation():
    """``d loss = −⟨r, dŷ⟩`` for a change of one entry."""
    layers = NETS["dense"][0]
    found = backpropagation_signals(layers, X, Y)
    for index, update in enumerate(local_updates(layers, found)):
        nudged = [zeros(2, 2), zeros(2, 2)]
        nudged[index] = Matrix([[0, 1], [0, 0]])
        moved = first_order_change(layers, nudged, found.feedforward)
        assert update[0, 1] == (found.residual.T @ moved).trace() / 2


@each_net
def test_exact_and_numerical_results_agree(name):
    layers, covariances = NETS[name]

    def numbers(matrix):
        return None if matrix is None else np.array(matrix.tolist(), dtype=float)

    numeric = dln.LinearNetwork([
        type(layer)(numbers(layer.weight), None if layer.bias is None else numbers(layer.bias)[:, 0], layer.learn_bias)
        for layer in layers
    ])  # fmt: skip
    covariances = [1.0 if each is None else float(each) for each in covariances]
    x, y = numbers(X).T, numbers(Y).T
    result = dln.equilibrium(numeric, x, y, covariances)
    condition = np.linalg.cond(numbers(forward_covariance(*NETS[name])))
    _, found = signals(name)
    assert_close(list(result.weighted_errors), [numbers(each).T for each in found.errors], condition)
    assert_close(list(result.activities[:-1]), [numbers(each).T for each in found.activities], condition)
    exact = [layer.split(change) for layer, change in zip(layers, local_updates(layers, found), strict=True)]
    weights = dln.weight_updates(numeric, x, y, covariances=covariances)
    assert_close(list(weights), [numbers(each) for each, _ in exact], condition)
    biases = dln.bias_updates(numeric, x, y, covariances=covariances)
    for bias, (_, expected) in zip(biases, exact, strict=True):
        assert (bias is None) == (expected is None)
        if bias is not None:
            assert_close(bias, numbers(expected)[:, 0], condition)


def test_the_networks_take_both_orders():
    assert {name for name in NETS if backward_is_cheaper(NETS[name][0])} == {"wide"}


def test_symbolic_networks_are_networks():
    net = dln.LinearNetwork(NETS["dense"][0])
    assert net.widths == (2, 2, 2)
    assert dln.Residual(zeros(2, 2)).matrix() == eye(2)
