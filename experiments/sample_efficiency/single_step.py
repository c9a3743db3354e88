"""Target alignment after one training step, as one property of the network or of the batch varies.

The paper describes these experiments twice. Appendix A (setting ``appendix``): targets ``y = W_data x``, and batches of
128 except in figure 3. Section 3.1.3 (setting ``text``): targets independent of the inputs, and single samples except
where the batch size varies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes

from dlntheory import LinearNetwork, Residual, decorrelation_matrices, target_alignment, weight_updates
from dlntheory.files.builtin import normal_data
from dlntheory.learning.alignment import cosine
from dlntheory.networks.passes import feedforward, finite_change, first_order_change
from dlntheory.report.style import draw_band, draw_runs, named_ticks
from dlntheory.report.words import mean_over, runs_in_words

from ..parts import Track
from ..random_networks import lines
from ..results import deviation
from .rules import CURVES, Curve, look

FULL: dict[str, Any] = {
    "square": 512,
    "depth": [1, 2, 3, 4, 5, 6, 7, 8],
    "width": [128, 256, 512, 1024],
    "condition_number": [1, 2, 10, 50, 1e3, 1e4, 1e5, 1e7, 1e9, 1e12],
    "batch_size": [1, 32, 64, 128, 256, 480, 550, 1000, 2048],
    "batch": 128,
    "seeds": 10,
}
QUICK: dict[str, Any] = {
    "square": 32,
    "depth": [1, 3],
    "width": [16, 32],
    "condition_number": [1, 10, 1e3, 1e12],
    "batch_size": [1, 40],
    "batch": 8,
    "seeds": 3,
}
VARIED = {
    "depth": "by depth", "width": "by width", "condition_number": "by conditioning", "batch_size": "by batch size",
}  # fmt: skip
INITIALISATIONS = {"kaiming_uniform": "Kaiming", "norm_preserving": "norm-preserving"}
ROUNDING = 1e-16
"""The least distance from one that double precision tells from none."""
AXES = {
    "depth": "number of hidden layers",
    "width": "width of the hidden layer",
    "condition_number": "condition number of the weights",
    "batch_size": "batch size",
}
"""The properties that may vary, and the labels of their axes."""


@dataclass(frozen=True)
class SingleStep:
    """Alignment against one property.

    Attributes:
        axis: the property that varies, one of `AXES`.
        curves: names in `rules.CURVES`.
        init: the initialisation of the weights.
        single: whether the batch is one sample in every setting.
        learning_rate: the step's size, by default as in appendix B.1; ``None`` for an infinitesimal step.
        distances: whether ``1 − alignment`` is drawn, on a logarithmic axis, since curves would hide each other at one.
    """

    axis: str
    curves: tuple[str, ...] = ("bp", "pc")
    init: str = "kaiming_uniform"
    single: bool = False
    learning_rate: float | None = 1e-4
    distances: bool = False

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """Sizes, seeds and the learning rate."""
        sizes = QUICK if quick else FULL
        return {
            "axis": self.axis,
            "values": list(sizes[self.axis]),
            "curves": list(self.curves),
            "init": self.init,
            "square": sizes["square"],
            "batch": 1 if self.single or setting == "text" else sizes["batch"],
            "linear_targets": setting == "appendix",
            "seeds": list(range(seed, seed + sizes["seeds"])),
            "learning_rate": self.learning_rate,
        }

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """Alignment by curve, value of the property, and seed; a mean over the batch."""
        cases = [(value, seed) for value in config["values"] for seed in config["seeds"]]  # each shape compiles once
        found = np.array([alignments(config, *case) for case in track(cases)])
        by_value = found.reshape(len(config["values"]), len(config["seeds"]), len(config["curves"]))
        return {"values": np.array(config["values"]), "alignment": np.moveaxis(by_value, 2, 0)}

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Mean and sample standard deviation over the seeds of every point of every curve."""
        return [
            {
                "curve": curve,
                config["axis"]: float(value),
                "mean": float(points.mean()),
                "std": float(deviation(points)),
            }
            for curve, rows in zip(config["curves"], arrays["alignment"], strict=True)
            for value, points in zip(arrays["values"], rows, strict=True)
        ]

    def heading(self, config: dict[str, Any]) -> str:
        """The initialisation, and what varies; an infinitesimal step if it is one."""
        step = "" if config["learning_rate"] else ", infinitesimal step"
        return f"{INITIALISATIONS[config['init']]}, {VARIED[config['axis']]}{step}"

    def note(self, config: dict[str, Any]) -> list[str]:
        """Batch, targets, and what a band is."""
        batch = [] if config["axis"] == "batch_size" else [batch_in_words(config["batch"])]
        targets = (
            r"targets $y = W_\mathrm{data}\,x$" if config["linear_targets"] else "targets independent of the inputs"
        )
        seeds = len(config["seeds"])
        return [*batch, targets, runs_in_words(seeds) if self.distances else mean_over(seeds)]

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Every curve with its spread."""
        if self.distances:
            self._draw_distances(axes, config, arrays)
        else:
            for name, points in zip(config["curves"], arrays["alignment"], strict=True):
                middle, spread = points.mean(axis=-1), deviation(points)
                draw_band(axes, arrays["values"], middle, middle - spread, middle + spread, **look(name))
            lines.draw_lines(axes, list(theory(config).values()), theory_label(config))
            axes.set(ylabel="target alignment", ylim=limits(arrays["alignment"], config["axis"]))
        label_axis(axes, config, arrays["values"])

    def _draw_distances(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Medians and quartiles of ``1 − alignment``; where it is none but rounding, at the rounding."""
        for name, points in zip(config["curves"], arrays["alignment"], strict=True):
            draw_runs(axes, arrays["values"], np.maximum(1 - points, ROUNDING).T, **look(name))
        axes.set(ylabel="1 − target alignment", yscale="log")


