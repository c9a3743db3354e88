"""The compiled steps of a run: batches prepared on the device, trained on, and tested on."""

import math
import warnings
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...learning.any_model import update_alignment
from ...numerics.programs import program
from ..data.batches import Preparation, epoch_batches, on_device
from ..data.dataset import Dataset
from ..engine.generation import reconstruct
from ..engine.incremental import study_at_once
from ..engine.inference import as_epoch, relax, traced
from ..engine.learning import Batch, parameters, with_parameters
from ..engine.multiplications import sequential_multiplications
from ..engine.training import TrainingState, advance, among_largest, hits, keys_of, start_training
from .config import TrainingConfig
from .divergence import Position, explain
from .precision import STORED

TEST_BATCH = 1000
TOP = 5
"""The number of largest outputs among which the right class counts in the papers' second accuracy."""
Metrics = dict[str, np.ndarray]


class Trainer:
    """A configuration with its data on the device.

    Every method is a pure function of its arguments: a step depends on the state, on its number and on the seed.

    Raises:
        ValueError: if the model or the augmentation does not fit the data, or there are fewer samples than devices.
    """

    def __init__(self, config: TrainingConfig, data: Dataset):
        self.config, self.data = config, data
        self.network = config.make_network(data)
        dtype = STORED[config.precision]
        shape = self.network.output_shape if config.reconstructs else self.network.input_shape
        self.preparation = Preparation.of(
            data, config.augmentation, shape, dtype, config.reconstructs, self.network.free_input, config.normalise
        )
        self.steps_per_epoch = len(self.batches(0))
        self.stride = stride(self.steps_per_epoch, config.log_every)
        for_memory = config.make_optimiser(self.steps_per_epoch, by_batch=True)
        optimiser = config.make_optimiser(self.steps_per_epoch)
        parts = config.make_algorithm(for_memory), optimiser, config.make_tests(for_memory)
        self.algorithm, self.optimiser, self.testing = traced(parts, dtype)
        self.noise = float(getattr(self.algorithm.loss, "variance", 1.0))
        self.key = jax.random.fold_in(jax.random.key(config.seed), 1)

    @cached_property
    def train_set(self) -> tuple[Array, Array]:
        """The training samples and labels, on every device."""
        return self._replicated(on_device(self.data.train))

    @cached_property
    def tested(self) -> dict[str, tuple[Array, Array]]:
        """Samples and labels that no weight learns from, on every device: of the test, and of a validation."""
        sets = {"test": self.data.test, "validation": self.data.validation}
        return {name: self._replicated(on_device(split)) for name, split in sets.items() if split is not None}

    @cached_property
    def train_variance(self) -> float:
        """The variance of the training samples about their mean, without random augmentation."""
        return variance(self.train_set[0], self.preparation)

    @cached_property
    def tested_variance(self) -> dict[str, float]:
        """The variance of the samples of each set that is tested about their mean."""
        return {name: variance(samples, self.preparation) for name, (samples, _) in self.tested.items()}

    @cached_property
    def mesh(self) -> Any:
        """The devices that share each batch."""
        return jax.sharding.Mesh(jax.devices()[: self.config.devices], ("batch",))

    @cached_property
    def batch_size(self) -> int:
        """Samples per step: the configuration's, or all that the devices can share where there are fewer."""
        wanted, there = self.config.batch_size, len(self.data.train)
        if wanted <= there:
            return wanted
        size = there - there % self.config.devices
        if size == 0:
            raise ValueError(f"there are {there} training samples for {self.config.devices} devices; wanted one each.")
        warnings.warn(f"batch_size is {wanted}, and there are {there} training samples: each step takes {size}.",
                      stacklevel=2)  # fmt: skip
        return size

    def start(self) -> TrainingState:
        """The state before the first step."""
        size, seed = self.batch_size, self.config.seed
        return self._replicated(start_training(self.network, self.algorithm, self.optimiser, seed, size))

    def batches(self, epoch: int) -> np.ndarray:
        """The samples of every batch of an epoch, ``(steps, batch)``."""
        config = self.config
        return epoch_batches(self.data.train.labels, self.batch_size, config.seed, epoch, config.order)

    def train(self, state: Any, epoch: int, first: int, batches: np.ndarray) -> tuple[Any, Metrics]:
        """Train on several batches, numbered from ``first`` in the whole run, and wait for the end."""
        numbers = self._replicated(jnp.arange(first, first + len(batches)))
        fixed = self.train_set, self.preparation, self.algorithm, self.optimiser, self.key
        state, metrics = _train(state, *fixed, self._shared(batches), numbers, as_epoch(epoch))
        found = {name: np.asarray(each) for name, each in metrics.items()}
        if self.preparation.decodes:  # before inference, every sample has the same prediction
            found["loss"] = found["energy"][:, -1]
        if self.config.reconstructs:
            found["accuracy"] = explained(found["loss"] * self.noise, self.train_variance)
        return state, found

    def alignment(self, state: Any, epoch: int, first: int, batch: np.ndarray) -> float:
        """The mean target alignment of the algorithm's update on a batch, without the optimiser."""
        x, y = self._batch(first, batch)
        return float(_alignment(state, x, y, self.algorithm, as_epoch(epoch)))

    def test(self, network: Any, memory: Any = None) -> dict[str, Any]:
        """The mean ``test_loss`` and the ``test_accuracy`` on the test set; of an autoencoder the variance explained.

        The same of the samples for validation, such as ``validation_accuracy``, if there are any. ``memory`` is what
        the start of inference remembers of training, where inference tests. With several numbers of steps these are
        of the largest, and ``by_test_steps`` has them for each.

        A classifier of more than five classes adds ``test_top5``, the share of samples whose class is among the five
        largest outputs; an autoencoder adds ``test_mse``, the mean squared error of a pixel, in units of the largest
        that it may be.
        """
        found = {steps: self._test_all(network, memory, each) for steps, each in self.testing.items()}
        last = found[max(found)]
        each = {} if self.config.test_steps is None else {"by_test_steps": {str(k): v for k, v in found.items()}}
        return last | each

    def _test_all(self, network: Any, memory: Any, algorithm: Any) -> dict[str, float]:
        """The measures of all sets."""
        found = (self._test(network, memory, algorithm, name).items() for name in self.tested)
        return {name: each for pairs in found for name, each in pairs}

    def _test(self, network: Any, memory: Any, algorithm: Any, name: str) -> dict[str, float]:
        """The measures of one set, with its name before them."""
        samples, labels = self.tested[name]
        totals = np.zeros(3)
        for start in range(0, len(labels), TEST_BATCH):
            part = slice(start, start + TEST_BATCH)
            found = _evaluate(network, samples[part], labels[part], self.preparation, algorithm, memory)
            totals += [float(each) for each in found]
        loss, correct, third = (totals / len(labels)).tolist()
        if not self.config.reconstructs:
            top5 = {f"{name}_top5": third} if self.data.classes > TOP else {}
            return {f"{name}_loss": loss, f"{name}_accuracy": correct, **top5}
        pixels = math.prod(self.preparation.input_shape)
        accuracy = float(explained(loss * self.noise, self.tested_variance[name]))
        return {f"{name}_loss": loss, f"{name}_accuracy": accuracy, f"{name}_mse": third / pixels}

    @cached_property
    def multiplications(self) -> int | None:
        """The sequential matrix multiplications of a step."""
        return sequential_multiplications(self.network, self.config.make_algorithm())

    def diagnose(self, state: Any, epoch: int, first: int, batches: np.ndarray, metrics: Metrics, bad: int) -> str:
        """Say why one of several steps diverged, by doing the steps before it again."""
        if bad:
            state, _ = self.train(state, epoch, first, batches[:bad])
        x, y = self._batch(first + bad, batches[bad])
        given = None if self.preparation.decodes else x
        run = relax(state.network, given, y, self.algorithm, self.config.seed, epoch, memory=state.memory)
        forward = np.asarray(_mean_squares(state.network, x))
        where = Position(first + bad + 1, epoch + 1)
        loss = 0.0 if self.preparation.decodes else float(metrics["loss"][bad])  # a decoder's is of after inference
        parts = loss, forward, np.asarray(run.energy), metrics["update"][bad]
        return explain(where, *parts, limit=self.config.diverged_above)

    def _batch(self, number: int, batch: np.ndarray) -> tuple[Array, Array]:
        samples, labels = self.train_set
        return _prepared(samples, labels, jnp.asarray(batch), jnp.asarray(number), self.key, self.preparation)

    def _shared(self, batches: np.ndarray) -> Int[Array, "steps batch"]:
        """Batches whose samples are shared out among the devices."""
        if self.config.devices == 1:
            return jnp.asarray(batches)
        spec = jax.sharding.PartitionSpec(None, "batch")
        return jax.device_put(batches, jax.sharding.NamedSharding(self.mesh, spec))

    def _replicated(self, tree: Any) -> Any:
        """The same arrays on every device."""
        if self.config.devices == 1:
            return tree
        everywhere = jax.sharding.NamedSharding(self.mesh, jax.sharding.PartitionSpec())
        arrays, rest = eqx.partition(tree, eqx.is_array)
        return eqx.combine(jax.device_put(arrays, everywhere), rest)


