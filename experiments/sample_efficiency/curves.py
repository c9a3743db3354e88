"""Curves of training, each algorithm at its best learning rate: what the sweeps of linear and nonlinear networks share.

Of all runs the errors at their end are kept, ``(curve, rate, seed)``; along training those of each curve at its best
learning rate, ``(curve, seed, time)``, and which rate that is. All that is drawn and claimed comes from these.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from dlntheory.training.comparison import best_rate

from ..results import deviation
from .single_step import CURVES, colour_of


def kept(errors: np.ndarray) -> dict[str, np.ndarray]:
    """Keep the ends of all runs, and each curve's best; errors are ``(curve, rate, seed, time)``."""
    best = best_rate(errors)
    at_best = [curve[rate] for curve, rate in zip(errors, best, strict=True)]
    return {"final": errors[..., -1], "best": best, "errors": np.stack(at_best)}


def at_best(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Of each curve, the index of its best learning rate, and the error at the end there."""
    for curve, best, final in zip(config["curves"], arrays["best"], arrays["final"], strict=True):
        rate, ends = float(arrays["learning_rates"][best]), final[best]
        yield int(best), {"curve": curve, "learning_rate": rate, "mean": float(ends.mean()), "std": deviation(ends)}


def draw_best(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """The error along training, of each curve at its best learning rate."""
    for (_, row), errors in zip(at_best(config, arrays), arrays["errors"], strict=True):
        label = f"{CURVES[row['curve']].label} ({row['learning_rate']:.2g})"
        draw_band(axes, arrays["steps"], errors, label, row["curve"])


def draw_band(axes: Axes, positions: np.ndarray, rows: np.ndarray, label: str, name: str) -> None:
    """Mean and sample standard deviation over the rows; not below the least of them, for the logarithmic scale."""
    mean, spread, colour = rows.mean(axis=0), deviation(rows, axis=0), colour_of(name)
    axes.plot(positions, mean, CURVES[name].style.strip("osx"), color=colour, label=label)
    low = np.maximum(mean - spread, rows.min(axis=0))
    axes.fill_between(positions, low, mean + spread, color=colour, alpha=0.15, linewidth=0)


def draw_legend(axes: Axes, config: dict[str, Any], network: str = "") -> None:
    """The curves, under the network, the batch and the number of seeds."""
    title = f"{network}batch {config['batch']}, {len(config['seeds'])} seeds"
    axes.legend(frameon=False, fontsize=7, title=title, title_fontsize=7)
