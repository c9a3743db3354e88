"""Learning from a batch: the energy's gradient with respect to the weights, once inference has ended."""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...nonlinear.blocks import Statistics
from ...nonlinear.equilibrium import NonlinearEquilibrium
from ...nonlinear.network import Gradients, Network, States, running, split
from ...nonlinear.updates import block_update
from ..choices.algorithms import Algorithm
from ..choices.outputs import Output
from ..choices.updates import Backpropagation
from .derivatives import First, add_to_sources, first_pass, loss_of, pull_to_both, pull_to_parameters
from .inference import Relaxed, averages, infer, output_prediction, prepare, starting_states
from .rescaling import rescaled
from .slopes import PhaseProblem

DRAWN = 2**31
"""The number of the output's key among a batch's keys, different from every inference step's and phase's."""


class Lesson(NamedTuple):
    """The gradients of the batch's mean energy, and the state that the batch leaves behind."""

    gradients: Gradients
    energy: Float[Array, " N"]
    """By block, the energy whose gradient that is; of backpropagation, ``½ ‖δ‖²``."""
    prediction: Array
    """The output's prediction at the first states."""
    states: States
    running: tuple[Statistics, ...]
    settled: NonlinearEquilibrium | None = None
    """The end of Newton's method."""


class Keys(NamedTuple):
    """Randomness of a batch, and of its epoch."""

    start: jax.Array
    run: jax.Array
    epoch: jax.Array

    def of(self, output: Output) -> jax.Array:
        """The key of what an output condition draws."""
        return jax.random.fold_in(self.run, DRAWN) if output.by_batch else self.epoch


class Batch(NamedTuple):
    """Samples to learn from, as the blocks have them, with all else that a lesson depends on."""

    network: Network
    algorithm: Algorithm
    x: Array
    y: Array
    epoch: Any
    memory: Any
    """Memory of earlier batches, for the initial states."""
    keys: Keys
    observed: Any = None


def begin(batch: Batch) -> tuple[First, States, Array]:
    """The first pass, the states at time 0, and the output's prediction there."""
    network, algorithm, x, y, _, memory, keys, _ = batch
    first = first_pass(network, x, algorithm.initial.forward)
    states = starting_states(network, algorithm, x, y, first, memory, keys.start)
    return first, states, output_prediction(network, x, first, states)


def study(batch: Batch) -> Lesson:
    """Run inference in every phase of the output, and take the weighted mean of their gradients."""
    network, algorithm, x, y, epoch, _, keys, observed = batch
    update = algorithm.update
    rescale = partial(rescaled, network, update.rescaling, update.regularisation, x)
    if isinstance(update, Backpropagation):
        lesson = backpropagate(network, algorithm, x, y, observed)
        gradients = rescale(lesson.states, lesson.states, lesson.gradients)
        return lesson._replace(gradients=gradients)
    first, start, prediction = begin(batch)
    moments = running(network)
    if algorithm.initial.forward:
        moments = averages(network, moments, first.statistics, learning=False)
    lessons = []
    for number, phase in enumerate(algorithm.output.phases(epoch, keys.of(algorithm.output))):
        problem, states = prepare(network, algorithm, x, y, first, start, phase, observed)
        run = infer(problem, states, moments, jax.random.fold_in(keys.run, number))
        gradients, energy, statistics = after_inference(problem, run)
        if update.rescaling is not None:
            predicted = first.predictions if algorithm.initial.forward else network.forward(x, training=True)[0]
            entering = predicted if update.at_forward else run.states
            gradients = rescale(entering, predicted, gradients)
        moments = averages(network, run.running, statistics, learning=True)
        lessons.append(Lesson(scaled(gradients, phase.weight), energy, prediction, run.states, moments, run.settled))
    total = jax.tree.map(lambda *slopes: sum(slopes[1:], slopes[0]), *(lesson.gradients for lesson in lessons))
    energy = jnp.stack([lesson.energy for lesson in lessons]).mean(axis=0)
    return lessons[-1]._replace(gradients=total, energy=energy)


def parameters(network: Network) -> Gradients:
    """The trainable parameters of every block."""
    return tuple(split(block)[0] for block in network.blocks)