def explained(loss: Any, variance: float) -> Any:
    """The share of the variance that reconstructions explain, from the mean of ``½ ‖x − μ‖²``."""
    return 1 - 2 * loss / variance


def variance(samples: Array, preparation: Preparation) -> float:
    """The mean of ``‖x − x̄‖²`` over the inputs that samples become."""
    parts = range(0, len(samples), TEST_BATCH)
    sums = [_moments(samples[start : start + TEST_BATCH], preparation) for start in parts]
    first, second = (np.sum([np.asarray(each[k], float) for each in sums], axis=0) / len(samples) for k in (0, 1))
    return float((second - first**2).sum())


def stride(steps: int, longest: int) -> int:
    """The number of steps per program: a divisor of an epoch's steps, if one is at least half as large as allowed.

    The last program of an epoch is then none of its own, which would have to be compiled.

    Example:
        >>> stride(390, 20), stride(6, 20), stride(389, 20)
        (15, 6, 20)
    """
    most = min(steps, longest)
    best = max(each for each in range(1, most + 1) if steps % each == 0)
    return best if 2 * best >= most else most


@program
def _train(
    state: TrainingState,
    data: tuple[Array, Array],
    preparation: Preparation,
    algorithm: Any,
    optimiser: Any,
    key: Array,
    batches: Int[Array, "steps batch"],
    numbers: Int[Array, " steps"],
    epoch: Array,
) -> tuple[TrainingState, dict[str, Array]]:
    arrays, static = eqx.partition(state, eqx.is_array)

    def step(arrays: Any, which: tuple[Array, Array]) -> tuple[Any, dict[str, Array]]:
        batch, number = which
        x, y = _prepared(*data, batch, number, key, preparation)
        state = eqx.combine(arrays, static)
        state, metrics = advance(state, x, y, algorithm, optimiser, epoch)
        return eqx.filter(state, eqx.is_array), metrics

    arrays, metrics = jax.lax.scan(step, arrays, (batches, numbers))
    return eqx.combine(arrays, static), metrics


