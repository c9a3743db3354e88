"""Alignment does not depend on the size of the data, however small or large.

Oracle: the same data at size one. In continuous time directions depend on no size; very small steps of a finite
learning rate move as continuous time does.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import mostly_daily
from closeness import assert_close

import dlntheory as dln
from dlntheory.nonlinear.tangent import Linearised

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


def convolution(size):
    layer = dln.Conv2d(W[0].reshape(5, 1, 2, 2), bias=size * BIAS)
    return dln.LinearNetwork([dln.Reshape((1, 2, 2)), layer, dln.Flatten(), dln.Dense(W[2])], input_shape=(4,))


def with_a_chain(size):
    return dln.LinearNetwork([dln.Chain([dln.Dense(W[0]), dln.Dense(W[1])]), dln.Dense(W[2], size * BIAS[:3])])


def with_a_bias_in_a_chain(size):
    return dln.LinearNetwork([dln.Chain([dln.Dense(W[0], size * BIAS), dln.Dense(W[1])]), dln.Dense(W[2])])


def with_a_learned_bias(size):
    return dln.LinearNetwork([dln.Dense(W[0], size * BIAS, learn_bias=True), dln.Dense(W[1]), dln.Dense(W[2])])


def data(size, of=network):
    return of(size), size * X, size * Y


def alignments_of(*case, rule="bp"):
    """Every function that returns an alignment of a batch."""
    kernel = dln.update_kernel(*case, rule=rule)
    return {
        "all layers": lambda: dln.target_alignment(*case, rule=rule),
        "by layer": lambda: dln.target_alignment(*case, rule=rule, by_layer=True),
        "kernel": kernel.target_alignment,
        "identity": kernel.identity_alignment,
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("of", "options"), [
    (with_a_chain, {}), (with_a_chain, {"by_layer": True}), (convolution, {}), (convolution, {"rescaling": "adaptive"}),
    (network, {"covariances": [1.0, 2.0, 0.5], "rescaling": "adaptive"}),
    (network, {"rescaling": "decorrelated", "regularisation": 1e-2}),
    (network, {"rescaling": "decorrelated", "regularisation": 1e-2, "rule": "bp"}),
])  # fmt: skip
def test_it_is_for_other_layers_and_options(size, of, options):
    assert_close(dln.target_alignment(*data(size, of), **options), dln.target_alignment(*data(1, of), **options), 100)


@pytest.mark.parametrize("rule", ["bp", "pc"])
@pytest.mark.parametrize("size", [1e-300, 1e-163, 1e-158, 1e160])
@pytest.mark.parametrize("name", ["all layers", "by layer", "kernel", "identity"])
def test_a_bias_within_a_chain_keeps_its_size_and_what_is_lost_is_refused(name, size, rule):
    exact, tiny = (alignments_of(*data(each, with_a_bias_in_a_chain), rule=rule)[name]() for each in (1, 1e-150))
    assert_close(tiny, exact, 100)
    with pytest.raises(dln.PrecisionError):
        alignments_of(*data(size, with_a_bias_in_a_chain), rule=rule)[name]()


def test_beside_tiny_data_a_learned_bias_learns_alone():
    small, tiny = (alignments_of(*data(size, with_a_learned_bias)) for size in (1e-100, 1e-300))
    for name in ("all layers", "kernel", "identity"):
        assert_close(tiny[name](), small[name](), 100)
    with pytest.raises(dln.PrecisionError, match="underflows"):
        tiny["by layer"]()


def test_a_learned_bias_beside_huge_data_is_refused():
    huge = data(1e160, with_a_learned_bias)
    for find in (*alignments_of(*huge).values(), lambda: dln.best_alignment(*huge)):
        with pytest.raises(dln.PrecisionError, match="not finite"):
            find()


def test_a_prediction_that_does_not_change_has_no_alignment():
    chain = dln.Chain([dln.Dense(0 * W[0], 0 * BIAS), dln.Dense(W[1])])
    for layers in ([chain, dln.Dense(0 * W[2])], [dln.Dense(0 * W[0]), dln.Dense(W[1]), dln.Dense(0 * W[2])]):
        for find in alignments_of(dln.LinearNetwork(layers), X, Y).values():
            assert np.isnan(find()).all()


@pytest.mark.parametrize(
    "cases",
    mostly_daily([[*RULES, ("evidence", None)], RULES[::3]], [RULES[::3]]),
    ids=["all", "some"],
)
def test_steps_of_signals_of_size_one_are_steps(cases):
    """A traced program always resizes; at ordinary sizes NumPy never does."""

    def steps(net, x, y):
        return [dln.target_alignment(net, x, y, *case, learning_rate=0.3) for case in cases]

    one = network(), 0.7 * X, 3 * Y
    for found, expected in zip(jax.jit(steps)(one[0].to_jax(), *one[1:]), steps(*one), strict=True):
        assert_close(found, expected, 100)


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


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_a_regularised_correlation_may_overflow_in_single_precision(rule):
    net = dln.LinearNetwork.from_weights([np.float32(each) for each in W])
    huge, one = ([np.float32(size * each) for each in (X, Y)] for size in (1e30, 1))
    found, expected = (
        dln.target_alignment(net, *each, rule, "decorrelated", regularisation=1e-2) for each in (huge, one)
    )
    assert_close(found, expected, 100)


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
    small, plain = (dln.best_alignment(*data).factors for data in (tiny, one))
    assert_close([1e-220 * each for each in small], list(plain), 1e6)
    kernels = dln.update_kernel(network(1e-160), 1e-160 * X, 1e-160 * Y), dln.update_kernel(network(), X, Y)
    assert_close(*(kernel.target_alignment() for kernel in kernels), 100)
    assert_close(*(kernel.identity_alignment() for kernel in kernels), 100)


def test_any_model_moves_in_a_direction_too():
    updates = [1e-300 * each for each in W]
    tiny, one = (
        dln.update_alignment(lambda p, x: x @ p[0].T @ p[1].T @ p[2].T, W, X, Y, each) for each in (updates, W)
    )
    assert_close(tiny, one, 100)


def test_parameters_of_two_precisions():
    def f(params, x):
        return (x @ params[0].astype(x.dtype)) @ params[1]

    params, updates = ([jnp.asarray(W[0].T, jnp.float32), size * jnp.asarray(W[2].T)] for size in (1, 1e-50))
    updates[0] = 0 * updates[0]
    with jax.numpy_dtype_promotion("strict"):
        mixed = dln.update_alignment(f, params, jnp.asarray(X), jnp.asarray(Y), updates)
    plain = dln.update_alignment(f, params, jnp.asarray(X), jnp.asarray(Y), [None, params[1]])
    assert_close(mixed, plain, 100)


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


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
@pytest.mark.parametrize("weights", [(1e-170, 1.0), (1.0, 1e-90, 1e-90, 1.0)])
def test_rates_that_are_infinite_by_one_layers_underflow_are_refused(weights, kind):
    net = dln.LinearNetwork.from_weights([kind([[weight]]) for weight in weights])
    with pytest.raises(dln.PrecisionError, match="learning rates are not finite"):
        dln.adaptive_learning_rates(net, [1.0], [1.0], rule="bp")


def test_orthogonal_activities_stay_orthogonal():
    net = dln.LinearNetwork.from_weights([[[1.0], [1.0], [-1.0]], [[1.0, 1.0, 1.0]]])  # x* = (−2, −2, −4), S = 4
    rates = dln.adaptive_learning_rates(net, [1.0], [-11.0], solver="covariance")
    assert np.isinf(rates).tolist() == [False, True]


def test_features_that_an_offset_cancels_stay_zero():
    features = Linearised(inner=dln.Dense([[1.0]]), slope=np.ones(1), offset=-np.ones(1))  # of the activity 1
    rates = dln.adaptive_learning_rates(dln.LinearNetwork([dln.Dense([[1.0]]), features]), [1.0], [3.0], rule="bp")
    assert np.isinf(rates).tolist() == [False, True]


@pytest.mark.parametrize("beta", [1e-12, -1e-100])
def test_a_weak_nudge_has_all_digits(beta):
    data, S = (network(), X, Y), dln.output_covariance(network())
    soft, plain = dln.equilibrium(*data, nudge=dln.SoftOutput(abs(beta))), dln.equilibrium(*data)
    assert_close(soft.multiplier / abs(beta), np.linalg.solve(abs(beta) * S + np.eye(3), soft.residual.T).T)
    for solver in ("covariance", "hessian", "square_root", "cg"):
        clamped = dln.equilibrium(*data, nudge=beta, solver=solver)
        assert_close([each / beta for each in clamped.errors], list(plain.errors), 100)
        assert_close(clamped.activities[-1], network()(X) + beta * clamped.residual)


@pytest.mark.parametrize("kind", [np.asarray, pytest.param(jnp.asarray, marks=pytest.mark.daily)])
def test_a_nudge_of_strong_weights_is_corrected_as_the_clamp_is(kind):
    weights = np.random.default_rng(0).normal(size=(9, 20, 20))
    x, y = np.random.default_rng(1).normal(size=(2, 3, 20))
    net = dln.LinearNetwork.from_weights([kind(0.6 * each) for each in weights])
    plain, nudged = (dln.equilibrium(net, x, y, nudge=nudge, solver="covariance") for nudge in (None, 0.25))
    assert not plain.converged.any()
    assert_close([4 * each for each in nudged.errors], list(plain.errors))
