"""Saddles of the loss and of predictive coding's energy: how they curve, and how long training stays there.

A: eigenvalues of both Hessians at the origin, by depth. B: the same where the best mode has been learned and the others
not at all. C: the time to leave three of these saddles, against how far from it training starts: predicted from the
Hessian (lines), and followed (dots); where the Hessian knows no way out there is no line. D: the time to learn a mode
of size one, against the size of the weights that it starts from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory import (
    LinearNetwork,
    critical_network,
    energy_hessian,
    escape_time,
    loss_hessian,
    mode_learning_time,
    simulated_escape_time,
)
from dlntheory.report.style import COLOURS, entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import LABELS, count

from ..parts import Track

SETTINGS = ("normal",)
RULES = ("bp", "pc")
FULL = {"width": 6, "samples": 64, "seeds": 3, "depths": [2, 3, 4], "sizes": 7, "initials": 25}
QUICK = {"width": 3, "samples": 16, "seeds": 1, "depths": [2, 3], "sizes": 2, "initials": 7}
SADDLES: dict[str, list[int]] = {"origin": [], "first mode": [0]}
ESCAPES = ((2, "origin"), (3, "origin"), (3, "first mode"))
LINES, MARKS = {2: "-", 3: "--", 4: "-."}, {2: "o", 3: "s"}
"""By depth; marks are of the depths whose escapes are followed."""
RADIUS = 0.1
SIZES = (-4.0, -2.0)
"""Powers of ten of the distance from the saddle at the start, and of the initial weights."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, seeds, and distances."""
    sizes: dict[str, Any] = {**(QUICK if quick else FULL)}
    chosen = {
        "seeds": list(range(seed, seed + sizes.pop("seeds"))),
        "sizes": np.logspace(*SIZES, sizes.pop("sizes")).tolist(),
        "initials": np.logspace(*SIZES, sizes.pop("initials")).tolist(),
    }
    return {**sizes, **chosen, "inputs": setting, "radius": RADIUS, "data_seed": seed}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Eigenvalues by saddle, depth and rule; escape times by seed and distance; learning times by initial weight."""
    x, y = samples(config)
    arrays = {"sizes": np.array(config["sizes"]), "initials": np.array(config["initials"])}
    cases = [(depth, saddle, rule) for depth in config["depths"] for saddle in SADDLES for rule in RULES]
    for depth, saddle, rule in track(cases):
        net = critical_network(x, y, [config["width"]] * (depth + 1), SADDLES[saddle])
        hessian = loss_hessian(net, x, y) if rule == "bp" else energy_hessian(net, x, y)
        arrays[name("spectrum", depth, saddle, rule)] = np.linalg.eigvalsh(hessian)
        if (depth, saddle) in ESCAPES:
            arrays[name("escape", depth, saddle, rule)] = escapes(config, net, x, y, rule)
        if saddle == "origin":
            start = np.outer(arrays["initials"], np.ones(depth))
            arrays[f"learning_time_{rule}_{depth}"] = np.asarray(
                mode_learning_time(np.ones(len(start)), start, rule, horizon=1e15)
            )
    return arrays


def name(what: str, depth: int, saddle: str, rule: str) -> str:
    """The name of an array."""
    return f"{what}_{saddle.replace(' ', '_')}_{rule}_{depth}"


def samples(config: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Normal inputs, and a random map of them."""
    rng = np.random.default_rng(config["data_seed"])
    width = config["width"]
    x = rng.normal(size=(config["samples"], width))
    return x, x @ rng.normal(size=(width, width)) / np.sqrt(width)