@program
def _prepared(
    samples: Array, labels: Array, batch: Int[Array, " batch"], number: Array, key: Array, preparation: Preparation
) -> tuple[Float[Array, "..."], Float[Array, "batch ..."]]:
    """The inputs and the targets of the training step of that number."""
    return preparation.pair(samples[batch], labels[batch], jax.random.fold_in(key, number))


@program
def _evaluate(
    network: Any, samples: Array, labels: Array, preparation: Preparation, algorithm: Any, memory: Any
) -> Any:
    """The sum of the losses, and the numbers of predictions that are right, and that are nearly right.

    For an autoencoder the last is the sum of the squared errors of pixels.
    """
    x, targets = preparation.pair(samples, labels)
    prediction = reconstruct(network, targets, algorithm, memory=memory) if preparation.decodes else network(x)
    loss, right = algorithm.loss.energy(targets, prediction).sum(), hits(prediction, targets).sum()
    if not preparation.reconstructs:
        return loss, right, among_largest(prediction, targets, TOP).sum()
    return loss, right, jnp.square((targets - prediction) * preparation.deviation[None]).sum()


@program
def _moments(samples: Array, preparation: Preparation) -> tuple[Array, Array]:
    """The sums of the inputs and of their squares."""
    x = preparation.inputs(samples)
    return x.sum(axis=0), jnp.square(x).sum(axis=0)


@program
def _alignment(state: TrainingState, x: Array, y: Array, algorithm: Any, epoch: Array) -> Array:
    """The mean over the samples whose alignment is defined."""
    last = state.network.inside(x), state.network.inside(y)
    keys = keys_of(state, epoch)
    memory = algorithm.initial.prepare(state.memory, state.network, *last, keys.start)
    batch = Batch(state.network, algorithm, *last, epoch, memory, keys)
    slopes = study_at_once(batch).gradients
    descent = jax.tree.map(jnp.negative, slopes)

    def predict(weights: Any, x: Array) -> Array:
        return algorithm.loss.mean(with_parameters(state.network, weights)(x))

    return jnp.nanmean(update_alignment(predict, parameters(state.network), x, y, descent))


@program
def _mean_squares(network: Any, x: Array) -> Float[Array, " N"]:
    """The mean square of every layer's prediction in a forward pass."""
    states, _ = network.forward(network.inside(x), training=True)
    return jnp.stack([jnp.square(state).mean() for state in states])
