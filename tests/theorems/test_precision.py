"""Interference-free precisions: the theorem, the search for them, and when there are any.

Oracles: exact rational arithmetic; the equation of a network with one hidden layer, whose roots are found by scanning;
the closed form of scalar chains; differences.
"""

from itertools import combinations, pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import relative_error
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Matrix, Rational

import dlntheory as dln
from dlntheory import symbolic
from dlntheory.equilibria.problem import as_problem
from dlntheory.networks.samples import as_columns
from dlntheory.theorems.interference_free_search import maps_of, reduce_problem

SEED = st.integers(0, 2**32 - 1)


def draw(seed, widths, scale=1.0):
    """A Gaussian network, and data; the target as far from the prediction as ``scale`` says."""
    draws = np.random.default_rng(seed)
    shapes = pairwise(widths)
    net = dln.LinearNetwork.from_weights([draws.normal(size=shape[::-1]) / np.sqrt(shape[0]) for shape in shapes])
    x, y = draws.normal(size=widths[0]), draws.normal(size=widths[-1])
    predicted = np.asarray(net(x))
    return net, x, predicted + scale * (y - predicted)


def dense(net, x, y, covariances):
    """``x*_{l−1}ᵀx̂_{l−1}`` by a dense solve."""
    weights, predicted, downstream = [np.asarray(each) for each in net.weights], [x], [np.eye(len(y))]
    for weight in weights:
        predicted.append(weight @ predicted[-1])
    for weight in weights[:0:-1]:
        downstream.insert(0, downstream[0] @ weight)
    S = sum(c * D @ D.T for c, D in zip(covariances, downstream, strict=True))
    multiplier, moved, found = np.linalg.solve(S, y - predicted[-1]), 0 * x, []
    for weight, plain, covariance, D in zip(weights, predicted, covariances, downstream, strict=False):
        found.append(plain @ (plain + moved))
        moved = weight @ moved + covariance * D.T @ multiplier
    return np.array(found)


@pytest.mark.parametrize(("first", "second"), [(4, 2), (4, 1)])
def test_two_solutions_in_exact_arithmetic(first, second):
    """Weights 1 and 1/2, input 2, target −1/2: plain predictive coding moves the prediction by the residual."""
    net = dln.LinearNetwork([dln.Dense(Matrix([[1]])), dln.Dense(Matrix([[Rational(1, 2)]]))])
    x, y, covariances = Matrix([2]), Matrix([Rational(-1, 2)]), [first, second]
    settled = symbolic.equilibrium(net, x, y, covariances=covariances)
    assert [(a.T @ b)[0] for a, b in zip(settled.activities, (x, x), strict=False)] == [first, second]
    assert symbolic.prediction_change(net, x, y, covariances=covariances) == Matrix([Rational(-3, 2)])


def test_the_search_finds_either_of_them():
    net = dln.LinearNetwork.from_weights([[[1.0]], [[0.5]]])
    for start in ((4.0, 3.0), (4.0, 0.8)):
        found = dln.interference_free_covariances(net, [2.0], [-0.5], start=start)
        assert found.outcome == "converged"
        assert min(abs(found.covariances[1] - each) for each in (1.0, 2.0)) < 1e-9


def one_hidden_layer_has_a_solution(net, x, y):
    """Whether ``τ‖x‖² = ‖x̂_1‖² + ŷᵀ(WWᵀ + τI)⁻¹r`` has a root ``τ > 0``, by scanning."""
    first, second = (np.asarray(each) for each in net.weights)
    hidden = first @ x
    predicted = second @ hidden
    basis, values, _ = np.linalg.svd(second)
    squares = np.zeros(len(y))
    squares[: len(values)] = values**2
    weights = (basis.T @ predicted) * (basis.T @ (y - predicted))
    tau = np.concatenate([np.logspace(-12, 5, 40000), np.logspace(-2, 2, 40000)])
    return bool((hidden @ hidden + (weights / (squares + tau[:, None])).sum(axis=1) >= tau * (x @ x)).any())


