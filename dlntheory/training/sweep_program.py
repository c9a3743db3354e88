"""Many runs in one compiled program: blocks of runs one after another on every device, all runs of a block at once.

The runs of a block share a seed, hence their minibatches: what depends on those alone is computed once per block. On
processors a block is small enough for the cache; other devices take several blocks at once.

JAX's calls of LAPACK may wait for each other for ever if they split a batch among the threads that they run on. They
do not split a single matrix. So what needs LAPACK is computed in turn, and rules made of it take single runs.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float

from ..numerics.cholesky import BLOCK
from ..numerics.kinds import map_leaves
from ..numerics.record import Record, with_fields
from .algorithm import Learner, Model
from .train import Step, after_every, map_error, take_step

AXIS = "runs"
AT_ONCE = 64
"""The most runs that a processor's core learns at once."""
AT_ONCE_ELSEWHERE = 8192
FACTORED = 200_000
"""The multiplications of the Cholesky factors of a block, at most: 24 runs with 20 outputs."""


class Data(NamedTuple):
    """Minibatches ``(S, T, B, n)`` and the maps of the data ``(S, n_L, n_0)``, by seed."""

    x: Any
    y: Any
    targets: Any


class Work(NamedTuple):
    """Runs of one algorithm in groups of blocks, device after device, padded to one shape.

    Models and learning rates by group, block and run; seeds by group and block; and which groups hold any run.
    """

    models: Any
    rates: Any
    seeds: Any
    used: Any


class Found(NamedTuple):
    """The model after a span of steps, and what `Runs` keeps: error and loss of its steps, infinity once diverged."""

    models: Any
    errors: Any
    loss: Any
    accuracy: Any
    steps: Any


class InTurn(Record):
    """A regularisation whose matrices are inverted one after another where there are many."""

    regularisation: Any

    def inverse(self, correlation: jax.Array, rcond: float | None = None) -> jax.Array:
        """The regularisation's inverse."""
        return jax.custom_batching.sequential_vmap(lambda each: self.regularisation.inverse(each, rcond))(correlation)


def prepared(learner: Learner, platform: str) -> Learner:
    """The learner as the program runs it."""
    regularisation = learner.options.regularisation
    if platform != "cpu" or regularisation is None:
        return learner
    return with_fields(learner, options=with_fields(learner.options, regularisation=InTurn(regularisation)))


