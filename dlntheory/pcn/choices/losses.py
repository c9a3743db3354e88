"""Energies of the output: squared error, and cross-entropy."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...numerics.checks import as_number, is_one_number


class Loss(eqx.Module):
    """The energy between a state and its prediction, one number per sample.

    It has the form ``energy(state, prediction)``; its gradient with respect to the prediction is minus the error.
    """

    @abc.abstractmethod
    def energy(self, state: Array, prediction: Array) -> Float[Array, " batch"]:
        """The energy of every sample."""

    @abc.abstractmethod
    def error(self, state: Array, prediction: Array) -> Array:
        """Minus the energy's gradient with respect to the prediction."""

    @abc.abstractmethod
    def mean(self, prediction: Array) -> Array:
        """The expected state, in the units of a target."""


class SquaredError(Loss):
    r"""``‖x − μ‖² / 2σ²``, the energy of a Gaussian with the covariance ``σ² I``; hidden states have ``σ² = 1``.

    Args:
        variance: ``σ²``, positive: the output's in Monte Carlo predictive coding.

    Source:
        Benchmarking PCNs, equation 1 and appendix C.2.
    """

    variance: Any = 1.0

    def __check_init__(self) -> None:
        if is_one_number(self.variance) and self.variance != math.inf:
            as_number("variance", self.variance, positive=True)

    def energy(self, state: Array, prediction: Array) -> Float[Array, " batch"]:
        """Half the squared error of every sample, relative to the variance."""
        error = state - prediction
        return jnp.square(error).sum(axis=tuple(range(1, error.ndim))) / 2 / self.variance

    def error(self, state: Array, prediction: Array) -> Array:
        """``(x − μ) / σ²``."""
        return (state - prediction) / self.variance

    def mean(self, prediction: Array) -> Array:
        """``μ``."""
        return prediction


class CrossEntropy(Loss):
    r"""``−Σ x log softmax(μ)``, the energy of a categorical distribution.

    Source:
        Pinchetti et al. 2022, *Predictive coding beyond Gaussian distributions*; PC-CE in Benchmarking PCNs.
    """

    def energy(self, state: Array, prediction: Array) -> Float[Array, " batch"]:
        """The cross-entropy of every sample."""
        terms = state * jax.nn.log_softmax(prediction)
        return -terms.sum(axis=tuple(range(1, terms.ndim)))

    def error(self, state: Array, prediction: Array) -> Array:
        """``x − softmax(μ) Σ x``."""
        return state - jax.nn.softmax(prediction) * state.sum(axis=-1, keepdims=True)

    def mean(self, prediction: Array) -> Array:
        """``softmax(μ)``."""
        return jax.nn.softmax(prediction)


LOSSES: dict[str, Loss] = {"squared_error": SquaredError(), "cross_entropy": CrossEntropy()}
