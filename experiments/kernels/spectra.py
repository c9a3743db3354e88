"""Spectra of update kernels of single samples, by depth and by the conditioning of the weights.

They explain figures 2 and 3A of *Sample Efficiency*: an update is aligned where its kernel is near a multiple of the
identity. Marks are alignments of the sample's own residual; lines are the cosines between kernel and identity, the
alignment to expect of a residual in a random direction. Dashed black lines are the theory of random networks. The
settings are initialisations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes

from dlntheory import LinearNetwork, update_kernel
from dlntheory.files.builtin import normal_data
from dlntheory.report.style import draw_runs
from dlntheory.report.words import count

from ..parts import Track, gathered
from ..random_networks import lines
from ..results import deviation
from ..sample_efficiency.panels import Panel, PanelFigure
from ..sample_efficiency.rules import CURVES as ALL_CURVES
from ..sample_efficiency.rules import colour_of, look
from ..sample_efficiency.single_step import AXES, INITIALISATIONS, limits

CURVES = {name: ALL_CURVES[name] for name in ("bp", "pc", "bp_adaptive", "pc_adaptive")}
FULL: dict[str, Any] = {
    "width": 128,
    "hidden": 1,
    "depth": [1, 2, 3, 4, 5, 6, 7, 8],
    "condition_number": [1, 2, 10, 50, 1e3, 1e4, 1e5],
    "seeds": 10,
}
QUICK: dict[str, Any] = {"width": 12, "hidden": 1, "depth": [1, 3], "condition_number": [1, 10, 1e3], "seeds": 3}


@dataclass(frozen=True)
class Spectra:
    """Kernels against one property, ``"depth"`` or ``"condition_number"``."""

    axis: str

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """Sizes and seeds; the setting is the initialisation."""
        sizes = QUICK if quick else FULL
        return {
            "axis": self.axis,
            "init": setting,
            "values": list(sizes[self.axis]),
            **{name: sizes[name] for name in ("width", "hidden")},
            "seeds": list(range(seed, seed + sizes["seeds"])),
        }

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """By curve, value and seed: singular values, the cosine with the identity, and the sample's alignment."""
        cases = [(value, seed) for value in config["values"] for seed in config["seeds"]]
        found = [study(*problem(config, *case)) for case in track(cases)]
        whole = gathered(found, len(config["values"]), len(config["seeds"]))
        return {"values": np.array(config["values"])} | {n: np.moveaxis(each, 2, 0) for n, each in whole.items()}

    def heading(self, config: dict[str, Any]) -> str:
        """The size of the network."""
        hidden = [] if config["axis"] == "depth" else [count(config["hidden"], "hidden layer")]
        return ", ".join([*hidden, f"width {config['width']}"])

    def note(self, config: dict[str, Any]) -> list[str]:
        """Weights and seeds, and what bands and bars are."""
        seeds = f"{len(config['seeds'])} seeds: quartiles (bands), standard deviations (bars)"
        return [f"{INITIALISATIONS[config['init']]} weights", seeds]

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Means over the seeds; of condition numbers, geometric ones."""
        return [
            {
                "curve": curve,
                config["axis"]: float(value),
                "condition_number_of_kernel": float(np.exp(np.log(conditions(arrays)[c, index]).mean())),
                "identity_alignment": float(arrays["identity"][c, index].mean()),
                "alignment": float(arrays["alignment"][c, index].mean()),
            }
            for c, curve in enumerate(CURVES)
            for index, value in enumerate(arrays["values"])
        ]


def problem(config: dict[str, Any], value: float, seed: int) -> tuple[LinearNetwork, Any, Any]:
    """A square network, an input and an independent target, where the property has that value."""
    widths, condition = shape(config, value)
    net = LinearNetwork.random(widths, config["init"], jax.random.key(seed), condition)
    net = net.to_numpy()  # drawn by a key of JAX, and computed with at once
    x, y = normal_data(net, 1, seed, linear=False)
    return net, x[0], y[0]


def shape(config: dict[str, Any], value: float) -> tuple[list[int], float | None]:
    """The widths and the weights' condition number, where the property has that value."""
    hidden = int(value) if config["axis"] == "depth" else config["hidden"]
    return [config["width"]] * (hidden + 2), value if config["axis"] == "condition_number" else None


