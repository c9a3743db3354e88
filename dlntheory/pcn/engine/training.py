"""Training: one update of the weights from one batch."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...nonlinear.network import Network, as_pair, as_samples, check_network
from ...numerics.checks import as_array, as_count, as_key, one_of
from ...numerics.programs import program
from ..choices.algorithms import Algorithm, check_algorithm
from ..choices.losses import LOSSES
from ..choices.optimisers import step_weights
from ..choices.relaxations import Newton
from ..choices.updates import AtArrival, Backpropagation, Incremental
from .generation import reconstruct
from .incremental import study_at_once, study_incrementally
from .inference import as_epoch, as_observed, check_newton, traced
from .learning import Batch, Keys, Lesson, parameters, with_parameters
from .rescaling import dense_layers

Metrics = dict[str, Array]


class TrainingState(eqx.Module):
    """All that changes while a network trains.

    Attributes:
        network: the network.
        optimiser: the optimiser's state.
        memory: the memory of the initial state, kept from batch to batch.
        step: the number of batches so far.
        key: all randomness of a step follows from it and the step's number.
    """

    network: Network
    optimiser: Any
    memory: Any
    step: Int[Array, ""]
    key: jax.Array


def start_training(
    network: Network, algorithm: Algorithm, optimiser: Any, key: Any = 0, batch_size: int = 128
) -> TrainingState:
    """The state before the first batch.

    Args:
        network: the network.
        algorithm: the algorithm that it will learn by.
        optimiser: from `adamw`, or any of Optax.
        key: an integer seed or a JAX random key.
        batch_size: the size of the batches to come; a null start needs it.

    Returns:
        The state.

    Raises:
        ValueError: for a network that the algorithm cannot train.
        TypeError: for something that is no network, algorithm, optimiser or key.

    Example:
        >>> from dlntheory import pcn
        >>> state = pcn.start_training(pcn.mlp((4, 3, 2)), pcn.algorithm("PC-SE"), pcn.adamw(1e-2))
        >>> int(state.step), state.network.depth
        (0, 2)
    """
    check_network(network)
    check_algorithm(algorithm)
    if not (hasattr(optimiser, "init") and hasattr(optimiser, "update")):
        raise TypeError(f"`optimiser` is a {type(optimiser).__name__}; wanted one of Optax or dlntheory.pcn.")
    if isinstance(algorithm.update, AtArrival) and algorithm.steps <= max(network.waits):
        raise ValueError(
            f"`algorithm` has {algorithm.steps} steps; wanted more than {max(network.waits)}, "
            "or the error does not arrive at every block."
        )
    if isinstance(algorithm.relaxation, Newton) and not isinstance(algorithm.update, Backpropagation):
        check_newton(network)
    if algorithm.update.rescaling is not None:
        dense_layers(network)
    memory = algorithm.initial.memory(network, as_count("batch_size", batch_size))
    key = as_key("key", key)
    return TrainingState(network, optimiser.init(parameters(network)), memory, jnp.zeros((), jnp.int32), key)


def train_step(
    state: TrainingState, x: Any, y: Any, algorithm: Algorithm, optimiser: Any, epoch: Any = 0, observed: Any = None
) -> tuple[TrainingState, Metrics]:
    """Learn from one batch.

    Args:
        state: from `start_training` or the last step.
        x: inputs, ``(batch, *network.input_shape)``; ``None`` where the input is a latent.
        y: targets, ``(batch, *network.output_shape)``; one-hot for classes.
        algorithm: the algorithm; its numbers are traced, so that other numbers need no new program.
        optimiser: the same as at the start.
        epoch: decides the strength and the sign of nudging.
        observed: which outputs are known, as in `relax`; loss and accuracy are of the known ones.

    Returns:
        The new state, and metrics: ``loss`` and ``accuracy`` of the output's prediction before inference (the loss is
        the algorithm's: half the squared error over its variance, or cross-entropy), ``energy`` by block at the states
        where the weights' gradient is taken (for backpropagation, half its squared error signals), and ``update``, the
        norm of that gradient by block; means over the batch. Newton's method adds ``residual``, the largest that it
        left in a sample, and ``newton_steps``.

    Raises:
        ValueError: for data that does not fit the network, or is float64 while JAX runs in 32-bit mode.
        TypeError: for data that does not hold real numbers.

    Example:
        >>> from dlntheory import pcn
        >>> algorithm, optimiser = pcn.algorithm("PC-SE", steps=5), pcn.adamw(1e-2)
        >>> state = pcn.start_training(pcn.mlp((4, 3, 2), key=0), algorithm, optimiser)
        >>> x, y = [[1.0, 0.0, 2.0, 1.0]], [[0.0, 1.0]]
        >>> for _ in range(20):
        ...     state, metrics = pcn.train_step(state, x, y, algorithm, optimiser)
        >>> float(metrics["accuracy"])
        1.0
    """
    network = _network_of(state)
    y, observed = as_observed(network, algorithm, y, observed)
    x, y = as_pair(network, x, y)
    algorithm, optimiser = traced((algorithm, optimiser), y.dtype)
    return _train_step(state, x, y, algorithm, optimiser, as_epoch(epoch), observed)


def train_steps(
    state: TrainingState, xs: Any, ys: Any, algorithm: Algorithm, optimiser: Any, epoch: Any = 0
) -> tuple[TrainingState, Metrics]:
    """Learn from several batches in one program: `train_step` over the leading axis of ``xs`` and ``ys``.

    Args:
        state: from `start_training` or the last step.
        xs: inputs, ``(batches, batch, *network.input_shape)``; ``None`` where the input is a latent.
        ys: targets, ``(batches, batch, *network.output_shape)``.
        algorithm: the algorithm.
        optimiser: the same as at the start.
        epoch: decides the strength and the sign of nudging.

    Returns:
        The new state, and the metrics of every step.

    Raises:
        ValueError: for data that does not fit the network.
        TypeError: for data that does not hold real numbers.

    Example:
        >>> from dlntheory import pcn
        >>> algorithm, optimiser = pcn.algorithm("PC-SE", steps=5), pcn.adamw(1e-2)
        >>> state = pcn.start_training(pcn.mlp((4, 3, 2)), algorithm, optimiser)
        >>> xs, ys = np.ones((20, 8, 4)), np.ones((20, 8, 2))  # twenty batches of eight samples
        >>> state, metrics = pcn.train_steps(state, xs, ys, algorithm, optimiser)
        >>> int(state.step), metrics["energy"].shape, bool(metrics["loss"][-1] < metrics["loss"][0])
        (20, (20, 2), True)
    """
    network = _network_of(state)
    ys = as_array("ys", ys, network.dtype)
    if network.free_input and xs is None:
        xs = np.zeros((*ys.shape[:2], 0), network.dtype)
    xs = as_array("xs", xs, network.dtype)
    if xs.shape[:1] != ys.shape[:1] or not xs.shape[:1] or not len(xs):
        raise ValueError(f"`xs` has shape {xs.shape} and `ys` has {ys.shape}; wanted the same number of batches.")
    as_samples("xs", xs[0], network.input_shape, network.dtype)
    as_samples("ys", ys[0], network.output_shape, network.dtype)
    algorithm, optimiser = traced((algorithm, optimiser), network.dtype)
    return _train_steps(
        state, xs.astype(network.dtype), ys.astype(network.dtype), algorithm, optimiser, as_epoch(epoch)
    )


def predict(network: Network, x: Any) -> Float[Array, "batch ..."]:
    """The forward prediction, with running moments in batch normalisation.

    Args:
        network: the network.
        x: inputs, ``(batch, *network.input_shape)``.

    Returns:
        Outputs, ``(batch, *network.output_shape)``; logits if it learns with cross-entropy.

    Raises:
        ValueError: for data that does not fit the network, or a network whose input is a latent.
        TypeError: for data that does not hold real numbers.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.predict(pcn.mlp((4, 3, 2)), np.ones((8, 4))).shape
        (8, 2)
    """
    check_network(network)
    if network.free_input:
        raise ValueError("`network` has a latent input; wanted `pcn.reconstruct`, which infers it, or `pcn.generate`.")
    return _predict(network, as_samples("x", x, network.input_shape, network.dtype).astype(network.dtype))


def evaluate(
    network: Network,
    x: Any,
    y: Any,
    loss: str = "squared_error",
    algorithm: Algorithm | None = None,
    memory: Any = None,
) -> Metrics:
    """Loss and accuracy of the forward prediction on a batch; of a network with a latent, of its reconstruction.

    Args:
        network: the network.
        x: inputs, ``(batch, *network.input_shape)``; ``None`` where the input is a latent.
        y: targets, ``(batch, *network.output_shape)``.
        loss: ``"squared_error"``, half of it and of unit variance, or ``"cross_entropy"``.
        algorithm: the algorithm that infers the latents of the targets; ``None`` without a latent.
        memory: what the start of inference remembers of training, as in `relax`.

    Returns:
        ``loss``, the sum over samples, ``correct``, how many have their largest output where the target has, and
        ``count``, the number of samples: summed over batches, they are the numbers of a data set.

    Raises:
        ValueError: for data that does not fit the network, an unknown loss, or a latent without an algorithm.
        TypeError: for data that does not hold real numbers.

    Example:
        >>> from dlntheory import pcn
        >>> network, x = pcn.mlp((4, 3, 2)), np.ones((8, 4))
        >>> {name: float(each) for name, each in pcn.evaluate(network, x, pcn.predict(network, x)).items()}
        {'loss': 0.0, 'correct': 8.0, 'count': 8.0}
    """
    check_network(network)
    x, y = as_pair(network, x, y)
    if network.free_input != (algorithm is not None):
        wanted = "how the latents are inferred" if network.free_input else "None, as there is no latent"
        raise ValueError(f"`algorithm` is {'None' if algorithm is None else 'given'}; wanted {wanted}.")
    prediction = _predict(network, x) if algorithm is None else reconstruct(network, y, algorithm, memory=memory)
    energy = LOSSES[one_of("loss", loss, LOSSES)].energy(y, prediction)
    return {"loss": energy.sum(), "correct": hits(prediction, y).sum(), "count": jnp.asarray(len(y))}


def hits(prediction: Array, y: Array) -> Array:
    """Whether the largest output stands where the target's does."""
    axes = (len(y), -1)
    return prediction.reshape(axes).argmax(axis=1) == y.reshape(axes).argmax(axis=1)


