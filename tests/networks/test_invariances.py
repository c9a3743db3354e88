"""What changes of coordinates, units and order leave alone.

Oracle: the symmetry itself; each network is solved twice.
"""

import dataclasses

import equinox as eqx
import jax
import numpy as np
import oracles
import pytest
from cases import Case
from cases import eagerly as eagerly
from closeness import assert_close

import dlntheory as dln

CASES = [Case(2), Case(3, "bottleneck"), Case(6, "expanding"), Case(9)]
everywhere = pytest.mark.parametrize("case", CASES, ids=str)
by_rule = pytest.mark.parametrize(
    ("rule", "rescaling"), [("bp", None), ("pc", None), ("pc", "adaptive"), ("natural", None)]
)


def condition(case):
    problem = oracles.problem_of(case)
    return oracles.dense_equilibrium(problem)[1] * max(
        1.0, *(np.linalg.cond(each) for each in oracles.downstream(problem))
    )


def rotation(size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def rotated(net):
    """Every hidden basis turned by a rotation of its own."""
    bases = [np.eye(net.widths[0]), *(rotation(width, seed) for seed, width in enumerate(net.widths[1:-1]))]
    bases.append(np.eye(net.widths[-1]))
    pairs = zip(net.weights, bases[1:], bases, strict=False)
    return dln.LinearNetwork.from_weights([after @ weight @ before.T for weight, after, before in pairs]), bases


@everywhere
def test_activities_and_updates_turn_with_the_hidden_basis(case):
    net, bases = rotated(case.net)
    plain, turned = dln.equilibrium(*case.data), dln.equilibrium(net, case.x, case.y)
    expected = tuple(each @ basis.T for each, basis in zip(plain.activities, bases, strict=True))
    assert_close(turned.activities, expected, condition(case))
    assert_close(turned.energy, plain.energy, condition(case))
    pairs = zip(dln.weight_updates(*case.data), bases[1:], bases, strict=False)
    updates = tuple(after @ np.asarray(update) @ before.T for update, after, before in pairs)
    assert_close(dln.weight_updates(net, case.x, case.y), updates, condition(case))


@everywhere
@by_rule
def test_alignments_ignore_the_hidden_basis(case, rule, rescaling):
    net, _ = rotated(case.net)
    expected = dln.target_alignment(*case.data, rule, rescaling)
    assert_close(dln.target_alignment(net, case.x, case.y, rule, rescaling), expected, 100 * condition(case))


@everywhere
@by_rule
@pytest.mark.parametrize("scale", [2.0**-20, -8.0])
def test_alignments_ignore_the_unit_of_the_data(case, rule, rescaling, scale):
    """A power of two, so that rounding is the same."""
    expected = dln.target_alignment(*case.data, rule, rescaling)
    assert_close(
        dln.target_alignment(case.net, scale * case.x, scale * case.y, rule, rescaling), expected, condition(case)
    )


@everywhere
def test_energies_scale_with_the_square_of_the_unit_of_the_data(case):
    plain, scaled = dln.equilibrium(*case.data), dln.equilibrium(case.net, 3 * case.x, 3 * case.y)
    assert_close(scaled.energy, 9 * plain.energy, condition(case))
    assert_close(scaled.activities, tuple(3 * each for each in plain.activities), condition(case))


@everywhere
def test_activities_ignore_a_common_factor_of_the_covariances(case):
    covariances = list(np.random.default_rng(0).uniform(0.5, 2, size=case.depth))
    plain, scaled = (dln.equilibrium(*case.data, [factor * each for each in covariances]) for factor in (1.0, 5.0))
    assert_close(scaled.activities, plain.activities, condition(case))
    assert_close(scaled.errors, plain.errors, condition(case))
    assert_close(5 * scaled.energy, plain.energy, condition(case))
    assert_close(5 * scaled.multiplier, plain.multiplier, condition(case))


@everywhere
def test_a_scalar_covariance_is_that_multiple_of_the_identity(case):
    scalars = list(np.random.default_rng(0).uniform(0.5, 2, size=case.depth))
    matrices = [each * np.eye(width) for each, width in zip(scalars, case.widths[1:], strict=True)]
    one, other = (dln.equilibrium(*case.data, each) for each in (scalars, matrices))
    assert_close(
        (one.activities, one.errors, one.energy), (other.activities, other.errors, other.energy), condition(case)
    )


@everywhere
@by_rule
def test_the_order_of_the_batch_does_not_matter(case, rule, rescaling):
    order = [2, 0, 1]
    shuffled = (case.net, case.x[order], case.y[order])
    updates, alignment = (f(*case.data, rule, rescaling) for f in (dln.weight_updates, dln.target_alignment))
    assert_close(dln.weight_updates(*shuffled, rule, rescaling), updates, 100 * condition(case))
    assert_close(dln.target_alignment(*shuffled, rule, rescaling), alignment[np.array(order)], 100 * condition(case))


@everywhere
@pytest.mark.parametrize(("rule", "rescaling"), [("bp", None), ("pc", None), ("pc", "adaptive")])
def test_a_batch_that_is_repeated_changes_nothing(case, rule, rescaling):
    doubled = (case.net, np.vstack([case.x, case.x]), np.vstack([case.y, case.y]))
    expected = dln.weight_updates(*case.data, rule, rescaling)
    assert_close(dln.weight_updates(*doubled, rule, rescaling), expected, 100 * condition(case))


@everywhere
def test_samples_relax_independently(case):
    together = dln.equilibrium(*case.data)
    alone = [dln.equilibrium(case.net, *pair) for pair in zip(case.x, case.y, strict=True)]
    stacked = [np.stack(each) for each in zip(*(result.activities for result in alone), strict=True)]
    assert_close(list(together.activities), stacked, condition(case))


@everywhere
@pytest.mark.parametrize("kind", ["fixed", "learned"])
def test_biases_only_move_the_prediction(case, kind):
    """Errors depend on biases through the residual alone."""
    biased = dataclasses.replace(case, layers=kind)
    plain = dln.LinearNetwork.from_weights(biased.net.weights)
    target = biased.y - np.asarray(biased.net(biased.x)) + np.asarray(plain(biased.x))
    one, other = dln.equilibrium(*biased.data), dln.equilibrium(plain, biased.x, target)
    assert_close(one.errors, other.errors, condition(biased))


@everywhere
def test_a_learned_bias_is_the_weight_of_a_constant_input(case):
    """In the first layer: ``[W b]`` on ``[x; 1]``."""
    layers = list(case.net.layers)
    bias = np.random.default_rng(5).normal(size=case.widths[1])
    with_bias = dln.LinearNetwork([dln.Dense(layers[0].weight, bias, learn_bias=True), *layers[1:]])
    with_input = dln.LinearNetwork([dln.Dense(np.column_stack([layers[0].weight, bias])), *layers[1:]])
    x = np.column_stack([case.x, np.ones(len(case.x))])
    for rescaling in (None, "adaptive", "decorrelated"):
        data = (with_bias, case.x, case.y, "pc", rescaling)
        weight, shift = dln.weight_updates(*data)[0], dln.bias_updates(*data)[0]
        expected = dln.weight_updates(with_input, x, case.y, "pc", rescaling)[0]
        assert_close(np.column_stack([weight, shift]), expected, 1e3 * condition(case))


def test_a_residual_layer_is_a_dense_one_with_the_identity_added():
    case = Case(3, "square", "residual")
    dense = dln.LinearNetwork.from_weights([weight + np.eye(4) for weight in case.net.weights])
    one, other = dln.equilibrium(*case.data), dln.equilibrium(dense, case.x, case.y)
    numbers = [jax.tree.leaves(eqx.filter(each, eqx.is_inexact_array)) for each in (one, other)]
    assert_close(*numbers, condition(case))
    assert_close(dln.weight_updates(*case.data), dln.weight_updates(dense, case.x, case.y), condition(case))
