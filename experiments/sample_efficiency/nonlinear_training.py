r"""Training of a nonlinear network by local rules: BP or PC, plain or rescaled.

Both rules are ``ΔW_l = (1/B) Σ_b δ_l x_{l-1}ᵀ``: BP with the feedforward states and backpropagated signals, PC with
both at equilibrium. What a weight multiplies is the state that enters its layer, ``x_{l-1}``, which is
``f_{l-1}(z_{l-1}) + ε_{l-1}``, so this is the activity ``φ_l`` of the rescalings: ``1 / mean(x_{l-1}ᵀ x̂_{l-1})``
(Theorem 1), and on the right
``(mean x̂_{l-1} x_{l-1}ᵀ + ε I)⁻¹`` (Theorem 2, in the corrected order). The slope ``f_l'`` belongs to the signal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from dlntheory.learning.rescaling import SpectralRegularisation

from .error_coordinates import Activation, Inference, Signals, backpropagation, equilibrate, feedforward


@dataclass(frozen=True)
class Learner:
    """A rule, ``"bp"`` or ``"pc"``; a rescaling, ``None``, ``"adaptive"`` or ``"decorrelated"``; and their options."""

    activations: tuple[Activation, ...]
    rule: str
    rescaling: str | None = None
    inference: Inference = field(default_factory=Inference)
    regularisation: SpectralRegularisation | None = None


class Step(NamedTuple):
    """What one step found: the updates, descent directions, and how inference ended."""

    updates: list[Array]
    residual: Array
    rounds: Array


class History(NamedTuple):
    """A run: the test error at the start and after each block of steps, and how each step's inference ended."""

    errors: Array
    residuals: Array
    rounds: Array


def learn(learner: Learner, weights: Sequence[Array], x: Array, y: Array) -> Step:
    """The updates of every weight for one batch, a row a sample."""
    if learner.rule == "pc":
        found = equilibrate(weights, learner.activations, x, y, learner.inference)
        signals, residual, rounds = found.signals, found.residual, found.rounds
    else:
        signals = backpropagation(weights, learner.activations, x, y)
        residual, rounds = jnp.zeros((), x.dtype), jnp.zeros((), int)
    predicted = signals.states
    if learner.rule == "pc" and learner.rescaling is not None:
        predicted = feedforward(weights, learner.activations, x)[0]
    return Step(rescaled_updates(learner, signals, predicted), residual, rounds)


def rescaled_updates(learner: Learner, signals: Signals, predicted: Sequence[Array]) -> list[Array]:
    """The batch mean of signals times states, rescaled; ``predicted`` are the feedforward states."""
    triples = list(zip(signals.signals, signals.states, predicted, strict=False))
    if learner.rescaling == "adaptive":
        return [signal.T @ state / jnp.sum(state * plain) for signal, state, plain in triples]
    if learner.rescaling == "decorrelated":
        assert learner.regularisation is not None
        return [decorrelated(*each, learner.regularisation) for each in triples]
    return [signal.T @ state / len(state) for signal, state, _ in triples]


def decorrelated(signal: Array, state: Array, plain: Array, regularisation: SpectralRegularisation) -> Array:
    r"""``(1/B) Σ δ xᵀ (mean x̂ xᵀ + ε I)⁻¹``; of a wide layer as ``(1/B) δ (mean xᵀx̂ + ε I)⁻¹ xᵀ``, a row a sample.

    Where no activity enters the layer, the pseudoinverse is zero, and so is the update.
    """
    samples, width = state.shape
    shift = regularisation.shift(_spectrum(state, plain))
    if samples < width:
        return signal.T @ _solve(state @ plain.T / samples, shift, state) / samples
    return _solve(state.T @ plain / samples, shift, state.T @ signal / samples).T


def _spectrum(state: Array, plain: Array) -> Array:
    """The eigenvalues of the symmetric part of ``mean x̂ xᵀ``, or those that differ from zero, and a zero."""
    samples, width = state.shape
    if state is plain and samples < width:
        return jnp.append(jnp.linalg.eigvalsh(state @ state.T / samples), jnp.zeros(1, state.dtype))
    mean = plain.T @ state / samples
    return jnp.linalg.eigvalsh((mean + mean.T) / 2)


def _solve(matrix: Array, shift: Array, right: Array) -> Array:
    zero = jnp.all(matrix == 0)
    regular = matrix + jnp.where(zero, jnp.ones_like(shift), shift) * jnp.eye(len(matrix), dtype=matrix.dtype)
    return jnp.where(zero, jnp.zeros_like(right), jnp.linalg.solve(regular, right))


@partial(jax.jit, static_argnums=0)
def train(learner: Learner, weights: Sequence[Array], batches: Array, test: Array, rate: Array) -> History:
    """Train an autoencoder by gradient steps.

    Args:
        learner: the rule.
        weights: the initial weights.
        batches: images, ``(blocks, steps a block, batch, pixels)``.
        test: images, ``(number, pixels)``.
        rate: the learning rate.
    """

    def step(weights: list[Array], x: Array) -> tuple[list[Array], tuple[Array, Array]]:
        found = learn(learner, weights, x, x)
        moved = [weight + rate * update for weight, update in zip(weights, found.updates, strict=True)]
        return moved, (found.residual, found.rounds)

    def block(weights: list[Array], images: Array) -> tuple[list[Array], tuple[Array, Array, Array]]:
        weights, (residuals, rounds) = jax.lax.scan(step, weights, images)
        return weights, (error(weights), residuals, rounds)

    def error(weights: Sequence[Array]) -> Array:
        """The mean squared error of a pixel."""
        return jnp.mean((feedforward(weights, learner.activations, test)[0][-1] - test) ** 2)

    first = error(weights)
    _, (errors, residuals, rounds) = jax.lax.scan(block, list(weights), batches)
    return History(jnp.concatenate([first[None], errors]), residuals.ravel(), rounds.ravel())
