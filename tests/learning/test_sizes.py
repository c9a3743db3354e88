"""Alignment does not depend on the size of the data, however small or large.

Oracle: the same data at size one. In continuous time directions depend on no size; very small steps of a finite
learning rate move as continuous time does.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close

import dlntheory as dln

DRAW = np.random.default_rng(0)
W = [DRAW.normal(size=shape) / 2 for shape in ((5, 4), (5, 5), (3, 5))]
BIAS, X, Y = DRAW.normal(size=5), DRAW.normal(size=(7, 4)), DRAW.normal(size=(7, 3))
SIZES = (1e-300, 1e-160, 1e-106, 1e160)
RULES = [
    ("bp", None), ("bp", "adaptive"), ("pc", None), ("pc", "adaptive"), ("pc", "adaptive_positive"),
    ("pc", "decorrelated"), ("natural", None),
]  # fmt: skip


def network(size=1.0):
    """Homogeneous in its data and its fixed bias."""
    return dln.LinearNetwork([dln.Dense(W[0], size * BIAS), dln.Residual(W[1]), dln.Dense(W[2])])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("rule", "rescaling"), RULES)
@pytest.mark.parametrize("options", [{}, {"by_layer": True}, {"nudge": 0.3}, {"nudge": dln.SoftOutput(2.0)}])
def test_alignment_is_free_of_the_size_of_the_data(size, rule, rescaling, options):
    expected = dln.target_alignment(network(), X, Y, rule, rescaling, **options)
    assert_close(dln.target_alignment(network(size), size * X, size * Y, rule, rescaling, **options), expected, 100)


@pytest.mark.parametrize(("rule", "rescaling"), RULES)
def test_a_tiny_step_moves_as_continuous_time_does(rule, rescaling):
    data = network(1e-160), 1e-160 * X, 1e-160 * Y, rule, rescaling
    expected = dln.target_alignment(*data)
    for rate in (1e-20, -1e-20):
        assert_close(dln.target_alignment(*data, learning_rate=rate), np.sign(rate) * expected, 100)
    assert np.isnan(dln.target_alignment(*data, learning_rate=0.0)).all()


def test_single_precision_loses_digits_sooner():
    net = dln.LinearNetwork.from_weights([np.float32(each) for each in W])
    small, one = ([np.float32(size * each) for each in (X, Y)] for size in (1e-13, 1))
    assert_close(dln.target_alignment(net, *small), dln.target_alignment(net, *one), 100)


def test_a_traced_program_and_its_gradient():
    def mean(net, size):
        return dln.target_alignment(net, size * X, size * Y).mean()

    program = jax.jit(jax.value_and_grad(mean))
    (value, gradient), (expected, at_one) = (program(network(s).to_jax(), jnp.asarray(s)) for s in (1e-120, 1.0))
    assert_close(value, expected, 100)
    assert_close(gradient.layers[2].weight, at_one.layers[2].weight, 1e4)


def test_other_alignments_and_the_best_factors():
    tiny, one = ((network(size), size * X[:2], size * Y[:2]) for size in (1e-110, 1.0))
    assert_close(*(dln.best_alignment(*data, rule="bp").alignment for data in (tiny, one)), 100)
    factors = (dln.best_alignment(*data).factors for data in (tiny, one))
    assert_close([1e-220 * each for each in next(factors)], list(next(factors)), 1e6)
    kernels = dln.update_kernel(network(1e-160), 1e-160 * X, 1e-160 * Y), dln.update_kernel(network(), X, Y)
    assert_close(*(kernel.target_alignment() for kernel in kernels), 100)
    assert_close(*(kernel.identity_alignment() for kernel in kernels), 100)


def test_any_model_moves_in_a_direction_too():
    updates = [1e-300 * each for each in W]
    found = (dln.update_alignment(lambda p, x: x @ p[0].T @ p[1].T @ p[2].T, W, X, Y, each) for each in (updates, W))
    assert_close(next(found), next(found), 100)


@pytest.mark.parametrize("theorem", [1, 2, 3])
@pytest.mark.parametrize("size", [1e-165, 1e160])
def test_no_theorem_is_refuted_by_numbers_out_of_range(theorem, size):
    with pytest.raises(dln.PrecisionError, match="Scale the weights or the data"):
        dln.verify(network(size), size * X[:2], size * Y[:2], theorem=theorem)


def test_rates_are_infinite_where_an_activity_vanishes_and_refused_where_they_overflow():
    dead, alive = (dln.LinearNetwork.from_weights([[[weight]], [[1.0]]]) for weight in (0.0, 1.0))
    assert np.isinf(dln.adaptive_learning_rates(dead, [1e-80], [1e-80], rule="bp")).tolist() == [False, True]
    with pytest.raises(dln.PrecisionError, match="learning rates are not finite"):
        dln.adaptive_learning_rates(alive, [1e-170], [2e-170])


@pytest.mark.parametrize("beta", [1e-12, -1e-100])
def test_a_weak_nudge_has_all_digits(beta):
    data, S = (network(), X, Y), dln.output_covariance(network())
    soft, plain = dln.equilibrium(*data, nudge=dln.SoftOutput(abs(beta))), dln.equilibrium(*data)
    assert_close(soft.multiplier / abs(beta), np.linalg.solve(abs(beta) * S + np.eye(3), soft.residual.T).T)
    for solver in ("covariance", "hessian", "square_root", "cg"):
        clamped = dln.equilibrium(*data, nudge=beta, solver=solver)
        assert_close([each / beta for each in clamped.errors], list(plain.errors), 100)
        assert_close(clamped.activities[-1], network()(X) + beta * clamped.residual)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_a_nudge_of_strong_weights_is_corrected_as_the_clamp_is(kind):
    weights = np.random.default_rng(0).normal(size=(9, 20, 20))
    x, y = np.random.default_rng(1).normal(size=(2, 3, 20))
    net = dln.LinearNetwork.from_weights([kind(0.6 * each) for each in weights])
    plain, nudged = (dln.equilibrium(net, x, y, nudge=nudge, solver="covariance") for nudge in (None, 0.25))
    assert not plain.converged.any()
    assert_close([4 * each for each in nudged.errors], list(plain.errors))