def among_largest(prediction: Array, y: Array, count: int) -> Array:
    """Whether one of the largest outputs stands where the target's largest does; ``(batch, classes)``."""
    _, places = jax.lax.top_k(prediction, min(count, prediction.shape[-1]))
    return (places == y.argmax(axis=-1, keepdims=True).astype(places.dtype)).any(axis=1)


def _network_of(state: Any) -> Network:
    if not isinstance(state, TrainingState):
        raise TypeError(f"`state` is a {type(state).__name__}; wanted one from dlntheory.pcn.start_training.")
    return state.network


_predict = program(lambda network, x: network(x))


@program
def _train_step(
    state: TrainingState, x: Array, y: Array, algorithm: Algorithm, optimiser: Any, epoch: Array, observed: Any
) -> tuple[TrainingState, Metrics]:
    return advance(state, x, y, algorithm, optimiser, epoch, observed)


@program
def _train_steps(
    state: TrainingState, xs: Array, ys: Array, algorithm: Algorithm, optimiser: Any, epoch: Array
) -> tuple[TrainingState, Metrics]:
    arrays, rest = eqx.partition(state, eqx.is_array)

    def step(arrays: Any, batch: tuple[Array, Array]) -> tuple[Any, Metrics]:
        new, metrics = advance(eqx.combine(arrays, rest), *batch, algorithm, optimiser, epoch)
        return eqx.filter(new, eqx.is_array), metrics

    arrays, metrics = jax.lax.scan(step, arrays, (xs, ys))
    return eqx.combine(arrays, rest), metrics


