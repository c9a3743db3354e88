"""Learning in time and its landscape, by NumPy and by JAX: the same numbers, each in its own kind; and no JAX for NumPy.

Oracle: each other.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case
from closeness import assert_close
from interpreter import fresh_python

import dlntheory as dln
from dlntheory.learning.problem import as_learning
from dlntheory.numerics.kinds import leaves, to_jax
from dlntheory.training.flow import stacked, updates_at

CASES = [
    Case(1),
    Case(2, "bottleneck", "learned"),
    Case(3, "square", "residual"),
    Case(3, "expanding", "fixed", "scalars"),
]
FOLLOWED = 1e-8
"""What two integrations may be apart."""


def white(samples=8):
    x = np.linalg.qr(np.random.default_rng(0).normal(size=(samples, 3)))[0] * np.sqrt(samples)
    return x, x @ np.random.default_rng(1).normal(size=(3, 2))


X, Y = white()
MODES = dln.data_modes(X, Y)
CLOSED = {
    "data_modes": lambda as_kind: dln.data_modes(as_kind(X), as_kind(Y)),
    "aligned_network": lambda as_kind: dln.aligned_network(MODES, as_kind(np.array([0.5, 0.5]))),
    "critical_network": lambda as_kind: dln.critical_network(as_kind(X), as_kind(Y), [3, 2, 2], [0]),
    "origin_hessian": lambda as_kind: dln.origin_hessian(as_kind(X), as_kind(Y), [3, 2, 2]),
    "mode_dynamics": lambda as_kind: dln.mode_dynamics(as_kind(np.array([2.0, 1.0])), [0.3, 0.3], [0.0, 0.5]),
    "mode_learning_time": lambda as_kind: dln.mode_learning_time(as_kind(np.array([2.0, 1.0])), [0.3, 0.3]),
    "imbalances": lambda as_kind: dln.imbalances(dln.LinearNetwork.from_weights([as_kind(Y), as_kind(Y.T)])),
}


@pytest.mark.parametrize("name", CLOSED)
def test_both_kinds_give_the_same_numbers(name):
    by_numpy, by_jax = CLOSED[name](np.asarray), CLOSED[name](jnp.asarray)
    assert all(isinstance(each, np.ndarray | np.generic) for each in leaves(by_numpy))
    assert all(isinstance(each, jax.Array) for each in leaves(by_jax))
    assert_close(leaves(by_numpy), leaves(by_jax), condition=100)


def test_jax_keeps_its_precision():
    values = jnp.asarray([2.0, 1.0], jnp.float32)
    assert dln.mode_dynamics(values, [0.3, 0.3], [0.5]).weights.dtype == jnp.float32
    assert dln.mode_learning_time(jnp.asarray([2, 1], jnp.float32), [0.3, 0.3]).dtype == jnp.float32


BY_DEFAULT = {("bp", 0), ("bp", 3), ("pc", 1), ("pc", 2), ("natural", 1)}


@pytest.mark.parametrize(
    ("rule", "case"),
    [
        pytest.param(rule, case, id=f"{rule}-{case}", marks=[] if (rule, k) in BY_DEFAULT else pytest.mark.daily)
        for rule in ("bp", "pc", "natural")
        for k, case in enumerate(CASES)
    ],
)
def test_flows_start_along_the_updates_of_either_kind(case, rule):
    learning = as_learning(case.net, case.x, case.y, rule, None, {"covariances": case.covariance_list})
    start = stacked(case.net.weights)
    found = updates_at(learning, start)
    wanted = dln.weight_updates(case.net, case.x, case.y, rule, covariances=case.covariance_list)
    assert_close(found, np.concatenate([each.ravel() for each in wanted]), condition=100)
    assert_close(found, eqx.filter_jit(updates_at)(to_jax(learning), jnp.asarray(start)), condition=1e4)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_flows_and_curvatures_of_either_kind(rule):
    net, x, y = Case(2, "bottleneck").data
    for function in (
        lambda net: dln.gradient_flow(net, x, y, [0.0, 1.0], rule),
        lambda net: dln.lowest_curvature(net, x, y, rule),
    ):
        by_numpy, by_jax = function(net), function(net.to_jax())
        arrays = [leaf for leaf in leaves(by_jax) if not isinstance(leaf, float)]
        assert all(isinstance(each, jax.Array) for each in arrays)
        assert all(isinstance(each, np.ndarray | float) for each in leaves(by_numpy))
        assert_close(leaves(by_numpy)[:-1], leaves(by_jax)[:-1], tolerance=FOLLOWED)


def test_a_traced_flow_is_refused_by_name():
    net, x, y = dln.LinearNetwork.random([2, 2], key=0), *np.ones((2, 2))
    with pytest.raises(TypeError, match="traced by JAX"):
        jax.jit(lambda each: dln.gradient_flow(each, x, y, [0.0, 1.0]))(net)


def test_learning_in_time_imports_no_jax():
    script = """
import json, sys
import numpy as np
import dlntheory as dln
x = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 3)))[0]
y = x @ np.ones((3, 2))
net = dln.LinearNetwork.random([3, 2, 2], key=0)
dln.gradient_flow(net, x, y, [1.0]), dln.imbalances(net)
dln.mode_dynamics([2.0], [0.3, 0.3], [1.0]), dln.mode_learning_time([2.0], [0.3, 0.3])
dln.aligned_network(dln.data_modes(x, y), [1.0, 1.0])
saddle = dln.critical_network(x, y, [3, 2, 2])
dln.origin_hessian(x, y, [3, 2, 2])
away = [np.full(each.shape, 1e-3) for each in saddle.weights]
dln.simulated_escape_time(saddle, x, y, away, 0.1)
print(json.dumps(sorted({"jax", "equinox"} & set(sys.modules))))
"""
    assert fresh_python(script) == []
