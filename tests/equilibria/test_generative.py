"""The network as a generative model, against the joint Gaussian of all layers written out and conditioned densely.

Oracles: dense Gaussian conditioning, automatic differentiation of a dense log-density, scikit-learn's probabilistic PCA
and factor analysis.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import bound
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_gaussian import EPSILON, Joint, covariances_of, network, spd
from scipy.stats import norm

import dlntheory as dln
from dlntheory.equilibria.evidence import log_determinant
from dlntheory.equilibria.posterior import marginals

WIDTHS = [(4, 5, 3, 6), (3, 4), (2, 1, 1, 3), (1, 1), (1, 1, 1, 1), (3, 3, 3, 3, 3), (2, 6, 2), (6, 2, 5)]


SETTINGS = [
    *((widths, "biased") for widths in WIDTHS),
    ((4, 5, 3, 6), "plain"), ((3, 3, 3, 3, 3), "residual"), ((1, 1, 1, 1), "residual"),
]  # fmt: skip


@pytest.fixture(params=SETTINGS, ids=str)
def setting(request):
    widths, kind = request.param
    rng = np.random.default_rng(sum(widths) + 100 * len(kind))
    net = network(rng, widths, kind)
    return net, rng, rng.normal(size=(5, widths[0])), rng.normal(size=(5, widths[-1]))


@pytest.mark.grid
@pytest.mark.parametrize("noise", ["unit", "scalar", "matrix"])
@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("masks", ["all", "one", "each"])
def test_everything_is_dense_gaussian_conditioning(setting, noise, free, masks):
    net, rng, x, y = setting
    covariances = covariances_of(rng, net, noise)
    prior = dln.Prior(rng.normal(size=x.shape[1]), spd(rng, x.shape[1])) if free else None
    joint = Joint(net, covariances, prior)
    x = None if free else x
    each = rng.random(y.shape) < 0.5
    each[np.arange(len(y)), rng.integers(y.shape[1], size=len(y))] = True
    observed = {"all": None, "one": each[0], "each": each}[masks]
    full = np.ones(y.shape, bool) if observed is None else np.broadcast_to(observed, y.shape)
    hidden = np.where(full, y, np.nan)  # what is not known may be anything

    value = dln.log_likelihood(net, x, hidden, covariances, observed, prior)
    found = dln.posterior(net, x, hidden, covariances, observed, prior)
    completed = dln.recall(net, hidden, full[0] if observed is None else observed, x, prior, covariances)
    assert all(isinstance(leaf, np.ndarray) for leaf in (value, *found.mean, *found.covariances, completed.outputs))
    assert len(found.covariances) == net.depth - 1 + free
    tolerance = joint.tolerance
    for index, (target, mask) in enumerate(zip(y, full, strict=True)):
        given_x = None if free else x[index]
        np.testing.assert_allclose(value[index], joint.log_density(given_x, target, mask), rtol=tolerance)
        mean, covariance = joint.condition(given_x, target, mask)
        for level, activity in enumerate(found.mean):
            np.testing.assert_allclose(activity[index], mean[joint.part(level)], atol=tolerance)
        for level, block in enumerate(found.covariances, start=0 if free else 1):
            block = block[index] if masks == "each" else block
            np.testing.assert_allclose(block, covariance[joint.part(level), joint.part(level)], atol=tolerance)
        own = completed.covariance[index] if masks == "each" else completed.covariance
        np.testing.assert_allclose(completed.outputs[index], mean[joint.part(net.depth)], atol=tolerance)
        np.testing.assert_array_equal(completed.outputs[index][mask], target[mask])
        np.testing.assert_allclose(own, covariance[joint.part(net.depth), joint.part(net.depth)], atol=tolerance)
        assert not own[mask].any()


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), depth=st.integers(1, 4), free=st.booleans(), width=st.integers(1, 4))
def test_known_outputs_one_by_one_give_the_chain_rule(seed, depth, free, width):
    """``log p(a, b) = log p(a) + log p(b | a)``, with the second from recall."""
    rng = np.random.default_rng(seed)
    net = network(rng, [width] * (depth + 1), "biased")
    x, y = rng.normal(size=width), rng.normal(size=width)
    prior = dln.Prior(0.5, 2.0) if free else None
    x = None if free else x
    chained = 0.0
    for index in range(width):
        before = np.arange(width) < index
        if before.any():
            memory = dln.recall(net, y, before, x, prior)
            mean, variance = memory.outputs[index], memory.variance[index]
            chained += norm(mean, np.sqrt(variance)).logpdf(y[index])
        else:
            chained += dln.log_likelihood(net, x, y, observed=np.arange(width) == 0, prior=prior)
    whole = dln.log_likelihood(net, x, y, prior=prior)
    condition = np.linalg.cond(Joint(net, None, prior).covariance[-width:, -width:])
    np.testing.assert_allclose(chained, whole, rtol=bound(EPSILON, condition), atol=bound(EPSILON, condition))


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), depth=st.integers(2, 5), width=st.integers(1, 4))
def test_knowing_more_never_widens_a_posterior(seed, depth, width):
    rng = np.random.default_rng(seed)
    net = network(rng, [width] * (depth + 1), "plain")
    x, y = rng.normal(size=(2, width))
    fewer = np.arange(width) == 0
    some, all_of_them = (dln.posterior(net, x, y, observed=mask) for mask in (fewer, None))
    prior = dln.posterior(dln.LinearNetwork([*net.layers[:-1], dln.Dense(0 * net.weights[-1])]), x, y)
    for before, middle, after in zip(prior.covariances, some.covariances, all_of_them.covariances, strict=True):
        rounding = bound(EPSILON) * np.trace(before)
        assert np.linalg.eigvalsh(before - middle)[0] >= -rounding
        assert np.linalg.eigvalsh(middle - after)[0] >= -rounding


def test_the_posterior_mean_is_the_equilibrium_and_its_energy_the_mahalanobis_distance():
    rng = np.random.default_rng(0)
    net = network(rng, (4, 5, 3, 6), "biased")
    x, y = rng.normal(size=(3, 4)), rng.normal(size=(3, 6))
    settled, found = dln.equilibrium(net, x, y), dln.posterior(net, x, y)
    for one, other in zip(settled.activities, found.mean, strict=True):
        np.testing.assert_array_equal(one, other)
    S = dln.output_covariance(net)
    expected = -settled.energy - np.linalg.slogdet(2 * np.pi * S)[1] / 2
    np.testing.assert_allclose(dln.log_likelihood(net, x, y), expected, rtol=bound(EPSILON, np.linalg.cond(S)))


def test_single_samples_have_no_batch():
    rng = np.random.default_rng(0)
    net = network(rng, (4, 5, 3), "biased")
    x, y, mask = rng.normal(size=4), rng.normal(size=3), np.array([True, False, True])
    for prior in (None, dln.Prior(0.0, 1.0)):
        given_x = None if prior else x
        batch = None if prior else x[None]
        assert dln.log_likelihood(net, given_x, y, prior=prior).shape == ()
        one, many = (dln.posterior(net, a, b, observed=mask, prior=prior) for a, b in ((given_x, y), (batch, y[None])))
        for left, right in zip(one.mean, many.mean, strict=True):
            np.testing.assert_array_equal(left, right[0])
        memory = dln.recall(net, y, mask, given_x, prior)
        assert memory.outputs.shape == (3,)
        assert memory.variance.shape == (3,)


def test_images_keep_their_shape():
    rng = np.random.default_rng(0)
    layers = [dln.Dense(rng.normal(size=(16, 3))), dln.Reshape((1, 4, 4)), dln.Conv2d(rng.normal(size=(2, 1, 3, 3)))]
    net = dln.LinearNetwork(layers)
    mask = rng.random((2, 2, 2)) < 0.5
    mask[0, 0, 0], y = True, rng.normal(size=(5, 2, 2, 2))
    memory = dln.recall(net, y, mask, prior=dln.Prior(0.0, 1.0))
    assert memory.outputs.shape == y.shape
    np.testing.assert_array_equal(memory.outputs[:, mask], y[:, mask])
    assert memory.covariance.shape == (8, 8)
    joint = Joint(net, None, dln.Prior(0.0, 1.0))
    mean, _ = joint.condition(None, y[0].ravel(), mask.ravel())
    np.testing.assert_allclose(memory.outputs[0].ravel(), mean[joint.part(2)], atol=joint.tolerance)
    drawn = dln.sample_activities(net, prior=dln.Prior(0.0, 1.0), count=2)
    assert [each.shape[1:] for each in drawn] == list(net.shapes)


# Where S is no help


def test_a_thousand_layers():
    rng = np.random.default_rng(0)
    net = dln.LinearNetwork.random([16] * 1001, init="orthogonal", key=0)
    x, y = rng.normal(size=(2, 16))
    found = dln.posterior(net, x, y)
    # orthogonal weights: S_l = l I, so every marginal is l (1 − l/L) I
    for level, block in enumerate(found.covariances, start=1):
        np.testing.assert_allclose(block, level * (1 - level / 1000) * np.eye(16), atol=bound(EPSILON, 1000) * 1000)
    expected = norm(0, np.sqrt(1000)).logpdf(y - net(x)).sum()
    np.testing.assert_allclose(dln.log_likelihood(net, x, y), expected, rtol=bound(EPSILON, 1000))


def test_weights_that_grow_with_depth_keep_their_digits():
    """Against arithmetic with 80 digits: ``S`` reaches 1e28, and its own factor would lose ten of sixteen digits."""
    rng = np.random.default_rng(0)
    widths = [3] * 13
    net = network(rng, widths, "plain")
    net = net.with_weights([20.0 * weight for weight in net.weights])
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 80
    S = mpmath.eye(3)
    history = [S]
    for weight in net.weights[1:]:
        W = mpmath.matrix(weight.tolist())
        S = mpmath.eye(len(weight)) + W * S * W.T
        history.append(S)
    exact = float(mpmath.log(mpmath.det(S)))
    assert np.linalg.cond(np.array(S.tolist(), float)) > 1e9
    np.testing.assert_allclose(log_determinant(net.layers, (None,) * 12), exact, rtol=1e-10)
    D = mpmath.eye(3)
    blocks = marginals(net.layers, (None,) * 12)
    for level in range(11, 0, -1):
        D = D * mpmath.matrix(net.weights[level].tolist())
        crossed = history[level - 1] * D.T
        expected = history[level - 1] - crossed * mpmath.inverse(S) * crossed.T
        expected = np.array(expected.tolist(), float)
        np.testing.assert_allclose(blocks[level - 1], expected, atol=1e-10 * np.abs(expected).max())


def conditioned(rng, depth, condition, smallest):
    """Weights of one condition number each, whose singular values reach up from the smallest."""
    values = smallest * np.geomspace(condition, 1, 4)
    bases = np.linalg.qr(rng.normal(size=(2 * depth, 4, 4)))[0]
    return [left @ np.diag(values) @ right for left, right in zip(bases[::2], bases[1::2], strict=True)]


@pytest.mark.parametrize(
    ("depth", "condition", "smallest"),
    [(4, 1.0, 1.0), (4, 1e4, 1.0), (4, 1e4, 1e-2), (4, 1e8, 1.0), (4, 1e8, 1e-4), (33, 10.0, 1.0), (3, 1e10, 1.0)],
)
def test_the_likelihood_loses_what_single_layers_lose(depth, condition, smallest):
    """Against arithmetic with 150 digits, up to a condition number of ``S`` of 1e44: a layer's own counts."""
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    weights, y = conditioned(rng, depth, condition, smallest), rng.normal(size=4)
    with mpmath.workdps(150):
        S, outputs = mpmath.zeros(4), mpmath.matrix(y.tolist())
        for weight in weights:
            W = mpmath.matrix(weight.tolist())
            S = mpmath.eye(4) + W * S * W.T
        distance = (outputs.T * mpmath.lu_solve(S, outputs))[0]
        exact = float(-(distance + mpmath.log(mpmath.det(S)) + 4 * mpmath.log(2 * mpmath.pi)) / 2)
    found = dln.log_likelihood(dln.LinearNetwork.from_weights(weights), np.zeros(4), y)
    np.testing.assert_allclose(found, exact, rtol=0, atol=16 * depth * condition * EPSILON)