def theory(config: dict[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Alignments to expect, along the property, of every curve that has a formula."""
    positions, found = lines.positions(config["axis"], config["values"]), []
    networks = []
    for value in positions:
        widths, condition = shape(config, value)
        networks.append(lines.random_layers(widths, config["init"], condition))
    for curve in CURVES.values():
        heights = [lines.expected(layers, curve.rule, curve.rescaling) for layers in networks]
        if None not in heights:
            found.append((positions, np.array(heights, float)))
    return found


def study(net: LinearNetwork, x: Any, y: Any) -> dict[str, np.ndarray]:
    """The kernels of all curves at one sample."""
    kernels = [update_kernel(net, x, y, curve.rule, curve.rescaling) for curve in CURVES.values()]
    return {
        "spectrum": np.stack([kernel.spectrum() for kernel in kernels]),
        "identity": np.array([float(kernel.identity_alignment()) for kernel in kernels]),
        "alignment": np.array([float(kernel.target_alignment()) for kernel in kernels]),
    }


def conditions(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The kernels' condition numbers, ``(curve, value, seed)``."""
    return arrays["spectrum"][..., 0] / arrays["spectrum"][..., -1]


def draw_spectra(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Singular values over the largest, geometric means over the seeds, at both ends of the property; plain rules."""
    relative = arrays["spectrum"] / arrays["spectrum"][..., :1]
    means = np.exp(np.log(np.maximum(relative, np.finfo(float).tiny)).mean(axis=2))
    values = arrays["values"]
    for index, style in ((0, "-"), (len(values) - 1, "--")):
        for c, curve in enumerate(("bp", "pc")):
            axes.plot(means[c, index], style, color=colour_of(curve))
        if config["axis"] == "depth":
            heights = lines.kernel_spectrum(shape(config, values[index])[0], config["init"])
            lines.draw_lines(axes, [(np.arange(len(heights)), heights)])
    axes.set(xlabel="singular value, in order", ylabel="over the largest", yscale="log")
    ends = f"{values[0]:g} (full) and {values[-1]:g} (dashed)"
    axes.set_title(f"spectra of {ends} {'hidden layers' if config['axis'] == 'depth' else ''}".rstrip())


def draw_conditions(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Condition numbers of the kernels, medians and quartiles over the seeds."""
    for name, found in zip(CURVES, conditions(arrays), strict=True):
        draw_runs(axes, arrays["values"], found.T, **look(name))
    if config["axis"] == "depth":
        heights = [lines.kernel_condition(shape(config, value)[0], config["init"]) for value in arrays["values"]]
        lines.draw_lines(axes, [(arrays["values"], heights)])
    axes.set(ylabel="condition number", yscale="log")
    axes.set_title("condition number of the kernel")
    label_axis(axes, config, arrays)


def draw_alignments(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Alignment as marks, the cosine between kernel and identity as lines; means over the seeds."""
    for c, (name, curve) in enumerate(CURVES.items()):
        axes.plot(arrays["values"], arrays["identity"][c].mean(axis=-1), curve.style.strip("o"), color=colour_of(name))
        marks, spread = arrays["alignment"][c].mean(axis=-1), deviation(arrays["alignment"][c])
        face = "white" if curve.rescaling else colour_of(name)
        axes.errorbar(arrays["values"], marks, spread, fmt="o", color=colour_of(name), markerfacecolor=face)
    lines.draw_lines(axes, theory(config))
    axes.set(ylabel="target alignment", ylim=limits(arrays["alignment"], config["axis"]))
    axes.set_title("alignment; lines: of the kernel with the identity")
    label_axis(axes, config, arrays)


def label_axis(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """The property's name and scale."""
    axes.set_xlabel(AXES[config["axis"]])
    if config["axis"] == "condition_number":
        axes.set_xscale("log")
    else:
        axes.set_xticks(arrays["values"])


VIEWS = (draw_spectra, draw_conditions, draw_alignments)
FIGURE = PanelFigure(
    "Update kernels of single samples",
    rows=(
        (Panel("A", "By depth", Spectra("depth"), VIEWS),),
        (Panel("B", "By conditioning", Spectra("condition_number"), VIEWS),),
    ),
    SETTINGS=("kaiming_uniform", "norm_preserving"),
)
