"""Update kernels. Oracles: JAX's Jacobian of the network in its weights, Kronecker products, differences of updates."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import uncompiled
from closeness import assert_close, spread
from hypothesis import given, settings
from hypothesis import strategies as st

import dlntheory as dln

WIDTHS = (4, 3, 5, 3)
BATCH = 4
RULES = [("bp", None), ("pc", None), ("bp", "adaptive"), ("pc", "adaptive"), ("pc", "decorrelated"), ("natural", None)]


def draws(seed):
    return np.random.default_rng(seed)


@functools.cache
def dense():
    draw = draws(0)
    weights = [draw.normal(size=shape) / 2 for shape in zip(WIDTHS[1:], WIDTHS, strict=False)]
    return dln.LinearNetwork.from_weights(weights), draw.normal(size=(BATCH, 4)), draw.normal(size=(BATCH, 3))


@functools.cache
def images():
    draw = draws(1)
    first = dln.Conv2d(draw.normal(size=(4, 2, 2, 2)), groups=2, learn_bias=True)
    layers = [
        first,
        dln.AvgPool2d(2),
        dln.Flatten(),
        dln.Residual(draw.normal(size=(4, 4)) / 3),
        dln.Dense(np.eye(2, 4)),
    ]
    net = dln.LinearNetwork(layers, input_shape=(4, 3, 3))
    return net, draw.normal(size=(3, 4, 3, 3)), draw.normal(size=(3, 2))


def residual_of(net, x, y):
    return np.asarray(y - net(x))


def jacobian(net, x):
    """Of all predictions in all learned parameters, by JAX's reverse mode."""

    def learned(layers):
        return [(layer.weight, layer.bias if layer.learn_bias else None) for layer in layers]

    def predict(parameters):
        layers = [
            layer.moved(_joined(layer, new, old), 1.0)
            for layer, new, old in zip(net.layers, parameters, learned(net.layers), strict=True)
        ]
        out = jnp.asarray(x).reshape(len(x), -1).T
        for layer in layers:
            out = layer.affine(out)
        return out.T.ravel()

    leaves = jax.tree.leaves(jax.jit(jax.jacrev(predict))(learned(net.layers)))
    return np.concatenate([np.asarray(leaf).reshape(leaf.shape[0], -1) for leaf in leaves], axis=1)


def _joined(layer, new, old):
    """The difference as a change of the extended weight."""
    weight, bias = (None if a is None else a - b for a, b in zip(new, old, strict=True))
    rows = weight.reshape(weight.shape[0], -1)
    return (rows if bias is None else jnp.concatenate([rows, bias[:, None]], axis=1)).reshape(layer.change_shape)


@pytest.mark.parametrize("problem", [dense, images])
def test_backpropagation_has_the_neural_tangent_kernel(problem):
    net, x, y = problem()
    J = jacobian(net, x)
    assert_close(dln.update_kernel(net, x, y, "bp").matrix(), J @ J.T / len(x), condition=10)


def test_predictive_coding_has_its_formula():
    """``(1/B) Σ_l X̂ᵀX* ⊗ D_l D_lᵀ S⁻¹``, with the equilibrium of a dense solve."""
    net, x, y = dense()
    weights = [np.asarray(each) for each in net.weights]
    downs = [np.eye(3)]
    for weight in weights[:0:-1]:
        downs.insert(0, downs[0] @ weight)
    S = sum(D @ D.T for D in downs)
    plain, settled = [x.T], [x.T]
    for weight, D in zip(weights, downs, strict=True):
        plain.append(weight @ plain[-1])
        settled.append(weight @ settled[-1] + D.T @ np.linalg.solve(S, residual_of(*dense()).T))
    terms = zip(downs, plain, settled, strict=False)
    expected = sum(np.kron(a.T @ b, D @ D.T @ np.linalg.inv(S)) for D, a, b in terms) / BATCH
    assert_close(dln.update_kernel(net, x, y).matrix(), expected, condition=spread(S))


CASES = [*((dense, *rules) for rules in RULES), (images, "pc", "decorrelated")]


@pytest.mark.parametrize(("problem", "rule", "rescaling"), CASES)
def test_at_its_own_residual_the_kernel_is_the_prediction_change(problem, rule, rescaling):
    net, x, y = problem()
    with uncompiled():
        kernel = dln.update_kernel(net, x, y, rule, rescaling)
        residual = residual_of(net, x, y)
        assert_close(kernel(residual), dln.prediction_change(net, x, y, rule, rescaling), condition=1e4)
        assert_close(kernel.target_alignment(), dln.target_alignment(net, x, y, rule, rescaling), condition=1e4)


@pytest.mark.parametrize("nudge", [0.5, -0.3, dln.SoftOutput(2.0)], ids=["half", "negative", "soft"])
def test_options_of_inference(nudge):
    net, x, y = dense()
    options = {"nudge": nudge, "covariances": [0.5, 2.0, 1.5]}
    with uncompiled():
        kernel = dln.update_kernel(net, x, y, "pc", "adaptive", **options)
        change = dln.prediction_change(net, x, y, "pc", "adaptive", **options)
        assert_close(kernel(residual_of(net, x, y)), change, condition=1e4)


