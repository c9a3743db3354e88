"""Compiling, vectorising and differentiating every public numerical function, by every route.

Oracles: the same call with NumPy arrays, batch by batch, and derivatives by central differences and by closed form.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import SOLVERS, Case, mostly_daily
from closeness import assert_close, bound, epsilon, norm

import dlntheory as dln
from dlntheory.numerics.kinds import map_leaves, namespace, to_jax

CASE = Case(3, "bottleneck", "mixed", "scalars")
CASES = [CASE, Case(1, batch=None), Case(2, "square", "learned", "matrices", "soft"), Case(2, dtype="float32")]
CONDITION = 1e4  # of the grid's networks and of what the rescalings invert
ROUTES = ("auto", *SOLVERS)
by_each_factorisation = pytest.mark.parametrize("solver", mostly_daily(ROUTES, SOLVERS))

DIRECT = {"solver": "covariance"}  # a compiled program of "auto" holds every route
FUNCTIONS = {
    "network": lambda net, x, y: net(x),
    "output_covariance": lambda net, x, y: dln.output_covariance(net),
    **{f"equilibrium, {solver}": lambda net, x, y, solver=solver: dln.equilibrium(net, x, y, solver=solver).activities for solver in ROUTES},
    "energy": lambda net, x, y: dln.equilibrium(net, x, y, nudge=dln.SoftOutput(2.0), **DIRECT).energy,
    "weight_updates": lambda net, x, y: dln.weight_updates(net, x, y),
    "weight_updates, nudged": lambda net, x, y: dln.weight_updates(net, x, y, nudge=-0.5, **DIRECT),
    "bias_updates": lambda net, x, y: dln.bias_updates(net, x, y, **DIRECT),
    "adaptive_learning_rates": lambda net, x, y: dln.adaptive_learning_rates(net, x, y, **DIRECT),
    "decorrelation_matrices": lambda net, x, y: dln.decorrelation_matrices(net, x, y, **DIRECT),
    "prediction_change": lambda net, x, y: dln.prediction_change(net, x, y, rescaling="decorrelated", **DIRECT),
    "prediction_change, finite": lambda net, x, y: dln.prediction_change(net, x, y, learning_rate=0.1, **DIRECT),
    "target_alignment": lambda net, x, y: dln.target_alignment(net, x, y, rescaling="adaptive_positive", **DIRECT),
    "natural": lambda net, x, y: dln.prediction_change(net, x, y, "natural"),
    "natural, full": lambda net, x, y: dln.prediction_change(net, x, y, "natural", fisher="full"),
    "bp, decorrelated": lambda net, x, y: dln.target_alignment(net, x, y, "bp", "decorrelated", regularisation=1e-3),
    "decorrelated, rcond": lambda net, x, y: dln.weight_updates(net, x, y, rescaling="decorrelated", rcond=1e-6, **DIRECT),
}  # fmt: skip
REPEATED = ("network", "output_covariance", "equilibrium, auto", "equilibrium, square_root", "energy", "bias_updates", "weight_updates", "weight_updates, nudged",
            "adaptive_learning_rates", "decorrelation_matrices", "prediction_change", "prediction_change, finite", "bp, decorrelated")  # fmt: skip
"""Whose lines other functions run as well."""
each_function = pytest.mark.parametrize("name", mostly_daily(FUNCTIONS, FUNCTIONS.keys() - REPEATED))
OF_NETWORKS = ("equilibrium, auto", "decorrelation_matrices", "target_alignment")
INVERTED = ("decorrel", "natural", "prediction_change")  # names of functions that invert correlations of activities


def derivative_condition(name):
    """A derivative of an inverse inverts twice."""
    return CONDITION ** (2 if any(each in name for each in INVERTED) else 1)


@pytest.mark.parametrize(
    ("case", "solver"),
    [
        pytest.param(
            case, solver, id=f"{solver}-{case}", marks=[] if case is CASE or solver == "auto" else pytest.mark.daily
        )
        for case, solver in itertools.product(CASES, ROUTES)
    ],
)
def test_compiled_equilibria_are_those_of_numpy(case, solver):
    def solve(net, x, y):
        result = dln.equilibrium(net, x, y, **case.options, solver=solver)
        return result.activities, result.errors, result.energy, result.residual

    assert_close(jax.jit(solve)(*case.data), solve(*case.data), CONDITION)


@pytest.mark.parametrize("name", mostly_daily(OF_NETWORKS, OF_NETWORKS[1:]))
def test_vectorised_over_networks_each_network_is_its_own(name):
    nets = [CASE.net, map_leaves(lambda weight: weight * 1.1, CASE.net)]
    stacked = jax.tree.map(lambda *each: jnp.stack(each), *nets)
    together = jax.jit(jax.vmap(FUNCTIONS[name], in_axes=(0, None, None)))(stacked, CASE.x, CASE.y)
    alone = [FUNCTIONS[name](net, CASE.x, CASE.y) for net in nets]
    assert_close(together, jax.tree.map(lambda *each: np.stack(each), *alone), CONDITION)


@each_function
def test_compiled_and_vectorised_each_batch_has_its_value_and_derivatives(name):
    """Along a random direction in weights and data; a central difference is good to the square of its step."""
    draws = np.random.default_rng(0)
    xs, ys = draws.normal(size=(2, 3, 4)), draws.normal(size=(2, 3, 4))

    def function(net, x, y):
        values = FUNCTIONS[name](net, x, y)
        return sum(namespace(each).sum(namespace(each).sin(each)) for each in jax.tree.leaves(values)), values

    gradient = jax.grad(function, argnums=(0, 1, 2), has_aux=True)
    gradients, values = jax.jit(jax.vmap(gradient, in_axes=(None, 0, 0)))(CASE.net, xs, ys)
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        data = (CASE.net, x, y)
        assert_close(jax.tree.map(lambda each, i=i: each[i], values), FUNCTIONS[name](*data), CONDITION)
        direction = map_leaves(lambda each: draws.normal(size=each.shape), data)
        slope = sum(
            np.vdot(each[i], way) for each, way in zip(*map(jax.tree.leaves, (gradients, direction)), strict=True)
        )
        above, below = (
            function(*map_leaves(lambda each, way, step=step: each + step * way, data, direction))[0]
            for step in (1e-5, -1e-5)
        )
        assert_close((above - below) / 2e-5, slope, tolerance=3e-6)


@pytest.mark.parametrize("name", mostly_daily(FUNCTIONS, ["natural, full"]))
def test_forward_derivatives_are_those_of_reverse_mode(name):
    """Every rule of ours is a forward one, which reverse mode transposes."""

    def function(net, x, y):
        return sum(jnp.sum(jnp.sin(each)) for each in jax.tree.leaves(FUNCTIONS[name](net, x, y)))

    draws = np.random.default_rng(0)
    point, along = to_jax(CASE.data), to_jax(map_leaves(lambda each: draws.normal(size=each.shape), CASE.data))
    gradient, forward = jax.jit(
        lambda point, along: (jax.grad(function, argnums=(0, 1, 2))(*point), jax.jvp(function, point, along)[1])
    )(point, along)
    reverse = sum(np.vdot(*pair) for pair in zip(*map(jax.tree.leaves, (gradient, along)), strict=True))
    assert_close(reverse, forward, derivative_condition(name))


@by_each_factorisation
def test_the_energy_has_the_derivatives_of_its_closed_form(solver):
    """``E* = ½ rᵀ S⁻¹ r``, so ``dE*/dy = λ`` and ``d²E*/dy² = S⁻¹``, by every kind of differentiation."""
    case = Case(2, "bottleneck", batch=None)

    def energy(y):
        return dln.equilibrium(case.net, case.x, y, solver=solver).energy

    multiplier = dln.equilibrium(*case.data, solver=solver).multiplier
    inverse = np.linalg.inv(dln.output_covariance(case.net))

    @jax.jit
    def derivatives(y):
        reverse = jax.grad(energy)
        return *jax.jacfwd(lambda y: (reverse(y),) * 2, has_aux=True)(y), jax.jacfwd(energy)(y)

    second, first, forward = derivatives(case.y)
    assert_close(first, multiplier, CONDITION)
    assert_close(second, inverse, CONDITION)
    assert_close(forward, multiplier, CONDITION)


@by_each_factorisation
def test_the_covariances_derivative_is_that_of_the_output_covariance(solver):
    """``dE*/dΣ_L = −½ |λ|²`` for a scalar output covariance."""
    case = Case(2, batch=None)

    def energy(scalar):
        return dln.equilibrium(*case.data, covariances=[1.0, scalar], solver=solver).energy

    multiplier = dln.equilibrium(*case.data, covariances=[1.0, 2.0], solver=solver).multiplier
    assert_close(jax.jit(jax.grad(energy))(2.0), -np.sum(multiplier**2) / 2, CONDITION)


def test_the_strength_of_a_nudge_is_differentiable():
    def energy(beta):
        return dln.equilibrium(*CASE.data, nudge=beta, **DIRECT).energy.sum()

    plain = dln.equilibrium(*CASE.data).energy.sum()
    value, slope = jax.jit(jax.value_and_grad(energy))(0.5)
    assert_close(slope, plain, CONDITION)  # β² E*
    assert_close(value, plain / 4, CONDITION)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_single_sample_has_unbatched_results(name):
    x, y = CASE.x[0], CASE.y[0]
    single, batch = FUNCTIONS[name](CASE.net, x, y), FUNCTIONS[name](CASE.net, x[None], y[None])
    for one, other in zip(jax.tree.leaves(single), jax.tree.leaves(batch), strict=True):
        assert_close(one, other if one.shape == other.shape else other[0], CONDITION)
    if name in ("network", "prediction_change", "natural"):
        assert single.shape == y.shape
    if name in ("energy", "target_alignment"):
        assert single.shape == ()


def growing(depth=12, gain=8):
    weights = [np.random.default_rng(l).normal(size=(8, 8)) * gain / np.sqrt(8) for l in range(depth)]
    x, y = np.random.default_rng(1).normal(size=(2, 2, 8))
    return dln.LinearNetwork.from_weights(weights), x, y


def test_auto_falls_back_inside_a_compiled_program():
    eager, compiled = dln.equilibrium(*growing()), jax.jit(dln.equilibrium)(*growing())
    assert eager.solver == compiled.solver == "square_root"
    assert_close(compiled.activities, eager.activities, CONDITION)


def test_where_eager_code_raises_compiled_code_is_nan():
    with pytest.raises(dln.PrecisionError, match="square_root"):
        dln.equilibrium(*growing(6, 200), solver="covariance")
    poisoned = jax.jit(lambda *data: dln.equilibrium(*data, solver="covariance"))(*growing(6, 200))
    for leaf in jax.tree.leaves((poisoned.activities[1:-1], poisoned.errors, poisoned.energy)):
        assert np.isnan(leaf).all()
    updates = jax.jit(lambda *data: dln.weight_updates(*data, solver="covariance"))(*growing(6, 200))
    assert all(np.isnan(each).all() for each in updates)


def test_a_derivative_of_what_has_no_digits_is_refused_as_it_is_itself():
    net, x, y = growing(6, 200)
    with pytest.raises(dln.PrecisionError, match="square_root"):
        jax.grad(lambda y: dln.equilibrium(net, x, y, solver="covariance").energy.sum())(jnp.asarray(y))


def test_the_route_is_named_after_tracing_only():
    def name(net, x, y):
        return dln.equilibrium(net, x, y).solver

    with pytest.raises(TypeError, match="return `route`"):
        jax.jit(name)(*CASE.data)
    net, x, y = growing(6, 200)
    nets = jax.tree.map(lambda *each: jnp.stack(each), net, dln.LinearNetwork.from_weights([np.eye(8)] * 6))
    result = eqx.filter_jit(eqx.filter_vmap(dln.equilibrium, in_axes=(eqx.if_array(0), None, None)))(nets, x, y)
    assert result.solver.tolist() == ["square_root", "covariance"]


def test_training_with_compiled_updates_descends_the_loss():
    @jax.jit
    def step(net):
        moved = dln.weight_updates(net, CASE.x, CASE.y, **DIRECT)
        return eqx.tree_at(lambda it: [layer.weight for layer in it.layers], net, [
            weight + 0.02 * change for weight, change in zip(net.weights, moved, strict=True)
        ])  # fmt: skip

    nets = [CASE.net]
    for _ in range(20):
        nets.append(step(nets[-1]))
    losses = [norm(CASE.y - net(CASE.x)) for net in nets]
    assert all(after < before for before, after in itertools.pairwise(losses))


def test_one_program_serves_every_network_of_a_shape():
    count = 0

    @jax.jit
    def energy(net):
        nonlocal count
        count += 1
        return dln.equilibrium(net, CASE.x, CASE.y, **DIRECT).energy

    for scale in (1.0, 1.1, 1.2):
        energy(jax.tree.map(lambda each, scale=scale: scale * each, CASE.net))
    assert count == 1


def test_double_precision_is_not_lost_on_the_way():
    assert epsilon(jax.jit(FUNCTIONS["target_alignment"])(*CASE.data)) < bound(epsilon(1.0))
