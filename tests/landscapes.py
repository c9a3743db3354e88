"""Networks and data whose loss and energy are surveyed, and the energy as a dense formula."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln

SHAPES = ((3, 4, 3), (3, 2, 2, 3), (3, 3, 4, 3))


def data(n_in=3, n_out=3, noise=0.0, seed=0, samples=12):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, n_in))
    return x, x @ rng.normal(size=(n_in, n_out)) + noise * rng.normal(size=(samples, n_out))


def random_network(widths, seed=0):
    rng = np.random.default_rng(seed)
    return dln.LinearNetwork.from_weights(
        [rng.normal(size=(after, before)) * 0.7 for before, after in itertools.pairwise(widths)]
    )


@partial(jax.jit, static_argnums=3)
def objective(weights, x, y, rule):
    """The loss, or ½ mean(rᵀ S⁻¹ r) with a dense S: from the definition D_l = W_L … W_{l+1}."""
    downstream, S = jnp.eye(y.shape[1]), 0
    for weight in reversed(weights):
        S = S + downstream @ downstream.T
        downstream = downstream @ weight
    residual = y.T - downstream @ x.T
    weighted = residual if rule == "bp" else jnp.linalg.solve(S, residual)
    return jnp.sum(residual * weighted) / (2 * len(x))


def hessian(net, x, y, rule):
    return dln.loss_hessian(net, x, y) if rule == "bp" else dln.energy_hessian(net, x, y)


def gradient_size(net, x, y, rule):
    return max(np.abs(each).max() for each in dln.weight_updates(net, x, y, rule=rule))