@pytest.mark.parametrize("route", ["hessian", "cg"])
def test_every_route_has_the_same_kernel_and_its_transpose(route):
    net, x, y = dense()
    kernel, reference = dln.update_kernel(net, x, y, solver=route), dln.update_kernel(net, x, y).matrix()
    there, back = draws(2).normal(size=(2, BATCH, 3))
    with uncompiled():
        assert_close(kernel(there).ravel(), reference @ there.ravel(), condition=1e3)
        assert_close(kernel.transposed(back).ravel(), reference.T @ back.ravel(), condition=1e3)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_lanczos_finds_the_ends_of_the_spectrum(rule):
    kernel = dln.update_kernel(*dense(), rule)
    matrix = np.asarray(kernel.matrix())
    symmetric = np.linalg.eigvalsh((matrix + matrix.T) / 2)[::-1]
    assert_close(kernel.spectrum(part="symmetric"), symmetric)
    assert_close(kernel.spectrum(3, "symmetric"), symmetric[:3], condition=10)
    values = np.linalg.svd(matrix, compute_uv=False)
    assert_close(kernel.spectrum(), values)
    assert_close(kernel.spectrum(3), values[:3], condition=10)
    if rule == "bp":
        assert_close(values, symmetric, condition=10)


def test_the_kernel_of_exact_rules_is_the_identity_on_the_rows_of_the_inputs():
    """Theorem 2 in one line, where no layer loses rank. The natural gradient's is the orthogonal projection."""
    draw = draws(3)
    net = dln.LinearNetwork.from_weights(draw.normal(size=(2, 3, 3)))
    x, y = draw.normal(size=(2, BATCH, 3))
    rows = np.kron(x @ np.linalg.pinv(x), np.eye(3))
    natural = dln.update_kernel(net, x, y, "natural")
    assert_close(natural.matrix(), rows, condition=1e4)
    assert natural.effective_rank() == pytest.approx(9, rel=1e-9)
    assert natural.identity_alignment() == pytest.approx(np.sqrt(9 / 12), rel=1e-9)
    rescaled = dln.update_kernel(net, x, y, "pc", "decorrelated").matrix()
    assert_close(rescaled @ rows, rows, condition=1e4)
    assert np.linalg.norm(rescaled - rows) > 1e-3  # oblique: X* is not X̂


def test_one_sample_with_adaptive_rates_has_the_identity():
    """Theorem 1: whatever the residual. Without its rates, or for backpropagation, the kernel is another."""
    net, x, y = dense()
    kernels = {rule: dln.update_kernel(net, x[0], y[0], rule, "adaptive") for rule in ("pc", "bp")}
    assert_close(kernels["pc"].matrix(), np.eye(3), condition=1e4)
    assert kernels["pc"].condition_number() == pytest.approx(1, rel=1e-9)
    assert kernels["bp"].condition_number() > 1.1
    assert kernels["pc"].target_alignment([1.0, -2.0, 3.0]) == pytest.approx(1, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_backpropagation_is_never_worse_than_its_condition_number_allows(seed):
    """Kantorovich: of a symmetric positive definite kernel, ``cos ≥ 2√κ/(1 + κ)``; attained by two eigenvectors."""
    draw = draws(seed)
    net, x, y = dense()
    kernel = dln.update_kernel(net, x[:1], y[:1], "bp")
    condition = float(kernel.condition_number())
    worst = 2 * np.sqrt(condition) / (1 + condition)
    assert kernel.target_alignment(draw.normal(size=(1, 3)))[0] >= worst * (1 - 1e-9)
    values, vectors = np.linalg.eigh(kernel.matrix())
    attained = np.sqrt(values[-1]) * vectors[:, 0] + np.sqrt(values[0]) * vectors[:, -1]
    assert kernel.target_alignment([attained])[0] == pytest.approx(worst, rel=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rule", ["bp", "pc", "natural"])
def test_a_kernel_of_zeros_has_no_rank_and_no_alignment_and_warns_of_nothing(rule):
    net = dln.LinearNetwork.from_weights([np.eye(2), np.ones((2, 2))])
    kernel = dln.update_kernel(net, np.zeros(2), np.ones(2), rule=rule)
    assert not np.any(kernel.matrix())
    assert np.isnan(kernel.effective_rank())
    assert np.isnan(kernel.identity_alignment())


def test_identity_alignment_is_what_random_residuals_have_on_average():
    kernel = dln.update_kernel(*dense())
    residuals = draws(4).normal(size=(4000, kernel.size))
    changes = residuals @ np.asarray(kernel.matrix()).T
    ratio = np.sum(residuals * changes) / np.sqrt(np.sum(residuals**2) * np.sum(changes**2))
    assert ratio == pytest.approx(float(kernel.identity_alignment()), abs=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda kernel: kernel(np.ones((2, 3))), r"`residual` has \(2,\) samples; wanted \(4,\)"),
        (lambda kernel: kernel.transposed(np.ones((4, 2))), "`change` has shape"),
        (lambda kernel: kernel.spectrum(12), "`count` is 12; wanted less than 12"),
        (lambda kernel: kernel.spectrum(2, part="eigen"), "`part` is 'eigen'"),
        (lambda kernel: kernel.target_alignment(np.full((4, 3), np.nan)), "`residual` holds NaN"),
        (lambda kernel: dln.update_kernel(*dense(), "natural", "adaptive"), "wanted None"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(dln.update_kernel(*dense()))


def test_a_matrix_too_large_is_refused():
    net = dln.LinearNetwork.from_weights([np.ones((12_000, 1))])
    with pytest.raises(ValueError, match="the kernel has 12000 rows; wanted at most 11585"):
        dln.update_kernel(net, [1.0], np.ones(12_000), "bp").matrix()


def test_under_transformations():
    net, x, y = dense()
    kernel = dln.update_kernel(net, x, y)
    trace = jax.jit(lambda x: jnp.trace(dln.update_kernel(net, x, y).matrix()))
    assert_close(trace(x), jnp.trace(kernel.matrix()), condition=10)
    with pytest.raises(TypeError, match="`count` is given under a JAX transformation"):
        jax.jit(lambda x: dln.update_kernel(net, x, y, "bp").spectrum(2))(x)
