"""A training run as a picture: energy by layer and accuracy, epoch by epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def training_picture(title: str, records: Sequence[dict[str, Any]], measure: str) -> Figure:
    """Mean energy by layer over training, and the accuracies on the training and the test set.

    Args:
        title: of the figure.
        records: the metrics of a run.
        measure: what their accuracy is.

    Returns:
        The figure, in the manner of figures 2 and 5 of Deeper PCNs.
    """
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    figure.suptitle(title)
    draw_energies(left, records)
    draw_accuracies(right, records, measure)
    return figure


def draw_energies(axes: Axes, records: Sequence[dict[str, Any]]) -> None:
    """Energy by layer over training, on a logarithmic axis; zeros are left out."""
    epochs = [record for record in records if record["kind"] == "epoch"]
    energies = np.array([record["energy"] for record in epochs], float)
    if energies.size:
        colours = colormaps["viridis"](np.linspace(0, 0.9, energies.shape[1]))
        for layer, (values, colour) in enumerate(zip(energies.T, colours, strict=True), start=1):
            shown = np.where(values > 0, values, np.nan)
            axes.plot([record["epoch"] for record in epochs], shown, ".-", color=colour, label=f"layer {layer}")
        if (energies > 0).any():
            axes.set_yscale("log")
        axes.legend(fontsize="x-small", ncols=1 + energies.shape[1] // 8)
    axes.set(xlabel="epoch", ylabel="energy, mean over samples", title="Energy by layer")


def draw_accuracies(axes: Axes, records: Sequence[dict[str, Any]], measure: str) -> None:
    """Training and test accuracy over the epochs, and the alignment if it was measured."""
    epochs = [record for record in records if record["kind"] == "epoch"]
    sets = {"accuracy": "training", "validation_accuracy": "validation", "test_accuracy": "test"}
    for name, label in sets.items():
        points = [(each["epoch"], 100 * each[name]) for each in epochs if name in each]
        if points:
            axes.plot(*zip(*points, strict=True), ".-", label=label)
    aligned = [each for each in records if each.get("alignment") is not None]
    if aligned:
        twin = axes.twinx()
        twin.plot([each["epoch"] for each in aligned], [each["alignment"] for each in aligned], "k.", alpha=0.4)
        twin.set(ylabel="target alignment (dots)", ylim=(-1, 1.02))
    axes.legend(loc="lower right")
    axes.set(xlabel="epoch", ylabel=f"{measure}, %", title=measure.capitalize())


def importances_picture(title: str, importances: dict[str, float]) -> Figure:
    """How much of the accuracy each hyperparameter explains, in the manner of figure 18 of Benchmarking PCNs."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(importances), list(importances.values()))
    axes.invert_yaxis()
    axes.set(xlabel="importance", title=title)
    return figure
