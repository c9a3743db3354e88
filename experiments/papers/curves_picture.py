"""The picture of a study by curves: test accuracy over training, and how soon each method reaches an error.

Along sequential matrix multiplications there is a second panel: by test error, the fewest after which the mean over
seeds was as good, whatever a method's number of inference steps. (In appendix C.1 of Better Initialization it is the
best of all trainings.)
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dlntheory.report.style import SERIES, head, new_figure
from dlntheory.report.words import data_title

from .cells import Cell
from .row import Row
from .runner import Finished

LABELS = {"multiplications": "sequential matrix multiplications"}
SEARCHED = "inference_steps"
"""The axis whose values are trainings of one method."""
LOOKS = ("-", "--", ":", "-.")
"""Lines of a method, by the value of `SEARCHED`."""
Place = tuple[tuple[str, str], ...]
Curve = tuple[np.ndarray, np.ndarray]
"""Places on the axis, and test accuracies in percent."""


def draw_curves(row: Row, cells: Sequence[Cell], outcomes: Sequence[Finished | None]) -> Figure:
    """Draw the test accuracy of every cell along ``row.x``, the mean over seeds, with a panel for each of `panels`."""
    x = row.x or "epoch"
    curves = {place: curve for place, curve in averaged(cells, outcomes, x).items() if len(curve[0])}
    values = list(dict.fromkeys(dict(place)[row.panels] for place in curves)) if row.panels and curves else [""]
    halves = 2 if x == "multiplications" else 1
    across = len(values) > 1
    shape = (halves, len(values)) if across else (1, halves)
    figure: Figure = new_figure(*reversed(shape), height=1.9 if across else 2.6)
    grid = figure.subplots(*shape, squeeze=False)
    panels = grid if across else grid.T
    hidden = {SEARCHED, row.panels} | {axis for axis in row.axes if len({dict(each)[axis] for each in curves}) == 1}
    steps = list(dict.fromkeys(dict(place).get(SEARCHED, "") for place in curves))
    methods = dict.fromkeys(named(place, hidden) for place in curves)
    colours = dict(zip(methods, itertools.cycle(SERIES), strict=False))
    for number, value in enumerate(values):
        own = {place: curve for place, curve in curves.items() if not row.panels or dict(place)[row.panels] == value}
        _draw_accuracies(panels[0, number], own, hidden, colours, steps)
        panels[0, number].set(xlabel=LABELS.get(x, x), ylabel="test accuracy, %")
        if halves > 1:
            _draw_fewest(panels[1, number], own, hidden, colours)
            for half, what in enumerate(("over training", "the fewest by error")):
                letter = chr(ord("A") + number + half * len(values))
                head(panels[half, number], f"{data_title(value)}, {what}".removeprefix(", "), letter)
    return figure


def averaged(cells: Sequence[Cell], outcomes: Sequence[Finished | None], x: str) -> dict[Place, Curve]:
    """By cell, the mean over seeds of the test accuracy along ``x``, for the epochs that all seeds have."""
    runs: dict[Place, list[Any]] = {}
    for cell, outcome in zip(cells, outcomes, strict=True):
        if outcome:
            runs.setdefault(tuple(cell.place.items()), []).append(outcome["epochs"])
    found = {}
    for place, seeds in runs.items():
        epochs = [each for each in zip(*seeds, strict=False) if each[0].get(x) is not None]
        accuracies = [100 * np.mean([one["test_accuracy"] for one in each]) for each in epochs]
        found[place] = np.array([each[0][x] for each in epochs], float), np.array(accuracies)
    return found


def fewest(curves: Sequence[Curve]) -> Curve:
    """The multiplications at which a method gets better, and its test errors there, in percent.

    Between two of these errors, the fewest multiplications that reach an error are those of the smaller one.
    """
    spent = np.concatenate([each for each, _ in curves])
    errors = 100 - np.concatenate([each for _, each in curves])
    order = np.lexsort((errors, spent))
    spent, errors = spent[order], errors[order]
    better = errors < np.concatenate([[np.inf], np.minimum.accumulate(errors)[:-1]])
    return spent[better], errors[better]


def named(place: Place, hidden: set[str | None]) -> str:
    """A cell's values on the axes that are not hidden: its method."""
    return " ".join(value for axis, value in place if axis not in hidden)


def _draw_accuracies(
    axes: Axes, curves: Mapping[Place, Curve], hidden: set[str | None], colours: Any, steps: Sequence[str]
) -> None:
    for place, curve in curves.items():
        own, method = dict(place).get(SEARCHED, ""), named(place, hidden)
        label = method if len(steps) == 1 else f"{method}, {own} steps".removeprefix(", ")
        axes.plot(*curve, LOOKS[steps.index(own) % len(LOOKS)], marker=".", color=colours[method], label=label)


def _draw_fewest(axes: Axes, curves: Mapping[Place, Curve], hidden: set[str | None], colours: Any) -> None:
    methods: dict[str, list[Curve]] = {}
    for place, curve in curves.items():
        methods.setdefault(named(place, hidden), []).append(curve)
    for method, own in methods.items():
        spent, errors = fewest(own)
        axes.step(errors[::-1], spent[::-1], where="post", color=colours[method])
        axes.plot(errors, spent, ".", color=colours[method])
    axes.set(xlabel="test error, %", ylabel="multiplications until then", yscale="log", xscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        plain_ticks(axis)


def plain_ticks(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis: 1, 2 and 5 of every decade."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
