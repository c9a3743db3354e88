"""The linear theory of a trained network: each sample's network is linearised at its forward pass."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from dlntheory import LinearNetwork, finite_time_activities, inference_spectrum, linearised
from dlntheory.nonlinear.network import Network
from dlntheory.pcn.choices.algorithms import Algorithm
from dlntheory.pcn.choices.initial_states import Forward
from dlntheory.pcn.choices.losses import SquaredError
from dlntheory.pcn.choices.outputs import Clamp
from dlntheory.pcn.choices.relaxations import Gradient
from dlntheory.pcn.choices.updates import Backpropagation, Incremental
from dlntheory.pcn.data.batches import Augmentation, Preparation
from dlntheory.pcn.data.dataset import Dataset
from dlntheory.pcn.runs.run import read_run

SAMPLES = 8
"""The number of training samples that are linearised."""

Theory = Callable[[Network, jax.Array, jax.Array, Algorithm], float]


_linearised = eqx.filter_jit(linearised)


def near(network: Network, sample: jax.Array) -> LinearNetwork:
    """The network that is linear at a sample, in NumPy: one program for all samples, and none for the theory."""
    return _linearised(network, sample).to_numpy()


def linear_energies(
    network: Network, x: jax.Array, y: jax.Array, steps: int, rate: float, momentum: float = 0.0
) -> np.ndarray:
    """The mean energy by layer that the samples' linearised networks have after so many steps of inference."""
    flat, y = np.asarray(network.inside(x)).reshape(len(x), -1), np.asarray(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # above the limit is where the pictures go
        found = [
            finite_time_activities(near(network, sample), *pair, steps, rate, momentum)
            for sample, *pair in zip(x, flat, y, strict=True)
        ]
    return np.mean([np.asarray(each.energy_by_layer) for each in found], axis=0)


def _ratio(layer: int) -> Theory:
    """The energy of a layer relative to the next when inference has ended."""

    def ratio(network: Network, x: jax.Array, y: jax.Array, algorithm: Algorithm) -> float:
        rule: Any = algorithm.relaxation
        energy = linear_energies(network, x, y, algorithm.steps, rule.step_size, rule.momentum)
        return float(energy[layer - 1] / energy[layer])

    return ratio


def _rate_by_limit(network: Network, x: jax.Array, y: jax.Array, algorithm: Algorithm) -> float:
    """The rate over the largest at which the inference of every sample is stable, ``(1 + μ) 2/λ_max``."""
    rule: Any = algorithm.relaxation
    limits = (inference_spectrum(near(network, each)).stability_limit for each in x)
    return float(rule.step_size) / ((1 + rule.momentum) * min(map(float, limits)))


def has_theory(algorithm: Algorithm) -> bool:
    """Whether the formulas are of this inference: gradient descent on the plain energy, from the forward pass."""
    own = [algorithm.initial, algorithm.output, algorithm.schedule, algorithm.relaxation]
    of_formulas = [Forward, Clamp, NoneType, Gradient]
    plain = [type(each) for each in own] == of_formulas and algorithm.loss == SquaredError()
    return plain and not isinstance(algorithm.update, Backpropagation | Incremental)


THEORIES: dict[str, Theory] = {
    "first_ratio": _ratio(1),
    "second_ratio": _ratio(2),
    "rate_by_limit": _rate_by_limit,
}
"""By the measure that they predict."""


def predicted(names: Sequence[str], folder: Path, data: Dataset) -> dict[str, float]:
    """The theory's predictions for the network that a run has trained."""
    if not names:
        return {}
    config, network = read_run(folder, data)
    preparation = Preparation.of(data, Augmentation(), network.input_shape, config.precision)
    x = preparation.inputs(jnp.asarray(data.train.samples[:SAMPLES]))
    y = preparation.targets(jnp.asarray(data.train.labels[:SAMPLES]))
    return {name: THEORIES[name](network, x, y, config.make_algorithm()) for name in names}
