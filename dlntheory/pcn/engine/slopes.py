"""The energy of a batch, and its slopes in the states or in their errors.

Under a forward start every error but the output's is zero, and errors travel one block per step. So at time ``t`` only
the blocks that are at most ``t`` steps away from the output have an error (`Network.waits`): the others are skipped,
which leaves the numbers as they are. A block that reads the input only is evaluated once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ...inference.precision_schedules import schedule_at
from ...nonlinear.blocks import Statistics, output
from ...nonlinear.network import Network, States
from ...numerics.kinds import choose
from ..choices.algorithms import Algorithm
from ..choices.relaxations import Variables
from .derivatives import First, add_to_sources, loss_of, pull_to_sources


class PhaseProblem(eqx.Module):
    """One run of inference on a batch; ``x`` has its channels last, ``output`` is the value that the output is held at.

    Where only a part of the output is ``observed``, the other entries relax with the hidden states.
    """

    network: Network
    algorithm: Algorithm
    x: Array
    output: Array
    first: First
    observed: Bool[Array, "..."] | None = None

    @property
    def output_moves(self) -> bool:
        """Whether the output relaxes, the whole of it or a part."""
        return self.observed is not None or not self.algorithm.output.clamped

    def held(self, change: Variables) -> Variables:
        """The change of the variables, zero where an output is observed."""
        if self.observed is None:
            return change
        return (*change[:-1], jnp.where(self.observed, jnp.zeros_like(change[-1]), change[-1]))

    @property
    def travelling(self) -> bool:
        """Whether errors come from the output alone, and travel one block per step."""
        rule = self.algorithm.relaxation
        local = rule.stepwise and rule.coordinates == "states" and not rule.moves_noise
        return local and self.algorithm.initial.forward and self.algorithm.output.clamped

    def precisions(self, time: Any) -> Float[Array, " N"]:
        """The scalar precision of every block at a time."""
        network, algorithm = self.network, self.algorithm
        levels = max(network.distances) + 1
        step = jnp.asarray(algorithm.relaxation.step_size, self.x.dtype)
        scheduled = schedule_at(algorithm.schedule, time, algorithm.steps, levels, step)
        if scheduled is None:
            return jnp.ones((network.depth,), self.x.dtype)
        return jnp.stack([scheduled[levels - 1 - distance] for distance in network.distances]).astype(self.x.dtype)


class Slopes(NamedTuple):
    """The energy and its derivatives at some states."""

    gradient: States
    """With respect to every state; zero for an output that is held."""
    errors: States
    """Prediction errors."""
    energy: Float[Array, "batch N"]
    """By sample and block."""
    statistics: tuple[Statistics, ...]


def slopes(problem: PhaseProblem, states: States, time: Any) -> Slopes:
    """The energy's gradient with respect to the states, skipping what cannot have an error yet."""
    network, precisions = problem.network, problem.precisions(time)
    gradient: list[Any] = [None] * network.depth
    errors, energies, statistics = [], [], []
    for k in reversed(range(network.depth)):
        terms = _block_terms(problem, states, precisions[k], k)
        active = time >= network.waits[k] if problem.travelling else True
        error, own, pulled, energy, moments = choose(active, *terms)
        gradient[k] = own if gradient[k] is None else gradient[k] + own
        add_to_sources(gradient, [source for source in network.sources[k] if source], pulled)
        errors.append(error)
        energies.append(energy)
        statistics.append(moments)
    return Slopes(tuple(gradient), tuple(errors[::-1]), jnp.stack(energies[::-1], axis=1), tuple(statistics[::-1]))


def _block_terms(
    problem: PhaseProblem, states: States, precision: Array, k: int
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A block's share of the energy and its slopes: computed, and as it is while the block has no error."""
    network, first = problem.network, problem.first
    sources, loss = network.read(problem.x, states, k), loss_of(network, problem.algorithm.loss, k)
    movable = [source > 0 for source in network.sources[k]]

    def conclude(prediction: Array, pull: Any, moments: Statistics) -> Any:
        error = loss.error(states[k], prediction)
        slope = precision * error
        energy = precision * loss.energy(states[k], prediction)
        own = slope if k < network.depth - 1 or problem.output_moves else jnp.zeros_like(slope)
        pulled = zip(pull(slope), movable, strict=True) if any(movable) else ()
        return error, own, tuple(-slope for slope, moves in pulled if moves), energy, moments

    def compute() -> Any:
        if network.constant[k]:
            return conclude(first.predictions[k], None, first.statistics[k])
        return conclude(*pull_to_sources(network.blocks[k], sources))

    def rest() -> Any:
        nothing = jnp.zeros_like(states[k])
        pulled = tuple(jnp.zeros_like(source) for source, moves in zip(sources, movable, strict=True) if moves)
        return nothing, nothing, pulled, jnp.zeros(len(nothing), nothing.dtype), first.statistics[k]

    return compute, rest


def error_slopes(problem: PhaseProblem, errors: Variables, time: Any) -> Slopes:
    """The energy's gradient with respect to the hidden states' errors."""
    algorithm, precisions = problem.algorithm, problem.precisions(time)

    def total(errors: Variables) -> tuple[Array, Any]:
        states, statistics = states_of(problem, errors)
        pairs = [*((error, jnp.zeros_like(error)) for error in errors), (problem.output, states[-1])]
        losses = (loss_of(problem.network, algorithm.loss, k) for k in range(len(pairs)))
        energies = [loss.energy(*pair) for loss, pair in zip(losses, pairs, strict=True)]
        by_block = precisions[None, :] * jnp.stack(energies, axis=1)
        return by_block.sum(), (by_block, statistics)

    gradient, (energy, statistics) = jax.grad(total, has_aux=True)(errors)
    return Slopes(gradient, errors, energy, statistics)


def states_of(problem: PhaseProblem, errors: Variables) -> tuple[States, tuple[Statistics, ...]]:
    """The states that hidden errors make, with the output's prediction last."""
    network = problem.network
    states: list[Array] = []
    statistics: list[Statistics] = []
    for k, block in enumerate(network.blocks):
        prediction, moments = output(block, *network.read(problem.x, states, k), training=True)
        states.append(prediction + errors[k] if k < network.depth - 1 else prediction)
        statistics.append(moments)
    return tuple(states), tuple(statistics)
