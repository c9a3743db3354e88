"""Learning mode by mode, and training in continuous time.

Oracles: the library's updates on full networks, followed by a Runge-Kutta method with fixed steps; closed forms of single
modes; exact fractions for what is conserved; and, for what is not, linear algebra over the rationals.
"""

import itertools

import numpy as np
import pytest
import sympy
from closeness import assert_close, epsilon
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import dlntheory as dln
from dlntheory.training.flow import integrate, tolerance
from dlntheory.training.singular_modes import mode_rates

RULES = ("bp", "pc", "natural")
FOLLOWED = 100 * tolerance(np.float64)
"""What an integration of some hundred steps may be off."""


def decoupled(noise=0.0):
    """Data with modes of different sizes and variances, four inputs and three outputs."""
    rng = np.random.default_rng(0)
    inputs, outputs = (np.linalg.qr(rng.normal(size=(size, size)))[0] for size in (4, 3))
    samples = np.linalg.qr(rng.normal(size=(16, 7)))[0] * 4  # columns of unit mean square, orthogonal to each other
    x = samples[:, :4] * np.sqrt([1.0, 0.5, 2.0, 1.0]) @ inputs.T
    y = x @ inputs[:, :3] @ np.diag([3.0, 1.5, 0.7]) @ outputs.T + np.sqrt(noise) * samples[:, 4:] @ outputs.T
    return x, y


def trained(net, x, y, rule, time, steps):
    """The network trained by the classical Runge-Kutta method: fixed steps, and nothing but the library's updates."""

    def moved(weights, change, size):
        return [weight + size * each for weight, each in zip(weights, change, strict=True)]

    def rates(weights):
        return dln.weight_updates(net.with_weights(weights), x, y, rule=rule)

    weights, h = list(net.weights), time / steps
    for _ in range(steps):
        first = rates(weights)
        second = rates(moved(weights, first, h / 2))
        third = rates(moved(weights, second, h / 2))
        fourth = rates(moved(weights, third, h))
        for change, share in ((first, 1), (second, 2), (third, 2), (fourth, 1)):
            weights = moved(weights, change, share * h / 6)
    return weights


def assert_limit(predicted, coarse, fine):
    """Runge-Kutta steps of half the size err sixteen times less: what is left is a fifteenth of the difference."""
    differences = [np.linalg.norm(np.subtract(*pair)) for pair in zip(coarse, fine, strict=True)]
    errors = [np.linalg.norm(np.subtract(*pair)) for pair in zip(predicted, fine, strict=True)]
    scale = np.linalg.norm(np.concatenate([np.ravel(each) for each in fine]))
    assert max(errors) <= max(differences) / 8 + FOLLOWED * scale, (errors, differences)
    assert max(differences) < 1e-2 * scale


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("depth", "noise"), [pytest.param(2, 0.0, marks=pytest.mark.daily), (3, 0.5)])
def test_modes_are_what_training_does(rule, depth, noise):
    x, y = decoupled(noise)
    modes = dln.data_modes(x, y)
    np.testing.assert_allclose(modes.noise, noise, atol=1e-12)
    initial = np.linspace(0.3, 0.9, 3 * depth).reshape(3, depth)
    net = dln.aligned_network(modes, initial, [4] * (depth - 1))
    coarse, fine = (trained(net, x, y, rule, 0.6, steps) for steps in (20, 40))
    found = dln.mode_dynamics(*modes[:1], initial, [0.0, 0.6], rule, modes.variances, modes.noise)
    np.testing.assert_allclose(found.weights[0], initial)
    predicted = dln.aligned_network(modes, found.weights[1], [4] * (depth - 1)).weights
    assert_limit(predicted, coarse, fine)
    after = net.with_weights(predicted)
    residual = y - np.asarray(after(x))
    assert_close(found.loss[1].sum(), np.mean(np.sum(residual**2, axis=1)) / 2, condition=100)
    assert_close(found.energy[1].sum(), np.mean(dln.equilibrium(after, x, y).energy), condition=100)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_gradient_flow_is_what_training_does(rule):
    """Weights that are not aligned, and data that do not decouple."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 16, 4)) * 0.7
    net = dln.LinearNetwork.random([4, 4, 4], key=1)
    coarse, fine = (trained(net, x, y[:, :4], rule, 0.5, steps) for steps in (20, 40))
    flow = dln.gradient_flow(net, x, y[:, :4], [0.0, 0.0, 0.5], rule)
    for start, weight in zip(flow, net.weights, strict=True):
        np.testing.assert_array_equal(start[:2], np.stack([weight, weight]))
    assert_limit([each[2] for each in flow], coarse, fine)


def test_the_scalar_chain_of_the_theory():
    """From weights of 0.3 to the target 3; dividing backpropagation's equation by S is right to first order only."""
    found = dln.mode_dynamics(3.0, [0.3, 0.3], [0.5], "pc")
    assert round(float(found.products[0]), 2) == 1.19
    shortcut = integrate(lambda u: 2 * u * (3 - u) / (1 + u), np.array([0.09]), np.array([0.5]), 1e-10)
    assert round(float(shortcut[0, 0]), 2) == 0.70


