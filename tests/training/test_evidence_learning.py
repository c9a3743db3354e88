"""Evidence learning: maximum likelihood by `train`, against scikit-learn's factor analysis and probabilistic PCA.

Other oracles: differences of the likelihood, and `train` for `sweep` and `gradient_flow`.
"""

import numpy as np
import pytest

import dlntheory as dln
from dlntheory.learning.rules import log_variance_slopes


def factors(samples=300, seed=0):
    """Data of two factors with six outputs of unequal noise, centred."""
    rng = np.random.default_rng(seed)
    loadings, deviations = rng.normal(size=(2, 6)), rng.uniform(0.5, 1.2, size=6)
    y = rng.normal(size=(samples, 2)) @ loadings + deviations * rng.normal(size=(samples, 6))
    return y - y.mean(axis=0)


def network(seed=1):
    """A network of two layers whose input is zero: its hidden units are factors."""
    rng = np.random.default_rng(seed)
    return dln.LinearNetwork.from_weights([np.zeros((2, 1)), rng.normal(size=(6, 2))])


@pytest.mark.parametrize(("learned", "name"), [("shared", "PCA"), ("each", "FactorAnalysis")])
def test_two_layers_are_factor_analysis(learned, name):
    """The likelihood and the covariance of scikit-learn's maximum, from a random start."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    y = factors()
    options = {} if name == "PCA" else {"tol": 1e-12, "max_iter": 20_000, "svd_method": "lapack"}
    expected = getattr(decomposition, name)(n_components=2, **options).fit(y)
    found = dln.train(network(), np.zeros((len(y), 1)), y, 0.1, "evidence", steps=3000, learn_variance=learned)
    assert found.output_variance.shape == (() if learned == "shared" else (6,))
    weights = found.net.weights[1]
    covariance = weights @ weights.T + np.diag(found.output_variance * np.ones(6))
    likelihood = expected.score(y)
    if name == "PCA":  # scikit-learn divides by N − 1
        values, vectors = np.linalg.eigh(y.T @ y / len(y))
        noise = values[:-2].mean()
        wanted = noise * np.eye(6) + vectors[:, -2:] @ np.diag(values[-2:] - noise) @ vectors[:, -2:].T
        np.testing.assert_allclose(wanted * len(y) / (len(y) - 1), expected.get_covariance(), rtol=1e-10)
        np.testing.assert_allclose(covariance, wanted, atol=1e-6)
    else:
        np.testing.assert_allclose(covariance, expected.get_covariance(), atol=1e-5)
    noise = found.output_variance if learned == "shared" else np.diag(found.output_variance)
    value = dln.log_likelihood(found.net, np.zeros((len(y), 1)), y, [1.0, noise]).mean()
    assert value >= likelihood - 1e-9
    assert value - likelihood < 1e-4


def test_the_slope_in_the_variances():
    """Against central differences of the likelihood."""
    rng = np.random.default_rng(0)
    net = dln.LinearNetwork.random([3, 4, 5], key=0)
    x, y, logarithms = rng.normal(size=(7, 3)), rng.normal(size=(7, 5)), rng.normal(size=5)

    def covariances(logarithms):
        return (np.float64(0.8), np.diag(np.exp(logarithms)))

    noise = covariances(logarithms)
    multiplier = dln.equilibrium(net, x, y, noise).multiplier.T
    found = log_variance_slopes(noise[-1], multiplier, np.linalg.inv(dln.output_covariance(net, noise)))
    for index, step in enumerate(1e-5 * np.eye(5)):
        ends = [dln.log_likelihood(net, x, y, covariances(logarithms + sign * step)).mean() for sign in (1, -1)]
        np.testing.assert_allclose(found[index], (ends[0] - ends[1]) / 2e-5, atol=1e-8)


@pytest.mark.parametrize("learned", [pytest.param(None, marks=pytest.mark.daily), "each"])
def test_sweeps_follow_the_evidence(learned):
    """A sweep does what `train` does."""
    rng = np.random.default_rng(0)
    nets = [dln.LinearNetwork.random([2, 3, 4], key=key) for key in range(2)]
    x, y = rng.normal(size=(2, 20, 6, 2)), rng.normal(size=(2, 20, 6, 4))
    options = {"rule": "evidence", "covariances": [1.0, 0.5]}
    found = dln.sweep(nets, x, y, [0.01, 0.05], [dln.Algorithm(**options, learn_variance=learned)], chunk=7)
    assert found.algorithms == (f"evidence, {learned} variance" if learned else "evidence",)
    alone = dln.train(nets[1], x[1], y[1], 0.05, learn_variance=learned, **options)
    for one, other in zip(found.network(0, 1, 1).weights, alone.net.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    (variances,) = found.output_variances
    if learned is None:
        assert variances is None
    else:
        assert variances.shape == (2, 2, 4)
        np.testing.assert_allclose(variances[1, 1], alone.output_variance, atol=1e-12)


def test_flows_follow_the_evidence():
    """A flow does what many small steps do."""
    rng = np.random.default_rng(0)
    net = dln.LinearNetwork.random([2, 3, 4], key=0)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 4))
    options = {"rule": "evidence", "covariances": [1.0, 0.5]}
    flow = dln.gradient_flow(net, x, y, [0.0, 0.05, 0.1], **options)
    halfway = net.with_weights([path[1] for path in flow])
    updates = dln.weight_updates(halfway, x, y, **options)
    for path, start, update in zip(flow, net.weights, updates, strict=True):
        np.testing.assert_allclose(path[2] - start, 0.1 * update, atol=1e-3)  # the midpoint rule


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "pc", "learn_variance": "shared"}, "`learn_variance` is 'shared' with rule='pc'"),
        ({"rule": "evidence", "learn_variance": "all"}, "`learn_variance` is 'all'"),
        ({"rule": "evidence", "rescaling": "adaptive"}, "`rescaling` is 'adaptive' with rule='evidence'"),
        ({"rule": "evidence", "learn_variance": "each", "covariances": [1.0, np.eye(2)]}, "ends in a matrix"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    net = dln.LinearNetwork.random([2, 2, 2], key=0)
    with pytest.raises(ValueError, match=message):
        dln.train(net, [[1.0, 1.0]], [[1.0, 1.0]], 0.1, steps=1, **options)
