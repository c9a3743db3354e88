"""The weights' optimisers: AdamW, Adam and SGD of Optax, with the papers' learning-rate schedule or a constant rate."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.checks import as_count, as_number, as_share
from ...numerics.extras import require

PEAK, END, WARM_UP = 1.1, 0.1, 0.1
"""The schedule: its largest and its last value, relative to the learning rate, and the share of the warm-up."""


class Scheduled(eqx.Module):
    """An optimiser of Optax whose rate follows the papers' schedule, with the interface of Optax.

    Its numbers are traced, so that other numbers need no new program.

    Args:
        learning_rate: before the schedule.
        weight_decay: the share of the weights that is added to the gradient; with `AdamW`, decoupled from it.
        total_steps: weight updates that the warm-up and the cosine last; ``None`` for a constant rate.
    """

    learning_rate: Any
    weight_decay: Any
    total_steps: Any

    def init(self, parameters: Any) -> Any:
        """The first state."""
        return self._transformation(parameters).init(parameters)

    def update(self, gradients: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        """The change of the parameters, and the new state."""
        return self._transformation(parameters).update(gradients, state, parameters)

    @abc.abstractmethod
    def chain(self, optax: Any, rate: Callable[[Any], jax.Array], decay: jax.Array) -> Any:
        """Optax's transformation, with a rate by step."""

    def _transformation(self, parameters: Any) -> Any:
        dtype = jax.tree.leaves(parameters)[0].dtype
        rate, decay = jnp.asarray(self.learning_rate, dtype), jnp.asarray(self.weight_decay, dtype)

        def scheduled(count: Any) -> jax.Array:
            return rate if self.total_steps is None else rate * warm_up_cosine(count, self.total_steps, dtype)

        return self.chain(require("optax", "training"), scheduled, decay)


class AdamW(Scheduled):
    """Adam with decoupled weight decay."""

    def chain(self, optax: Any, rate: Callable[[Any], jax.Array], decay: jax.Array) -> Any:
        """Optax's ``adamw``."""
        return optax.adamw(rate, weight_decay=decay)


class PlainAdam(Scheduled):
    """Adam, which sees the decay as a part of the gradient."""

    def chain(self, optax: Any, rate: Callable[[Any], jax.Array], decay: jax.Array) -> Any:
        """Optax's ``adam`` after the decay."""
        return optax.chain(optax.add_decayed_weights(decay), optax.adam(rate))


class SGD(Scheduled):
    """Gradient descent with heavy-ball momentum, ``v ← m v + g``, ``W ← W − η v``."""

    momentum: Any = 0.0

    def chain(self, optax: Any, rate: Callable[[Any], jax.Array], decay: jax.Array) -> Any:
        """Optax's ``sgd`` after the decay."""
        return optax.chain(optax.add_decayed_weights(decay), optax.sgd(rate, self.momentum))


class Descent(eqx.Module):
    """Gradient descent; its rate is traced, so that another rate needs no new program.

    Args:
        learning_rate: the factor of the gradient.
    """

    learning_rate: Any

    def init(self, parameters: Any) -> Any:
        """Nothing to remember."""
        return ()

    def update(self, gradients: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        """Minus the rate times the gradients."""
        return jax.tree.map(lambda slope: -self.learning_rate * slope, gradients), state


def adamw(learning_rate: float, weight_decay: float = 1e-4, total_steps: int | None = 1000) -> AdamW:
    """AdamW, whose rate rises for a tenth of the steps and then falls along a cosine.

    From ``learning_rate`` it rises to 1.1 of it, falls to 0.1 of it at ``total_steps``, and stays there.

    Args:
        learning_rate: the initial rate.
        weight_decay: decoupled, times the rate.
        total_steps: weight updates that the schedule lasts; ``None`` for a constant rate.

    Returns:
        An optimiser with ``init`` and ``update``, as Optax has them.

    Raises:
        ValueError: for numbers that are not positive; the decay may be zero.
        TypeError: for something that is not a number.

    Source:
        Deeper PCNs, appendix A.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.adamw(1e-3, total_steps=200).weight_decay
        0.0001
    """
    return AdamW(*_checked(learning_rate, weight_decay, total_steps))


def adam(learning_rate: float, weight_decay: float = 0.0, total_steps: int | None = None) -> PlainAdam:
    """Adam; arguments as for `adamw`, the decay being a part of the gradient.

    Returns:
        The optimiser.

    Raises:
        ValueError: for numbers that are not positive; the decay may be zero.
        TypeError: for something that is not a number.

    Source:
        Benchmarking PCNs, appendix D.2.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.adam(1e-2).learning_rate
        0.01
    """
    return PlainAdam(*_checked(learning_rate, weight_decay, total_steps))


def sgd(learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0, total_steps: int | None = None) -> SGD:
    """Gradient descent with momentum; the other arguments as for `adam`.

    Args:
        learning_rate: the initial rate.
        momentum: ``m``, from 0 to below 1.
        weight_decay: added to the gradient, times the weights.
        total_steps: weight updates that the schedule lasts; ``None`` for a constant rate.

    Returns:
        The optimiser.

    Raises:
        ValueError: for numbers out of their range.
        TypeError: for something that is not a number.

    Source:
        Benchmarking PCNs, appendices D and F.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.sgd(1e-2, momentum=0.9).momentum
        0.9
    """
    return SGD(*_checked(learning_rate, weight_decay, total_steps), as_share("momentum", momentum))


def _checked(learning_rate: Any, weight_decay: Any, total_steps: Any) -> tuple[float, float, int | None]:
    """The numbers of a schedule."""
    rate, decay = (
        as_number("learning_rate", learning_rate, positive=True),
        as_number("weight_decay", weight_decay, negative=False),
    )
    return rate, decay, None if total_steps is None else as_count("total_steps", total_steps)


def step_weights(optimiser: Any, gradients: Any, state: Any, weights: Any) -> tuple[Any, Any]:
    """The weights after a step of any optimiser, and its new state."""
    with jax.numpy_dtype_promotion("standard"):  # which Optax relies on
        changes, state = optimiser.update(gradients, state, weights)
    return jax.tree.map(lambda weight, change: weight + change.astype(weight.dtype), weights, changes), state


def warm_up_cosine(count: Any, total_steps: Any, dtype: Any) -> jax.Array:
    """The schedule, relative to the learning rate: 1, up to 1.1 after a tenth of the steps, down to 0.1."""
    total = jnp.asarray(total_steps, dtype)
    done = jnp.minimum(jnp.asarray(count, dtype), total)
    warm = jnp.floor(WARM_UP * total)
    rising = 1 + (PEAK - 1) * done / jnp.maximum(warm, 1)
    falling = END + (PEAK - END) * (1 + jnp.cos(np.pi * (done - warm) / jnp.maximum(total - warm, 1))) / 2
    return jnp.where(done < warm, rising, falling)