@pytest.mark.parametrize("rate", [0.25, 2.0])
def test_backpropagation_in_closed_form(rate):
    times, target, start = np.linspace(0, 3, 7), 1.7, 0.04
    two = dln.mode_dynamics(target, [0.2, 0.2], times, "bp", rate).products
    grown = np.exp(2 * target * rate * times)
    assert_close(two, target * start * grown / (target - start + start * grown), tolerance=FOLLOWED)
    one = dln.mode_dynamics(target, [start], times, "bp", rate).products
    assert_close(one, target + (start - target) * np.exp(-rate * times), tolerance=FOLLOWED)
    natural = dln.mode_dynamics(target, [0.1, 0.4, 1.0], times, "natural", rate).products
    assert_close(natural, target + (start - target) * np.exp(-times), tolerance=FOLLOWED)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_balanced_backpropagation_is_one_equation(depth):
    """Saxe et al. 2014: the time to a product is an integral."""
    target, rate, initial = 1.3, 0.8, 0.5
    start, end = initial**depth, 0.6 * target
    wanted, _ = quad(
        lambda u: 1 / (depth * u ** (2 - 2 / depth) * rate * (target - u)), start, end, epsabs=0, epsrel=1e-12
    )
    found = dln.mode_learning_time(target, [initial] * depth, "bp", 0.6, rate)
    assert_close(found, wanted, tolerance=FOLLOWED)
    if depth == 2:
        assert_close(
            found, np.log(end * (target - start) / (start * (target - end))) / (2 * rate * target), tolerance=FOLLOWED
        )


def test_a_learning_time_is_when_the_product_gets_there():
    values, initial = [4.0, 1.0, 0.3], [[0.1, 0.2, 0.3], [0.5, 0.4, 0.3], [1.0, 0.2, 0.2]]
    for rule in RULES:
        times = dln.mode_learning_time(values, initial, rule, 0.7)
        assert times.shape == (3,)
        for value, start, time in zip(values, initial, times, strict=True):
            assert_close(dln.mode_dynamics(value, start, [time], rule).products[0], 0.7 * value, tolerance=FOLLOWED)
    assert dln.mode_learning_time(1.0, [0.9, 0.9], "bp") == 0


def test_modes_that_are_never_learned():
    for rule in ("bp", "pc"):
        assert dln.mode_learning_time(1.0, [0.0, 0.0], rule) == np.inf
        assert dln.mode_learning_time(1.0, [0.1, -0.1], "bp", horizon=20.0) == np.inf
    assert np.isfinite(dln.mode_learning_time(1.0, [0.1, -0.1], "pc"))  # which does not stay on the way to the saddle
    assert dln.mode_learning_time(1.0, [0.0, 0.0, 0.1], "pc", horizon=100.0) == np.inf  # S grows instead


