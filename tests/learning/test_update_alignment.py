"""Target alignment of any model and any update.

Oracles: `target_alignment` of linear networks; the dense Jacobian times the update; the model run again.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close

import dlntheory as dln

draw = np.random.default_rng(0)
X, Y = map(jnp.asarray, draw.normal(size=(2, 5, 3)))
PARAMS = {"first": jnp.asarray(draw.normal(size=(4, 3))), "last": jnp.asarray(draw.normal(size=(3, 4)))}
UPDATE = {name: jnp.asarray(np.cos(each)) for name, each in PARAMS.items()}


def model(params, x):
    return jnp.tanh(x @ params["first"].T) @ params["last"].T


@pytest.mark.parametrize("rule", ["bp", "pc", "natural"])
@pytest.mark.parametrize("learning_rate", [None, 0.1])
def test_a_linear_network_has_its_target_alignment(rule, learning_rate):
    net, x, y = dln.LinearNetwork.random([3, 4, 4, 3]), np.asarray(X), np.asarray(Y)
    updates = dln.weight_updates(net, x, y, rule)

    def f(weights, x):
        return dln.LinearNetwork.from_weights(weights)(x)

    options = {"learning_rate": learning_rate}
    expected = dln.target_alignment(net, x, y, rule, **options)
    assert_close(dln.update_alignment(f, net.weights, X, Y, updates, **options), expected, condition=10)
    moved = dln.prediction_change(net, x, y, rule, **options)
    assert_close(dln.update_prediction_change(f, net.weights, X, updates, **options), moved, condition=10)


def test_the_change_is_the_jacobian_times_the_update():
    jacobian = jax.jacrev(model)(PARAMS, X)
    expected = sum(jnp.tensordot(jacobian[name], UPDATE[name], axes=2) for name in PARAMS)
    assert_close(dln.update_prediction_change(model, PARAMS, X, UPDATE), expected)


def test_a_finite_step_is_the_model_run_again_and_tends_to_the_derivative():
    stepped = jax.tree.map(lambda p, u: p + 0.25 * u, PARAMS, UPDATE)
    moved = dln.update_prediction_change(model, PARAMS, X, UPDATE, learning_rate=0.25)
    assert_close(moved, model(stepped, X) - model(PARAMS, X))
    slope = dln.update_prediction_change(model, PARAMS, X, UPDATE)
    distances = [
        float(jnp.linalg.norm(dln.update_prediction_change(model, PARAMS, X, UPDATE, rate) / rate - slope))
        for rate in (1e-3, 1e-4)
    ]
    np.testing.assert_allclose(distances[0] / distances[1], 10, rtol=0.05)  # first order


def test_the_alignment_is_a_cosine_of_each_sample():
    moved = dln.update_prediction_change(model, PARAMS, X, UPDATE)
    residual = Y - model(PARAMS, X)
    expected = [
        one @ other / np.linalg.norm(one) / np.linalg.norm(other) for one, other in zip(residual, moved, strict=True)
    ]
    assert_close(dln.update_alignment(model, PARAMS, X, Y, UPDATE), jnp.stack(expected))


def test_none_stays_where_it_is():
    zero = {"first": UPDATE["first"], "last": jnp.zeros((3, 4))}
    for update in ({"first": UPDATE["first"], "last": None}, [UPDATE["first"], None]):
        whole = isinstance(update, dict)
        f = model if whole else (lambda params, x: model({"first": params[0], "last": params[1]["w"]}, x))
        params = PARAMS if whole else [PARAMS["first"], {"w": PARAMS["last"]}]  # `None` for a whole branch
        expected = dln.update_prediction_change(model, PARAMS, X, zero)
        assert_close(dln.update_prediction_change(f, params, X, update), expected)


def test_models_with_other_leaves_than_arrays():
    """Gradient descent on one sample, last layer only, is perfectly aligned."""
    mlp = eqx.nn.MLP(3, 3, 4, 1, key=jax.random.key(0), dtype=float)

    def f(model, x):
        return jax.vmap(model)(x)

    gradient = eqx.filter_jit(eqx.filter_grad(lambda model: jnp.sum((Y - f(model, X)) ** 2)))(mlp)
    descent = jax.tree.map(jnp.negative, gradient)
    assert dln.update_alignment(f, mlp, X, Y, descent).shape == (5,)
    last = eqx.tree_at(lambda it: it.layers[0], descent, None)
    one = eqx.filter_jit(eqx.filter_grad(lambda model: jnp.sum((Y[:1] - f(model, X[:1])) ** 2)))(mlp)
    last = eqx.tree_at(lambda it: it.layers[0], jax.tree.map(jnp.negative, one), None)
    assert_close(dln.update_alignment(f, mlp, X[:1], Y[:1], last), jnp.ones(1))


def test_images_and_scalars_are_predictions_too():
    def image(params, x):
        return model(params, x).reshape(-1, 3, 1, 1)

    expected = dln.update_alignment(model, PARAMS, X, Y, UPDATE)
    assert_close(dln.update_alignment(image, PARAMS, X, Y.reshape(-1, 3, 1, 1), UPDATE), expected)
    signs = dln.update_alignment(lambda p, x: model(p, x)[:, 0], PARAMS, X, Y[:, 0], UPDATE)
    assert_close(jnp.abs(signs), jnp.ones(5))


def test_it_is_nan_where_the_angle_does_not_exist():
    exact = Y.at[0].set(model(PARAMS, X)[0])
    assert jnp.isnan(dln.update_alignment(model, PARAMS, X, exact, UPDATE)).tolist() == [True] + 4 * [False]


def test_under_transformations():
    def alignment(params):
        return dln.update_alignment(model, params, X, Y, UPDATE).mean()

    assert_close(jax.jit(alignment)(PARAMS), alignment(PARAMS))
    along = jax.jit(lambda params: jax.jvp(alignment, (params,), (UPDATE,))[1])(PARAMS)
    gradient = jax.jit(jax.grad(alignment))(PARAMS)
    assert_close(sum(jnp.vdot(gradient[name], UPDATE[name]) for name in PARAMS), along)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"f": 3}, TypeError, "f"),
        ({"update": {"first": UPDATE["first"]}}, ValueError, "`update` is not a pytree like `params`"),
        (
            {"update": UPDATE | {"last": np.ones((4, 3))}},
            ValueError,
            r"update\['last'\]` has shape \(4, 3\); wanted \(3, 4\)",
        ),
        (
            {"update": UPDATE | {"last": jnp.asarray(np.full((3, 4), np.nan))}},
            ValueError,
            r"update\['last'\]` holds NaN",
        ),
        ({"update": {"first": None, "last": None}}, ValueError, "moves no parameter"),
        ({"params": PARAMS | {"first": "x"}}, TypeError, r"params\['first'\]` is a str"),
        ({"y": np.asarray(Y)[:3]}, ValueError, r"`y` has shape \(3, 3\); wanted \(5, 3\)"),
        ({"y": np.full((5, 3), np.inf)}, ValueError, "`y` holds NaN or infinity"),
        ({"f": lambda params, x: model(params, x).sum()}, ValueError, "wanted a row for each sample"),
        ({"learning_rate": "big"}, TypeError, "`learning_rate` is 'big'"),
    ],
)
def test_bad_input(change, error, words):
    arguments = {"f": model, "params": PARAMS, "x": X, "y": Y, "update": UPDATE} | change
    with pytest.raises(error, match=words):
        dln.update_alignment(**arguments)
