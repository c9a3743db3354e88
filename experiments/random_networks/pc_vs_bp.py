"""The phase diagram of random networks in which predictive coding is better aligned than backpropagation, or worse.

Colours are the difference of the alignments by formula, PC's minus BP's; lines are where it vanishes. Marks are drawn
networks: up where PC is better by more than two standard errors, down where BP is, a circle where neither. Single
samples, but for the panels that vary the batch; there PC has a formula for given weights alone, and the colours are
means over few draws.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

from dlntheory.random_networks.batch_alignment import batch_alignment
from dlntheory.random_networks.expected import expected_alignment
from dlntheory.report.style import COLOURS
from dlntheory.training.comparison import mean_and_error

from ..parts import Track
from ..sample_efficiency.panels import Panel, PanelFigure
from . import drawn
from .lines import random_layers

FULL: dict[str, Any] = {
    "depths": [*range(1, 11), 12, 14, 17, 20, 24, 28, 32, 36, 40, 48, 56, 64],
    "scales": 24,
    "widths": [512, 64],
    "drawn_width": 64,
    "drawn_depths": [2, 5, 9, 14, 20, 28, 40],
    "drawn_scales": [1 / 3, 0.5, 0.8, 1.0, 1.5],
    "ratios": 13,
    "drawn_ratios": [0.25, 0.5, 1.0, 2.0, 4.0],
    "draws": 60,
    "samples": 8,
    "batch_width": 128,
    "batch_depths": [1, 2, 3, 4, 6, 8, 10, 12],
    "batch_ratios": [1 / 32, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4],
    "drawn_batch_depths": [2, 4, 8],
    "drawn_batch_ratios": [1 / 8, 1 / 2, 2],
    "batch_draws": 10,
    "formula_draws": 2,
}
QUICK: dict[str, Any] = {
    **FULL, "depths": [1, 4, 12], "scales": 3, "widths": [64], "drawn_width": 8, "drawn_depths": [2, 5],
    "drawn_scales": [0.5], "ratios": 3, "drawn_ratios": [1.0], "draws": 5, "samples": 2, "batch_width": 8,
    "batch_depths": [2, 3], "batch_ratios": [0.5, 1.0], "drawn_batch_depths": [2], "drawn_batch_ratios": [1.0],
    "batch_draws": 3, "formula_draws": 1,
}  # fmt: skip
LARGE = 2**20
"""A width at which integers hold every ratio: the limit depends on ratios alone."""
WITHOUT = 1e-6
"""The length of an input whose prediction is negligible."""
LARGEST = 0.3
"""Differences beyond have the deepest colour."""
SCALE_TICKS = {"0.2": 0.2, "1/3": 1 / 3, "0.5": 0.5, "1": 1.0, "2": 2.0}
RATIO_TICKS = {"1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2, "1": 1.0, "2": 2.0, "4": 4.0, "8": 8.0}
BATCH_TICKS = {"1/32": 1 / 32, "1/8": 1 / 8, "1/2": 1 / 2, "2": 2.0}
MARKS: list[dict[str, Any]] = [
    {"marker": marker, "color": colour, "markeredgecolor": "black", "markersize": 4.5, "linestyle": "none"}
    for marker, colour in (("o", "white"), ("^", COLOURS["pc"]), ("v", COLOURS["bp"]))
]
"""Marks of drawn networks: neither rule is better beyond the noise, PC is, or BP is."""
Array = np.ndarray


@dataclass(frozen=True)
class Single:
    """One sample: depth against the variance of equal widths, or against the width of Kaiming's hidden layers.

    Attributes:
        axis: ``"scale"``, ``σ²`` as ``n`` times the variance, or ``"ratio"``, hidden widths over the outer ones.
    """

    axis: str

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """Depths, the values of the axis, widths, and what is drawn."""
        sizes = QUICK if quick else FULL
        ends = (0.2, 2.5) if self.axis == "scale" else (1 / 8, 8.0)
        values = np.geomspace(*ends, sizes[f"{self.axis}s"])
        own = {name: sizes[name] for name in ("depths", "widths", "drawn_width", "drawn_depths", "draws", "samples")}
        return {
            **own,
            "axis": self.axis,
            "values": values.tolist(),
            "drawn_values": sizes[f"drawn_{self.axis}s"],
            "seed": seed,
        }

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, Array]:
        """Differences by depth and value: of the limit, without the prediction, and of each width; and drawn ones."""
        depths = [depth for depth in config["depths"] if self.axis == "scale" or depth > 1]
        formula, trial = partial(self._formula, config), partial(self._drawn, config)
        found = by_depth(formula, depths, trial, config["drawn_depths"], track)
        found["difference"] = found["difference"].transpose(1, 0, 2)
        return {"depths": np.array(depths), "values": np.array(config["values"]), **found}

    def layers(self, n: int, depth: int, value: float) -> list[drawn.Layer]:
        """The network."""
        if self.axis == "scale":
            return [("dense", n, n, value / n)] * depth
        return random_layers([n, *[max(1, round(n * value))] * (depth - 1), n], "kaiming_uniform")

    def _formula(self, config: dict[str, Any], depth: int) -> list[list[float]]:
        """The limit, the limit without the prediction, and the mean of each width, by value."""
        cases = [(LARGE, "limit", None), (LARGE, "limit", WITHOUT), *((n, "mean", None) for n in config["widths"])]
        return [self._differences(config["values"], depth, *case).tolist() for case in cases]

    def _differences(self, values: Sequence[float], depth: int, n: int, name: str, norm: float | None) -> Array:
        """PC's alignment minus BP's, all variances at once."""

        def difference(**network: Any) -> Any:
            rules = [expected_alignment(rule=rule, input_norm=norm, **network) for rule in ("pc", "bp")]
            return getattr(rules[0], name) - getattr(rules[1], name)

        if self.axis == "scale":
            return difference(widths=[n] * (depth + 1), variances=np.tile(np.array(values)[:, None] / n, depth))
        return np.array([difference(layers=self.layers(n, depth, value)) for value in values])

    def _drawn(self, config: dict[str, Any], depth: int) -> list[list[float]]:
        """Means of differences and their errors, by value."""
        columns = []
        for value in config["drawn_values"]:
            rng = np.random.default_rng([config["seed"], depth, round(1000 * value)])
            layers = self.layers(config["drawn_width"], depth, value)
            found = [drawn.single(rng, layers, config["samples"]) for _ in range(config["draws"])]
            columns.append(mean_and_error(np.array([(each["pc"] - each["bp"]).mean() for each in found])))
        return np.transpose(columns).tolist()

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, Array]) -> list[dict[str, Any]]:
        """For each value, the depth from which PC is below BP: in the limit, without the prediction, and by width."""
        names = ["infinite width", "infinite width, no prediction", *(f"width {n}" for n in config["widths"])]
        return [
            {self.axis: float(value)} | {
                name: first_below(arrays["depths"], each[:, index])
                for name, each in zip(names, arrays["difference"], strict=True)
            }
            for index, value in enumerate(arrays["values"])
        ]  # fmt: skip

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, Array]) -> None:
        """The limit as colours, all as lines, drawn networks as marks."""
        draw_map(axes, arrays["values"], arrays["depths"], arrays["difference"][0])
        labels = ["n → ∞", "n → ∞, ŷ left out", *(f"n = {n}" for n in config["widths"])]
        for label, style, each in zip(labels, ("-", "-.", "--", ":"), arrays["difference"], strict=False):
            draw_zero(axes, arrays["values"], arrays["depths"], each, style, label)
        draw_marks(axes, config["drawn_values"], config["drawn_depths"], arrays["drawn"])
        name = r"$\sigma^2$, variance times width" if self.axis == "scale" else "width of hidden layers over $n$"
        label_axes(axes, name, SCALE_TICKS if self.axis == "scale" else RATIO_TICKS)
        axes.set_yscale("log")
        axes.set_yticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
        axes.set_ylim(0.85 * arrays["depths"].min())  # a mark at the edge is whole
        axes.minorticks_off()

    def note(self, config: dict[str, Any]) -> list[str]:
        """A description of what is drawn."""
        runs = f"{config['draws']} draws of {config['samples']} samples"
        return [f"marks of width {config['drawn_width']}, {runs}"]


@dataclass(frozen=True)
class Batch:
    """Depth against the batch over the width, for equal widths and targets independent of the inputs."""

    init: str

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """Depths, batches, the width and how many draws."""
        sizes = QUICK if quick else FULL
        names = (
            "batch_depths",
            "batch_ratios",
            "drawn_batch_depths",
            "drawn_batch_ratios",
            "batch_draws",
            "formula_draws",
        )
        return {name: sizes[name] for name in names} | {"width": sizes["batch_width"], "init": self.init, "seed": seed}

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, Array]:
        """Differences by depth and batch: predicted from few draws of the weights, and measured on others."""
        formula, trial = partial(self._formula, config), partial(self._drawn, config)
        return by_depth(formula, config["batch_depths"], trial, config["drawn_batch_depths"], track)

    def _formula(self, config: dict[str, Any], depth: int) -> list[float]:
        n, layers = config["width"], random_layers([config["width"]] * (depth + 1), self.init)
        rng, found = np.random.default_rng([config["seed"], depth]), []
        for _ in range(config["formula_draws"]):
            maps = [drawn.draw(rng, layer).astype(float) for layer in layers]
            sizes = [max(1, round(ratio * n)) for ratio in config["batch_ratios"]]
            found.append([batch_alignment(maps, size, "pc") - batch_alignment(maps, size, "bp") for size in sizes])
        return np.mean(found, axis=0).tolist()

    def _drawn(self, config: dict[str, Any], depth: int) -> list[list[float]]:
        n, layers = config["width"], random_layers([config["width"]] * (depth + 1), self.init)
        columns = []
        for ratio in config["drawn_batch_ratios"]:
            rng = np.random.default_rng([config["seed"] + 1, depth, round(1000 * ratio)])
            found = [drawn.batch(rng, layers, max(1, round(ratio * n)), False) for _ in range(config["batch_draws"])]
            columns.append(mean_and_error(np.array([(each["pc"] - each["bp"]).mean() for each in found])))
        return np.transpose(columns).tolist()

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, Array]) -> list[dict[str, Any]]:
        """For each batch, the depth from which PC is below BP."""
        return [
            {"batch over width": ratio, "depth": first_below(np.array(config["batch_depths"]), column)}
            for ratio, column in zip(config["batch_ratios"], arrays["difference"].T, strict=True)
        ]

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, Array]) -> None:
        """Predictions from given weights as colours and a line, drawn networks as marks."""
        ratios, depths = np.array(config["batch_ratios"]), np.array(config["batch_depths"])
        draw_map(axes, ratios, depths, arrays["difference"])
        draw_zero(axes, ratios, depths, arrays["difference"], (0, (4, 1, 1, 1, 1, 1)), "given weights")
        draw_marks(axes, config["drawn_batch_ratios"], config["drawn_batch_depths"], arrays["drawn"])
        label_axes(axes, "batch over width", BATCH_TICKS)
        axes.set_yticks(range(2, int(depths[-1]) + 1, 2))

    def note(self, config: dict[str, Any]) -> list[str]:
        """A description of what is drawn, and of the colours' source."""
        return [f"marks of width {config['width']}, {config['batch_draws']} draws, others than the formula's weights"]


