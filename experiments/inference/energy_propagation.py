"""Energy by layer after T steps of inference: to leading order in the step size, in closed form, and simulated.

From a forward start the energy of layer l is about γ^{2(L−l)} C(T, L−l)² |D_lᵀ r|²/2. The panels vary the number of
steps, the step size, the momentum and the depth; dots are simulated, full lines the closed form, dashed lines the
leading order, the dotted line is the equilibrium, and crosses the equilibrium to expect of a random network.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, energy_propagation, equilibrium, finite_time_activities, simulate_inference
from dlntheory.files.builtin import normal_data
from dlntheory.report.style import entitle, head, legend_below, new_figure, styled
from dlntheory.report.training_pictures import ramp

from ..parts import Track
from ..random_networks import lines
from ..sample_efficiency.single_step import INITIALISATIONS

SETTINGS = ("norm_preserving", "kaiming_uniform")
PANELS = ("steps", "step_size", "momentum", "depth")
TITLES = {
    "steps": "steps $T$",
    "step_size": r"step size $\gamma$",
    "momentum": r"momentum $\mu$",
    "depth": "layers $L$",
}
FULL: dict[str, Any] = {"width": 256, "batch": 64}
QUICK: dict[str, Any] = {
    "width": 16,
    "batch": 8,
    "varied": {"steps": [8, 100], "step_size": [0.01, 0.2], "momentum": [0.0, 0.9], "depth": [4, 8]},
}
BASE = {"steps": 20, "step_size": 0.05, "momentum": 0.0, "depth": 8}
VARIED: dict[str, list[Any]] = {
    "steps": [8, 20, 100, 1000],
    "step_size": [0.01, 0.05, 0.2],
    "momentum": [0.0, 0.5, 0.9],
    "depth": [4, 8, 12],
}
FLOOR, CEILING = 1e-18, 1e6
"""Energies outside are not drawn: rounding below, and above the leading order where it no longer means anything."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, and what each panel varies."""
    sizes = {"varied": VARIED, **(QUICK if quick else FULL)}
    return {**sizes, "initialisation": setting, "base": BASE, "data_seed": seed}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """The batch's mean energy by layer, for each panel and value: three ways, and at equilibrium."""
    cases = [(panel, value) for panel in PANELS for value in config["varied"][panel]]
    return {f"{panel}_{value}": profiles(config, {**config["base"], panel: value}) for panel, value in track(cases)}


def profiles(config: dict[str, Any], choices: dict[str, Any]) -> np.ndarray:
    """Energies in four rows: leading order, closed form, simulation, equilibrium."""
    net = LinearNetwork.random(
        [config["width"]] * (choices["depth"] + 1), config["initialisation"], key=jax.random.key(config["data_seed"])
    )
    x, y = normal_data(net, config["batch"], config["data_seed"])
    options = (choices["steps"], choices["step_size"], choices["momentum"])
    settled = equilibrium(net, x, y)
    found = [
        energy_propagation(net, x, y, *options),
        finite_time_activities(net, x, y, *options).energy_by_layer,
        simulate_inference(net, x, y, *options).energy_by_layer,
        np.stack([np.sum(np.asarray(each) ** 2, axis=1) / 2 for each in settled.errors], axis=1),
    ]
    return np.array([np.mean(np.asarray(each), axis=0) for each in found])


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """For each curve, the energy of the first layer relative to the last, three ways."""
    return [
        {
            "panel": panel, "value": value,
            **{
                name: float(arrays[f"{panel}_{value}"][row, 0] / arrays[f"{panel}_{value}"][row, -1])
                for row, name in enumerate(("leading_order", "closed_form", "simulated", "equilibrium"))
            },
        }
        for panel in PANELS
        for value in config["varied"][panel]
    ]  # fmt: skip


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A panel for each thing that varies; its values stand at the curves."""
    figure: Figure = new_figure(2, 2, height=2.0)
    for letter, panel, axes in zip("ABCD", PANELS, figure.subplots(2, 2, sharey=True).flat, strict=True):
        values = config["varied"][panel]
        for value, colour in zip(values, ramp(len(values)), strict=True):
            draw_profile(axes, arrays[f"{panel}_{value}"], f"{value:g}", colour)
        for depth in values if panel == "depth" else [config["base"]["depth"]]:
            heights = lines.energy_by_layer([config["width"]] * (depth + 1), config["initialisation"])
            axes.plot(np.arange(1, depth + 1), heights, "k+", markersize=5)
        deepest = max(values) if panel == "depth" else config["base"]["depth"]
        axes.set(yscale="log", xlabel="layer", ylim=(FLOOR, CEILING), xlim=(1 - deepest / 6, deepest + 0.4))
        axes.set_xticks(range(1, deepest + 1))
        head(axes, f"By {TITLES[panel]}", letter)
        if letter in "AC":
            axes.set_ylabel("mean energy")
    for label, style in {"simulated": "o", "closed form": "-", "leading order": "--", "equilibrium": ":"}.items():
        axes.plot([], [], style, color="0.3", label=label)
    axes.plot([], [], "k+", markersize=5, label="equilibrium to expect")
    base = ", ".join(f"{TITLES[name]}\u00a0=\u00a0{value:g}" for name, value in config["base"].items())
    title = f"Energy by layer after some steps of inference: {INITIALISATIONS[config['initialisation']]} weights"
    entitle(figure, title, f"where not varied: {base}; one network of width {config['width']}")
    legend_below(figure)
    return figure


def draw_profile(axes: Axes, rows: np.ndarray, label: str, colour: Any) -> None:
    """One curve, four ways, with its label before the first layer."""
    layers = np.arange(1, rows.shape[1] + 1)
    predicted, exact, simulated, settled = np.where(rows > FLOOR, rows, np.nan)
    axes.plot(layers, exact, "-", color=colour)
    axes.plot(layers, simulated, "o", color=colour)
    axes.plot(layers, predicted, "--", color=colour, linewidth=0.9)
    axes.plot(layers, settled, ":", color=colour, linewidth=0.9)
    place: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "center"}
    axes.annotate(label, (1, exact[0]), (-4, 0), color=colour, **place)
