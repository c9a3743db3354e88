"""Inference: the states of a batch relax down the energy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ...equilibria.observation import as_mask, known_only, mask_rows
from ...nonlinear.blocks import Statistics, average, norms, output
from ...nonlinear.chains import as_chain, prediction
from ...nonlinear.equilibrium import NonlinearEquilibrium, settle_from
from ...nonlinear.network import Network, States, as_pair, as_samples, check_network, running
from ...numerics.checks import as_count, as_key
from ...numerics.kinds import is_jax
from ...numerics.programs import program
from ..choices.algorithms import Algorithm, check_algorithm
from ..choices.initial_states import Null
from ..choices.losses import SquaredError
from ..choices.outputs import Cue, Phase, target
from ..choices.relaxations import Newton, Variables
from ..choices.updates import AtArrival
from .derivatives import First, first_pass
from .slopes import PhaseProblem, Slopes, error_slopes, slopes, states_of

UNROLLED = 64
"""The product of blocks and steps up to which the program unrolls every step; a loop compiles faster."""


class Relaxed(NamedTuple):
    """The result of a run of inference."""

    states: States
    arrived: States
    """Every block's error when it first stood there; kept for `AtArrival` only."""
    energy: Float[Array, "T N"]
    """At the times ``0 … T−1``; of Newton's method, at the start."""
    running: tuple[Statistics, ...]
    settled: NonlinearEquilibrium | None = None
    """The end of Newton's method."""


def prepare(
    network: Network,
    algorithm: Algorithm,
    x: Array,
    y: Array,
    first: First,
    states: States,
    phase: Phase,
    observed: Bool[Array, "..."] | None = None,
) -> tuple[PhaseProblem, States]:
    """Put the output, or what is observed of it, where a phase wants it."""
    if not algorithm.output.clamped:
        start = (*states[:-1], y) if isinstance(algorithm.output, Cue) else states
        return PhaseProblem(network, algorithm, x, y, first), start
    output = target(algorithm.loss, output_prediction(network, x, first, states), y, phase)
    if observed is not None:
        output = jnp.where(observed, output, states[-1])
    return PhaseProblem(network, algorithm, x, output, first, observed), (*states[:-1], output)


def as_observed(network: Network, algorithm: Algorithm, y: Any, observed: Any) -> tuple[Any, Any]:
    """Check which outputs are known, and give the targets with zeros for the others; as the blocks have images."""
    check_algorithm(algorithm)
    if observed is None:
        return y, None
    relaxation, loss = algorithm.relaxation, algorithm.loss
    if not algorithm.output.clamped:
        raise ValueError(f"`observed` is given, but the output is {type(algorithm.output).__name__}; wanted a clamp.")
    if not isinstance(loss, SquaredError):
        raise ValueError(f"`observed` is given with {type(loss).__name__}, which bounds no free output; wanted None.")
    if not relaxation.stepwise or relaxation.coordinates == "errors":
        raise ValueError(f"`observed` is given with {type(relaxation).__name__}; wanted a relaxation of states.")
    if isinstance(algorithm.update, AtArrival):
        raise ValueError("`observed` is given with AtArrival, which does not relax the output; wanted another update.")
    mask, shape = as_mask(observed, network.output_shape), network.output_shape
    y = as_samples("y", known_only(y if is_jax(y) else np.asarray(y), mask), shape, network.dtype)
    rows = mask_rows(mask, shape, y.reshape(len(y), -1)).reshape(mask.shape)
    return y, network.inside(jnp.broadcast_to(rows, y.shape))


def output_prediction(network: Network, x: Array, first: First, states: States) -> Array:
    """The output block's prediction at some states."""
    if first.predictions[-1] is not None:
        return first.predictions[-1]
    return output(network.blocks[-1], *network.read(x, states, network.depth - 1), training=True)[0]


def infer(problem: PhaseProblem, states: States, moments: tuple[Statistics, ...], key: jax.Array) -> Relaxed:
    """Relax for ``T`` steps, by a loop or, where that is short, one step after the other."""
    algorithm, depth = problem.algorithm, problem.network.depth
    if isinstance(algorithm.relaxation, Newton):
        return _settle(problem, algorithm.relaxation, states, moments)
    relaxation, steps = algorithm.relaxation, algorithm.steps
    variables = _variables(problem, states)
    arrived = tuple(map(jnp.zeros_like, states)) if algorithm.update.at_arrival else ()
    carry: Any = (variables, relaxation.start(variables), moments, arrived)

    def step(carry: Any, time: Any) -> tuple[Any, Array]:
        variables, memory, moments, arrived = carry
        gradient, found = _evaluate(problem, variables, time)
        change, memory = relaxation.step(gradient, memory, time, jax.random.fold_in(key, time))
        variables = _moved(problem, variables, problem.held(change), time)
        moments = averages(problem.network, moments, found.statistics, learning=False)
        if arrived:
            triples = zip(problem.network.waits, arrived, found.errors, strict=True)
            arrived = tuple(jnp.where(time == wait, new, old) for wait, old, new in triples)
        return (variables, memory, moments, arrived), found.energy.mean(axis=0)

    unrolled = problem.travelling and depth * steps <= UNROLLED
    (variables, _, moments, arrived), trace = _repeat(step, carry, steps, unrolled)
    return Relaxed(_states(problem, variables), arrived, trace, moments)