def at_once(learner: Learner, outputs: int, platform: str) -> int:
    """The number of runs that a device learns at once."""
    if platform != "cpu":
        return AT_ONCE_ELSEWHERE
    decorrelated = learner.rescaling == "decorrelated" and learner.options.regularisation is None
    if learner.rule == "natural" or decorrelated or learner.options.solver == "square_root":
        return 1
    if learner.rule == "bp":
        return AT_ONCE
    largest = BLOCK if learner.options.solver == "hessian" else min(BLOCK, outputs)
    return max(1, min(AT_ONCE, (FACTORED - 1) // largest**3))


class Span(NamedTuple):
    """The first step, how many steps there are, and the spacing of those after which the error is measured."""

    start: Any
    count: Any
    error_every: Any


def learn(
    learner: Learner, data: Data, span: Span, length: int, models: Model, rates: jax.Array, seed: jax.Array
) -> Found:
    """The steps of a span, at most ``length``, of the runs of a block; an error that is not measured is 0.

    The loop is around the batch: a batch of loops is traced twice.
    """

    def advance(time: jax.Array, found: Found) -> Found:
        now = span.start + time
        x, y, targets = data.x[seed, now], data.y[seed, now], data.targets[seed]

        def advance_run(found: Found, rate: jax.Array) -> Found:
            step = take_step(learner, found.models, x, y, rate)
            error = after_every(span.error_every, now, lambda: map_error(step.model.layers, targets))
            return _noted(found, step, error, time)

        return jax.vmap(advance_run)(found, rates)

    unknown = jnp.full((len(rates), length), jnp.inf, rates.dtype)
    first = Found(models, unknown, unknown, jnp.zeros_like(rates), jnp.zeros_like(span.count, shape=rates.shape))
    return jax.lax.fori_loop(0, span.count, advance, first)


def _noted(found: Found, step: Step, error: jax.Array, time: jax.Array) -> Found:
    """The record of a run after one more step."""
    going_on = found.steps == time
    finite = going_on & jnp.isfinite(error) & jnp.isfinite(step.loss)

    def noted(curve: jax.Array, value: jax.Array) -> jax.Array:
        known = jnp.where(going_on & jnp.isfinite(value), value, jnp.full_like(value, jnp.inf))
        return jax.lax.dynamic_update_index_in_dim(curve, known, time, 0)

    return Found(
        step.model,
        noted(found.errors, error),
        noted(found.loss, step.loss),
        jnp.where(finite, jnp.maximum(found.accuracy, step.accuracy), found.accuracy),
        jnp.where(finite, time + 1, found.steps),
    )


@lru_cache(maxsize=8)
def compile_program(mesh: Mesh, length: int) -> Callable[..., tuple[Found, ...]]:
    """The program ``(learners, works, data, span) → founds`` for spans of at most ``length`` steps."""

    def learn_group(learner: Learner, data: Data, span: Span, group: Work) -> Found:
        own = span._replace(count=jnp.where(group.used, span.count, 0))
        blocks, parts = len(group.seeds), (group.models, group.rates, group.seeds)
        learn_block = partial(learn, learner, data, own, length)
        return jax.lax.map(lambda block: learn_block(*block), parts, batch_size=None if blocks == 1 else blocks)

    def local(learners: Sequence[Learner], works: Sequence[Work], data: Data, span: Span) -> tuple[Found, ...]:
        pairs = zip(learners, works, strict=True)
        return tuple(jax.lax.map(partial(learn_group, learner, data, span), work) for learner, work in pairs)

    own, shared = PartitionSpec(AXIS), PartitionSpec()
    specs = (shared, own, shared, shared)
    return jax.jit(jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=own, check_vma=False))


def place(tree: Any, mesh: Mesh, *, own: bool) -> Any:
    """Put arrays that every process holds onto the devices: to each its own part of the first axis, or everything."""
    sharding = NamedSharding(mesh, PartitionSpec(AXIS) if own else PartitionSpec())

    def put(array: Any) -> jax.Array:
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    return map_leaves(put, tree)


def fetch(tree: Any) -> Any:
    """Arrays from all devices, other processes' too, as NumPy arrays."""

    def get(array: jax.Array) -> np.ndarray:
        if array.is_fully_addressable:
            return np.asarray(array)
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(array, tiled=True))

    return map_leaves(get, tree)


def condense(
    x: Float[np.ndarray, "*T B n"], y: Float[np.ndarray, "*T B m"]
) -> tuple[Float[np.ndarray, "*T k n"], Float[np.ndarray, "*T k m"]]:
    """The fewest samples with the same mean second moments, the same number ``k`` for all minibatches.

    Args:
        x: inputs.
        y: targets.

    Returns:
        Inputs and targets; as they are, if no fewer samples do.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(64, 3))
        >>> fewer, targets = condense(x, x @ np.ones((3, 2)))
        >>> fewer.shape, targets.shape, bool(np.allclose(fewer.T @ fewer / 3, x.T @ x / 64))
        ((3, 3), (3, 2), True)
    """
    samples, width = x.shape[-2:]
    triangular: Any = np.linalg.qr(np.concatenate([x, y], axis=-1), mode="r")
    sizes = np.abs(triangular).reshape(-1, *triangular.shape[-2:]).max(axis=(0, 2))
    kept = triangular[..., sizes > samples * np.finfo(x.dtype).eps * sizes.max(), :]
    if kept.shape[-2] in (0, samples):
        return x, y
    scaled = kept * np.sqrt(np.asarray(kept.shape[-2] / samples, x.dtype))
    return scaled[..., :width], scaled[..., width:]