@pytest.mark.parametrize(("dtype", "weight"), [(np.float64, 1e8), (np.float32, 1e4), (np.float64, 1.0)])
def test_what_is_recalled_keeps_its_variance_beside_large_weights(dtype, weight):
    """Copies of one unit, ``y_i = w x_0 + ε_i``: two known ones leave ``1 + w²/(1 + 2w²)``, of ``S_ii = 1 + w²``."""
    net = dln.LinearNetwork.from_weights([np.full((3, 1), weight, dtype)])
    memory = dln.recall(net, np.ones(3, dtype), [True, True, False], prior=dln.Prior(0.0, 1.0))
    expected = 1 + 1 / (1 / np.float64(weight) ** 2 + 2)
    np.testing.assert_allclose(memory.variance, [0, 0, expected], rtol=bound(np.finfo(dtype).eps))


def test_what_is_recalled_by_weights_of_zero_is_noise():
    """In silence, too: warnings are errors here."""
    net = dln.LinearNetwork.from_weights([np.zeros((4, 3)), np.zeros((5, 4)), np.zeros((2, 5))])
    memory = dln.recall(net, np.ones((2, 2)), [True, False], x=np.ones((2, 3)))
    np.testing.assert_array_equal(memory.outputs, [[1, 0]] * 2)
    np.testing.assert_array_equal(memory.variance, [0, 1])


