"""Curves of training, each algorithm at its best learning rate: what the sweeps of linear and nonlinear networks share.

Kept are the errors of all runs at their end, ``(curve, rate, seed)``; for each curve the index of its best learning
rate, and the errors along training there, ``(curve, seed, time)``. All pictures and claims come from these.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from dlntheory.report.style import draw_runs
from dlntheory.training.comparison import best_rate

from ..results import deviation
from .rules import CURVES, colour_of, look


def with_best(errors: np.ndarray) -> dict[str, np.ndarray]:
    """The ends of all runs, and each curve's best; errors are ``(curve, rate, seed, time)``."""
    best = best_rate(errors)
    at_best = [curve[rate] for curve, rate in zip(errors, best, strict=True)]
    return {"final": errors[..., -1], "best": best, "errors": np.stack(at_best)}


def at_best(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[int, dict[str, Any]]]:
    """For each curve, the index of its best learning rate, and the error at the end there."""
    for curve, best, final in zip(config["curves"], arrays["best"], arrays["final"], strict=True):
        rate, ends = float(arrays["learning_rates"][best]), final[best]
        yield int(best), {"curve": curve, "learning_rate": rate, "mean": float(ends.mean()), "std": deviation(ends)}


def draw_best(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """The error along training, of each curve at its best learning rate."""
    for name, errors in zip(config["curves"], arrays["errors"], strict=True):
        draw_runs(axes, arrays["steps"], errors, **line(name))
    axes.set(xlabel="training step")


def draw_sweep(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray], ceiling: float = np.inf) -> None:
    """The error at the end by learning rate, up to a ceiling; a ring marks each curve's best rate."""
    for name, final, best in zip(config["curves"], arrays["final"], arrays["best"], strict=True):
        rates, shown = arrays["learning_rates"], final.max(axis=1) < ceiling
        draw_runs(axes, rates[shown], final[shown].T, **line(name))
        axes.plot(rates[best], np.median(final[best]), "o", color=colour_of(name), markersize=5, fillstyle="none")
    axes.set(xlabel="learning rate", xscale="log")
    axes.set_title("By learning rate (ring: lowest mean)")


def line(name: str) -> dict[str, Any]:
    """The look of a curve of training: as after one step, without marks."""
    return look(name) | {"style": CURVES[name].style.strip("osx")}
