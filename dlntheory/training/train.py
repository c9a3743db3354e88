r"""Training of a linear network: one learning rule, minibatch after minibatch, in one compiled loop.

A step is ``W_l ← W_l + η ΔW_l``, with the updates of `dlntheory.learning.updates`. It is measured by the squared
Frobenius distance of the whole map from the map of the data, ``‖W_data − W_{L:1}‖²``, and by the loss of its minibatch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..equilibria.equilibrium import REFUSED
from ..equilibria.problem import Problem
from ..equilibria.settling import Settled, settle_within
from ..learning.alignment import cosine
from ..learning.problem import Learning, changes_of, settled_by, signals_of
from ..learning.rescaling import Rescaling
from ..learning.rules import Rule, log_variance_slopes
from ..networks.layer import Layer
from ..networks.network import LinearNetwork, as_network
from ..networks.passes import first_order_change
from ..networks.samples import flat
from ..numerics.algebra import Array
from ..numerics.checks import as_array, as_count, as_key, as_real, as_seed, same_batch
from ..numerics.kinds import agree, by_jax, compiled, is_concrete, is_jax
from ..numerics.options import takes
from ..numerics.record import Record, static, with_fields
from .algorithm import TRAIN_OPTIONS, Algorithm, Learner, Model, TrainOptions


class Step(NamedTuple):
    """The model after a step; of the minibatch before it, the loss, the alignment, and the equilibrium's accuracy."""

    model: Model
    loss: jax.Array
    alignment: jax.Array
    accuracy: jax.Array


def take_step(learner: Learner, model: Model, x: jax.Array, y: jax.Array, learning_rate: jax.Array) -> Step:
    """Learn a minibatch ``(B, n_0)``, ``(B, n_L)``; where the equilibrium is inaccurate, the new weights are NaN."""
    layers, covariances = model.layers, learner.noise(model)
    problem = Problem(layers, covariances, x, y, learner.nudge)
    learning = settled_by(
        partial(settle_within, route=learner.options.solver),
        Learning(problem, None, learner.options, learner.rule, learner.rescaling),
    )
    signals = signals_of(learning)
    changes = changes_of(learning, signals)
    accuracies = [each.accuracy for each in (learning.state, learning.units) if isinstance(each, Settled)]
    accuracy = jnp.max(jnp.concatenate([jnp.zeros(1, x.dtype), *accuracies]))
    rate = jnp.where(accuracy <= REFUSED, learning_rate, jnp.full_like(learning_rate, jnp.nan))
    moved = tuple(layer.moved(change, rate) for layer, change in zip(layers, changes, strict=True))
    log_variance = model.log_variance
    if log_variance is not None:
        slopes = log_variance_slopes(covariances[-1], signals.errors[-1], learning.units.multiplier)
        log_variance = log_variance + rate * (slopes if log_variance.ndim else slopes.sum())
    loss = jnp.sum(signals.residual**2) / (2 * len(x))
    alignment = cosine(signals.residual, first_order_change(layers, changes, signals.feedforward))
    return Step(Model(moved, log_variance), loss, mean_defined(alignment), accuracy)


def mean_defined(alignment: Float[Array, " B"]) -> Float[Array, ""]:
    """The mean over the samples that have an alignment; NaN where none has one."""
    there = ~jnp.isnan(alignment)
    total = jnp.sum(jnp.where(there, alignment, jnp.zeros_like(alignment)))
    return total / jnp.sum(there).astype(alignment.dtype)


def map_error(layers: Sequence[Layer], target: Float[Array, "m n"]) -> Float[Array, ""]:
    """``‖W_data − W_{L:1}‖²``, of the linear part where layers have biases."""
    product = layers[0].matrix()
    for layer in layers[1:]:
        product = layer.apply(product)
    return jnp.sum((target - product) ** 2)


def after_every(every: Any, step: Any, measure: Callable[[], jax.Array]) -> jax.Array:
    """A measurement after each ``every``-th step, and 0 after the others, where nothing is computed."""
    like = jax.eval_shape(measure)
    return jax.lax.cond((step + 1) % every == 0, measure, lambda: jnp.zeros(like.shape, like.dtype))