def with_parameters(network: Network, changed: Gradients) -> Network:
    """The network with other parameters."""
    pairs = zip(changed, network.blocks, strict=True)
    blocks = tuple(eqx.combine(new, split(block)[1]) for new, block in pairs)
    return eqx.tree_at(lambda net: net.blocks, network, blocks)


def after_inference(
    problem: PhaseProblem, run: Relaxed
) -> tuple[Gradients, Float[Array, " N"], tuple[Statistics, ...]]:
    """The gradient at the last states, or where the update takes it."""
    network, steps = problem.network, problem.algorithm.steps
    if run.settled is not None and not problem.algorithm.update.at_forward:
        return _settled_gradients(network, run.settled)
    precisions = problem.precisions(steps)
    gradients: list[Any] = []
    energies, statistics = [], []
    for k, block in enumerate(network.blocks):
        loss, state = loss_of(network, problem.algorithm.loss, k), run.states[k]
        if problem.algorithm.update.at_arrival:
            error = run.arrived[k]
            energies.append(jnp.square(error).sum() / (2 * len(error)))
            gradients.append(descent(problem.first.pulls[k], error))
            statistics.append(problem.first.statistics[k])
            continue
        prediction, pull, moments = _learning_pass(problem, block, run.states, k)
        energies.append(precisions[k] * loss.energy(state, prediction).mean())
        gradients.append(descent(pull, precisions[k] * loss.error(state, prediction)))
        statistics.append(moments)
    return tuple(gradients), jnp.stack(energies), tuple(statistics)


def _settled_gradients(
    network: Network, settled: NonlinearEquilibrium
) -> tuple[Gradients, Float[Array, " N"], tuple[Statistics, ...]]:
    """The gradients from the equilibrium's signals, which hold a subgradient for a unit that rests on a kink."""
    triples = zip(network.blocks, settled.signals, settled.activities[:-1], strict=True)
    gradients = tuple(scaled(block_update(*each), -1) for each in triples)
    energies = [jnp.square(error).sum() / (2 * len(error)) for error in settled.errors]
    return gradients, jnp.stack(energies), running(network)


def _learning_pass(problem: PhaseProblem, block: Any, states: States, k: int) -> tuple[Array, Any, Statistics]:
    """A block's prediction as the update wants it; the first pass has it if nothing that it reads has moved."""
    network, first = problem.network, problem.first
    reads = [network.moves[source - 1] for source in network.sources[k] if source]
    resting = problem.travelling and all(first > problem.algorithm.steps for first in reads)
    if problem.algorithm.update.at_forward or network.constant[k] or resting:
        return first.predictions[k], first.pulls[k], first.statistics[k]
    return pull_to_parameters(block, network.read(problem.x, states, k))


def scaled(tree: Any, factor: Any) -> Any:
    """The tree times a number."""
    return jax.tree.map(lambda leaf: factor * leaf, tree)


def descent(pull: Any, error: Array) -> Any:
    """The gradient of the batch's mean energy, from its errors."""
    (slope,) = pull(error / -len(error))
    return slope


def backpropagate(network: Network, algorithm: Algorithm, x: Array, y: Array, observed: Any = None) -> Lesson:
    """The gradient of the loss, of the outputs that are known, by one backward pass, block by block."""
    states: list[Array] = []
    pulls, statistics = [], []
    for k, block in enumerate(network.blocks):
        state, pull, moments = pull_to_both(block, network.read(x, states, k))
        states.append(state)
        pulls.append(pull)
        statistics.append(moments)
    signals: list[Any] = [None] * network.depth
    known = y if observed is None else jnp.where(observed, y, states[-1])
    signals[-1] = algorithm.loss.error(known, states[-1])
    gradients: list[Any] = [None] * network.depth
    for k in reversed(range(network.depth)):
        gradient, *pulled = pulls[k](signals[k])
        gradients[k] = scaled(gradient, -1 / len(x))
        add_to_sources(signals, network.sources[k], pulled)
    energy = jnp.stack([jnp.square(signal).sum() / (2 * len(x)) for signal in signals])
    averaged = averages(network, running(network), tuple(statistics), learning=True)
    return Lesson(tuple(gradients), energy, states[-1], tuple(states), averaged)