def advance(
    state: TrainingState, x: Array, y: Array, algorithm: Algorithm, optimiser: Any, epoch: Array, observed: Any = None
) -> tuple[TrainingState, Metrics]:
    """`train_step` for checked arguments, to be compiled."""
    network = state.network
    x, y = network.inside(x), network.inside(y)
    keys = keys_of(state, epoch)
    memory = algorithm.initial.prepare(state.memory, network, x, y, keys.start)
    batch = Batch(network, algorithm, x, y, epoch, memory, keys, observed)
    if isinstance(algorithm.update, Incremental):
        lesson, weights, optimiser_state = study_incrementally(batch, optimiser, state.optimiser)
    else:
        lesson = study_at_once(batch)
        weights, optimiser_state = step_weights(optimiser, lesson.gradients, state.optimiser, parameters(network))
    network = with_parameters(network, weights).with_running(lesson.running)
    if observed is not None:
        y = jnp.where(observed, y, lesson.prediction)
    memory = algorithm.initial.learn(memory, x, y, lesson.states)
    new = TrainingState(network, optimiser_state, memory, state.step + 1, state.key)
    return new, _metrics(lesson, algorithm, y)


def keys_of(state: TrainingState, epoch: Array) -> Keys:
    """The randomness of the next step."""
    for_start, for_run = jax.random.split(jax.random.fold_in(state.key, state.step))
    return Keys(for_start, for_run, jax.random.fold_in(jax.random.fold_in(state.key, epoch), 1))


def _metrics(lesson: Lesson, algorithm: Algorithm, y: Array) -> Metrics:
    squares = [sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(block)) for block in lesson.gradients]
    settled = lesson.settled
    return {
        "loss": algorithm.loss.energy(y, lesson.prediction).mean(),
        "accuracy": hits(lesson.prediction, y).mean(dtype=y.dtype),
        "energy": lesson.energy,
        "update": jnp.sqrt(jnp.stack([jnp.asarray(square, y.dtype) for square in squares])),
        **({} if settled is None else {"residual": settled.residual_norm.max(), "newton_steps": settled.steps}),
    }