class Training(Record):
    r"""A network's training.

    Attributes:
        net: the network at the end. If training diverged, its weights are not finite.
        error: ``‖W_data − W_{L:1}‖²`` before the first step and after each ``k``-th, ``(⌊T/k⌋ + 1,)``; ``None`` without
            a target.
        loss: ``½ ‖y − ŷ‖²``, the mean over each minibatch, before its step, ``(T,)``.
        alignment: the mean target alignment of the updates of the steps ``0, k, 2k, …`` as they begin, over the samples
            that have one, ``(⌈T/k⌉,)``; NaN where none has, and ``None`` if not asked for.
        steps: after how many steps everything measured was still finite. From there on, error and loss are infinity.
        accuracy: the largest estimate of an equilibrium's relative error in those steps; 0 without inference.
        output_variance: the variance of the output's noise at the end, a number, or ``(n_L,)`` with one per output;
            ``None`` if it was not learned.
        error_every: steps between two values of ``error``.
        alignment_every: steps between two values of ``alignment``.
    """

    net: LinearNetwork
    error: Float[Array, " _"] | None
    loss: Float[Array, " T"]
    alignment: Float[Array, " _"] | None
    steps: Int[Array, ""]
    accuracy: Float[Array, ""]
    output_variance: Float[Array, "..."] | None
    error_every: int = static(default=1)
    alignment_every: int | None = static(default=None)

    @property
    def outcome(self) -> str:
        """``"finished"``, or ``"diverged"``: numbers overflowed, or inference was left without a digit."""
        return "finished" if int(self.steps) == len(self.loss) else "diverged"

    def _facts(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome, "steps": len(self.loss), "finite steps": int(self.steps),
            "first loss": float(self.loss[0]), "last loss": float(self.loss[-1]),
            "error": None if self.error is None else float(self.error[-1]), "accuracy": float(self.accuracy),
        }  # fmt: skip

    def _columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {"step": range(len(self.loss)), "loss": np.asarray(self.loss)}
        for name, curve, every in (
            ("error", self.error, self.error_every),
            ("alignment", self.alignment, self.alignment_every),
        ):
            if curve is not None and every is not None:
                columns[name] = np.full(len(self.loss), np.nan)
                columns[name][::every] = np.asarray(curve)[: len(columns[name][::every])]
        return columns


