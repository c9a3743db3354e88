"""Target alignment against the number of inference steps: PC, decaying and spiking precision, with forward updates.

Time counts from 0, so that the spike meets the error. The dotted line is backpropagation. The lower panel has the size
of the first layer's update, relative to the largest layer's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from dlntheory import (
    Decaying,
    LinearNetwork,
    Spiking,
    relaxed_alignment,
    relaxed_weight_updates,
    simulate_inference,
    target_alignment,
    weight_updates,
)
from dlntheory.files.builtin import normal_data
from dlntheory.report.style import COLOURS, draw_runs, entitle, head, legend_below, new_figure, positive, styled
from dlntheory.report.words import hidden_layers, runs_in_words

from ..parts import Track
from ..sample_efficiency.single_step import INITIALISATIONS

SETTINGS = ("norm_preserving", "kaiming_uniform")
FULL = {
    "width": 128,
    "hidden": 6,
    "batch": 1,
    "seeds": 10,
    "steps": [1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 20, 50, 200, 1000],
}
QUICK = {"width": 16, "hidden": 3, "batch": 1, "seeds": 3, "steps": [1, 2, 3, 4, 6, 20, 100]}
METHODS = {
    "PC": (None, False),
    "D": ("decaying", False),
    "S": ("spiking", False),
    "F": (None, True),
    "D+F": ("decaying", True),
    "S+F": ("spiking", True),
}


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, seeds, the step size, and how fast precision decays."""
    sizes: dict[str, Any] = {**(QUICK if quick else FULL)}
    seeds = list(range(seed, seed + sizes.pop("seeds")))
    return {**sizes, "seeds": seeds, "initialisation": setting, "step_size": 0.1, "decay": 0.1}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By seed, method and number of steps: alignment, and the first layer's share of the update; and BP's."""
    found = [measure(config, seed) for seed in track(config["seeds"])]
    names = ("alignment", "share", "backpropagation", "bp_share")
    return {"steps": np.array(config["steps"])} | {
        name: np.array(each) for name, each in zip(names, zip(*found, strict=True), strict=True)
    }


def measure(config: dict[str, Any], seed: int) -> tuple[Any, ...]:
    """Alignment and first share of every method after every number of steps, and BP's, in one network."""
    net = LinearNetwork.random(
        [config["width"]] * (config["hidden"] + 2), config["initialisation"], key=jax.random.key(seed)
    )
    x, y = normal_data(net, config["batch"], seed)
    schedules = {None: None, "decaying": Decaying(config["decay"]), "spiking": Spiking()}
    alignment, share = np.empty((2, len(METHODS), len(config["steps"])))
    for column, steps in enumerate(config["steps"]):
        runs = {
            name: simulate_inference(net, x, y, steps, config["step_size"], schedule=schedule)
            for name, schedule in schedules.items()
        }
        for row, (schedule, forward) in enumerate(METHODS.values()):
            alignment[row, column] = np.mean(relaxed_alignment(net, runs[schedule], forward=forward))
            share[row, column] = first_share(relaxed_weight_updates(net, runs[schedule], forward=forward))
    bp = float(np.mean(target_alignment(net, x, y, rule="bp")))
    return alignment, share, bp, first_share(weight_updates(net, x, y, rule="bp"))


def first_share(updates: Any) -> float:
    """The first layer's update relative to the largest; NaN where precisions have decayed to nothing."""
    sizes = [float(np.linalg.norm(each)) for each in updates]
    return sizes[0] / max(sizes) if max(sizes) else float("nan")


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Means over the seeds of every point."""
    alignment, share = (arrays[name].mean(axis=0) for name in ("alignment", "share"))
    return [
        {
            "method": method,
            "steps": int(steps),
            "alignment": float(alignment[row, column]),
            "first_layer_share": float(share[row, column]),
        }
        for row, method in enumerate(METHODS)
        for column, steps in enumerate(arrays["steps"])
    ]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Alignment, and the first layer's share."""
    figure: Figure = new_figure(2, height=2.2)
    panels = figure.subplots(1, 2, sharex=True)
    for axes, name, bp in zip(panels, ("alignment", "share"), ("backpropagation", "bp_share"), strict=True):
        for row, (method, (schedule, forward)) in enumerate(METHODS.items()):
            look = {"color": COLOURS[schedule or "pc"], "style": "o--" if forward else "o-", "label": method}
            shown = 1 - arrays[name][:, row] if name == "alignment" else arrays[name][:, row]
            draw_runs(axes, arrays["steps"], positive(shown), **look)
        axes.axhline(abs((name == "alignment") - np.median(arrays[bp])), color=COLOURS["bp"], label="BP")
        axes.axvline(config["hidden"] + 1, color="0.8", linewidth=0.8, zorder=0)
        axes.set(xscale="log", yscale="log", xlabel="steps of inference")
    panels[0].set_ylabel("1 − target alignment")
    panels[1].set_ylabel("share of the largest update")
    head(panels[0], "Alignment", "A")
    head(panels[1], "Size of the first layer's update", "B")
    layers = hidden_layers([config["width"]] * config["hidden"])
    title = f"{INITIALISATIONS[config['initialisation']]} weights, {layers}, step size {config['step_size']:g}"
    seeds = f"{runs_in_words(len(config['seeds']))}; grey line: one step per layer"
    note = f"D decaying, S spiking precision; F forward updates; {seeds}"
    entitle(figure, f"Updates before equilibrium: {title}", note)
    legend_below(figure)
    return figure
