"""NumPy, JAX and what is neither: the kind of the inputs decides, and nothing is shared, cut or skipped in silence.

Oracles: the arrays themselves; a new interpreter for what depends on when JAX is imported.
"""

import pickle
from copy import deepcopy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from closeness import assert_close
from interpreter import fresh_python

import dlntheory as dln
from dlntheory.numerics.algebra import inverse_cholesky, solve, triangular_inverse
from dlntheory.numerics.checks import as_array
from dlntheory.numerics.kinds import agree, is_jax, to_numpy

RNG = np.random.default_rng(0)
WEIGHTS = [RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4))]
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
KINDS = {"numpy": np.asarray, "jax": jnp.asarray}


def positive_definite(size):
    root = RNG.normal(size=(size, size))
    return root @ root.T + np.eye(size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 70])
def test_positive_definite_systems_are_solved(kind, size):
    matrix, right = positive_definite(size), RNG.normal(size=(size, 3))
    found = solve(KINDS[kind](matrix), KINDS[kind](right))
    assert is_jax(found) == (kind == "jax")
    assert_close(found, np.linalg.solve(matrix, right), condition=np.linalg.cond(matrix))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", [solve, lambda matrix, right: inverse_cholesky(matrix)])
def test_what_is_not_positive_definite_gives_nan(kind, function):
    matrix = KINDS[kind](np.diag([1.0, -1.0]))
    assert np.isnan(np.asarray(function(matrix, KINDS[kind](np.ones((2, 1)))))).any()


@pytest.mark.parametrize("kind", KINDS)
def test_inverse_factors(kind):
    matrix = positive_definite(9)
    inverse = np.asarray(inverse_cholesky(KINDS[kind](matrix)))
    assert_close(inverse @ matrix @ inverse.T, np.eye(9), condition=np.linalg.cond(matrix))
    np.testing.assert_array_equal(inverse, np.tril(inverse))
    lower = np.tril(matrix)
    assert_close(triangular_inverse(KINDS[kind](lower)) @ lower, np.eye(9), condition=np.linalg.cond(lower))


def test_numpy_in_numpy_out_and_jax_in_jax_out():
    net = dln.LinearNetwork.from_weights(WEIGHTS)
    for given, kind in (
        ((net, X, Y), np.ndarray),
        ((net.to_jax(), X, Y), jax.Array),
        ((net, jnp.asarray(X), Y), jax.Array),
    ):
        found = dln.equilibrium(*given)
        assert all(isinstance(each, kind) for each in (*found.activities, found.energy, dln.target_alignment(*given)))


def test_lists_give_float64_without_a_flag():
    script = """
import json
import dlntheory as dln
net = dln.LinearNetwork.from_weights([[[1, 2], [3, 4]], [[1.0, 1.0]]])
print(json.dumps([str(net.dtype), str(dln.target_alignment(net, [1, 2], [3]).dtype)]))
"""
    assert fresh_python(script) == ["float64", "float64"]


def test_float32_stays_float32():
    net = dln.LinearNetwork.from_weights([weight.astype(np.float32) for weight in WEIGHTS])
    assert dln.equilibrium(net, X.astype(np.float32), Y.astype(np.float32)).energy.dtype == np.float32
    assert dln.equilibrium(net, X, Y.astype(np.float32)).energy.dtype == np.float64


def test_closed_forms_import_no_jax():
    script = """
import json, sys
import numpy as np
import dlntheory as dln
net = dln.LinearNetwork.random([4, 5, 3], key=0)
x, y = np.ones((2, 4)), np.ones((2, 3))
for rule, rescaling in (("bp", None), ("pc", "adaptive"), ("pc", "decorrelated"), ("natural", None)):
    dln.target_alignment(net, x, y, rule, rescaling)
for solver in ("covariance", "hessian", "square_root", "cg"):
    dln.equilibrium(net, x, y, solver=solver)
dln.weight_updates(net, x, y), dln.bias_updates(net, x, y), dln.output_covariance(net), net(x)
dln.update_kernel(net, x, y).spectrum(), dln.best_alignment(net, x, y)
image = dln.LinearNetwork([dln.Conv2d(np.ones((2, 1, 2, 2))), dln.AvgPool2d(2), dln.Flatten(), dln.Dense(np.ones((3, 2)))], (1, 3, 3))
dln.prediction_change(image, np.ones((1, 3, 3)), np.ones(3), learning_rate=0.1)
print(json.dumps(sorted({"jax", "equinox", "sympy", "matplotlib"} & set(sys.modules))))
"""
    assert fresh_python(script) == []