class Feed(Record):
    """Minibatches ``(T, B, n)``; or a data set ``(N, n)`` and the samples of each step ``(T, B)``, ``None`` for all."""

    x: Array
    y: Array
    samples: Array | None

    def minibatch(self, step: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The minibatch of a step."""
        if self.x.ndim == 3:
            return self.x[step], self.y[step]
        if self.samples is None:
            return self.x, self.y
        chosen = self.samples[step]
        return self.x[chosen], self.y[chosen]


@takes(TrainOptions, TRAIN_OPTIONS)
def train(
    net: LinearNetwork,
    x: Any,
    y: Any,
    learning_rate: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    steps: int | None = None,
    batch: int | None = None,
    key: Any = 0,
    target: Any = None,
    alignment_every: int | None = None,
    error_every: int = 1,
    **options: Unpack[TrainOptions],
) -> Training:
    r"""Train a linear network: ``W_l ← W_l + η ΔW_l`` for every minibatch.

    Args:
        net: the network.
        x: minibatches ``(T, B, n_0)``, in the order in which they are learned; or a data set ``(N, n_0)``.
        y: targets, ``(T, B, n_L)`` or ``(N, n_L)``.
        learning_rate: ``η``, positive.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        steps: their number; needed with a data set, at most ``T`` with minibatches, and ``T`` if ``None``.
        batch: with a data set, how many samples each step draws, with replacement; all of them if ``None``.
        key: of those draws: an integer seed, which means ``numpy.random.default_rng(seed)``; a NumPy generator; or a
            JAX random key.
        target: ``W_data``, ``(n_L, n_0)``, to measure the error of the whole map.
        alignment_every: ``k``, to measure the alignment of every ``k``-th update.
        error_every: ``k``, to measure the error after every ``k``-th step only.
        **options: as in `weight_updates`, but ``solver="auto"`` is one route throughout, the cheapest; and
            ``learn_variance=`` as in `Algorithm`.

    Returns:
        The trained network, its curves, and how it ended. It is a compiled JAX program; NumPy arrays go in and come out
        in their own precision.

    Raises:
        ValueError: for shapes that do not match, NaN or infinity, a learning rate that is not positive, numbers of
            steps or samples that cannot be, or an unknown rule, rescaling or option's value.
        TypeError: for something that does not hold real numbers, or an unknown option.

    Source:
        Sample Efficiency, equations 10 and 13, sections 3.2 and 3.3, appendix A.3.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> trained = train(net, [[1.0]], [[3.0]], learning_rate=0.1, rule="bp", steps=100, target=[[3.0]])
        >>> trained.outcome, trained.error.round(4)[:3].tolist(), float(trained.net([1.0])[0].round(4))
        ('finished', [4.0, 2.4336, 1.1571], 3.0)
    """
    net = as_network("net", net)
    learner = Algorithm(rule, rescaling, **options).learner(net)
    x, y = as_data(net, x, y)
    steps = _as_steps(x, steps)
    if alignment_every is not None:
        as_count("alignment_every", alignment_every)
    as_count("error_every", error_every)
    samples = _draw(x, steps, batch, key)
    rate = as_real("learning_rate", learning_rate, net.dtype, positive=True)
    net, learner, x, y, rate, target = agree(
        net=net, learner=learner, x=x, y=y, learning_rate=rate, target=as_target(net, target)
    )
    return trained(net, learner, Feed(x, y, samples), rate, target, steps, alignment_every, error_every)


@by_jax
@compiled
def trained(
    net: LinearNetwork,
    learner: Learner,
    feed: Feed,
    learning_rate: jax.Array,
    target: jax.Array | None,
    steps: int,
    alignment_every: int | None,
    error_every: int = 1,
) -> Training:
    """Checked arguments, all of one dtype, in one compiled loop."""
    wanted = jnp.zeros((net.layers[-1].out_size, net.layers[0].in_size), feed.x.dtype) if target is None else target

    def learn(model: Model, time: jax.Array) -> tuple[Model, tuple[Any, ...]]:
        step = take_step(learner, model, *feed.minibatch(time), learning_rate)
        alignment = None if alignment_every is None else step.alignment
        error = after_every(error_every, time, lambda: map_error(step.model.layers, wanted))
        return step.model, (error, step.loss, alignment, step.accuracy)

    first, start = map_error(net.layers, wanted), jax.tree.map(jnp.asarray, learner.start(net.layers))
    model, (errors, loss, alignment, accuracy) = jax.lax.scan(learn, start, jnp.arange(steps))
    errors = jnp.concatenate([first[None], errors])
    finite = finite_steps(errors, loss)
    return Training(
        net=with_fields(net, layers=model.layers),
        error=None if target is None else until(finite, errors)[::error_every],
        loss=until(finite, loss),
        alignment=None if alignment_every is None else alignment[::alignment_every],
        steps=finite,
        accuracy=jnp.max(jnp.where(jnp.arange(steps) < finite, accuracy, jnp.zeros_like(accuracy))),
        output_variance=None if model.log_variance is None else jnp.exp(model.log_variance),
        error_every=error_every,
        alignment_every=alignment_every,
    )


def finite_steps(errors: Float[Array, " _"], loss: Float[Array, " T"]) -> Int[Array, ""]:
    """The number of steps after which all was finite: a step's loss is known before it, its error after it."""
    finite = jnp.isfinite(errors[1:]) & jnp.isfinite(loss)
    return jnp.sum(jnp.cumprod(finite.astype(int)))


def until(steps: jax.Array, curve: Float[Array, " _"]) -> Float[Array, " _"]:
    """A curve that is infinity where training has diverged."""
    kept = (jnp.arange(len(curve)) <= steps) & jnp.isfinite(curve)
    return jnp.where(kept, curve, jnp.full_like(curve, jnp.inf))


def as_data(net: LinearNetwork, x: Any, y: Any) -> tuple[Any, Any]:
    """Check minibatches or a data set."""
    x, y = (as_array(name, value, net.dtype) for name, value in (("x", x), ("y", y)))
    for name, array, shape in (("x", x, net.shapes[0]), ("y", y, net.shapes[-1])):
        if array.ndim - len(shape) not in (1, 2) or array.shape[array.ndim - len(shape) :] != shape:
            size = ", ".join(map(str, shape))
            raise ValueError(f"`{name}` has shape {array.shape}; wanted (steps, batch, {size}) or (samples, {size}).")
        if array.size == 0:
            raise ValueError(f"`{name}` is empty, shape {array.shape}; wanted at least one sample.")
    x, y = flat(x, net.shapes[0]), flat(y, net.shapes[-1])
    same_batch(x, y)
    return x, y


def as_target(net: LinearNetwork, target: Any) -> Any:
    """Check the map of the data."""
    if target is None:
        return None
    array, shape = as_array("target", target, net.dtype), (net.layers[-1].out_size, net.layers[0].in_size)
    if array.shape != shape:
        raise ValueError(f"`target` has shape {array.shape}; wanted {shape}, the map from inputs to targets.")
    return array


def _as_steps(x: Any, steps: int | None) -> int:
    if x.ndim == 2:
        if steps is None:
            raise ValueError("`steps` is None; wanted a number of steps with a data set.")
        return as_count("steps", steps)
    count = len(x) if steps is None else as_count("steps", steps)
    if count > len(x):
        raise ValueError(f"`steps` is {steps} but `x` has {len(x)} minibatches; wanted no more steps than that.")
    return count


def _draw(x: Any, steps: int, batch: int | None, key: Any) -> Any:
    """The samples of each step, ``(T, B)``; ``None`` where nothing is drawn."""
    if batch is None:
        return None
    as_count("batch", batch)
    if x.ndim == 3:
        raise ValueError(f"`batch` is {batch}, and `x` has shape {x.shape}, minibatches; wanted None.")
    if is_jax(key):
        drawn = jax.random.randint(as_key("key", key), (steps, batch), 0, len(x))
        return drawn if is_jax(x) or not is_concrete(drawn) else np.asarray(drawn)
    generator = key if isinstance(key, np.random.Generator) else np.random.default_rng(as_seed("key", key))
    return generator.integers(0, len(x), (steps, batch), np.int32)
