"""Evidence learning: the gradient of the likelihood, by automatic differentiation of a dense log-density.

Other oracles: Fisher's identity with draws from the posterior, and the scalar chain whose best weight is known.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import mostly_daily

import dlntheory as dln


def negative_log_likelihood(net, x, y, covariances):
    """The batch mean of ``−log p(y | x)``, from the layers' matrices."""
    S, predicted = jnp.zeros((x.shape[1],) * 2), x.T
    for layer, covariance in zip(net.layers, covariances, strict=True):
        T, size = layer.matrix(), layer.out_size
        noise = covariance * jnp.eye(size) if jnp.ndim(covariance) == 0 else covariance
        S, predicted = noise + T @ S @ T.T, layer.affine(predicted)
    residual = y.T - predicted
    return (residual * jnp.linalg.solve(S, residual)).sum() / (2 * len(x)) + jnp.linalg.slogdet(2 * jnp.pi * S)[1] / 2


def layers_of(rng, kind):
    def normal(*shape):
        return rng.normal(size=shape) / np.sqrt(shape[-1])

    return {
        "dense": lambda: [dln.Dense(normal(5, 4)), dln.Dense(normal(3, 5)), dln.Dense(normal(6, 3))],
        "one": lambda: [dln.Dense(normal(3, 4))],
        "units": lambda: [dln.Dense(normal(1, 1)), dln.Dense(normal(1, 1)), dln.Dense(normal(1, 1))],
        "learned biases": lambda: [dln.Dense(normal(4, 4), normal(4), True), dln.Dense(normal(3, 4), normal(3), True)],
        "residual": lambda: [dln.Residual(normal(4, 4)), dln.Residual(normal(4, 4), normal(4), True), dln.Dense(normal(2, 4))],
        "images": lambda: [
            dln.Dense(normal(16, 4)), dln.Reshape((1, 4, 4)), dln.Conv2d(normal(2, 1, 3, 3), bias=normal(2), learn_bias=True),
            dln.Flatten(), dln.Dense(normal(3, 8)),
        ],
        "chain": lambda: [
            dln.Dense(normal(4, 4)), dln.Residual(dln.Chain([dln.Dense(normal(3, 4), normal(3), True), dln.Dense(normal(4, 3))])),
            dln.Dense(normal(3, 4)),
        ],
        "linearised": lambda: dln.linearised(
            dln.NonlinearNetwork.from_linear(dln.LinearNetwork.from_weights([normal(4, 4), normal(3, 4)]), "tanh"), normal(4)
        ).layers,
    }[kind]()  # fmt: skip


KINDS = ("dense", "one", "units", "learned biases", "residual", "images", "chain", "linearised")
WITH_NOISE = [(noise, kind) for noise in ("unit", "scalar", "matrix") for kind in KINDS]
KEPT = [
    *(("unit", kind) for kind in ("dense", "one", "units", "learned biases")),
    ("scalar", "images"),
    ("matrix", "chain"),
    ("matrix", "residual"),
    ("unit", "linearised"),
]


@pytest.mark.parametrize("pair", mostly_daily(WITH_NOISE, KEPT), ids="-".join)
def test_evidence_ascends_the_likelihood(pair):
    noise, kind = pair
    rng = np.random.default_rng(0)
    net = dln.LinearNetwork(layers_of(rng, kind))
    x, y = rng.normal(size=(5, net.layers[0].in_size)), rng.normal(size=(5, net.layers[-1].out_size))
    roots = [rng.normal(size=(layer.out_size,) * 2) for layer in net.layers]
    covariances = {
        "unit": [1.0] * net.depth,
        "scalar": list(rng.uniform(0.4, 2, size=net.depth)),
        "matrix": [root @ root.T / len(root) + np.eye(len(root)) / 2 for root in roots],
    }[noise]
    given = None if noise == "unit" else covariances
    slope = jax.jit(jax.grad(negative_log_likelihood))(net, x, y, covariances)
    weights = dln.weight_updates(net, x, y, "evidence", covariances=given)
    biases = dln.bias_updates(net, x, y, "evidence", covariances=given)
    for found, expected in zip(weights, slope.weights, strict=True):
        pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
        for one, other in pairs:
            assert isinstance(one, jax.Array if kind == "linearised" else np.ndarray)
            np.testing.assert_allclose(one, -other, atol=1e-11)
    for found, expected in zip(biases, slope.biases, strict=True):
        if found is not None and not isinstance(found, tuple):
            np.testing.assert_allclose(found, -expected, atol=1e-11)