def test_small_weights_delay_backpropagation_by_a_power_and_predictive_coding_by_logarithms():
    """Three layers: the time is 1/(s w_0) for one rule; for the other, ten times smaller weights cost about as much again."""
    sizes = [1e-2, 1e-3, 1e-4, 1e-5]
    bp, pc = ([float(dln.mode_learning_time(1.0, [size] * 3, rule)) for size in sizes] for rule in ("bp", "pc"))
    np.testing.assert_allclose(np.multiply(bp, sizes), 1, rtol=0.01)
    assert max(pc) < 50
    assert max(np.diff(pc)) < 1.5 * min(np.diff(pc))


weights_of_a_mode = st.integers(1, 4).flatmap(lambda depth: st.lists(st.floats(-2, 2), min_size=depth, max_size=depth))


@given(weights_of_a_mode, st.floats(-3, 3), st.floats(0.1, 3), st.floats(0, 3))
@settings(max_examples=40)
def test_a_mode_is_a_chain_of_scalars(weights, target, variance, noise):
    """Two samples have the moments of a mode; the library's updates of the chain are the mode's rates."""
    x = np.array([[np.sqrt(2 * variance)], [0.0]])
    y = np.array([[target * np.sqrt(2 * variance)], [np.sqrt(2 * noise)]])
    net = dln.LinearNetwork.from_weights([[[weight]] for weight in weights])
    magnitude = np.prod([1 + abs(weight) for weight in weights]) * (1 + abs(target))
    for rule in RULES if min(map(abs, weights)) > 0.1 else RULES[:2]:
        wanted = [each.item() for each in dln.weight_updates(net, x, y, rule=rule)]
        found = mode_rates(rule, weights, target, variance, noise)
        size = magnitude**2 * (variance + noise) if rule != "natural" else 10 ** len(weights) * magnitude
        np.testing.assert_allclose(found, wanted, rtol=0, atol=64 * epsilon(np.float64(1)) * size)


@given(st.integers(0, 2**31), st.sampled_from([(3, 4, 2), (2, 2, 3, 2)]))
@settings(max_examples=15)
def test_layers_gain_over_the_one_before_what_it_carries_as_error(seed, widths):
    """The rate of an imbalance is zero for backpropagation, and twice the errors' second moment for predictive coding."""
    rng = np.random.default_rng(seed)
    net = dln.LinearNetwork.from_weights([rng.normal(size=shape) for shape in zip(widths[1:], widths, strict=False)])
    x, y = rng.normal(size=(5, widths[0])), rng.normal(size=(5, widths[-1]))
    errors = dln.equilibrium(net, x, y).errors
    for rule in ("bp", "pc"):
        changes = dln.weight_updates(net, x, y, rule=rule)
        size = sum(np.sum(each**2) for each in (*changes, *net.weights, x, y))
        for l in range(len(widths) - 2):
            half = net.weights[l + 1].T @ changes[l + 1] - changes[l] @ net.weights[l].T
            wanted = 2 * errors[l].T @ errors[l] / 5 if rule == "pc" else np.zeros_like(half)
            np.testing.assert_allclose(half + half.T, wanted, atol=64 * epsilon(half) * size)


