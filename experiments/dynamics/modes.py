"""Singular modes learned in time by backpropagation and predictive coding: the modes' equations, and training.

A and B: the singular values that a network has learned, with two and three layers; lines are integrated equations,
dots gradient descent on the whole network from the same aligned weights. C: when half of a singular value is learned,
against its size. D: the imbalance of the first two layers, summed over the modes, which backpropagation conserves.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory import (
    DataModes,
    LinearNetwork,
    aligned_network,
    data_modes,
    imbalances,
    mode_dynamics,
    mode_learning_time,
)
from dlntheory.learning.problem import Learning, as_learning
from dlntheory.report.style import COLOURS, entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import LABELS
from dlntheory.training.flow import stacked, updates_at, weights_of

from ..parts import Track

SETTINGS = ("white",)
RULES = ("bp", "pc")
FULL = {"width": 16, "batch": 64, "depths": [2, 3], "modes": 6, "learning_rate": 2e-3, "values": 41, "points": 201}
QUICK = {"width": 6, "batch": 12, "depths": [2, 3], "modes": 3, "learning_rate": 1e-2, "values": 9, "points": 41}
INITIAL = 0.1
"""Every weight of every mode at the start."""
TIMES = (0.1, 50.0)
TARGETS, VALUES = (-0.5, 0.7), (-1.0, 1.0)
"""Powers of ten of the singular values that a network learns, and of those that learning times are shown for."""
EVERY = 8
"""Every so many points, a trajectory has a dot."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, and the singular values of the map to be learned."""
    sizes: dict[str, Any] = {**(QUICK if quick else FULL)}
    targets = np.logspace(*TARGETS, sizes.pop("modes"))[::-1].tolist()
    return {**sizes, "targets": targets, "inputs": setting, "initial": INITIAL, "data_seed": seed}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Products and imbalances in time, twice, and times to learn a mode; by depth and rule."""
    x, y = samples(config)
    modes = data_modes(x, y)
    rate, values = config["learning_rate"], np.logspace(*VALUES, config["values"])
    times = np.unique(np.round(np.geomspace(*TIMES, config["points"]) / rate)) * rate
    arrays = {"times": times, "values": values}
    for depth, rule in track([(depth, rule) for depth in config["depths"] for rule in RULES]):
        initial = [config["initial"]] * depth
        theory = mode_dynamics(modes.singular_values, initial, times, rule)
        found = {
            "theory": theory.products,
            "theory_imbalance": theory.imbalances[..., 0].sum(axis=1),
            "learning_time": mode_learning_time(values, initial, rule),
            **trained(config, modes, x, y, depth, rule, times),
        }
        arrays |= {f"{name}_{rule}_{depth}": np.asarray(each) for name, each in found.items()}
    return arrays


def samples(config: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """White inputs, and what a map with the chosen singular values makes of them."""
    rng = np.random.default_rng(config["data_seed"])
    width, count = config["width"], len(config["targets"])
    x = np.linalg.qr(rng.normal(size=(config["batch"], width)))[0] * np.sqrt(config["batch"])
    outputs, inputs = (np.linalg.qr(rng.normal(size=(width, width)))[0][:, :count] for _ in range(2))
    return x, x @ inputs @ np.diag(config["targets"]) @ outputs.T


def trained(
    config: dict[str, Any], modes: DataModes, x: Any, y: Any, depth: int, rule: str, times: np.ndarray
) -> dict[str, Any]:
    """The weights of gradient descent on the whole network, at the given times."""
    count = len(config["targets"])
    start = jnp.full((modes.singular_values.size, depth), config["initial"])
    net = aligned_network(modes, start, key=config["data_seed"])
    path = descended(net, jnp.asarray(x), jnp.asarray(y), rule, config["learning_rate"], times)
    nets = [net.with_weights(weights_of(net.layers, weights)) for weights in path]
    maps = jnp.stack([each(modes.inputs.T).T for each in nets])
    learned = jnp.einsum("ok,tok->tk", modes.outputs, maps)[:, :count]
    half = np.array(config["targets"]) / 2
    reached = [np.interp(each, path, times) for each, path in zip(half, np.asarray(learned).T, strict=True)]
    return {
        "trained": learned,
        "trained_learning_time": reached,
        "trained_imbalance": jnp.stack([jnp.trace(imbalances(each)[0]) for each in nets]),
    }


@eqx.filter_jit
def step(learning: Learning, rate: Any, vector: jax.Array, count: Any) -> jax.Array:
    """Take so many steps of gradient descent."""
    return jax.lax.fori_loop(0, count, lambda _, w: w + rate * updates_at(learning, w), vector)


def descended(net: LinearNetwork, x: Any, y: Any, rule: str, rate: float, times: np.ndarray) -> list[jax.Array]:
    """All weights in one vector, at the given times."""
    learning, path = as_learning(net, x, y, rule, None, {}), [stacked(net.weights)]
    for between in np.diff(times, prepend=0):
        path.append(step(learning, jnp.asarray(rate), path[-1], jnp.asarray(round(between / rate))))
    return path[1:]


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """The distance of training from the equations, and the growth of learning times with the singular value."""
    count = len(config["targets"])
    rows = []
    for depth in config["depths"]:
        for rule in RULES:
            predicted, found, imbalance, times = (
                arrays[f"{what}_{rule}_{depth}"] for what in ("theory", "trained", "theory_imbalance", "learning_time")
            )
            row = {
                "rule": rule,
                "layers": depth,
                "largest_difference": float(np.abs(predicted[:, :count] - found).max()),
                "learning_times": [float(times[0]), float(times[-1])],
                "exponent": float(np.polyfit(np.log(arrays["values"]), np.log(times), 1)[0]),
                "imbalance": float(imbalance[-1]),
            }
            rows.append(row)
    return rows


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Modes of each depth above; learning times and imbalances below."""
    figure: Figure = new_figure(2, 2)
    *above, times, imbalance = figure.subplots(2, 2).flat
    for axes, depth, letter in zip(above, config["depths"], "AB", strict=False):
        draw_modes(axes, config, arrays, depth)
        head(axes, f"Singular values learned by {depth} layers", letter)
    for depth, style in zip(config["depths"], ("-", "--"), strict=True):
        for rule in RULES:
            look: dict[str, Any] = {"linestyle": style, "color": COLOURS[rule]}
            look["label"] = f"{LABELS[rule]}, {depth} layers"
            times.loglog(arrays["values"], arrays[f"learning_time_{rule}_{depth}"], **look)
            times.plot(config["targets"], arrays[f"trained_learning_time_{rule}_{depth}"], ".", color=COLOURS[rule])
            imbalance.semilogx(arrays["times"], arrays[f"theory_imbalance_{rule}_{depth}"], **look)
            dots = arrays[f"trained_imbalance_{rule}_{depth}"]
            imbalance.plot(arrays["times"][::EVERY], dots[::EVERY], ".", color=COLOURS[rule])
    times.set(xlabel="singular value $s$", ylabel="time to learn half of it")
    imbalance.set(xlabel="time (steps × learning rate)", ylabel=r"$\|W_2\|^2 - \|W_1\|^2$")
    head(times, "Learning time by singular value", "C")
    head(imbalance, "Imbalance of the first two layers", "D")
    note = f"lines: the modes' equations; dots: training, one network; weights start at {config['initial']:g}"
    entitle(figure, "Modes in time", note)
    legend_below(figure)
    return figure


def draw_modes(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray], depth: int) -> None:
    """The singular values that are learned, by each rule; grey lines are the data's."""
    for rule in RULES:
        look = {"color": COLOURS[rule], "linestyle": "-" if depth == config["depths"][0] else "--"}
        learned = arrays[f"theory_{rule}_{depth}"][:, : len(config["targets"])]
        axes.plot(arrays["times"], learned, linewidth=0.9, **look)
        axes.plot(arrays["times"][::EVERY], arrays[f"trained_{rule}_{depth}"][::EVERY], ".", color=COLOURS[rule])
    axes.hlines(config["targets"], *arrays["times"][[0, -1]], color="0.8", linewidth=0.6, zorder=0)
    axes.set(xlabel="time (steps × learning rate)", ylabel="learned singular value", xscale="log")