@pytest.mark.parametrize("widths", [(4, 4, 4), pytest.param((3, 6, 4), marks=pytest.mark.daily)])
def test_with_one_hidden_layer_the_search_finds_a_solution_exactly_if_there_is_one(widths):
    problems = [draw(seed, widths) for seed in range(30)]
    exists = [one_hidden_layer_has_a_solution(*problem) for problem in problems]
    found = [bool(dln.interference_free_covariances(*problem).found) for problem in problems]
    assert found == exists
    assert 3 < sum(exists) < 28


def chain(weights, x):
    return dln.LinearNetwork.from_weights([[[weight]] for weight in weights]), [x]


CHAIN = st.lists(st.floats(0.4, 2.5).flatmap(lambda w: st.sampled_from([w, -w])), min_size=4, max_size=4)


@settings(max_examples=20)
@given(weights=CHAIN, ratio=st.floats(0.1, 10.0))
def test_a_chain_has_exactly_one_solution_if_target_and_prediction_have_one_sign(weights, ratio):
    """``Π_l (1 + (y/ŷ − 1) t / w_l²) = y/ŷ``, and ``Σ_l`` from the partial products."""
    net, x = chain(weights, 1.5)
    predicted = 1.5 * np.prod(weights)
    found = dln.interference_free_covariances(net, x, [ratio * predicted])
    assert found.outcome == "converged"
    precisions, gain = 1 / np.array(weights) ** 2, ratio - 1
    low, high = 0.0, 1 / precisions.max() if gain < 0 else max(10.0, gain)
    for _ in range(200):
        middle = (low + high) / 2
        above = (np.prod(1 + gain * middle * precisions) - ratio) * np.sign(gain or 1) > 0
        low, high = (low, middle) if above else (middle, high)
    partial = np.cumprod(np.concatenate([[1], 1 + gain * low * precisions[:-1]]))
    hidden = 1.5 * np.cumprod(np.concatenate([[1], weights[:-1]]))
    if abs(gain) > 1e-3:
        np.testing.assert_allclose(found.covariances, hidden**2 * partial, rtol=1e-6)


@settings(max_examples=10)
@given(weights=CHAIN, ratio=st.floats(-5.0, 0.0))
def test_a_chain_has_none_if_the_signs_differ_and_the_last_weight_is_not_the_smallest(weights, ratio):
    weights = [*weights[:-1], weights[-1] * max(1, 1.001 * min(map(abs, weights[:-1])) / abs(weights[-1]))]
    net, x = chain(weights, 1.5)
    found = dln.interference_free_covariances(net, x, [ratio * 1.5 * np.prod(weights)])
    assert found.outcome == "no positive solution found"
    assert np.isnan(found.covariances).all()


@settings(max_examples=25)
@given(seed=SEED)
def test_close_targets_always_have_a_solution(seed):
    net, x, y = draw(seed, (4, 3, 5, 4), scale=1e-3)
    smallest = min(np.linalg.norm(net.weights[0] @ x), np.linalg.norm(np.asarray(net.weights[1] @ net.weights[0]) @ x))
    spread = max(np.linalg.cond(each) for each in net.weights)
    if smallest > 0.1 and spread < 30:
        assert dln.interference_free_covariances(net, x, y).found


@settings(max_examples=8)
@given(seed=SEED)
def test_theorem_3_holds_wherever_it_applies(seed):
    problem = draw(seed, (4, 3, 5, 4))
    found, verdict = dln.interference_free_covariances(*problem), dln.verify(*problem, theorem=3)
    assert verdict.hypotheses["a positive solution was found"].holds == bool(found.found)
    if not found.found:
        assert not verdict.applicable
        assert "No positive solution was found" in verdict.detail
        return
    assert verdict.applicable, verdict.detail
    assert verdict.holds, verdict.detail
    given_covariances = [float(each) for each in found.covariances]
    np.testing.assert_allclose(dense(*problem, given_covariances), given_covariances, rtol=1e-6)
    moved = dln.prediction_change(*problem, covariances=given_covariances)
    assert relative_error(moved, problem[2] - np.asarray(problem[0](problem[1]))) < 1e-6
    np.testing.assert_allclose(dln.target_alignment(*problem, covariances=given_covariances), 1, atol=1e-9)


