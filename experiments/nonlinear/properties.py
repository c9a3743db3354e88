"""Alignment in random nonlinear networks as one property varies: depth, width, the residual, or convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from dlntheory import AvgPool2d, Conv2d, Dense, Flatten, LinearNetwork, NonlinearNetwork, digits
from dlntheory.files.builtin import normal_data
from dlntheory.report.style import named_ticks
from dlntheory.report.words import count

from ..parts import Track
from .comparison import activated, by_curve, compare, draw_points, samples_in_words, summarise_points

FULL: dict[str, Any] = {
    "square": 128,
    "hidden": 3,
    "channels": 8,
    "depth": [1, 2, 3, 4, 6, 8],
    "width": [16, 32, 64, 128, 256],
    "residual": [0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
    "convolutions": [1, 2, 3, 4],
    "samples": 16,
    "seeds": 10,
}
QUICK: dict[str, Any] = {
    "square": 12,
    "hidden": 2,
    "channels": 2,
    "depth": [1, 2],
    "width": [6, 12],
    "residual": [0.1, 1.0],
    "convolutions": [1],
    "samples": 4,
    "seeds": 3,
}
AXES = {
    "depth": "number of hidden layers",
    "width": "width of the hidden layers",
    "residual": "size of the residual",
    "convolutions": "number of convolutions",
}
"""The properties that may vary, and the labels of their axes."""


@dataclass(frozen=True)
class Property:
    """Alignment against one property, one of `AXES`."""

    axis: str

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """Sizes and seeds; the setting is the activation."""
        sizes = QUICK if quick else FULL
        return {
            "axis": self.axis,
            "activation": setting,
            "values": list(sizes[self.axis]),
            **{name: sizes[name] for name in ("square", "hidden", "channels", "samples")},
            "seeds": list(range(seed, seed + sizes["seeds"])),
        }

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """Alignments by curve, value of the property, seed and sample; and the share of units on a kink."""
        cases = [(value, seed) for value in config["values"] for seed in config["seeds"]]  # each shape compiles once
        found = [compare(*problem(config, *case)) for case in track(cases)]
        return {"values": np.array(config["values"])} | by_curve(found, len(config["values"]), len(config["seeds"]))

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Means over seeds and samples of every point of every curve."""
        return summarise_points(config["axis"], arrays["values"], arrays)

    def heading(self, config: dict[str, Any]) -> str:
        """The sizes of the network."""
        if config["axis"] == "convolutions":
            return f"{config['channels']} channels"
        return f"width {config['square']}" if config["axis"] == "depth" else count(config["hidden"], "hidden layer")

    def note(self, config: dict[str, Any]) -> list[str]:
        """Samples and seeds."""
        return samples_in_words(config)

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Every curve."""
        draw_points(axes, arrays["values"], arrays)
        axes.set_xlabel(AXES[config["axis"]])
        if config["axis"] in {"width", "residual"}:
            axes.set_xscale("log")
        named_ticks(axes, arrays["values"])


def problem(config: dict[str, Any], value: float, seed: int) -> tuple[NonlinearNetwork, Any, Any]:
    """The network, the inputs and the targets, where the property has that value."""
    if config["axis"] == "convolutions":
        return convolutional(config, int(value), seed)
    hidden = [config["square"]] * (int(value) if config["axis"] == "depth" else config["hidden"])
    if config["axis"] == "width":
        hidden = [int(value)] * len(hidden)
    linear = LinearNetwork.random(
        [config["square"], *hidden, config["square"]], "lecun_normal", key=jax.random.key(seed)
    )
    net = activated(linear, config["activation"])
    x, y = normal_data(linear, config["samples"], seed, linear=False)
    return net, x, net(x) + value * y if config["axis"] == "residual" else y


def convolutional(config: dict[str, Any], count: int, seed: int) -> tuple[NonlinearNetwork, Any, Any]:
    """So many convolutions of 3 × 3, mean pooling and a dense layer, on handwritten digits."""
    draw = np.random.default_rng(seed)
    layers: list[Any] = []
    before = 1
    for _ in range(count):
        kernel = draw.normal(size=(config["channels"], before, 3, 3)) / np.sqrt(9 * before)
        layers.append(Conv2d(kernel, padding=1))
        before = config["channels"]
    features = before * 4 * 4
    last = draw.normal(size=(10, features)) / np.sqrt(features)
    linear = LinearNetwork([*layers, AvgPool2d(2), Flatten(), Dense(last)], input_shape=(1, 8, 8))
    _, x, y = digits()
    chosen = draw.choice(len(x), config["samples"], replace=False)
    return activated(linear, config["activation"]), jnp.asarray(x[chosen]).reshape(-1, 1, 8, 8), y[chosen]