def by_depth(
    formula: Callable[[int], Any], depths: Sequence[int], trial: Callable[[int], Any], trial_depths: Sequence[int],
    track: Track,
) -> dict[str, Array]:  # fmt: skip
    """Differences by formula, a row for each depth, and of drawn networks: means and errors, each by depth."""
    rows = [compute(depth) for compute, depth in track([*product([formula], depths), *product([trial], trial_depths)])]
    return {"difference": np.array(rows[: len(depths)]), "drawn": np.array(rows[len(depths) :]).transpose(1, 0, 2)}


def first_below(depths: Array, difference: Array) -> int | None:
    """The first depth at which PC is below BP, by more than rounding; ``None`` if there is none."""
    below = difference < -1e-9
    return int(depths[below.argmax()]) if below.any() else None


def label_axes(axes: Axes, name: str, ticks: Mapping[str, float]) -> None:
    """Label the axes: the varied property, on a logarithmic scale, and the depth."""
    axes.set(xlabel=name, ylabel="weight layers", xscale="log")
    axes.set_xticks(list(ticks.values()), list(ticks))
    axes.minorticks_off()


def draw_map(axes: Axes, values: Array, depths: Array, difference: Array) -> None:
    """The difference, as colours between the rules' own."""
    colours = LinearSegmentedColormap.from_list("rules", [COLOURS["bp"], "white", COLOURS["pc"]])
    levels, norm = np.linspace(-LARGEST, LARGEST, 25), TwoSlopeNorm(0, -LARGEST, LARGEST)
    mesh = axes.contourf(values, depths, np.clip(difference, -LARGEST, LARGEST), levels, cmap=colours, norm=norm)
    bar = axes.figure.colorbar(mesh, cax=axes.inset_axes((1.03, 0.0, 0.04, 1.0)), ticks=[-LARGEST, 0, LARGEST])
    bar.ax.tick_params(length=2)


