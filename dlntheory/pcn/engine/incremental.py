"""Incremental learning (iPC): the weights step with the states, at every time."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...nonlinear.network import Gradients, Network, States, running
from ..choices.algorithms import Algorithm
from ..choices.optimisers import step_weights
from ..choices.updates import Incremental
from .derivatives import HIDDEN, first_pass, pull_to_both
from .inference import averages, output_prediction, prepare, starting_states
from .learning import Keys, Lesson, parameters, scaled, study, with_parameters
from .slopes import Problem


def study_incrementally(
    network: Network,
    algorithm: Algorithm,
    x: Array,
    y: Array,
    epoch: Any,
    memory: Any,
    keys: Keys,
    optimiser: Any,
    optimiser_state: Any,
) -> tuple[Lesson, Gradients, Any]:
    """Relax, and let the optimiser change the weights at every step.

    Returns:
        The last step's lesson, the parameters, and the optimiser's state.
    """
    first = first_pass(network, x, algorithm.initial.forward)
    states = starting_states(network, algorithm, x, y, first, memory, keys.start)
    prediction = output_prediction(network, x, first, states)
    (phase,) = algorithm.output.phases(epoch, keys.output)
    problem, states = prepare(network, algorithm, x, y, first, states, phase)
    relaxation = algorithm.relaxation
    free = network.depth - 1 if algorithm.output.clamped else network.depth

    def step(carry: Any, time: Any) -> tuple[Any, Any]:
        weights, optimiser_state, states, memory, moments = carry
        gradients, slopes, energy, statistics = _joint_slopes(problem, weights, states, time)
        change, memory = relaxation.step(slopes[:free], memory, time, jax.random.fold_in(keys.run, time))
        states = (*jax.tree.map(jnp.add, states[:free], change), *states[free:])
        gradients = scaled(gradients, phase.weight)
        weights, optimiser_state = step_weights(optimiser, gradients, optimiser_state, weights)
        moments = averages(network, moments, statistics, learning=True)
        return (weights, optimiser_state, states, memory, moments), (gradients, energy)

    carry: Any = (parameters(network), optimiser_state, states, relaxation.start(states[:free]), running(network))
    carry, (gradients, energy) = jax.lax.scan(step, carry, jnp.arange(algorithm.steps))
    weights, optimiser_state, states, _, moments = carry
    gradients, energy = jax.tree.map(lambda every: every[-1], (gradients, energy))
    return Lesson(gradients, energy, prediction, states, moments), weights, optimiser_state


class Summing:
    """An optimiser that leaves the weights where they are, and adds up their gradients."""

    def init(self, weights: Gradients) -> Gradients:
        """Nothing yet."""
        return jax.tree.map(jnp.zeros_like, weights)

    def update(self, gradients: Gradients, total: Gradients, weights: Gradients) -> tuple[Gradients, Gradients]:
        """No change, and the new total."""
        return self.init(weights), jax.tree.map(jnp.add, total, gradients)


def direction(
    network: Network, algorithm: Algorithm, x: Array, y: Array, epoch: Any, memory: Any, keys: Keys
) -> Gradients:
    """The gradient along which an algorithm's weights move where their rate is small; arguments as for `study`.

    That of incremental learning is a sum over inference.
    """
    if not isinstance(algorithm.update, Incremental):
        return study(network, algorithm, x, y, epoch, memory, keys).gradients
    summing = Summing()
    start = summing.init(parameters(network))
    return study_incrementally(network, algorithm, x, y, epoch, memory, keys, summing, start)[2]


def _joint_slopes(problem: Problem, weights: Gradients, states: States, time: Any) -> Any:
    """The gradients with respect to weights and states at once, the energy, and the statistics."""
    network, precisions = with_parameters(problem.network, weights), problem.precisions(time)
    slopes: list[Any] = [None] * network.depth
    gradients, energies, statistics = [], [], []
    for k in reversed(range(network.depth)):
        loss = problem.algorithm.loss if k == network.depth - 1 else HIDDEN
        prediction, pull, moments = pull_to_both(network.blocks[k], network.read(problem.x, states, k))
        error = precisions[k] * loss.error(states[k], prediction)
        gradient, *pulled = pull(-error)
        slopes[k] = error if slopes[k] is None else slopes[k] + error
        for source, slope in zip(network.sources[k], pulled, strict=True):
            if source:
                before = slopes[source - 1]
                slopes[source - 1] = slope if before is None else before + slope
        gradients.append(scaled(gradient, 1 / len(error)))
        energies.append(precisions[k] * loss.energy(states[k], prediction).mean())
        statistics.append(moments)
    return tuple(gradients[::-1]), tuple(slopes), jnp.stack(energies[::-1]), tuple(statistics[::-1])
