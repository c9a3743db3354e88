"""The weights' optimiser: AdamW with the papers' learning-rate schedule, from Optax."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.checks import as_count, as_number
from ...numerics.extras import require

PEAK, END, WARM_UP = 1.1, 0.1, 0.1
"""The schedule: its largest and its last value, relative to the learning rate, and the share of the warm-up."""


class AdamW(eqx.Module):
    """AdamW with warm-up and cosine decay; it has the interface of an Optax optimiser.

    Its numbers are traced, so that other numbers need no new program.
    """

    learning_rate: float
    weight_decay: float
    total_steps: int

    def init(self, parameters: Any) -> Any:
        """The first state."""
        return self._transformation(parameters).init(parameters)

    def update(self, gradients: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        """The change of the parameters, and the new state."""
        return self._transformation(parameters).update(gradients, state, parameters)

    def _transformation(self, parameters: Any) -> Any:
        dtype = jax.tree.leaves(parameters)[0].dtype
        rate, decay = jnp.asarray(self.learning_rate, dtype), jnp.asarray(self.weight_decay, dtype)
        return require("optax", "training").adamw(
            lambda count: rate * warm_up_cosine(count, self.total_steps, dtype), weight_decay=decay
        )


class Descent(eqx.Module):
    """Gradient descent; its rate is traced, so that another rate needs no new program.

    Args:
        learning_rate: what the gradient is multiplied by.
    """

    learning_rate: Any

    def init(self, parameters: Any) -> Any:
        """Nothing to remember."""
        return ()

    def update(self, gradients: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        """Minus the rate times the gradients."""
        return jax.tree.map(lambda slope: -self.learning_rate * slope, gradients), state


def adamw(learning_rate: float, weight_decay: float = 1e-4, total_steps: int = 1000) -> AdamW:
    """AdamW, whose rate rises for a tenth of the steps and then falls along a cosine.

    From ``learning_rate`` it rises to 1.1 of it, falls to 0.1 of it at ``total_steps``, and stays there.

    Args:
        learning_rate: the initial rate.
        weight_decay: decoupled, times the rate.
        total_steps: weight updates that the schedule lasts.

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
    rate, decay = as_number("learning_rate", learning_rate), as_number("weight_decay", weight_decay)
    if rate <= 0:
        raise ValueError(f"`learning_rate` is {rate}; wanted a positive number.")
    if decay < 0:
        raise ValueError(f"`weight_decay` is {decay}; wanted a number that is not negative.")
    return AdamW(rate, decay, as_count("total_steps", total_steps))


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