def draw_zero(axes: Axes, values: Array, depths: Array, difference: Array, style: str, label: str) -> None:
    """The line where both are alike, and its entry in the legend."""
    shown = np.where(np.abs(difference) < 1e-9, 1e-9, difference)  # one layer: both are one
    axes.contour(values, depths, shown, [0.0], colors="black", linestyles=[style], linewidths=1)
    axes.plot([], [], color="black", linestyle=style, linewidth=1, label=label)


def draw_marks(axes: Axes, values: Sequence[float], depths: Sequence[int], found: Array) -> None:
    """Drawn networks: up where PC is better, down where BP is."""
    for depth, means, errors in zip(depths, *found, strict=True):
        for value, mean, error in zip(values, means, errors, strict=True):
            side = 0 if abs(mean) <= 2 * error else 1 if mean > 0 else 2
            axes.plot(value, depth, **MARKS[side], label="_")
    for look, label in zip(MARKS, ("drawn: neither", "drawn: PC better", "drawn: BP better"), strict=True):
        axes.plot([], [], **look, label=label)


FIGURE = PanelFigure(
    "Alignment by formula, PC's minus BP's; lines: where both are equal",
    rows=(
        (
            Panel("A", "One sample, by variance", Single("scale")),
            Panel("B", "One sample, Kaiming, by width", Single("ratio")),
        ),
        (
            Panel("C", "Kaiming, by batch", Batch("kaiming_uniform")),
            Panel("D", "Norm-preserving, by batch", Batch("norm_preserving")),
        ),
    ),
    SETTINGS=("both",),
)
