"""Alignment along training on handwritten digits, by backpropagation or by predictive coding."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from dlntheory import LinearNetwork, NonlinearNetwork, nonlinear_updates
from dlntheory.pcn.data.bundled import digits
from dlntheory.pcn.data.dataset import Split
from dlntheory.report.style import named_ticks
from dlntheory.report.words import hidden_layers

from ..parts import Track
from .comparison import activated, by_curve, compare, draw_distances, samples_in_words, summarise_points

FULL: dict[str, Any] = {
    "hidden": [64] * 3,
    "steps": [0, 10, 30, 100, 300, 1000],
    "samples": 16,
    "seeds": 10,
}
QUICK: dict[str, Any] = {"hidden": [8] * 2, "steps": [0, 10], "samples": 4, "seeds": 2}
BATCH, LEARNING_RATE = 32, 0.05


@dataclass(frozen=True)
class AlongTraining:
    """Alignment against training steps of one rule, ``"bp"`` or ``"pc"``; of test samples, each on its own."""

    rule: str

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """Sizes and seeds; the setting is the activation."""
        sizes = dict(QUICK if quick else FULL)
        seeds = list(range(seed, seed + sizes.pop("seeds")))
        training = {"rule": self.rule, "batch": BATCH, "learning_rate": LEARNING_RATE}
        return {**sizes, **training, "activation": setting, "seeds": seeds}

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """Alignments by curve, step, seed and sample; by step and seed the test accuracy and the mean ``‖r‖``."""
        runs = [self.measure(config, seed) for seed in track(config["seeds"])]
        found = [run[index] for index in range(len(config["steps"])) for run in runs]
        shape = len(config["steps"]), len(config["seeds"])
        progress = {
            name: np.array([each.pop(name) for each in found]).reshape(shape) for name in ("accuracy", "residual")
        }
        return {"values": np.array(config["steps"])} | progress | by_curve(found, *shape)

    def measure(self, config: dict[str, Any], seed: int) -> list[dict[str, Any]]:
        """One training, looked at after the given steps."""
        data = digits()
        train, test = vectors(data.train), vectors(data.test)
        linear = LinearNetwork.random([64, *config["hidden"], 10], "lecun_normal", key=jax.random.key(seed))
        net = activated(linear, config["activation"])
        draw = np.random.default_rng(seed)
        chosen = draw.choice(len(test[0]), config["samples"], replace=False)
        found = []
        for start, end in pairwise([0, *config["steps"]]):
            for _ in range(end - start):
                batch = draw.choice(len(train[0]), config["batch"], replace=False)
                net = step(net, train[0][batch], train[1][batch], config["rule"], jnp.asarray(config["learning_rate"]))
            predicted = net(test[0])
            right = predicted.argmax(axis=1) == test[1].argmax(axis=1)
            residual = jnp.linalg.norm(test[1] - predicted, axis=1)
            state = {"accuracy": float(right.mean()), "residual": float(residual.mean())}
            found.append(state | compare(net, test[0][chosen], test[1][chosen]))
        return found

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Means over seeds and samples of every point of every curve; and how far training is."""
        rows = summarise_points("step", arrays["values"], arrays)
        progress = {name: arrays[name].mean(axis=1).tolist() for name in ("accuracy", "residual")}
        return [{"step": config["steps"], **progress}, *rows]

    def heading(self, config: dict[str, Any]) -> str:
        """The network."""
        return hidden_layers(config["hidden"])

    def note(self, config: dict[str, Any]) -> list[str]:
        """Samples and seeds."""
        everything = len(config["seeds"]) * config["samples"]
        return [samples_in_words(config)[0], f"median and quartiles of {everything} samples"]

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Every curve, against the steps."""
        draw_distances(axes, arrays["values"], arrays)
        first = arrays["values"][1]
        axes.set_xscale("symlog", linthresh=first)
        named_ticks(axes, [step for step in config["steps"] if step in (0, 10, 100, 1000)])
        axes.set(xlabel="training step", xlim=(-0.3 * first, 1.5 * arrays["values"][-1]))


@eqx.filter_jit
def step(net: NonlinearNetwork, x: jax.Array, y: jax.Array, rule: str, rate: jax.Array) -> NonlinearNetwork:
    """The network after one step of a rule."""
    moves = jax.tree.map(lambda each: rate * each, nonlinear_updates(net, x, y, rule))
    return eqx.apply_updates(net, moves)


def vectors(split: Split) -> tuple[jax.Array, jax.Array]:
    """Images as vectors from 0 to 1, and one-hot targets."""
    targets = jax.nn.one_hot(split.labels, 10, dtype=float)
    return jnp.asarray(split.samples.reshape(len(split), -1) / 16.0, float), targets