def test_balance_along_training():
    """Backpropagation keeps every imbalance; predictive coding's only grow; the natural gradient keeps ratios."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 8, 3))
    net = dln.LinearNetwork.random([3, 3, 3, 3], key=3)
    before = dln.imbalances(net)
    for rule in ("bp", "pc"):
        flow = dln.gradient_flow(net, x, y, [0.5, 1.0, 2.0], rule)
        path = [before, *(dln.imbalances(net.with_weights([each[k] for each in flow])) for k in range(3))]
        for earlier, later in itertools.pairwise(path):
            for one, other in zip(earlier, later, strict=True):
                gained = np.linalg.eigvalsh(other - one)
                if rule == "bp":
                    assert_close(other, one, tolerance=FOLLOWED)
                else:
                    assert gained[0] > -FOLLOWED
                    assert gained[-1] > 1e-3
    initial = [0.2, 0.5, 0.8]
    modes = dln.mode_dynamics([2.0, 0.5], initial, [0.0, 0.7], "natural").weights
    assert_close(modes[1] / modes[1, :, :1], modes[0] / modes[0, :, :1], tolerance=FOLLOWED)
    pc = dln.mode_dynamics([2.0, 0.5], initial, np.linspace(0, 5, 20), "pc")
    assert (np.diff(pc.imbalances, axis=0) >= 0).all()
    bp = dln.mode_dynamics([2.0, 0.5], initial, [0.0, 5.0], "bp")
    assert_close(bp.imbalances[1], bp.imbalances[0], tolerance=FOLLOWED)


def conserved_polynomials(depth, target, degree):
    """A basis of the polynomials in the weights, of at most this degree and without constants, that the flow conserves."""
    symbols = sympy.symbols(f"w_1:{depth + 1}")
    rates = mode_rates("pc", symbols, sympy.Rational(target), sympy.Integer(1), sympy.Integer(0))
    product = sympy.prod(symbols)
    common = sympy.Integer(0)
    for weight in symbols:
        common = 1 + weight**2 * common
    factor = common**2 / (target - product)  # not zero where something moves
    flow = [sympy.Poly(sympy.cancel(factor * each), *symbols) for each in rates]
    exponents = [e for e in itertools.product(range(degree + 1), repeat=depth) if 0 < sum(e) <= degree]
    columns = []
    for exponent in exponents:
        monomial = sympy.Poly({exponent: 1}, *symbols)
        columns.append(
            sum((monomial.diff(w) * rate for w, rate in zip(symbols, flow, strict=True)), sympy.Poly(0, *symbols))
        )
    rows = sorted({monomial for column in columns for monomial in column.monoms()})
    matrix = sympy.polys.matrices.DomainMatrix.from_Matrix(
        sympy.Matrix(len(rows), len(columns), lambda i, j: columns[j].coeff_monomial(rows[i]))
    ).convert_to(sympy.QQ)
    basis = matrix.nullspace().to_Matrix().tolist()
    return [
        sum(
            c * sympy.prod([w**k for w, k in zip(symbols, e, strict=True)]) for c, e in zip(row, exponents, strict=True)
        )
        for row in basis
    ]


def test_predictive_coding_conserves_no_polynomial():
    """But with a target of zero, where two layers conserve w_1² − w_2² − w_2⁴/2."""
    first, second = sympy.symbols("w_1:3")
    (found,) = conserved_polynomials(2, 0, 4)
    assert sympy.cancel(found / (first**2 - second**2 - second**4 / 2)).is_number
    for target in (3, sympy.Rational(3, 2), sympy.Rational(1, 3)):
        assert not conserved_polynomials(2, target, 8)
    assert not conserved_polynomials(3, 3, 4)


def test_two_layers_conserve_no_power_series():
    """At the origin the flow's eigenvalues are μ and −1/μ, in units of s, with s = μ − 1/μ: a power series that is conserved
    needs p μ = q/μ in whole numbers, so μ² rational. With s = 3, μ² = (11 + 3√13)/2."""
    target = sympy.Integer(3)
    symbols = sympy.symbols("w_1:3")
    rates = sympy.Matrix(mode_rates("pc", symbols, target, sympy.Integer(1), sympy.Integer(0)))
    linear = rates.jacobian(symbols).subs(dict.fromkeys(symbols, 0)) / target
    larger, smaller = sorted(linear.eigenvals(), key=float, reverse=True)
    assert sympy.simplify(larger * smaller) == -1
    assert sympy.simplify(larger + smaller) == target
    assert sympy.simplify(larger**2 - (11 + 3 * sympy.sqrt(13)) / 2) == 0


def test_noise_lets_the_output_variance_grow():
    """With targets that no network can fit there is no minimum: the energy goes to zero, while the loss keeps the noise."""
    modes = dln.mode_dynamics(1.0, [0.3, 0.3], [1.0, 1e2, 1e3], "pc", noise=0.5)
    assert (np.diff(modes.output_variance) > 0).all()
    assert modes.energy[-1] < 0.01 < 0.25 <= modes.loss[-1]
    quiet = dln.mode_dynamics(1.0, [0.3, 0.3], [1e2, 1e3], "pc")
    assert_close(quiet.output_variance[1], quiet.output_variance[0], tolerance=FOLLOWED)


def test_data_that_do_not_decouple_are_refused():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 3))
    with pytest.raises(ValueError, match=r"do not decouple: mean\(x xᵀ\)"):
        dln.data_modes(x, x @ rng.normal(size=(3, 2)))
    x, y = decoupled()
    with pytest.raises(ValueError, match=r"do not decouple: mean\(y yᵀ\)"):
        dln.data_modes(x, y + np.array([[1.0, 1.0, 0.0]]) * np.linalg.qr(np.c_[x, np.ones(16)])[0][:, 4:])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dln.mode_dynamics([[1.0]], [1.0], [0.0]), ValueError, r"`singular_values` has shape \(1, 1\)"),
        (lambda: dln.mode_dynamics([1.0, 2.0], [[1.0]], [0.0]), ValueError, r"`initial` has shape \(1, 1\)"),
        (lambda: dln.mode_dynamics(1.0, 1.0, [0.0]), ValueError, r"`initial` has shape \(\)"),
        (lambda: dln.mode_dynamics(1.0, [np.nan], [0.0]), ValueError, "`initial` holds NaN"),
        (lambda: dln.mode_dynamics(1.0, [1.0], [1.0, 0.0]), ValueError, "`times` is negative or out of order"),
        (lambda: dln.mode_dynamics(1.0, [1.0], 1.0), ValueError, r"`times` has shape \(\)"),
        (lambda: dln.mode_dynamics(1.0, [1.0], [0.0], "hebb"), ValueError, "`rule` is 'hebb'"),
        (lambda: dln.mode_dynamics(1.0, [1.0], [0.0], variances=0.0), ValueError, "v > 0"),
        (lambda: dln.mode_dynamics(1.0, [1.0], [0.0], noise=[1.0]), ValueError, r"`noise` has shape \(1,\)"),
        (lambda: dln.mode_dynamics(1.0, [1.0, 0.0], [0.0], "natural"), ValueError, "`initial` holds zero"),
        (lambda: dln.mode_learning_time(0.0, [1.0]), ValueError, "`singular_values` holds zero"),
        (lambda: dln.mode_learning_time(1.0, [1.0], fraction=1.0), ValueError, "`fraction` is 1.0"),
        (lambda: dln.mode_learning_time(1.0, [1.0], horizon=0), ValueError, "`horizon` is 0"),
        (lambda: dln.gradient_flow(dln.LinearNetwork.random([2, 2]), [1.0], [1.0, 1.0], [0.0]), ValueError, "`x` has shape"),
        (lambda: dln.data_modes([1.0], [1.0]), ValueError, "`x` and `y` have shapes"),
        (lambda: dln.aligned_network(dln.data_modes(*decoupled()), [1.0, 1.0], [2]), ValueError, r"`widths\[0\]` is 2"),
        (lambda: dln.aligned_network(dln.data_modes(*decoupled()), [1.0, 1.0], [3, 3]), ValueError, "`widths` has 2 entries"),
        (lambda: dln.aligned_network(dln.data_modes(*decoupled()), [[1.0]]), ValueError, r"`initial` has shape \(1, 1\)"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_flow_that_cannot_be_followed_is_refused():
    net = dln.LinearNetwork.from_weights([[[1e160]], [[1e160]]])
    with pytest.raises(dln.PrecisionError, match="the flow cannot be followed"):
        dln.gradient_flow(net, [1.0], [1.0], [1.0], "bp")
