"""Samples of all layers, and the law of Langevin dynamics.

Oracles: the dense joint Gaussian, samples within their standard errors, SciPy's discrete Lyapunov equation.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from joint_gaussian import Joint, network, spd
from scipy.linalg import solve_discrete_lyapunov

import dlntheory as dln

NET = dln.LinearNetwork.from_weights([np.ones((2, 3)), np.ones((4, 2))])
X = np.ones((5, 3))


# Sampling


def test_draws_have_the_joint_mean_and_covariance():
    rng, count = np.random.default_rng(0), 100_000
    net = network(rng, (3, 4, 2), "biased")
    covariances, prior = [0.7, spd(rng, 2)], dln.Prior(rng.normal(size=3), spd(rng, 3))
    joint = Joint(net, covariances, prior)
    for key, kind in ((1, np.ndarray), (jax.random.key(1), jax.Array)):
        drawn = dln.sample_activities(net, count=count, key=key, covariances=covariances, prior=prior)
        assert isinstance(drawn[0], kind)
        rows = np.concatenate(list(map(np.asarray, drawn)), axis=1)
        variances = np.diag(joint.covariance)
        assert (np.abs(rows.mean(0) - joint.mean(None)) < 5 * np.sqrt(variances / count)).all()
        errors = np.sqrt((np.outer(variances, variances) + joint.covariance**2) / count)
        assert (np.abs(np.cov(rows.T) - joint.covariance) < 5 * errors).all()


def test_draws_from_given_inputs():
    net = network(np.random.default_rng(0), (3, 4, 2), "plain")
    x = np.random.default_rng(1).normal(size=(6, 3))
    drawn = dln.sample_activities(net, x)
    np.testing.assert_array_equal(drawn[0], x)
    again = dln.sample_activities(net, x[0], count=6)
    np.testing.assert_array_equal(again[0], np.tile(x[0], (6, 1)))
    np.testing.assert_allclose(drawn[1] - net.layers[0].apply(x.T).T, again[1] - net.layers[0].apply(x[:1].T).T)


# Langevin dynamics


def hidden_hessian(net, covariances):
    """Of the dense energy in the stacked hidden activities, by automatic differentiation."""
    sizes = [layer.out_size for layer in net.layers[:-1]]

    def energy(z):
        activities = [jnp.zeros(net.layers[0].in_size), *jnp.split(z, np.cumsum(sizes)[:-1])]
        activities.append(jnp.zeros(net.layers[-1].out_size))
        errors = [
            after - layer.matrix() @ before
            for layer, before, after in zip(net.layers, activities, activities[1:], strict=False)
        ]
        return sum(error @ error / (2 * each) for error, each in zip(errors, covariances, strict=True))

    return np.asarray(jax.jit(jax.hessian(energy))(jnp.zeros(sum(sizes)))), np.cumsum([0, *sizes])


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("widths", [(2, 3, 2, 3), (1, 1, 1), (3, 4, 2)])
def test_the_law_of_langevin_dynamics_solves_lyapunovs_equation(widths, momentum):
    rng = np.random.default_rng(0)
    net = network(rng, widths, "plain")
    covariances = rng.uniform(0.5, 2, size=net.depth).tolist()
    hessian, ends = hidden_hessian(net, covariances)
    values = np.linalg.eigvalsh(hessian)
    step = 0.4 * (1 + momentum) / values[-1]
    law = dln.langevin_law(net, step, momentum, covariances)
    np.testing.assert_allclose(law.stability_limit, 2 * (1 + momentum) / values[-1], rtol=1e-10)
    one, none = np.eye(len(hessian)), np.zeros_like(hessian)
    # (z, v) ← (z + v', v') with v' = m v − γ H z + noise
    transition = np.block([[one - step * hessian, momentum * one], [-step * hessian, momentum * one]])
    noise = 2 * step * (1 - momentum) * np.block([[one, one], [one, one]])
    stationary = solve_discrete_lyapunov(transition, noise)[: len(hessian), : len(hessian)]
    exact = np.linalg.inv(hessian)
    for block, bias, start, end in zip(law.covariances, law.bias, ends, ends[1:], strict=False):
        np.testing.assert_allclose(block, stationary[start:end, start:end], atol=1e-10)
        np.testing.assert_allclose(bias, (stationary - exact)[start:end, start:end], atol=1e-10)
    # the integrated autocorrelation time, from the exact autocovariances of the slowest direction
    joint = solve_discrete_lyapunov(transition, noise)
    slowest = np.concatenate([np.linalg.eigh(hessian)[1][:, 0], none[0]])
    propagated = np.linalg.solve(np.eye(len(joint)) - transition, joint)  # Σ_t Aᵗ C
    time = 2 * slowest @ propagated @ slowest / (slowest @ joint @ slowest) - 1
    np.testing.assert_allclose(law.autocorrelation_time, time, rtol=1e-9)


def test_a_short_chain_samples_from_its_law():
    """Many chains side by side; the variance of a variance's estimate is ``2 v² / n``."""
    rng, chains = np.random.default_rng(0), 20_000
    net = dln.LinearNetwork.from_weights([[[1.0]], [[1.5]]])
    step, h = 0.25, 1 + 1.5**2
    z = np.zeros(chains)
    for _ in range(200):
        z = z - step * h * z + np.sqrt(2 * step) * rng.normal(size=chains)
    law = dln.langevin_law(net, step)
    variance = law.covariances[0].item()
    assert abs(z.var() - variance) < 4 * variance * np.sqrt(2 / chains)
    assert abs(z.var() - 1 / h) > 4 * variance * np.sqrt(2 / chains)  # the bias shows


def test_draws_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="`x` has 5 inputs but `count` is 3"):
        dln.sample_activities(NET, X, count=3)
    with pytest.raises(ValueError, match="`count` is 0"):
        dln.sample_activities(NET, X[0], count=0)
    with pytest.raises(ValueError, match="`x` is None without a prior"):
        dln.sample_activities(NET, count=3)


def test_unstable_dynamics_is_refused():
    limit = float(dln.langevin_law(NET, 1e-3, 0.5).stability_limit)
    with pytest.raises(ValueError, match=r"`step_size` is .* but the dynamics diverges"):
        dln.langevin_law(NET, limit, 0.5)
    with pytest.raises(ValueError, match=r"`momentum` is 1\.0"):
        dln.langevin_law(NET, 1e-3, 1.0)
    with pytest.raises(ValueError, match="`net` has depth 1"):
        dln.langevin_law(dln.LinearNetwork.from_weights([np.ones((2, 3))]), 1e-3)