def test_the_update_is_the_posterior_mean_of_the_local_rule():
    """Fisher's identity: ``∂ log p/∂W_l`` is the mean of ``Σ_l⁻¹ ε_l x_{l-1}ᵀ`` over the posterior, by its draws."""
    rng, count = np.random.default_rng(0), 200_000
    first, second = rng.normal(size=(3, 2)), rng.normal(size=(2, 3))
    net, (x, y) = dln.LinearNetwork.from_weights([first, second]), rng.normal(size=(2, 2))
    post = dln.posterior(net, x, y, [0.7, 1.3])
    hidden = rng.multivariate_normal(post.mean[1], post.covariances[0], size=count)
    local = [
        np.einsum("bi,j->bij", (hidden - first @ x) / 0.7, x),
        np.einsum("bi,bj->bij", (y - hidden @ second.T) / 1.3, hidden),
    ]
    updates = dln.weight_updates(net, x, y, "evidence", covariances=[0.7, 1.3])
    for found, draws in zip(updates, local, strict=True):
        assert (np.abs(draws.mean(0) - found) < 5 * draws.std(0) / np.sqrt(count)).all()


def test_noisy_targets_have_a_minimum_that_predictive_coding_lacks():
    """``y = a x + noise`` of variance 4: evidence rests where ``1 + w_2² = 4``, predictive coding inflates ``w_2``."""
    x, y = np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([[3.0], [1.0], [-1.0], [-3.0]])  # a = 1
    second = np.sqrt(3)
    net = dln.LinearNetwork.from_weights([[[1 / second]], [[second]]])
    for update in dln.weight_updates(net, x, y, "evidence"):
        np.testing.assert_allclose(update, 0, atol=1e-14)
    assert dln.weight_updates(net, x, y, "pc")[1].item() > 0.4


def test_alignment_and_prediction_change_follow_the_update():
    rng = np.random.default_rng(0)
    net = dln.LinearNetwork.random([4, 5, 3], key=0)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    first, second = dln.weight_updates(net, x, y, "evidence")
    predicted = net(x)
    moved = x @ first.T @ net.weights[1].T + x @ net.weights[0].T @ second.T
    np.testing.assert_allclose(dln.prediction_change(net, x, y, "evidence"), moved, atol=1e-13)
    residual = y - predicted
    cosine = (residual * moved).sum(1) / np.linalg.norm(residual, axis=1) / np.linalg.norm(moved, axis=1)
    np.testing.assert_allclose(dln.target_alignment(net, x, y, "evidence"), cosine, atol=1e-13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rescaling": "adaptive"}, "`rescaling` is 'adaptive' with rule='evidence'"),
        ({"nudge": 0.5}, "`nudge` is given"),
    ],
)
def test_what_does_not_go_with_evidence_is_refused(options, message):
    net = dln.LinearNetwork.random([2, 2, 2], key=0)
    with pytest.raises(ValueError, match=message):
        dln.weight_updates(net, [1.0, 1.0], [1.0, 1.0], "evidence", **options)


def test_functions_of_the_residual_alone_refuse_evidence():
    net = dln.LinearNetwork.random([2, 2, 2], key=0)
    for function in (dln.update_kernel, dln.best_alignment, dln.adaptive_learning_rates):
        with pytest.raises(ValueError, match="`rule` is 'evidence'"):
            function(net, [1.0, 1.0], [1.0, 1.0], rule="evidence")


@pytest.mark.parametrize(("gain", "depth"), [(2, 30), (3, 20)])
def test_evidence_keeps_its_digits_where_the_gain_grows(gain, depth):
    """Against arithmetic with 120 digits; `S` reaches condition numbers of 1e20 and more."""
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    weights, y = gain * rng.normal(size=(depth, 4, 4)) / 2, rng.normal(size=(5, 4))
    found = dln.weight_updates(dln.LinearNetwork.from_weights(weights), np.zeros((5, 4)), y, "evidence")
    with mpmath.workdps(120):
        matrices = [mpmath.matrix(weight.tolist()) for weight in weights]
        S, maps = [mpmath.eye(4)], [mpmath.eye(4)]
        for W in matrices[1:]:
            S.append(mpmath.eye(4) + W * S[-1] * W.T)
        for W in reversed(matrices[1:]):
            maps.insert(0, maps[0] * W)
        precision = mpmath.inverse(S[-1])
        multiplier = precision * mpmath.matrix(y.T.tolist())
        inner = multiplier * multiplier.T / len(y) - precision
        for level in range(1, depth):
            exact = maps[level].T * inner * maps[level] * matrices[level] * S[level - 1]
            exact = np.array(exact.tolist(), float)
            np.testing.assert_allclose(found[level], exact, atol=1e-7 * np.abs(exact).max())
