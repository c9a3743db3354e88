"""Many trainings at once: learning rates × seeds × algorithms in one compiled program, on all devices.

All runs of a seed start from the same network and learn the same minibatches. A sweep goes on in chunks of steps.
After each, runs that have diverged leave the batch, so that they cost nothing more, and a checkpoint is written.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Bool, Float, Int

from ..files.arrays import as_new_file
from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..numerics.algebra import Array
from ..numerics.checks import as_count, as_list
from ..numerics.kinds import cast, holds_jax, in_double_precision, map_leaves, to_jax, widest
from ..numerics.record import Record, static
from .algorithm import Algorithm, Learner, Model
from .comparison import best_rate, tied
from .sweep_arguments import as_algorithms, as_data, as_networks, as_rates, stacked_layers
from .sweep_checkpoint import Checkpoint, fingerprint
from .sweep_program import AXIS, Data, Span, at_once, compile_program, fetch, place, prepared
from .sweep_runs import Runs, share_out
from .train import map_error

Notify = Callable[[int, int, int], None]
"""Called with how many steps are done, how many there are, and how many runs still go on."""
CHUNK = 100
"""Steps between two checkpoints."""


class Sweep(Record):
    r"""The result of `sweep`, by algorithm ``A``, learning rate ``R`` and seed ``S``.

    Attributes:
        algorithms: the names of the algorithms.
        learning_rates: ``(R,)``.
        error: ``‖W_data − W_{L:1}‖²`` before the first step and after each ``k``-th, ``(A, R, S, ⌊T/k⌋ + 1)``; ``None``
            without targets.
        loss: ``½ ‖y − ŷ‖²``, the mean over each minibatch, before its step, ``(A, R, S, T)``.
        steps: after how many steps everything measured was still finite, ``(A, R, S)``. From there on, error and loss
            are infinity.
        accuracy: the largest estimate of an equilibrium's relative error in those steps, ``(A, R, S)``; 0 for rules
            without inference.
        layers: the layers at the end, for each algorithm, with leading axes ``(R, S)``; not finite where a run
            diverged.
        output_variances: for each algorithm, the variances of the output's noise at the end, ``(R, S)`` or
            ``(R, S, n_L)``; ``None`` where they were not learned.
    """

    algorithms: tuple[str, ...] = static()
    learning_rates: Float[Array, " R"]
    error: Float[Array, "A R S _"] | None
    loss: Float[Array, "A R S T"]
    steps: Int[Array, "A R S"]
    accuracy: Float[Array, "A R S"]
    layers: tuple[tuple[Layer, ...], ...]
    output_variances: tuple[Float[Array, "..."] | None, ...]

    @property
    def final(self) -> Float[Array, "A R S"]:
        """The error that was measured last; without targets the last loss."""
        return self._measured[..., -1]

    @property
    def best(self) -> Int[Array, " A"]:
        """For each algorithm, the index of the learning rate with the lowest mean of `final` over the seeds.

        Errors below 1e-14 of the error before training are rounding, and equal: of learning rates that end there, the
        first to get there is best.
        """
        return best_rate(self._measured)

    @property
    def tied(self) -> Bool[Array, "A R"]:
        """A mask of the learning rates that are as good as the best one, which is among them.

        The difference is within two standard errors, over the seeds, of the decimal logarithm of the error; or of the
        time, where both end below 1e-14 of the error before training. Rates at which a seed diverges are not.
        One seed tells nothing of noise: then only equal errors, and equal times, are ties.
        """
        return tied(self._measured, self.best)

    @property
    def _measured(self) -> Float[Array, "A R S T"]:
        return self.loss if self.error is None else self.error

    def _facts(self) -> dict[str, Any]:
        _, rates, seeds, steps = self.loss.shape
        return {"algorithms": len(self.algorithms), "learning rates": rates, "seeds": seeds, "steps": steps}

    def _columns(self) -> dict[str, Any]:
        steps, runs = self.loss.shape[-1], list(np.ndindex(self.loss.shape[:2]))
        finished, best, tied = np.asarray(self.steps) == steps, self.best, np.asarray(self.tied)
        measured = "loss" if self.error is None else "error"
        return {
            "algorithm": [self.algorithms[algorithm] for algorithm, _ in runs],
            "learning rate": [float(self.learning_rates[rate]) for _, rate in runs],
            f"final {measured}": [float(np.mean(np.asarray(self.final)[run])) for run in runs],
            "finished": [int(finished[run].sum()) for run in runs],
            "best": [bool(best[algorithm] == rate) for algorithm, rate in runs],
            "tied": [bool(tied[run]) for run in runs],
        }

    def network(self, algorithm: int, rate: Any, seed: int) -> LinearNetwork:
        """The network at the end of a run, by its indices."""
        return LinearNetwork(map_leaves(lambda leaf: leaf[rate, seed], self.layers[algorithm]))


def sweep(
    nets: Any,
    x: Any,
    y: Any,
    learning_rates: Any,
    algorithms: Any = ("bp", "pc"),
    targets: Any = None,
    chunk: int = CHUNK,
    devices: Sequence[jax.Device] | None = None,
    checkpoint: Any = None,
    progress: Notify | None = None,
    error_every: int = 1,
) -> Sweep:
    r"""Train every network with every algorithm at every learning rate.

    Each run is what `train` does, to rounding: minibatches that are larger than need be are replaced by smaller ones
    with the same second moments. It is a compiled JAX program; NumPy arrays go in and come out in their own precision.

    Args:
        nets: ``S`` networks of the same layers, one per seed.
        x: minibatches by seed, ``(S, T, B, n_0)``.
        y: targets, ``(S, T, B, n_L)``.
        learning_rates: ``(R,)``, positive.
        algorithms: each a rule's name, a pair of a rule and a rescaling, or an `Algorithm`, which has options too.
        targets: ``W_data`` of every seed, ``(S, n_L, n_0)``, to measure the error of the whole map.
        chunk: the number of steps after which diverged runs leave the batch and a checkpoint is written.
        devices: the devices that share the runs; all that JAX has if ``None``. Numbers do not depend on them beyond
            rounding. Under ``jax.distributed`` every process calls this with the same arguments, and returns the same.
        checkpoint: an ``.npz`` file that is written after every chunk, and gone on from if it is there: a sweep that
            was killed ends with the arrays of one that was not. It stays, and a finished one is only read.
        progress: called after every chunk with how many steps are done, how many there are, and how many runs still go
            on.
        error_every: ``k``, to measure the error only after every ``k``-th step. In small networks that learn single
            samples, measuring it after every step takes half of the time.

    Returns:
        The curves, how long each run stayed finite, and the layers at the end.

    Raises:
        ValueError: for networks that differ in more than their numbers, shapes that do not match, NaN or infinity,
            learning rates that are not positive, unknown algorithms, or a checkpoint of something else.
        TypeError: for something that does not hold real numbers, or is no network or algorithm.
        FileNotFoundError: for a checkpoint in a folder that does not exist.

    Source:
        Sample Efficiency, appendices A.3 and J.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> x = np.ones((1, 100, 1, 1))
        >>> found = sweep([net], x, 3 * x, [0.01, 0.1, 1.0], ["bp", "pc"], targets=[[[3.0]]])
        >>> found.steps[:, :, 0].tolist()  # at rate 1 backpropagation diverges, PC does not
        [[100, 100, 5], [100, 100, 100]]
        >>> found.learning_rates[found.best].tolist()
        [0.1, 1.0]
    """
    nets = as_networks(nets)
    layers, data = stacked_layers(nets), as_data(nets, x, y, targets)
    rates, chosen = as_rates(learning_rates, nets[0].dtype), as_algorithms(algorithms)
    as_count("chunk", chunk)
    as_count("error_every", error_every)
    sharing = jax.devices() if devices is None else as_list("devices", devices, "devices of JAX", empty=False)
    mesh = Mesh(np.array(sharing), (AXIS,))
    path = None if checkpoint is None else as_new_file(checkpoint, [".npz"], "checkpoint")
    learners = tuple(each.learner(nets[0]) for each in chosen)
    jax_in = holds_jax(nets, x, y, learning_rates, targets, learners)
    layers, data, rates, learners = numbers = _as_numpy((layers, data, rates, learners))
    runs, steps = _before_training(nets[0], layers, data, rates, learners), data.x.shape[1]
    file = None if path is None else Checkpoint(path, fingerprint(numbers, chunk, error_every))
    start = 0 if file is None else file.load(runs)
    spans = [Span(first, min(chunk, steps - first), error_every) for first in range(start, steps, chunk)]
    for done in _in_double_precision(_advance(runs, spans, learners, data, chunk, mesh)):
        if file is not None:
            file.save(done, runs)
        if progress is not None:
            progress(done, steps, sum(each.going_on(done) for each in runs))
    found = _result(runs, chosen, rates, len(nets), error_every if targets is not None else None)
    return to_jax(found) if jax_in else found


_first_errors = jax.jit(jax.vmap(map_error))


def _before_training(
    net: LinearNetwork, layers: tuple[Layer, ...], data: Data, rates: np.ndarray, learners: tuple[Learner, ...]
) -> list[Runs]:
    """The runs of each algorithm; output variances start at the same for all seeds."""
    seeds = len(data.x)
    with in_double_precision():
        errors = fetch(_first_errors(layers, data.targets))

    def begin(learner: Learner) -> Runs:
        variance = learner.start(net.layers).log_variance
        by_seed = map_leaves(lambda leaf: np.repeat(np.asarray(leaf)[None], seeds, axis=0), variance)
        return Runs(Model(layers, by_seed), errors, rates, steps=data.x.shape[1])

    return list(map(begin, learners))


def _in_double_precision(turns: Iterator[int]) -> Iterator[int]:
    """Take every turn in JAX's 64 bits, which are nobody else's between two turns."""
    while True:
        with in_double_precision():
            done = next(turns, None)
        if done is None:
            return
        yield done


def _advance(
    runs: list[Runs], spans: list[Span], learners: tuple[Learner, ...], data: Data, chunk: int, mesh: Mesh
) -> Iterator[int]:
    """Span after span, until none are left or no run goes on.

    Yields:
        How many steps are done.
    """
    platform, (seeds, steps) = mesh.devices.flat[0].platform, data.x.shape[:2]
    rates = len(runs[0].rates) // seeds
    shapes = [share_out(mesh.size, at_once(each, data.y.shape[-1], platform), rates, seeds) for each in learners]
    program = compile_program(mesh, min(chunk, steps))
    learners, data = place((tuple(prepared(each, platform) for each in learners), data), mesh, own=False)
    for span in spans:
        if not any(each.going_on(span.start) for each in runs):
            return
        places, works = zip(*(each.deal(span.start, own) for each, own in zip(runs, shapes, strict=True)), strict=True)
        founds = fetch(program(learners, place(works, mesh, own=True), data, place(span, mesh, own=False)))
        for each, where, found in zip(runs, places, founds, strict=True):
            each.collect(span, where, found)
        yield span.start + span.count


def _result(
    runs: list[Runs], algorithms: list[Algorithm], rates: np.ndarray, seeds: int, error_every: int | None
) -> Sweep:
    """The runs by algorithm, learning rate and seed."""

    def by_axes(name: str) -> np.ndarray:
        stacked = np.stack([getattr(each, name) for each in runs])
        return stacked.reshape(len(runs), len(rates), seeds, *stacked.shape[2:])

    def by_run(tree: Any) -> Any:
        return map_leaves(lambda leaf: leaf.reshape(len(rates), seeds, *leaf.shape[1:]), tree)

    return Sweep(
        algorithms=tuple(each.name for each in algorithms),
        learning_rates=rates,
        error=None if error_every is None else by_axes("errors")[..., ::error_every],
        loss=by_axes("loss"),
        steps=by_axes("steps"),
        accuracy=by_axes("accuracy"),
        layers=tuple(by_run(each.models.layers) for each in runs),
        output_variances=tuple(
            None if each.models.log_variance is None else np.exp(by_run(each.models.log_variance)) for each in runs
        ),
    )


def _as_numpy(trees: Any) -> Any:
    """All arrays as NumPy's, of the highest precision among them."""
    return map_leaves(np.asarray, cast(trees, widest(trees)))