def test_a_network_made_before_jax_is_imported_is_converted():
    script = """
import json
import numpy as np
import dlntheory as dln
net = dln.LinearNetwork.random([3, 2], key=0, dtype="float32")
import equinox, jax
print(json.dumps([type(jax.jit(lambda it: it.weights[0])(net)).__module__, equinox.filter_grad(lambda it: it.weights[0].sum())(net).weights[0].tolist()]))
"""
    module, gradient = fresh_python(script)
    assert module.startswith("jax")
    assert gradient == [[1.0] * 3] * 2


def test_jax_in_32_bits_refuses_a_network_of_64():
    script = """
import json
import dlntheory as dln
net = dln.LinearNetwork.random([3, 2], key=0)
import equinox, jax
messages = []
for transform in (jax.jit, jax.grad, equinox.filter_grad, equinox.filter_jit):
    try:
        transform(lambda it: it.weights[0].sum())(net)
        messages.append("")
    except ValueError as error:
        messages.append(str(error))
print(json.dumps(messages))
"""
    assert all("jax_enable_x64" in message for message in fresh_python(script))


def test_what_jax_in_32_bits_would_cut_is_refused_by_name_without_a_warning():
    script = """
import json, warnings
import jax.numpy as jnp
import numpy as np
import dlntheory as dln
warnings.simplefilter("error")
net, x, y = dln.LinearNetwork.random([2, 2, 2], key=0), np.ones((2, 2)), np.ones((2, 2))
number = jnp.float32(0.1)
messages = []
for call in (
    lambda: dln.equilibrium(net, [jnp.ones(2), np.ones(2)], y),
    lambda: dln.equilibrium(net, x, y, nudge=number),
    lambda: dln.simulate_inference(net, x, y, 2, number),
    lambda: dln.prediction_change(net, x, y, learning_rate=number),
):
    try:
        call()
        messages.append("")
    except ValueError as error:
        messages.append(str(error))
print(json.dumps(messages))
"""
    messages = fresh_python(script)
    assert all("jax_enable_x64" in message for message in messages)
    assert [message.split()[0] for message in messages[:3]] == ["`x`", "`net`", "`net`"]


def test_gradients_reach_every_weight_of_a_numpy_network():
    net = dln.LinearNetwork.from_weights(WEIGHTS)
    gradient = jax.grad(lambda it: dln.equilibrium(it, X, Y).energy.mean())(net)
    for found, update in zip(gradient.weights, dln.weight_updates(net, X, Y), strict=True):
        assert_close(-found, update, condition=10)


def test_networks_own_their_arrays():
    weights = [weight.copy() for weight in WEIGHTS]
    net = dln.LinearNetwork.from_weights(weights)
    before = net(X)
    for weight in weights:
        weight *= 0
    np.testing.assert_array_equal(net(X), before)
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][0, 0] = 1


def test_no_copy_of_a_network_can_be_written_to():
    net = dln.LinearNetwork.from_weights(WEIGHTS)
    for copy in (net, pickle.loads(pickle.dumps(net)), deepcopy(net), net.to_jax().to_numpy()):
        assert copy == net
        with pytest.raises(ValueError, match="read-only"):
            copy.weights[0][0, 0] = 7.0


def test_results_do_not_share_the_callers_memory():
    x, y = X.copy(), Y.copy()
    found = dln.equilibrium(dln.LinearNetwork.from_weights(WEIGHTS), x, y)
    for array in (*found.activities, *found.errors, found.residual):
        assert not np.shares_memory(array, x)
        assert not np.shares_memory(array, y)