def _repeat(step: Callable[[Any, Any], tuple[Any, Array]], carry: Any, steps: int, unrolled: bool) -> tuple[Any, Array]:
    """Do as `jax.lax.scan` does, by a loop or by one step after the other."""
    if not unrolled:
        return jax.lax.scan(step, carry, jnp.arange(steps))
    found = []
    for time in range(steps):
        carry, each = step(carry, time)
        found.append(each)
    return carry, jnp.stack(found)


def _settle(problem: PhaseProblem, rule: Newton, states: States, moments: tuple[Statistics, ...]) -> Relaxed:
    """Newton's method, of a network that it can take."""
    network, dtype = check_newton(problem.network), problem.x.dtype
    hidden = (problem.x, *states[:-1])
    residual = problem.output - prediction(network.blocks[-1], hidden[-1])
    most = jnp.asarray(problem.algorithm.steps)
    found = settle_from(network.blocks, hidden, problem.output, residual, jnp.asarray(rule.tolerance, dtype), most)
    start = slopes(problem, states, 0).energy.mean(axis=0)
    return Relaxed(found.activities[1:], (), start[None], moments, found)


def check_newton(network: Network) -> Network:
    """Refuse a network whose equilibrium Newton's method does not find."""
    if norms(as_chain("network", network)):
        raise ValueError("`network` has batch normalisation, under which samples share an equilibrium; wanted none.")
    return network


def averages(
    network: Network, moments: tuple[Statistics, ...], statistics: tuple[Statistics, ...], learning: bool
) -> tuple[Statistics, ...]:
    """The running moments of every block after one more evaluation."""
    triples = zip(network.blocks, moments, statistics, strict=True)
    return tuple(average(block, old, new, learning) for block, old, new in triples)


def _variables(problem: PhaseProblem, states: States) -> Variables:
    """The variables that relax: the states that nothing holds, or the errors of the hidden ones."""
    network = problem.network
    if problem.output_moves:
        return states
    if problem.algorithm.relaxation.coordinates == "states":
        return states[:-1]
    if problem.algorithm.initial.forward:
        return tuple(map(jnp.zeros_like, states[:-1]))
    reads = (network.read(problem.x, states, k) for k in range(network.depth - 1))
    pairs = zip(network.blocks, reads, states[:-1], strict=False)
    return tuple(state - output(block, *read, training=True)[0] for block, read, state in pairs)


def _moved(problem: PhaseProblem, variables: Variables, change: Variables, time: Any) -> Variables:
    """The variables after a step; what no error has reached stays the same array, so that XLA finds it known."""
    if not (problem.travelling and isinstance(time, int)):
        return jax.tree.map(jnp.add, variables, change)
    triples = zip(problem.network.moves, variables, change, strict=False)
    return tuple(old + by if first <= time + 1 else old for first, old, by in triples)


def _states(problem: PhaseProblem, variables: Variables) -> States:
    """All states, the output's included."""
    if problem.output_moves:
        return variables
    if problem.algorithm.relaxation.coordinates == "errors":
        variables = states_of(problem, variables)[0][:-1]
    return (*variables, problem.output)


def _evaluate(problem: PhaseProblem, variables: Variables, time: Any) -> tuple[Variables, Slopes]:
    """The energy's gradient with respect to what relaxes."""
    if problem.algorithm.relaxation.coordinates == "errors":
        found = error_slopes(problem, variables, time)
        return found.gradient, found
    found = slopes(problem, _states(problem, variables), time)
    return found.gradient[: len(variables)], found


class Inference(eqx.Module):
    """Inference on a batch: its last states, and the energy on the way.

    Attributes:
        states: one array per block, ``(batch, ...)``; images with channels last.
        energy: ``(T + 1, N)``, by time and block, the mean over the batch; of Newton's method ``(2, N)``, before and
            after.
        energy_by_sample: ``(2, batch, N)``, of every sample by block, before and after.
    """

    states: States
    energy: Float[Array, "times N"]
    energy_by_sample: Float[Array, "2 batch N"]


