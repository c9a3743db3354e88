"""A training run as a picture: energy by layer and accuracy, epoch by epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import COLUMN, PAGE, entitle, head, legend_below, positive, styled, whole_ticks

ACCURACIES = {"accuracy": ("training", ":"), "test_accuracy": ("test", "-")}


@styled()
def training_picture(title: str, records: Sequence[dict[str, Any]], measure: str) -> Figure:
    """Mean energy by layer over training, and the accuracies on the training and the test set.

    Args:
        title: the title of the figure.
        records: the metrics of a run.
        measure: the meaning of their accuracy.

    Returns:
        The figure, in the manner of figures 2 and 5 of Deeper PCNs.
    """
    figure = Figure(figsize=(PAGE, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    epochs = [record for record in records if record["kind"] == "epoch"]
    draw_energies(left, [record["epoch"] for record in epochs], [record["energy"] for record in epochs])
    head(left, "Energy by layer", "A")
    draw_accuracies(right, records, measure)
    head(right, measure.capitalize(), "B")
    entitle(figure, title)
    legend_below(figure)
    return figure


def draw_energies(axes: Axes, epochs: Sequence[int], energies: Any) -> None:
    """Energy by layer over training, ``(epoch, layer)``, on a logarithmic axis; zeros are left out."""
    energies = positive(energies)
    if energies.size:
        for layer, (values, colour) in enumerate(zip(energies.T, ramp(energies.shape[1]), strict=True), start=1):
            axes.plot(epochs, values, ".-", color=colour, label=f"layer {layer}")
        if np.isfinite(energies).any():
            axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="mean energy")
    whole_ticks(axes)


def ramp(number: int) -> Any:
    """Colours from dark to light for what has an order, such as layers."""
    return colormaps["viridis"](np.linspace(0, 0.84, number))


def draw_accuracies(axes: Axes, records: Sequence[dict[str, Any]], measure: str) -> None:
    """Training and test accuracy over the epochs in black, and the alignment if it was measured."""
    epochs = [record for record in records if record["kind"] == "epoch"]
    for name, (label, style) in ACCURACIES.items():
        points = [(each["epoch"], 100 * each[name]) for each in epochs if name in each]
        if points:
            axes.plot(*zip(*points, strict=True), style, color="black", label=f"{label} {measure}")
    aligned = [each for each in records if each.get("alignment") is not None]
    if aligned:
        twin = axes.twinx()
        twin.spines["right"].set_visible(True)
        twin.plot([each["epoch"] for each in aligned], [each["alignment"] for each in aligned], "x", color="0.5",
                  label="target alignment")  # fmt: skip
        twin.set(ylabel="target alignment (crosses)", ylim=(-1, 1.02))
    axes.set(xlabel="epoch", ylabel=f"{measure}, %")
    whole_ticks(axes)


@styled()
def importances_picture(title: str, importances: dict[str, float]) -> Figure:
    """The share of the accuracy that each hyperparameter explains, drawn as in figure 18 of Benchmarking PCNs."""
    figure = Figure(figsize=(COLUMN, 2.6), layout="constrained")
    axes = figure.subplots()
    names = [name.replace("_", " ") for name in importances]
    axes.barh(names, list(importances.values()), color="0.5")
    axes.invert_yaxis()
    axes.set(xlabel="importance")
    entitle(figure, title)
    return figure
