"""The layer protocol, for every kind of layer.

Oracles: the transpose by inner products, the matrix by its columns, and automatic differentiation of the layer's map.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close

import dlntheory as dln

DRAWS = np.random.default_rng(0)
SQUARE, WIDE, BIAS = DRAWS.normal(size=(4, 4)), DRAWS.normal(size=(4, 3)), DRAWS.normal(size=4)
LAYERS = {
    "dense": dln.Dense(WIDE),
    "dense, fixed bias": dln.Dense(WIDE, BIAS),
    "dense, learned bias": dln.Dense(WIDE, BIAS, learn_bias=True),
    "residual": dln.Residual(SQUARE),
    "residual, fixed bias": dln.Residual(SQUARE, BIAS),
    "residual, learned bias": dln.Residual(SQUARE, BIAS, learn_bias=True),
}
each_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def columns(rows, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(rows, 5)))


def moved(layer, change):
    """The layer with a change of the extended weight applied."""
    weight, bias = layer.split(change)
    layer = eqx.tree_at(lambda it: it.weight, layer, layer.weight + weight)
    return layer if bias is None else eqx.tree_at(lambda it: it.bias, layer, layer.bias + bias)


@each_layer
def test_the_transpose_is_adjoint(layer):
    x, v = columns(layer.in_size), columns(layer.out_size, 2)
    assert_close(jnp.vdot(v, layer.apply(x)), jnp.vdot(layer.transpose(v), x))


@each_layer
def test_the_matrix_is_the_map(layer):
    assert layer.matrix().shape == (layer.out_size, layer.in_size)
    assert_close(layer.matrix(), layer.apply(jnp.eye(layer.in_size)))
    assert_close(layer.matrix().T, layer.transpose(jnp.eye(layer.out_size)))


@each_layer
def test_the_bias_is_added_to_every_column(layer):
    x = columns(layer.in_size)
    bias = np.zeros(4) if layer.bias is None else np.asarray(layer.bias)
    assert_close(layer.affine(x), np.asarray(layer.apply(x)) + bias[:, None])


@each_layer
def test_the_update_is_the_gradient_of_the_error_times_the_output(layer):
    x, error = columns(layer.in_size), columns(layer.out_size, 2)
    zero = jnp.zeros((layer.out_size, layer.features(x).shape[0]))
    gradient = jax.grad(lambda change: jnp.vdot(error, moved(layer, change).affine(x)))(zero)
    assert_close(layer.weight_update(error, x), gradient)


@each_layer
def test_the_output_changes_by_its_derivative(layer):
    x = columns(layer.in_size)
    change = jnp.asarray(np.random.default_rng(3).normal(size=(layer.out_size, layer.features(x).shape[0])))
    derivative = jax.jvp(lambda change: moved(layer, change).affine(x), (0 * change,), (change,))[1]
    assert_close(layer.output_change(change, x), derivative)


@each_layer
def test_only_a_learned_bias_is_a_feature_and_has_an_update(layer):
    features = layer.features(columns(layer.in_size))
    weight, bias = layer.split(jnp.ones((layer.out_size, features.shape[0])))
    assert weight.shape == layer.weight.shape
    assert (bias is not None) == layer.learn_bias == (features.shape[0] > layer.in_size)
    if layer.learn_bias:
        np.testing.assert_array_equal(features[-1], 1)
        assert bias.shape == (layer.out_size,)


@pytest.mark.parametrize("kind", [dln.Dense, dln.Residual])
def test_a_learned_bias_starts_at_zero(kind):
    np.testing.assert_array_equal(kind(SQUARE, learn_bias=True).bias, np.zeros(4))
    assert kind(SQUARE).bias is None


@each_layer
def test_a_layer_is_an_immutable_pytree_of_its_arrays(layer):
    leaves = jax.tree.leaves(layer)
    assert len(leaves) == 1 + (layer.bias is not None)
    with pytest.raises(AttributeError):
        layer.weight = SQUARE