def alignments(config: dict[str, Any], value: float, seed: int) -> list[float]:
    """The batch's mean alignment after one step of every curve, from the same weights and data."""
    dense, x, y = problem(config, value, seed)
    skips = LinearNetwork([Residual(weight) for weight in dense.weights]) if residual(config) else dense
    rate = config["learning_rate"]
    curves = [CURVES[name] for name in config["curves"]]
    return [float(alignment(skips if curve.residual else dense, x, y, curve, rate)) for curve in curves]


def problem(config: dict[str, Any], value: float, seed: int) -> tuple[LinearNetwork, np.ndarray, np.ndarray]:
    """The network, the inputs and the targets, where the property has that value."""
    widths, condition, samples = shape(config, value)
    net = LinearNetwork.random(widths, config["init"], key=jax.random.key(seed), condition_number=condition)
    net = net.to_numpy()  # drawn by a key of JAX, and computed with at once
    return net, *normal_data(net, samples, seed, linear=config["linear_targets"])


def shape(config: dict[str, Any], value: float) -> tuple[list[int], float | None, int]:
    """The widths, the weights' condition number and the batch, where the property has that value."""
    hidden = [config["square"]]
    if config["axis"] == "depth":
        hidden *= int(value)
    elif config["axis"] == "width":
        hidden = [int(value)]
    condition = value if config["axis"] == "condition_number" else None
    batch = int(value) if config["axis"] == "batch_size" else config["batch"]
    return [config["square"], *hidden, config["square"]], condition, batch


def theory(config: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Positions and alignments of every curve that has a formula."""
    positions = lines.positions(config["axis"], config["values"])
    found = {}
    for name in config["curves"]:
        heights = [expected(config, CURVES[name], value) for value in positions]
        if None not in heights:
            found[name] = positions, np.array(heights, float)
    return found


def expected(config: dict[str, Any], curve: Curve, value: float) -> float | None:
    """The alignment to expect where the property has that value, or ``None`` without a formula."""
    widths, condition, batch = shape(config, value)
    layers = lines.random_layers(widths, config["init"], condition, curve.residual)
    return lines.expected(layers, curve.rule, curve.rescaling, batch, config["linear_targets"])


def theory_label(config: dict[str, Any]) -> str:
    """The legend's label of the lines: of BP alone where batches leave PC without a formula."""
    return "theory" if config["axis"] != "batch_size" and config["batch"] == 1 else "theory (of BP)"


def residual(config: dict[str, Any]) -> bool:
    """Whether a curve is about residual networks."""
    return any(CURVES[name].residual for name in config["curves"])


def alignment(net: LinearNetwork, x: np.ndarray, y: np.ndarray, curve: Curve, learning_rate: float | None) -> Any:
    """The batch's mean alignment after one step."""
    if not curve.transposed:
        return target_alignment(net, x, y, curve.rule, curve.rescaling, learning_rate).mean()
    factors = decorrelation_matrices(net, x, y, curve.rule)
    changes = [change @ factor.T for change, factor in zip(weight_updates(net, x, y, curve.rule), factors, strict=True)]
    predicted = feedforward(net.layers, x.T)
    if learning_rate is None:
        moved = first_order_change(net.layers, changes, predicted)
    else:
        moved = finite_change(net.layers, changes, predicted, learning_rate)
    return cosine(y.T - predicted[-1], moved).mean()


def limits(alignments: np.ndarray, axis: str = "") -> tuple[float, float]:
    """The range of an axis for means over the last axis: from zero, from below it, or, by conditioning, near one."""
    means = alignments.mean(axis=-1)
    if axis == "condition_number" and means.min() > 0.85:
        gap = 1 - float(np.nanmin(means - np.nan_to_num(deviation(alignments))))
        return 1 - 1.1 * gap, 1 + 0.1 * gap
    return min(0.0, float(np.nanmin(means)) - 0.05), 1.03


def batch_in_words(size: int) -> str:
    """The size of a batch in words."""
    return "single samples" if size == 1 else f"batches of {size}"


def label_axis(axes: Axes, config: dict[str, Any], values: np.ndarray) -> None:
    """Scale, ticks and label of the property; dashed lines mark the square network, and batches as large as it."""
    axes.set_xlabel(AXES[config["axis"]])
    if config["axis"] == "depth":
        axes.set_xticks(np.arange(values.min(), values.max() + 1))
        return
    axes.set_xscale("log", base=2 if config["axis"] == "width" else 10)
    if config["axis"] == "width":
        named_ticks(axes, values)
    if config["axis"] != "condition_number":
        axes.axvline(config["square"], color="0.6", linestyle="--", linewidth=0.8, zorder=0)