# JAX


def dense_log_density(weights, covariance, prior_covariance, x, y):
    S = prior_covariance
    mean = x
    for weight in weights:
        S, mean = covariance * jnp.eye(len(weight)) + weight @ S @ weight.T, weight @ mean
    residual = y - mean
    return -0.5 * (residual @ jnp.linalg.solve(S, residual) + jnp.linalg.slogdet(2 * jnp.pi * S)[1])


@pytest.mark.parametrize("free", [pytest.param(False, marks=pytest.mark.daily), True])
def test_the_likelihood_differentiates_and_compiles(free):
    rng = np.random.default_rng(0)
    net = network(rng, (3, 4, 2), "plain").to_jax()
    x, y = jnp.asarray(rng.normal(size=3)), jnp.asarray(rng.normal(size=2))

    def ours(weights, covariance, x, y):
        moved = net.with_weights(weights)
        prior = dln.Prior(x, covariance) if free else None
        return dln.log_likelihood(moved, None if free else x, y, [covariance] * 2, prior=prior)

    def dense(weights, covariance, x, y):
        return dense_log_density(weights, covariance, covariance * float(free) * jnp.eye(3), x, y)

    arguments = (net.weights, jnp.asarray(0.7), x, y)
    found = jax.jit(jax.value_and_grad(ours, argnums=(0, 1, 2, 3)))(*arguments)
    expected = jax.jit(jax.value_and_grad(dense, argnums=(0, 1, 2, 3)))(*arguments)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11)


