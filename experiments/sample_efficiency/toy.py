"""The toy model of figure 1: one input, one hidden unit, two outputs, all weights one; ``x = 1``, ``y = (−1, 1)``.

Every rule follows its own flow, ``dW_l/dt = ΔW_l``, in small steps until the prediction has reached the target.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from dlntheory import LinearNetwork, prediction_change, weight_updates
from dlntheory.report.style import COLOURS

from ..parts import Track

RULES: dict[str, dict[str, Any]] = {
    "BP": {"rule": "bp"},
    "PC": {"rule": "pc"},
    "PC, rescaled": {"rule": "pc", "rescaling": "adaptive"},
    "natural gradient": {"rule": "natural", "fisher": "full"},
}
STYLES = {
    "BP": (COLOURS["bp"], "-"),
    "PC": (COLOURS["pc"], "-"),
    "PC, rescaled": (COLOURS["pc"], "--"),
    "natural gradient": (COLOURS["natural"], ":"),
}
VECTORS = {"BP": (4, -8), "PC": (-24, 2)}
"""Rules whose first step panel C draws, and where their labels stand."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """The network, the sample, and the steps of the flow."""
    return {
        "weights": [[[1.0]], [[1.0], [1.0]]],
        "input": [1.0],
        "target": [-1.0, 1.0],
        "rules": list(RULES),
        "step": 0.02 if quick else 0.001,
        "duration": 20.0,
    }


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """The predictions at every hundredth of the time, and their change at the start, of every rule."""
    found = [trajectory(config, **RULES[rule]) for rule in track(config["rules"])]
    net, x, y = problem(config)
    changes = [prediction_change(net, x, y, **RULES[rule]) for rule in config["rules"]]
    return {"predictions": np.array(found), "changes": np.array(changes), "residual": np.asarray(y - net(x))}


def problem(config: dict[str, Any]) -> tuple[LinearNetwork, jax.Array, jax.Array]:
    """The network and its sample."""
    net = LinearNetwork.from_weights(config["weights"])
    return net, jnp.asarray(config["input"], net.dtype), jnp.asarray(config["target"], net.dtype)


def trajectory(config: dict[str, Any], **rule: Any) -> jax.Array:
    """The predictions along the flow."""
    net, x, y = problem(config)

    def step(net: LinearNetwork, _: Any) -> tuple[LinearNetwork, jax.Array]:
        updates = weight_updates(net, x, y, solver="covariance", **rule)
        moved = [weight + config["step"] * update for weight, update in zip(net.weights, updates, strict=True)]
        return LinearNetwork.from_weights(moved), net(x)

    count = round(config["duration"] / config["step"])
    predictions = jax.lax.scan(step, net, length=count + 1)[1]
    return predictions[:: max(1, count // 1000)]


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """For every rule, the alignment at the start, and the largest distance by which the right output goes astray."""
    residual, target = arrays["residual"], np.array(config["target"])
    return [
        {
            "rule": rule,
            "alignment": float(change @ residual / np.linalg.norm(change) / np.linalg.norm(residual)),
            "largest_detour": float(np.abs(path[:, 1] - target[1]).max()),
            "distance_at_the_end": float(np.linalg.norm(path[-1] - target)),
        }
        for rule, change, path in zip(config["rules"], arrays["changes"], arrays["predictions"], strict=True)
    ]


def draw(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Panel B: the predictions' way to the target, and the ideal one."""
    start, target = arrays["predictions"][0, 0], config["target"]
    axes.plot(*zip(start, target, strict=True), "--", color="0.6", label="ideal", linewidth=2.5, zorder=0)
    for rule, path in zip(config["rules"], arrays["predictions"], strict=True):
        colour, style = STYLES[rule]
        axes.plot(path[:, 0], path[:, 1], style, color=colour, label=rule)
    for point, mark, name, offset in ((start, "o", "start", 5), (target, "*", "target", -11)):
        axes.plot(*point, mark, color=COLOURS["target"], markersize=4 if mark == "o" else 7)
        axes.annotate(name, tuple(point), (0, offset), textcoords="offset points", ha="center")
    axes.set(xlabel="prediction of output 1", ylabel="prediction of output 2")
    axes.margins(0.12)


def draw_definition(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Panel C: the residual, the first change of the prediction under each rule, and what is perpendicular."""
    residual = arrays["residual"]
    size = float(np.linalg.norm(residual))
    across = np.array([residual[1], -residual[0]]) / size * np.sign(arrays["changes"][0, 1]) * -np.sign(residual[0])
    _arrow(axes, residual, COLOURS["target"], "residual", (0, 7))
    _arrow(axes, across * size / 2, COLOURS["aside"], "interference", (0, -7), "--")
    for rule, offset in VECTORS.items():
        change = arrays["changes"][config["rules"].index(rule)]
        length = float(np.linalg.norm(change))
        cosine = change @ residual / length / size
        _arrow(axes, change * size * 0.8 / length, STYLES[rule][0], f"{rule}: {cosine:.3f}", offset)
    axes.set(xlabel="change of output 1", ylabel="change of output 2", aspect="equal", xlim=(-2.75, 0.75))
    axes.set_ylim(-1.35, 0.5)


def _arrow(axes: Axes, tip: np.ndarray, colour: str, label: str, offset: tuple[int, int], style: str = "-") -> None:
    """An arrow from the origin, and its label so many points from its tip."""
    axes.annotate("", tuple(tip), (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "linestyle": style})
    place = {"textcoords": "offset points", "ha": "center", "va": "center"}
    axes.annotate(label, tuple(tip), offset, color=colour, **place)


class Network:
    """Panel A: the network and its sample. There is nothing to compute."""

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """The start of the flow."""
        return {name: configure(quick, setting, seed)[name] for name in ("weights", "input", "target")}

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """No arrays."""
        return {}

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """No numbers."""
        return []

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Units as circles with their activities in the forward pass, weights at the arrows, targets beside."""
        activities = [np.array(config["input"])]
        for weight in config["weights"]:
            activities.append(np.array(weight) @ activities[-1])
        places = [
            [(layer, (len(each) - 1) / 2 - unit) for unit in range(len(each))] for layer, each in enumerate(activities)
        ]
        for weight, before, after in zip(config["weights"], places, places[1:], strict=False):
            for row, end in zip(weight, after, strict=True):
                for value, start in zip(row, before, strict=True):
                    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "shrinkA": 9, "shrinkB": 9})
                    middle = (np.array(start) + end) / 2
                    axes.annotate(f"{value:g}", tuple(middle), (0, 4), textcoords="offset points", ha="center")
        for place, value in (
            (place, value) for each in zip(places, activities, strict=True) for place, value in zip(*each, strict=True)
        ):
            axes.plot(*place, "o", color="black", markerfacecolor="white", markersize=15)
            axes.text(*place, f"{value:g}", ha="center", va="center")
        for (x, y), wanted in zip(places[-1], config["target"], strict=True):
            axes.text(x + 0.25, y, f"target {wanted:g}".replace("-", "−"), va="center")
        axes.set(xlim=(-0.4, len(places) - 0.1), ylim=(-1, 1))
        for layer, text in enumerate(("input", *["hidden"] * (len(places) - 2), "outputs")):
            axes.text(layer, -0.95, text, ha="center")
        axes.axis("off")
