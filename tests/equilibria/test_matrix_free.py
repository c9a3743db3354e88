"""The equilibrium without any matrix: conjugate gradients on ``S``.

Oracles: the dense solve with the energy's Hessian, the other routes, differences, and a matrix of known rank.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import BATCHES, LAYERS, NUDGED, SINGLE_PRECISION, WEIGHTED, over, uncompiled
from closeness import assert_close, promised, relative_error
from oracles import dense_equilibrium, problem_of

import dlntheory as dln
from dlntheory.equilibria.equilibrium import cheapest_route, fits_explicitly
from dlntheory.numerics.conjugate_gradients import conjugate_gradients, nystrom, tolerance


@over([*LAYERS, *WEIGHTED, *NUDGED, *BATCHES, *SINGLE_PRECISION])
def test_the_equilibrium_is_that_of_a_dense_solve(case):
    with uncompiled():
        result = dln.equilibrium(*case.data, **case.options, solver="cg")
    expected, condition = dense_equilibrium(problem_of(case))
    bar = 1e-10 if case.dtype == "float64" else promised(float(np.finfo(np.float32).eps), condition)
    for name in ("activities", "errors", "weighted_errors"):
        found = [np.atleast_2d(each) for each in getattr(result, name)]
        assert relative_error(found, getattr(expected, name)) <= bar
    assert relative_error(np.atleast_1d(result.energy), expected.energy) <= bar
    assert result.solver == "cg"
    assert np.all(result.converged)
    assert 0 < result.iterations <= 5  # the sketch has every output: the preconditioner is the inverse but for rounding


def problem(width, depth, samples, init="kaiming_uniform"):
    net = dln.LinearNetwork.random([width] * (depth + 1), init, key=0)
    return net, *np.random.default_rng(1).normal(size=(2, samples, width))


@pytest.mark.slow
def test_eight_hidden_layers_of_512_take_at_most_thirty_steps():
    net, x, y = problem(512, 9, 64)
    result = dln.equilibrium(net, x, y, solver="cg")
    assert result.iterations <= 30
    assert np.max(result.accuracy) < 1e-14
    assert_close(result.activities, dln.equilibrium(net, x, y, solver="covariance").activities, condition=10)


def test_fewer_outputs_than_the_bound_and_the_preconditioner_saves_steps():
    """64 columns of a sketch are half the outputs here."""
    net, x, y = problem(128, 9, 4, "norm_preserving")
    result = dln.equilibrium(net, x, y, solver="cg")
    assert_close(result.errors, dln.equilibrium(net, x, y, solver="square_root").errors, condition=1e3)
    assert np.all(result.converged)
    A = dln.output_covariance(net) - jnp.eye(128)
    right = jnp.asarray(result.residual.T)
    plain = conjugate_gradients(lambda v: A @ v, right, lambda v: v)
    preconditioned = conjugate_gradients(lambda v: A @ v, right, nystrom(lambda v: A @ v, right))
    assert abs(preconditioned.steps - result.iterations) <= 1  # they multiply by A in different orders
    assert preconditioned.steps < 0.6 * plain.steps
    assert_close(plain.solution, result.multiplier.T, condition=1e3)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_steps_are_bounded_by_the_eigenvalues_other_than_one(rank):
    root = jnp.asarray(np.random.default_rng(rank).normal(size=(90, rank)))
    right = jnp.asarray(np.random.default_rng(5).normal(size=(90, 2)))
    run = conjugate_gradients(lambda v: root @ (root.T @ v), right, lambda v: v)
    assert run.steps <= rank + 3  # two more than in exact arithmetic
    assert_close(run.solution, jnp.linalg.solve(jnp.eye(90) + root @ root.T, right), condition=200)
    sketched = conjugate_gradients(lambda v: root @ (root.T @ v), right, nystrom(lambda v: root @ (root.T @ v), right))
    assert sketched.steps <= 2


def test_columns_of_zeros_and_of_any_size():
    root = jnp.asarray(np.random.default_rng(0).normal(size=(8, 8)))
    right = jnp.asarray(np.random.default_rng(1).normal(size=(8, 1))) * jnp.asarray([[0.0, 1.0, 1e-200, 1e200]])
    run = conjugate_gradients(lambda v: root @ (root.T @ v), right, lambda v: v)
    np.testing.assert_array_equal(run.solution[:, 0], 0)
    units = run.solution[:, 1:] / jnp.asarray([[1.0, 1e-200, 1e200]])
    assert_close(units, jnp.tile(units[:, :1], 3), condition=1e3)
    assert jnp.all(
        jnp.linalg.norm(run.left / jnp.asarray([[1, 1, 1e-200, 1e200]]), axis=0) <= 10 * tolerance(right.dtype)
    )


NET, X, Y = problem(5, 3, 4, "norm_preserving")


def test_derivatives_are_those_of_the_other_routes():
    def energy(weights, x, solver):
        net = dln.LinearNetwork.from_weights(weights)
        return jnp.sum(dln.equilibrium(net, x, Y, [1.0, 2.0, 0.5], solver=solver).energy)

    weights = list(NET.weights)
    slopes = jax.jit(jax.grad(energy, (0, 1)), static_argnums=2)
    assert_close(slopes(weights, X, "cg"), slopes(weights, X, "covariance"), condition=100)

    def activity(x, solver):
        return jnp.sum(dln.equilibrium(NET, x, Y, solver=solver).activities[1] ** 3)

    @partial(jax.jit, static_argnums=1)
    def second(x, solver):
        return jax.jvp(jax.grad(lambda x: activity(x, solver)), (x,), (jnp.ones_like(x),))[1]

    assert_close(second(X, "cg"), second(X, "covariance"), condition=1e3)


def test_compiled_and_mapped_programs_agree():
    plain = dln.equilibrium(NET, X, Y, solver="cg")
    compiled = jax.jit(lambda x, y: dln.equilibrium(NET, x, y, solver="cg"))(X, Y)
    assert_close(compiled.activities, plain.activities)
    assert compiled.iterations == plain.iterations
    mapped = jax.jit(jax.vmap(lambda x, y: dln.equilibrium(NET, x, y, solver="cg").multiplier))(X, Y)
    assert_close(mapped, plain.multiplier, condition=100)


def test_updates_and_alignment_by_conjugate_gradients():
    for rescaling in (None, "adaptive", "decorrelated"):
        expected = dln.target_alignment(NET, X, Y, rescaling=rescaling)
        assert_close(dln.target_alignment(NET, X, Y, rescaling=rescaling, solver="cg"), expected, condition=1e3)
    assert dln.verify(NET, X[:1], Y[:1], theorem=1, solver="cg").holds


@pytest.mark.parametrize("gain", [2.0, 4.0])
@pytest.mark.parametrize("width", [20, 96])
def test_where_weights_grow_it_is_accurate_or_says_how_wrong_it_is(gain, width):
    weights = gain * np.random.default_rng(0).normal(size=(9, width, width)) / np.sqrt(width)
    net = dln.LinearNetwork.from_weights(list(weights))
    x, y = np.random.default_rng(1).normal(size=(2, 3, width))
    expected = dln.equilibrium(net, x, y, solver="square_root")
    try:
        found = dln.equilibrium(net, x, y, solver="cg")
    except dln.PrecisionError:  # after so many iterations, whether it reaches three digits is a matter of rounding
        assert (width, gain) == (96, 4.0)
        return
    error = [
        relative_error([each[b] for each in found.activities], [each[b] for each in expected.activities])
        for b in range(3)
    ]
    assert np.all(np.array(error) <= 10 * np.maximum(found.accuracy, 1e-14))
    assert np.all(found.converged) == (np.max(found.accuracy) <= (256 + 4 * len(found.errors)) * np.finfo(float).eps)


def test_where_it_loses_every_digit_it_is_refused_and_traced_programs_give_nan():
    weights = 4 * np.random.default_rng(0).normal(size=(33, 20, 20)) / np.sqrt(20)
    net = dln.LinearNetwork.from_weights(list(weights))
    x, y = np.random.default_rng(1).normal(size=(2, 3, 20))
    with pytest.raises(dln.PrecisionError, match=r"solver='cg' has .* after \d+ iterations"):
        dln.equilibrium(net, x, y, solver="cg")
    assert jnp.isnan(jax.jit(lambda x: dln.equilibrium(net, x, y, solver="cg").energy)(x)).all()


def test_auto_counts_multiplications():
    def layers(widths):
        return dln.LinearNetwork.random(widths, key=0, dtype=jnp.float32).layers

    assert cheapest_route(layers([64] * 4), 1) == "covariance"
    assert cheapest_route(layers([64, 64, 64, 10]), 1) == "covariance"
    assert cheapest_route(layers([784, 16, 784]), 64) == "hessian"
    decoder = dln.LinearNetwork(
        [dln.Conv2d(np.ones((8, 3, 4, 4)), 2, 1), dln.ConvTranspose2d(np.ones((8, 3, 4, 4)), 2, 1)], (3, 32, 32)
    )
    assert cheapest_route(decoder.layers, 8) == "cg"
    assert cheapest_route(decoder.layers) == "covariance"  # without a number of samples, only factorisations
    assert fits_explicitly(decoder.layers)
    large = dln.LinearNetwork(
        [dln.Conv2d(np.ones((8, 3, 3, 3)), padding=1), dln.Flatten(), dln.Dense(np.ones((2, 32768)))], (3, 64, 64)
    )
    assert not fits_explicitly(large.layers)
    assert cheapest_route(large.layers, 8) == "covariance"


def test_auto_takes_conjugate_gradients_and_says_so():
    draws = np.random.default_rng(0)
    net = dln.LinearNetwork(
        [
            dln.Conv2d(draws.normal(size=(4, 3, 4, 4)) / 7, 2, 1),
            dln.ConvTranspose2d(draws.normal(size=(4, 3, 4, 4)) / 4, 2, 1),
        ],
        input_shape=(3, 24, 24),
    )
    x, y = draws.normal(size=(2, 2, 3, 24, 24))
    found = dln.equilibrium(net, x, y)
    assert found.solver == "cg"
    assert found.iterations > 0
    assert np.all(found.converged)
