"""Learning at every time: the weights step with the states (iPC), or by the mean of what they would have learned."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...nonlinear.network import Gradients, States, running
from ..choices.optimisers import step_weights
from ..choices.updates import Averaged, Incremental
from .derivatives import add_to_sources, loss_of, pull_to_both
from .inference import averages, prepare
from .learning import Batch, Lesson, begin, parameters, scaled, study, with_parameters
from .slopes import PhaseProblem


def study_incrementally(batch: Batch, optimiser: Any, optimiser_state: Any) -> tuple[Lesson, Gradients, Any]:
    """Relax, and let the optimiser change the weights at every step.

    Returns:
        The last step's lesson, the parameters, and the optimiser's state.
    """
    network, algorithm, x, y, epoch, _, keys, observed = batch
    first, states, prediction = begin(batch)
    (phase,) = algorithm.output.phases(epoch, keys.of(algorithm.output))
    problem, states = prepare(network, algorithm, x, y, first, states, phase, observed)
    relaxation = algorithm.relaxation
    free = network.depth if problem.output_moves else network.depth - 1

    def step(carry: Any, time: Any) -> tuple[Any, Any]:
        weights, optimiser_state, states, memory, moments = carry
        gradients, slopes, energy, statistics = _joint_slopes(problem, weights, states, time)
        change, memory = relaxation.step(slopes[:free], memory, time, jax.random.fold_in(keys.run, time))
        states = (*jax.tree.map(jnp.add, states[:free], problem.held(change)), *states[free:])
        gradients = scaled(gradients, phase.weight)
        weights, optimiser_state = step_weights(optimiser, gradients, optimiser_state, weights)
        moments = averages(network, moments, statistics, learning=True)
        return (weights, optimiser_state, states, memory, moments), (gradients, energy)

    carry: Any = (parameters(network), optimiser_state, states, relaxation.start(states[:free]), running(network))
    carry, (gradients, energy) = jax.lax.scan(step, carry, jnp.arange(algorithm.steps))
    weights, optimiser_state, states, _, moments = carry
    gradients, energy = jax.tree.map(lambda every: every[-1], (gradients, energy))
    return Lesson(gradients, energy, prediction, states, moments), weights, optimiser_state


class Total(NamedTuple):
    """The sum of gradients, and how many steps there have been."""

    gradients: Gradients
    steps: Array


class Summing(NamedTuple):
    """An optimiser that leaves the weights where they are, and adds up their gradients from a time on."""

    first: int = 0

    def init(self, weights: Gradients) -> Total:
        """Nothing yet."""
        return Total(jax.tree.map(jnp.zeros_like, weights), jnp.zeros((), int))

    def update(self, gradients: Gradients, total: Total, weights: Gradients) -> tuple[Gradients, Total]:
        """No change, and the new total."""
        counts = total.steps >= self.first
        added = jax.tree.map(lambda old, new: jnp.where(counts, old + new, old), total.gradients, gradients)
        return jax.tree.map(jnp.zeros_like, weights), Total(added, total.steps + 1)


def study_at_once(batch: Batch) -> Lesson:
    """The lesson of an algorithm as if its weights learned once in a batch; arguments as for `study`.

    The gradient of incremental learning is then a sum over inference: it moves so where its rate is small.
    """
    network, update, steps = batch.network, batch.algorithm.update, batch.algorithm.steps
    if not isinstance(update, Incremental | Averaged):
        return study(batch)
    summing = Summing(update.first if isinstance(update, Averaged) else 0)
    start = summing.init(parameters(network))
    lesson, _, total = study_incrementally(batch, summing, start)
    share = 1 / (steps - update.first) if isinstance(update, Averaged) else 1
    return lesson._replace(gradients=scaled(total.gradients, share))


def _joint_slopes(problem: PhaseProblem, weights: Gradients, states: States, time: Any) -> Any:
    """The gradients with respect to weights and states at once, the energy, and the statistics."""
    network, precisions = with_parameters(problem.network, weights), problem.precisions(time)
    slopes: list[Any] = [None] * network.depth
    gradients, energies, statistics = [], [], []
    for k in reversed(range(network.depth)):
        loss = loss_of(network, problem.algorithm.loss, k)
        prediction, pull, moments = pull_to_both(network.blocks[k], network.read(problem.x, states, k))
        error = precisions[k] * loss.error(states[k], prediction)
        gradient, *pulled = pull(-error)
        slopes[k] = error if slopes[k] is None else slopes[k] + error
        add_to_sources(slopes, network.sources[k], pulled)
        gradients.append(scaled(gradient, 1 / len(error)))
        energies.append(precisions[k] * loss.energy(states[k], prediction).mean())
        statistics.append(moments)
    return tuple(gradients[::-1]), tuple(slopes), jnp.stack(energies[::-1]), tuple(statistics[::-1])
