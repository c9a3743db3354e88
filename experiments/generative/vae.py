"""A variational autoencoder: the decoder of Monte Carlo predictive coding without noise in its hidden layers.

An encoder amortises what inference finds there, the posterior of the latent, ``q(z | y) = N(μ(y), diag s²(y))``.
"""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dlntheory import pcn


class VAE(eqx.Module):
    """Decoder ``z → y``, ``y | z ~ N(decoder(z), σ²)`` and ``z ~ N(0, 1)``; encoder ``y → (μ, log s²)``."""

    encoder: pcn.Network
    decoder: pcn.Network
    variance: float = eqx.field(static=True)

    @property
    def latent(self) -> int:
        """The latent's width."""
        return int(self.decoder.input_shape[0])


def make_vae(widths: Sequence[int], activation: str, variance: float, seed: int) -> VAE:
    """The model whose decoder has these widths, latent first, and whose encoder mirrors them."""
    latent, *hidden, pixels = widths
    for_encoder, for_decoder = jax.random.split(jax.random.key(seed))
    encoder = pcn.mlp((pixels, *hidden[::-1], 2 * latent), activation, key=for_encoder)
    return VAE(encoder, pcn.mlp(widths, activation, key=for_decoder), variance)


def bound(model: VAE, y: Float[Array, "batch n"], key: jax.Array) -> Float[Array, " batch"]:
    """A draw of the evidence's lower bound, ``E_q log p(y | z) − KL(q ‖ p(z))``, by sample.

    Source:
        Kingma and Welling 2014, equation 10 and appendix B.
    """
    mean, log_variance = jnp.split(model.encoder(y), 2, axis=1)
    drawn = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape, mean.dtype)
    squares = jnp.square(y - model.decoder(drawn)).sum(axis=1) / model.variance
    fit = -(squares + y.shape[1] * math.log(2 * math.pi * model.variance)) / 2
    return fit - (jnp.exp(log_variance) + jnp.square(mean) - 1 - log_variance).sum(axis=1) / 2


class Learner(eqx.Module):
    """All that changes while a VAE learns."""

    model: VAE
    optimiser: Any
    key: jax.Array


def start_learning(model: VAE, optimiser: Any, seed: int) -> Learner:
    """Before the first batch."""
    return Learner(model, optimiser.init(eqx.filter(model, eqx.is_array)), jax.random.key(seed))


@eqx.filter_jit
def learn(learner: Learner, batches: Float[Array, "steps batch n"], optimiser: Any) -> Learner:
    """Ascend the bound on one batch after the other."""
    moving, still = eqx.partition(learner, eqx.is_array)

    def step(moving: Any, batch: Array) -> tuple[Any, None]:
        learner = eqx.combine(moving, still)
        key, own = jax.random.split(learner.key)
        weights, rest = eqx.partition(learner.model, eqx.is_array)
        slopes = jax.grad(lambda weights: -bound(eqx.combine(weights, rest), batch, own).mean())(weights)
        with jax.numpy_dtype_promotion("standard"):  # which Optax relies on
            changes, state = optimiser.update(slopes, learner.optimiser, weights)
        model = eqx.combine(jax.tree.map(jnp.add, weights, changes), rest)
        return eqx.filter(Learner(model, state, key), eqx.is_array), None

    moving, _ = jax.lax.scan(step, moving, batches)
    return eqx.combine(moving, still)


def decode(model: VAE, count: int, seed: int) -> np.ndarray:
    """The decoder's outputs, without their noise, of latents from the prior."""
    latents = jax.random.normal(jax.random.key(seed), (count, model.latent))
    return np.asarray(pcn.predict(model.decoder, latents))