def test_theorem_3_needs_the_proportion():
    problem = draw(1, (4, 4, 4, 4), scale=0.3)
    right = np.asarray(dln.interference_free_covariances(*problem).covariances)
    assert dln.verify(*problem, theorem=3, covariances=list(7 * right)).holds, "any multiple will do"
    for layer in range(3):
        wrong = right.copy()
        wrong[layer] *= 1.3
        verdict = dln.verify(*problem, theorem=3, covariances=list(wrong))
        assert not verdict.applicable
        assert not verdict.holds
        assert all(each.holds for name, each in verdict.hypotheses.items() if "> 0" in name)


def test_a_batch_is_solved_sample_by_sample():
    net, x, y = draw(2, (4, 3, 5, 4))
    xs, ys = np.stack([x, 2 * x, -x]), np.stack([y, y, y])
    batch = dln.interference_free_covariances(net, xs, ys)
    singles = [dln.interference_free_covariances(net, *pair) for pair in zip(xs, ys, strict=True)]
    assert batch.covariances.shape == (3, 3)
    assert list(batch.outcome) == [each.outcome for each in singles]
    for index, single in enumerate(singles):
        np.testing.assert_allclose(batch.covariances[index], single.covariances, rtol=1e-9)
    moved = jax.vmap(lambda a, b: dln.interference_free_covariances(net, a, b, solver="covariance").covariances)(xs, ys)
    np.testing.assert_allclose(moved, batch.covariances, rtol=1e-9)


def test_its_derivative_is_that_of_the_solution():
    net, x, y = draw(3, (4, 3, 4), scale=0.3)

    def last(target):
        return dln.interference_free_covariances(net, x, target, solver="covariance").covariances[1]

    direction, h = np.random.default_rng(0).normal(size=4), 1e-5
    difference = (last(y + h * direction) - last(y - h * direction)) / (2 * h)
    np.testing.assert_allclose(jax.jit(jax.grad(last))(y) @ direction, difference, rtol=1e-6)


@pytest.mark.parametrize("kind", ["dense", "residual", "learned"])
def test_the_reduced_products_are_those_of_the_equilibrium(kind):
    draws = np.random.default_rng(0)
    weights, bias = draws.normal(size=(3, 4, 4)) / 2, draws.normal(size=4)
    layer = {"dense": dln.Dense, "residual": dln.Residual, "learned": lambda w: dln.Dense(w, bias, learn_bias=True)}[
        kind
    ]
    net = dln.LinearNetwork([layer(weight) for weight in weights])
    x, y, covariances = draws.normal(size=4), draws.normal(size=4), np.array([0.3, 1.0, 2.0])
    settled = dln.equilibrium(net, x, y, covariances=list(covariances))
    pairs = zip(net.layers, settled.activities, [x, *(net.layers[0].affine(as_columns(jnp.asarray(x))),)], strict=False)
    expected = [
        float(
            jnp.vdot(each.features(as_columns(a)), each.features(as_columns(jnp.asarray(b)) if np.ndim(b) == 1 else b))
        )
        for each, a, b in pairs
    ]
    reduced = reduce_problem(as_problem(net, x, y, None, None), maps_of(net.layers))
    unit = np.exp(reduced.unit)
    found = unit * reduced.products(covariances / unit)
    np.testing.assert_allclose(found[:2], expected, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-150, 1e-75, 1e100, 1e150])
def test_a_solution_does_not_depend_on_the_datas_unit(size):
    """The residual and the activities grow alike, and the covariances with their square."""
    net = dln.LinearNetwork.random([4] * 4, init="norm_preserving", key=0)
    x, offset = np.random.default_rng(0).normal(size=(2, 4))
    y = np.asarray(net(x)) + 0.1 * offset
    plain, scaled = (dln.interference_free_covariances(net, unit * x, unit * y) for unit in (1.0, size))
    assert scaled.outcome == "converged"
    np.testing.assert_allclose(np.sqrt(scaled.covariances) / size, np.sqrt(plain.covariances), rtol=1e-10)