def test_records_are_frozen_compared_and_pickled():
    net = dln.LinearNetwork.from_weights(WEIGHTS)
    assert pickle.loads(pickle.dumps(net)) == net
    assert pickle.loads(pickle.dumps(net.to_jax())) == net.to_jax()
    assert net != dln.LinearNetwork.from_weights([2 * weight for weight in WEIGHTS])
    assert to_numpy(net.to_jax()) == net
    trained = dln.train(net, X, Y, steps=1, learning_rate=0.1)
    assert pickle.loads(pickle.dumps(trained)) == trained  # a result that holds a network
    with pytest.raises(AttributeError, match="does not change"):
        net.layers = ()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        pytest.param(np.ma.masked_array([1.0, 2.0], [True, False]), ValueError, "masked", id="mask"),
        pytest.param([np.ma.masked_array([1.0], [True])], ValueError, "masked", id="mask in a list"),
        pytest.param([jnp.ones(1), np.ma.masked_array([1.0], [True])], ValueError, "masked", id="mask beside JAX"),
        pytest.param(np.array([1], "m8[s]"), TypeError, "timedelta", id="span of time"),
        pytest.param(np.array(["a"]), TypeError, "wanted real numbers", id="words"),
        pytest.param(np.array([1j]), TypeError, "complex", id="complex"),
        pytest.param(np.ones(2, np.float16), ValueError, "float16", id="half precision"),
        pytest.param(np.ones(2, np.longdouble), ValueError, "wanted float32 or float64", id="longer precision"),
        pytest.param(jnp.ones(2, jnp.bfloat16), ValueError, "bfloat16", id="bfloat16"),
        pytest.param([1.0, np.nan], ValueError, "NaN", id="not a number"),
        pytest.param([[1.0], [1.0, 2.0]], ValueError, "not an array", id="ragged"),
        pytest.param({"a": 1}, TypeError, "dict", id="dictionary"),
        pytest.param("1", TypeError, "str", id="text"),
        pytest.param(sympy.eye(2), TypeError, "Matrix", id="symbols"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        as_array("x", value)


@pytest.mark.parametrize(
    "function",
    [
        lambda net: net([1.0]),
        lambda net: dln.output_covariance(net),
        lambda net: dln.target_alignment(net, [1.0], [1.0]),
        lambda net: dln.verify(net, [1.0], [1.0], theorem=1),
        lambda net: dln.simulate_inference(net, [1.0], [1.0], 1, 0.1),
    ],
)
def test_networks_of_symbols_are_refused_by_numerical_functions(function):
    net = dln.LinearNetwork.from_weights([sympy.ones(1, 1), sympy.ones(1, 1)])
    with pytest.raises(TypeError, match="`net` holds symbols; wanted numbers"):
        function(net)


def test_layers_of_symbols_and_of_numbers_make_no_network():
    with pytest.raises(TypeError, match="`layers` hold symbols and numbers"):
        dln.LinearNetwork([dln.Dense(sympy.ones(1, 1)), dln.Dense([[1.0]])])


class Refusing:
    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.\nUse detach().")


def test_a_foreign_array_that_refuses_is_named():
    with pytest.raises(ValueError, match=r"`x` is not an array: Can't call numpy\(\) on Tensor that requires grad\.$"):
        as_array("x", Refusing())


@pytest.mark.parametrize("dtype", [">f8", "<f8", ">f4", ">i4"])
def test_the_order_of_bytes_does_not_matter(dtype):
    found = as_array("x", np.arange(4).astype(dtype))
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, np.arange(4))


def test_arrays_in_lists_keep_their_precision():
    precise = np.float64(1) + np.finfo(np.float64).eps
    assert as_array("x", [np.array([precise])], np.float32)[0, 0] == precise
    assert as_array("x", [precise], np.float32)[0] == precise
    assert as_array("x", [1.0, 2], np.float32).dtype == np.float32


def test_agreement_follows_jax_and_the_highest_precision():
    one, other = agree(one=np.ones(2, np.float32), other=jnp.ones(2, jnp.float64))
    assert is_jax(one)
    assert one.dtype == other.dtype == np.float64
