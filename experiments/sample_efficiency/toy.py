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
from dlntheory.report.pictures import COLOURS

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
VECTORS = ("BP", "PC")
"""Rules whose first step panel C draws."""


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
    """Of every rule, the alignment at the start, and how far the output that was right goes astray."""
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
    axes.plot(*zip(start, target, strict=True), "--", color="0.6", label="ideal", linewidth=3, zorder=0)
    for rule, path in zip(config["rules"], arrays["predictions"], strict=True):
        colour, style = STYLES[rule]
        axes.plot(path[:, 0], path[:, 1], style, color=colour, label=rule)
    axes.plot(*start, "ko", markersize=4)
    axes.plot(*target, "k*", markersize=9)
    axes.set(xlabel=r"$\hat{y}_1$", ylabel=r"$\hat{y}_2$")
    axes.legend(frameon=False, fontsize=8)


def draw_definition(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Panel C: the residual, the first change of the prediction under each rule, and what is perpendicular."""
    residual = arrays["residual"]
    size = float(np.linalg.norm(residual))
    across = np.array([residual[1], -residual[0]]) / size * np.sign(arrays["changes"][0, 1]) * -np.sign(residual[0])
    _arrow(axes, residual, "0.2", "-", "$r$")
    _arrow(axes, across * size / 2, "0.6", "--", "interference")
    for rule in VECTORS:
        change = arrays["changes"][config["rules"].index(rule)]
        length = float(np.linalg.norm(change))
        cosine = change @ residual / length / size
        _arrow(axes, change * size * 0.8 / length, STYLES[rule][0], "-", rf"{rule}: $\cos = {cosine:.3f}$")
    axes.set(xlabel=r"$\Delta\hat{y}_1$", ylabel=r"$\Delta\hat{y}_2$", aspect="equal", xlim=(-2.1, 0.4), ylim=(-1.1, 1))
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _arrow(axes: Axes, vector: np.ndarray, colour: str, style: str, label: str) -> None:
    axes.annotate("", tuple(vector), (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "linestyle": style})
    axes.plot(*zip((0, 0), vector, strict=True), linestyle=style, color=colour, label=label)
