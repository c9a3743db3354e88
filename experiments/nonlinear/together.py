"""Perceptrons that differ in their weights, learning rates and batches, trained together by one program.

PC is at the equilibrium of every step's batch, which Newton's method finds. A network diverges once the error of its
batch is above `BOUND` or not finite; from then on its weights are NaN.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from dlntheory import NonlinearNetwork
from dlntheory.learning.problem import Options
from dlntheory.nonlinear.equilibrium import settle
from dlntheory.nonlinear.updates import at_equilibrium, backpropagated, change_and_alignment, updates_of

BOUND = 1e3
"""The mean of ``½‖y − ŷ‖²`` above which training has diverged."""


class Samples(NamedTuple):
    """Inputs and one-hot targets, a row each."""

    x: jax.Array
    y: jax.Array


def train_together(
    nets: Sequence[NonlinearNetwork],
    rates: Any,
    train: Samples,
    test: Samples,
    batches: np.ndarray,
    rule: str,
    inference: dict[str, Any],
    every: int,
) -> dict[str, np.ndarray]:
    """Train every network at its rate on its batches, places in ``train``, ``(net, step, sample)``.

    Returns:
        By network and time, before training and after every so many steps: the error and the accuracy on ``test``,
        infinity and zero once it has diverged. By network and block of steps, the means of the updates' target
        alignment and of the share of samples that inference has not settled.
    """
    dtype = train.x.dtype
    halves = [eqx.partition(as_type(net, dtype), eqx.is_inexact_array) for net in nets]
    moving, fixed = jax.tree.map(lambda *each: jnp.stack(each), *(half[0] for half in halves)), halves[0][1]
    rates, settings = jnp.asarray(rates, dtype), (jnp.asarray(inference["tolerance"], dtype), inference["steps"])
    measured, blocks = [_measure(moving, fixed, test)], []
    for block in np.split(batches, range(every, batches.shape[1], every), axis=1):
        moving, found = _block(moving, fixed, rates, train, block, rule, *settings)
        measured.append(_measure(moving, fixed, test))
        blocks.append(found)
    columns = [np.stack(each, axis=-1) for each in (*zip(*measured, strict=True), *zip(*blocks, strict=True))]
    return dict(zip(("errors", "accuracy", "alignment", "unsettled"), columns, strict=True))


def as_type(net: NonlinearNetwork, dtype: Any) -> NonlinearNetwork:
    """The network with its weights in another precision."""
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, net)


@eqx.filter_jit
def _block(
    moving: Any, fixed: Any, rates: jax.Array, train: Samples, batches: Any, rule: str, tolerance: jax.Array, most: int
) -> tuple[Any, tuple[jax.Array, jax.Array]]:
    """So many steps of all networks."""

    def alone(weights: Any, rate: jax.Array, places: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
        def step(weights: Any, chosen: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
            net, x, y = eqx.combine(weights, fixed), train.x[chosen], train.y[chosen]
            if rule == "bp":
                traces, unsettled = backpropagated(net, x, y), jnp.zeros((), x.dtype)
            else:
                settled = settle(net.blocks, x, y, tolerance, jnp.asarray(most), "newton")
                traces, unsettled = at_equilibrium(net, settled), jnp.mean(settled.status != 0)
            alignment = jnp.nanmean(change_and_alignment(net, traces, None, Options(), None)[1])
            usable = jnp.sum(traces.residual**2) / (2 * len(x)) < BOUND
            scale = jnp.where(usable, rate, jnp.nan)
            updates = eqx.filter(updates_of(net, traces, None, Options()), eqx.is_inexact_array)
            return jax.tree.map(lambda own, each: own + scale * each, weights, updates), (alignment, unsettled)

        weights, found = jax.lax.scan(step, weights, places)
        return weights, jax.tree.map(jnp.mean, found)

    return jax.vmap(alone)(moving, rates, jnp.asarray(batches))


@eqx.filter_jit
def _measure(moving: Any, fixed: Any, test: Samples) -> tuple[jax.Array, jax.Array]:
    """The test error and the accuracy of each network."""

    def alone(weights: Any) -> tuple[jax.Array, jax.Array]:
        predicted = jax.vmap(eqx.combine(weights, fixed))(test.x)
        error = jnp.sum((test.y - predicted) ** 2) / (2 * len(test.x))
        right = jnp.mean(predicted.argmax(axis=1) == test.y.argmax(axis=1))
        return jnp.where(error < BOUND, error, jnp.inf), jnp.where(error < BOUND, right, 0.0)

    return jax.vmap(alone)(moving)
