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
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, energy_propagation, equilibrium, finite_time_activities, simulate_inference
from dlntheory.files.builtin import normal_data

from ..parts import Track
from ..random_networks import lines

SETTINGS = ("norm_preserving", "kaiming_uniform")
PANELS = ("steps", "step_size", "momentum", "depth")
TITLES = {
    "steps": "steps $T$",
    "step_size": r"step size $\gamma$",
    "momentum": r"momentum $\mu$",
    "depth": "layers $L$",
}
FULL = {"width": 256, "batch": 64}
QUICK = {"width": 16, "batch": 8}
BASE = {"steps": 20, "step_size": 0.05, "momentum": 0.0, "depth": 8}
VARIED: dict[str, list[Any]] = {
    "steps": [8, 20, 100, 1000],
    "step_size": [0.01, 0.05, 0.2],
    "momentum": [0.0, 0.5, 0.9],
    "depth": [4, 8, 12],
}
FLOOR, CEILING = 1e-22, 1e6
"""Energies outside are not drawn: rounding below, and above the leading order where it no longer means anything."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, and what each panel varies."""
    return {**(QUICK if quick else FULL), "initialisation": setting, "base": BASE, "varied": VARIED, "data_seed": seed}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """The batch's mean energy by layer, for each panel and value: three ways, and at equilibrium."""
    cases = [(panel, value) for panel in PANELS for value in config["varied"][panel]]
    return {f"{panel}_{value}": profiles(config, {**config["base"], panel: value}) for panel, value in track(cases)}


def profiles(config: dict[str, Any], choices: dict[str, Any]) -> np.ndarray:
    """Rows: leading order, closed form, simulation, equilibrium."""
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
    """Of each curve, the energy of the first layer relative to the last one's, three ways."""
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


def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A panel for each thing that varies."""
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    for letter, panel, axes in zip("ABCD", PANELS, figure.subplots(2, 2, sharey=True).flat, strict=True):
        values = config["varied"][panel]
        colours = colormaps["viridis"](np.linspace(0, 0.85, len(values)))
        for value, colour in zip(values, colours, strict=True):
            draw_profile(axes, arrays[f"{panel}_{value}"], f"{value:g}", colour)
        for depth in values if panel == "depth" else [config["base"]["depth"]]:
            heights = lines.energy_by_layer([config["width"]] * (depth + 1), config["initialisation"])
            axes.plot(np.arange(1, depth + 1), heights, "k+", markersize=7)
        axes.set_title(letter, loc="left", fontweight="bold")
        axes.set(yscale="log", xlabel="layer", ylabel="mean energy", ylim=(FLOOR, CEILING))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(title=TITLES[panel], frameon=False, loc="lower right", fontsize=8)
    base = ", ".join(f"{TITLES[name].split()[-1]} = {value:g}" for name, value in config["base"].items())
    figure.suptitle(
        "Energy by layer: simulated (dots), closed form (lines), leading order (dashed), equilibrium (dotted),\n"
        f"equilibrium to expect of a random network (crosses); {base}",
        fontsize=10,
    )
    return figure


def draw_profile(axes: Axes, rows: np.ndarray, label: str, colour: Any) -> None:
    """One curve, four ways."""
    layers = np.arange(1, rows.shape[1] + 1)
    predicted, exact, simulated, settled = np.where(rows > FLOOR, rows, np.nan)
    axes.plot(layers, exact, "-", color=colour, label=label)
    axes.plot(layers, simulated, "o", color=colour, markersize=4)
    axes.plot(layers, predicted, "--", color=colour, linewidth=1)
    axes.plot(layers, settled, ":", color=colour, linewidth=1)