def relax(
    network: Network,
    x: Any,
    y: Any,
    algorithm: Algorithm,
    key: Any = 0,
    epoch: int = 0,
    observed: Any = None,
    memory: Any = None,
) -> Inference:
    """Run inference, and no learning, on a batch; with nudging in two phases, the first.

    Args:
        network: the network.
        x: inputs, ``(batch, *network.input_shape)``; ``None`` where the input is a latent (`with_latent`).
        y: targets, ``(batch, *network.output_shape)``.
        algorithm: the algorithm, whose relaxation moves the states.
        key: an integer seed or a JAX random key.
        epoch: decides the strength of nudging.
        observed: which outputs are known, booleans of an output's shape, or one such mask per sample; the others relax
            with the hidden states, and what stands in ``y`` at their places is ignored. ``None``: all are known.
        memory: what the start of inference remembers of training, ``state.memory`` of a `TrainingState`; ``None`` for
            nothing, where memories start as an untrained network does.

    Returns:
        The `Inference`.

    Raises:
        ValueError: for data that does not fit the network, a mask of another shape, a sample of which no output is
            known, a mask with an algorithm that does not relax the output, or the memory of another start or network.
        TypeError: for data that does not hold real numbers, or a mask that is not boolean.

    Example:
        >>> from dlntheory import pcn
        >>> network = pcn.mlp((4, 3, 2), key=0)
        >>> run = pcn.relax(network, [[1.0, 0.0, 2.0, 1.0]], [[0.0, 1.0]], pcn.algorithm("PC-SE", steps=5))
        >>> run.energy.shape
        (6, 2)
    """
    check_network(network)
    y, observed = as_observed(network, algorithm, y, observed)
    x, y = as_pair(network, x, y)
    algorithm = traced(algorithm, network.dtype)
    memory = as_memory(algorithm, network, len(x), memory)
    return _relax(network, x, y, algorithm, as_key("key", key), as_epoch(epoch), observed, memory)


def as_memory(algorithm: Algorithm, network: Network, batch_size: int, memory: Any) -> Any:
    """The memory that inference starts from: an empty one, or a memory from training, checked against the empty one."""
    empty = algorithm.initial.memory(network, batch_size)
    if memory is None:
        return empty
    sampled = int(isinstance(algorithm.initial, Null))  # kept states may be of another number of samples
    own, others = (
        (jax.tree.structure(each), [jnp.shape(leaf)[sampled:] for leaf in jax.tree.leaves(each)])
        for each in (empty, memory)
    )
    if own != others:
        kind = type(algorithm.initial).__name__
        raise ValueError(f"`memory` is none of {kind} in this network; wanted the state's after training with it.")
    return jax.tree.map(lambda own, kept: jnp.asarray(kept, own.dtype), empty, memory)


@program
def _relax(
    network: Network,
    x: Array,
    y: Array,
    algorithm: Algorithm,
    key: jax.Array,
    epoch: Array,
    observed: Bool[Array, "..."] | None,
    memory: Any,
) -> Inference:
    x, y = network.inside(x), network.inside(y)
    for_start, for_run, for_output = jax.random.split(key, 3)
    first = first_pass(network, x, algorithm.initial.forward)
    states = starting_states(network, algorithm, x, y, first, memory, for_start)
    phase = algorithm.output.phases(epoch, for_output)[0]
    problem, states = prepare(network, algorithm, x, y, first, states, phase, observed)
    run = infer(problem, states, running(network), for_run)
    before, after = slopes(problem, states, 0).energy, slopes(problem, run.states, algorithm.steps).energy
    return Inference(run.states, jnp.concatenate([run.energy, after.mean(axis=0)[None]]), jnp.stack([before, after]))


def starting_states(
    network: Network, algorithm: Algorithm, x: Array, y: Array, first: First, memory: Any, key: jax.Array
) -> States:
    """The states at time 0; a forward start's are there already."""
    if algorithm.initial.forward:
        return first.predictions
    return algorithm.initial.states(memory, network, x, y, key)


def as_epoch(epoch: Any) -> Any:
    """Check the number of an epoch; as an array, another number needs no new program."""
    return epoch if is_jax(epoch) else np.int32(as_count("epoch", epoch, minimum=0))


def traced(tree: Any, dtype: Any) -> Any:
    """The tree with its numbers as arrays: other numbers then need no new program."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype) if isinstance(leaf, int | float) else leaf, tree)