def test_nudging_less_gives_a_solution_where_the_clamp_has_none():
    net, x = chain([1.0, 1.0], 1.0)
    assert not dln.interference_free_covariances(net, x, [-1.0]).found
    nudged = dln.interference_free_covariances(net, x, [-1.0], nudge=0.1)
    moved = dln.prediction_change(net, x, [-1.0], covariances=list(map(float, nudged.covariances)), nudge=0.1)
    np.testing.assert_allclose(moved, [0.1 * -2.0], rtol=1e-9)


@settings(max_examples=20)
@given(seed=SEED, beta=st.floats(0.1, 5.0))
def test_centred_nudging_needs_no_search(seed, beta):
    """Averaged over ``±β``, updates have feedforward activities: ``Σ_l = ‖x̂_{l−1}‖²`` always gives alignment one."""
    net, x, y = draw(seed, (4, 3, 5, 4))
    predicted = [x]
    for weight in net.weights:
        predicted.append(np.asarray(weight) @ predicted[-1])
    covariances = [float(each @ each) for each in predicted[:-1]]
    both = [dln.prediction_change(net, x, y, covariances=covariances, nudge=sign * beta) for sign in (1, -1)]
    residual = y - predicted[-1]
    assert relative_error((both[0] + both[1]) / 2, beta * residual) < 1e-8


def test_errors_are_an_average_of_basic_solutions():
    """Of ``Σ_l D_l ε_l = r``: the bound on which existence for close targets rests, whatever the covariances."""
    net, x, y = draw(4, (3, 2, 3, 2))
    first, second, third = (np.asarray(each) for each in net.weights)
    columns = np.hstack([third @ second, third, np.eye(2)])
    residual = y - third @ second @ first @ x
    for covariances in np.random.default_rng(0).lognormal(sigma=4, size=(20, 3)):
        spread = np.repeat(covariances, [2, 3, 2])
        errors, total = np.zeros(7), 0.0
        for chosen in map(list, combinations(range(7), 2)):
            basis = columns[:, chosen]
            weight = np.linalg.det(basis) ** 2 * spread[chosen].prod()
            errors[chosen] += weight * np.linalg.solve(basis, residual)
            total += weight
        found = dln.equilibrium(net, x, y, covariances=list(covariances), solver="square_root").errors
        assert relative_error(np.concatenate(found), errors / total) < 1e-7


BAD = {
    "a soft output": ({"nudge": dln.SoftOutput(1.0)}, "`nudge` is a SoftOutput; wanted None or a number"),
    "a short start": ({"start": [1.0]}, r"`start` has shape \(1,\); wanted \(2,\)"),
    "a start of zero": ({"start": [1.0, 0.0]}, "`start` holds 0.0; wanted positive numbers"),
    "an unknown solver": ({"solver": "best"}, "`solver` is 'best'; wanted one of"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        dln.interference_free_covariances(*chain([1.0, 1.0], 1.0), [2.0], **options)


@pytest.mark.parametrize("nudge", [0.0, 1.0, -0.5, None, dln.SoftOutput(1.0)])
def test_verify_of_nudging_wants_a_share(nudge):
    with pytest.raises(ValueError, match="wanted a number between 0 and 1"):
        dln.verify(*chain([1.0, 1.0], 1.0), [2.0], theorem="nudging", nudge=nudge)


@settings(max_examples=20)
@given(seed=SEED, beta=st.floats(0.05, 0.95))
def test_an_output_precision_is_a_soft_output_and_not_a_nudge(seed, beta):
    problem = draw(seed, (4, 3, 5, 4))
    assert dln.verify(*problem, theorem="nudging", nudge=beta).holds
    assert not dln.verify(*problem, theorem="printed-nudging", nudge=beta).holds


def test_an_input_of_zero_has_no_solution():
    net, _ = chain([1.0, 1.0], 1.0)
    found = dln.interference_free_covariances(net, [0.0], [1.0])
    assert (found.outcome, int(found.layer)) == ("no positive solution found", 1)