def test_jax_gives_what_numpy_gives_and_traced_masks_work():
    rng = np.random.default_rng(0)
    net = network(rng, (4, 5, 3), "biased")
    x, y, masks = rng.normal(size=(4, 4)), rng.normal(size=(4, 3)), np.eye(4, 3, dtype=bool)
    masks[3] = True
    plain = dln.posterior(net, x, y, [0.5, 2.0], masks)

    @jax.jit
    def compiled(net, x, y, masks):
        return dln.posterior(net, x, y, [0.5, 2.0], masks), dln.recall(net, y, masks, x)

    found, memory = compiled(net.to_jax(), jnp.asarray(x), jnp.asarray(y), jnp.asarray(masks))
    own = dln.recall(net, y, masks, x)
    pairs = zip((*found.mean, *found.covariances), (*plain.mean, *plain.covariances), strict=True)
    for one, other in (*pairs, (memory.outputs, own.outputs), (memory.covariance, own.covariance)):
        assert isinstance(one, jax.Array)
        np.testing.assert_allclose(one, other, atol=1e-12)


# Other libraries


def test_two_layers_are_probabilistic_pca_and_factor_analysis():
    """``y = W x_0 + b + ε``: the scores of scikit-learn, the mean log-likelihood of a sample."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    rng = np.random.default_rng(0)
    y = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 6)) + rng.normal(size=(60, 6)) * np.linspace(0.3, 1, 6)
    factors = decomposition.FactorAnalysis(2).fit(y)
    net = dln.LinearNetwork([dln.Dense(factors.components_.T, factors.mean_)])
    prior = dln.Prior(0.0, 1.0)
    value = dln.log_likelihood(net, None, y, [np.diag(factors.noise_variance_)], prior=prior)
    np.testing.assert_allclose(value, factors.score_samples(y), rtol=1e-10)
    latent = dln.posterior(net, None, y, [np.diag(factors.noise_variance_)], prior=prior).mean[0]
    np.testing.assert_allclose(latent, factors.transform(y), atol=1e-10)
    components = decomposition.PCA(2).fit(y)
    noise = components.noise_variance_
    scaled = components.components_.T * np.sqrt(components.explained_variance_ - noise)
    net = dln.LinearNetwork([dln.Dense(scaled, components.mean_)])
    value = dln.log_likelihood(net, None, y, [noise], prior=prior)
    np.testing.assert_allclose(value, components.score_samples(y), rtol=1e-10)


# Refusals

NET = dln.LinearNetwork.from_weights([np.ones((2, 3)), np.ones((4, 2))])
X, Y, ANY = np.ones((5, 3)), np.ones((5, 4)), np.array([True, False, True, False])


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (ValueError, "`observed` is False for every output", {"observed": np.zeros(4, bool)}),
        (ValueError, "`observed` is False for every output", {"observed": np.eye(5, 4, dtype=bool)}),
        (ValueError, r"`observed` has shape \(3,\)", {"observed": [True, False, True]}),
        (ValueError, r"`observed` has 2 masks but `y`", {"observed": np.ones((2, 4), bool)}),
        (TypeError, "`observed` has dtype float64", {"observed": np.ones(4)}),
        (ValueError, "`x` is given and `prior` too", {"prior": dln.Prior(0.0, 1.0)}),
        (ValueError, "`x` is None without a prior", {"x": None}),
        (TypeError, "`prior` is a float", {"x": None, "prior": 1.0}),
        (ValueError, "`prior.covariance` is singular", {"x": None, "prior": dln.Prior(0.0, np.diag([1, 1, 1e-17]))}),
        (ValueError, "`prior.covariance` has the eigenvalue", {"x": None, "prior": dln.Prior(0.0, -np.eye(3))}),
        (
            ValueError,
            "`prior.covariance` is not symmetric",
            {"x": None, "prior": dln.Prior(0.0, np.triu(np.ones((3, 3))))},
        ),
        (ValueError, "`prior.covariance` is 0.0", {"x": None, "prior": dln.Prior(0.0, 0.0)}),
        (ValueError, "`prior.covariance` has shape", {"x": None, "prior": dln.Prior(0.0, np.eye(2))}),
        (ValueError, "`prior.mean` has shape", {"x": None, "prior": dln.Prior([0.0, 0.0], 1.0)}),
    ],
)
def test_bad_arguments_are_refused_by_name(error, message, options):
    options = {"x": X, "observed": ANY} | options
    x, observed = options.pop("x"), options.pop("observed")
    with pytest.raises(error, match=message):
        dln.log_likelihood(NET, x, Y, observed=observed, **options)
    with pytest.raises(error, match=message):
        dln.posterior(NET, x, Y, observed=observed, **options)
    with pytest.raises(error, match=message):
        dln.recall(NET, Y, observed, x, **options)


def test_unknown_outputs_of_known_places_are_refused():
    with pytest.raises(ValueError, match="`y` holds NaN"):
        dln.log_likelihood(NET, X, np.full((5, 4), np.nan), observed=ANY)
