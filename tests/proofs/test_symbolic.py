"""The kernels on exact rational numbers: the lines that run on JAX arrays run on SymPy matrices.

Oracles: exact arithmetic (identities hold with ``==``), and the numerical results of the same networks.
"""

import re

import numpy as np
import pytest
from closeness import assert_close
from sympy import Matrix, MatrixSymbol, Rational, eye, lambdify, latex, pretty, simplify, symbols, zeros

import dlntheory as dln
from dlntheory import symbolic
from dlntheory.equilibria.covariance import backward_covariance, backward_is_cheaper, forward_covariance
from dlntheory.equilibria.hessian import cholesky_factor, inverse_diagonal
from dlntheory.equilibria.routes import solve_by_covariance
from dlntheory.learning.adaptive_rates import learning_rates
from dlntheory.learning.decorrelation import decorrelations
from dlntheory.learning.rescaling import rescale
from dlntheory.learning.rules import backpropagation_signals, equilibrium_signals, local_updates
from dlntheory.networks.passes import downstream_maps, feedforward, finite_change, first_order_change
from dlntheory.numerics.algebra import inverse_cholesky

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


def test_expressions_become_functions_of_arrays():
    """`lambdify` of the expressions gives what the numerical functions give."""
    random = np.random.default_rng(0)
    net = symbolic.network(3, [4, 3, 3, 2])
    x, y = symbolic.data(net, 5)
    arrays = [random.normal(size=tuple(map(int, each.shape))) for each in (*net.weights, x, y)]
    numeric, rows = dln.LinearNetwork.from_weights(arrays[:3]), [each.T for each in arrays[3:]]

    def evaluated(expression):
        return np.asarray(lambdify([*net.weights, x, y], expression, "numpy")(*arrays))

    found, expected = symbolic.equilibrium(net, x, y), dln.equilibrium(numeric, *rows)
    S = np.asarray(dln.output_covariance(numeric))
    condition = np.linalg.cond(S)
    assert_close(list(expected.activities), [evaluated(each).T for each in found.activities], condition)
    assert_close(expected.energy.sum(), evaluated(found.energy), condition)
    assert_close(S, evaluated(symbolic.output_covariance(net)), condition)
    for rule in ("bp", "pc", "natural"):
        updates = symbolic.weight_updates(net, x, y, rule)
        assert_close(
            list(dln.weight_updates(numeric, *rows, rule)), [evaluated(each) for each in updates], condition**2
        )
        change = symbolic.prediction_change(net, x, y, rule)
        assert_close(dln.prediction_change(numeric, *rows, rule), evaluated(change).T, condition**2)
    rates = symbolic.adaptive_learning_rates(net, x, y)
    assert_close(
        dln.adaptive_learning_rates(numeric, *rows), np.array([evaluated(each) for each in rates]), condition**2
    )


def test_expressions_are_printed():
    net = symbolic.network(2)
    result = symbolic.equilibrium(net, *symbolic.data(net))
    assert latex(result.multiplier).startswith(r"\left(\mathbb{I} + W_{2} W_{2}^{T}\right)^{-1}")
    matrices = symbolic.decorrelation_matrices(symbolic.network(1), *symbolic.data(symbolic.network(1)))
    assert latex(matrices[0]).endswith("^{+}")
    assert "+" in pretty(matrices[0])


def test_explicit_matrices_of_symbols_are_networks():
    a, b, x, y = symbols("a b x y")
    net = dln.LinearNetwork([dln.Dense(Matrix([[a]])), dln.Dense(Matrix([[b]]))])
    result = symbolic.equilibrium(net, Matrix([[x]]), Matrix([[y]]))
    assert simplify(result.multiplier[0] - (y - a * b * x) / (1 + b**2)) == 0
    assert (
        simplify(
            symbolic.prediction_change(net, Matrix([[x]]), Matrix([[y]]), rescaling="adaptive")[0] - (y - a * b * x)
        )
        == 0
    )


def test_an_inverse_cholesky_factor_is_exact():
    matrix = Matrix([[4, 2], [2, 5]])
    factor = inverse_cholesky(matrix)
    assert factor == Matrix([[HALF, 0], [-HALF / 2, HALF]])
    unevaluated = inverse_cholesky(MatrixSymbol("M", 2, 2))
    assert str(unevaluated) == "chol(M)**(-1)"
    assert latex(unevaluated) == r"\operatorname{chol}\left(M\right)^{-1}"


def test_the_smoother_is_exact():
    layers, covariances = NETS["weighted"][0], tuple(map(Rational, NETS["weighted"][1]))
    S = [forward_covariance(layers[:depth], covariances[:depth]) for depth in (1, 2, 3)]
    blocks = inverse_diagonal(cholesky_factor(layers, covariances))
    for block, own, pull in zip(blocks, S, downstream_maps(layers), strict=False):
        assert simplify(block) == own - own * pull * S[-1].inv() * pull.T * own


def test_nudges_and_soft_outputs_are_expressions():
    net, (x, y) = dln.LinearNetwork(NETS["dense"][0]), (X, Y)
    plain = symbolic.equilibrium(net, x, y)
    assert symbolic.equilibrium(net, x, y, nudge=HALF).multiplier == plain.multiplier / 2
    soft = symbolic.equilibrium(net, x, y, nudge=dln.SoftOutput(HALF))
    S = symbolic.output_covariance(net)
    assert (S + 2 * eye(2)) * soft.multiplier == plain.residual
    numeric = dln.LinearNetwork.from_weights([np.array(each.tolist(), float) for each in net.weights])
    updates = dln.weight_updates(numeric, np.array(x.T.tolist(), float), np.array(y.T.tolist(), float), nudge=-0.5)
    exact = symbolic.weight_updates(net, x, y, nudge=-HALF)
    assert_close(
        list(updates), [np.array(each.tolist(), float) for each in exact], np.linalg.cond(np.array(S.tolist(), float))
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net, x, y: symbolic.network(0), "`depth` is 0"),
        (lambda net, x, y: symbolic.network(2, [1, 2]), "`widths` has 2 entries; wanted 3"),
        (lambda net, x, y: symbolic.network(2, kind="conv"), "`kind` is 'conv'"),
        (lambda net, x, y: symbolic.network(2, bias="some"), "`bias` is 'some'"),
        (lambda net, x, y: symbolic.equilibrium(net, zeros(3, 2), y), "`x` has shape (3, 2); wanted 2 rows"),
        (lambda net, x, y: symbolic.equilibrium(net, x, Matrix([[1], [2]])), "wanted the same number of samples"),
        (lambda net, x, y: symbolic.equilibrium(net, [[1.0]], y), "`x` is a list"),
        (lambda net, x, y: symbolic.equilibrium(net, x, y, covariances=[1]), "`covariances` has 1 entries"),
        (lambda net, x, y: symbolic.weight_updates(net, x, y, "hebb"), "`rule` is 'hebb'"),
        (lambda net, x, y: symbolic.weight_updates(net, x, y, rescaling="all"), "`rescaling` is 'all'"),
        (lambda net, x, y: symbolic.weight_updates(net, x, y, "natural", "adaptive"), "with rule='natural'"),
        (lambda net, x, y: symbolic.adaptive_learning_rates(net, x, y, "natural"), "`rule` is 'natural'"),
        (lambda net, x, y: symbolic.output_covariance(dln.LinearNetwork.random([2, 2])), "has numerical weights"),
    ],
)
def test_bad_symbolic_input_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call(dln.LinearNetwork(NETS["dense"][0]), X, Y)