def escapes(config: dict[str, Any], net: LinearNetwork, x: Any, y: Any, rule: str) -> np.ndarray:
    """Predicted and followed, by seed and distance."""
    found = []
    for seed in config["seeds"]:
        rng = np.random.default_rng(seed)
        way = [rng.normal(size=weight.shape) for weight in net.weights]
        norm = np.sqrt(sum(np.sum(each**2) for each in way))
        for size in config["sizes"]:
            given = (net, x, y, [size / norm * each for each in way], config["radius"], rule)
            found.append([escape_time(*given), simulated_escape_time(*given, horizon=1e9)])
    return np.moveaxis(np.array(found).reshape(len(config["seeds"]), -1, 2), -1, 0)


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """The lowest eigenvalue of each saddle, and its escape times from the smallest distance."""
    rows = []
    for depth in config["depths"]:
        for saddle in SADDLES:
            for rule in RULES:
                row = {"layers": depth, "saddle": saddle, "rule": rule}
                row["lowest_eigenvalue"] = float(arrays[name("spectrum", depth, saddle, rule)][0])
                if (depth, saddle) in ESCAPES:
                    predicted, followed = arrays[name("escape", depth, saddle, rule)][..., 0].mean(axis=1)
                    row |= {"predicted_escape": float(predicted), "followed_escape": float(followed)}
                rows.append(row)
    return rows


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Spectra above, times below."""
    figure: Figure = new_figure(2, 2, height=2.1)
    origin, first, escape, learning = figure.subplots(2, 2).flat
    for axes, saddle in zip((origin, first), SADDLES, strict=True):
        draw_spectra(axes, config, arrays, saddle)
    draw_escapes(escape, arrays)
    for depth, style in LINES.items():
        for rule in RULES if depth in config["depths"] else ():
            learning.loglog(arrays["initials"], arrays[f"learning_time_{rule}_{depth}"], style, color=COLOURS[rule])
            times = {"color": COLOURS[rule], "linestyle": style, "label": f"{LABELS[rule]}, {depth} layers"}
            learning.plot([], [], marker=MARKS.get(depth), **times)
    learning.set(xlabel="size of the initial weights", ylabel="time to learn half of it")
    head(origin, "Hessian at the origin", "A")
    head(first, "Hessian, first mode learned", "B")
    head(escape, "Time to leave a saddle", "C")
    head(learning, "Time to learn a mode of size one", "D")
    seeds = f"medians of {count(len(config['seeds']), 'seed')}"
    note = f"C: lines predicted, dotted where nothing is; marks followed, open with the first mode learned; {seeds}"
    entitle(figure, "Saddles of the loss (BP) and of predictive coding's energy (PC)", note)
    legend_below(figure)
    return figure


def draw_spectra(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray], saddle: str) -> None:
    """Every eigenvalue a dot, in a column for each depth and rule."""
    columns = [(depth, rule) for depth in config["depths"] for rule in RULES]
    for place, (depth, rule) in enumerate(columns):
        values = arrays[name("spectrum", depth, saddle, rule)]
        spread = np.linspace(-0.3, 0.3, len(values))
        axes.plot(place + spread, values, ".", color=COLOURS[rule], markersize=2)
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    axes.set_xticks(range(len(columns)), [f"{LABELS[rule]}\n{depth}" for depth, rule in columns])
    axes.set(xlabel="rule and number of layers", ylabel="eigenvalues")
    axes.set_yscale("symlog", linthresh=0.1)
    low, high = axes.get_ylim()
    axes.set_ylim(1.4 * low, 1.4 * high)  # every mark is whole


def draw_escapes(axes: Axes, arrays: Mapping[str, np.ndarray]) -> None:
    """Lines are predicted, marks followed; a thin dotted line leads through marks that no prediction has."""
    for depth, saddle in ESCAPES:
        for rule in RULES:
            predicted, followed = np.median(arrays[name("escape", depth, saddle, rule)], axis=1)
            known = np.isfinite(predicted).all()
            line, style = (predicted, LINES[depth]) if known else (followed, ":")
            axes.plot(arrays["sizes"], line, style, color=COLOURS[rule], linewidth=1.0 if known else 0.6)
            face = COLOURS[rule] if saddle == "origin" else "white"
            axes.plot(arrays["sizes"], followed, MARKS[depth], color=COLOURS[rule], markerfacecolor=face)
    axes.set(xscale="log", yscale="log", xlabel="distance from it at the start", ylabel="time")
