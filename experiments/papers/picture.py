"""The picture of a study: points, lines along an axis, energies or curves over training, or reconstructions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory.report.style import PAPER, SERIES, entitle, head, legend_below, new_figure, styled, whole_ticks
from dlntheory.report.training_pictures import draw_energies
from dlntheory.report.words import count, data_title, with_unit

from .cells import Cell
from .curves_picture import draw_curves, plain_ticks
from .measures import MEASURES, as_tested
from .reconstruction_picture import draw_reconstructions
from .row import TESTED, Row
from .runner import Finished

RATIOS = {name for name, measure in MEASURES.items() if measure.unit == "1"}
"""Measures that are drawn with a logarithmic axis, and a line at 1."""
LOOKS = ("o-", "s--", "^:", "x-.")
"""Marks of lines, in turn when the colours begin anew."""


@styled()
def draw(row: Row, study: Mapping[str, Any], cells: Sequence[Cell], outcomes: Sequence[Finished | None]) -> Figure:
    """The picture that a row asks for."""
    if row.picture == "points":
        figure: Figure = _points(row, [each for each in study["lines"] if each["measure"] == row.measures[0]])
    elif row.picture == "lines":
        figure = _lines(row, study["lines"])
    elif row.picture == "lines and curves":
        figure = _by_panel(row, study["lines"], cells, outcomes)
    elif row.picture == "reconstructions":
        figure = draw_reconstructions(row, study["lines"], cells, outcomes)
    elif row.picture == "curves":
        figure = draw_curves(row, cells, outcomes)
    else:
        figure = _by_cell(row, cells, outcomes)
    note = "; ".join([f"{study['scale']} scale", *_notes(row, study["lines"])])
    entitle(figure, f"{row.item or row.name}: {row.title}".replace("_", " "), note)
    legend_below(figure)
    return figure


def _notes(row: Row, lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The meaning of bars, of lines of means and of lines without marks."""
    trained, asked = ({each[key] for each in lines if each[key]} for key in ("seeds", "theory_seeds"))
    notes = []
    if row.picture in ("points", "lines", "lines and curves") and trained - {1}:
        notes.append(f"mean and standard deviation of {_seeds(trained)}")
    if row.picture == "curves" and trained:
        notes.append(f"means of {_seeds(trained)}" if trained - {1} else "one seed")
    if row.picture == "energies":
        notes.append("black: test accuracy, dotted in training")
    if asked:
        notes.append(f"dotted: the linear theory of the trained networks, {_seeds(asked)}")
    if any(each["measure"] == "rate_by_limit" for each in lines):
        notes.append("above 1 inference is unstable")
    return notes


def _seeds(numbers: Collection[int]) -> str:
    fewest, most = min(numbers), max(numbers)
    return count(most, "seed") if fewest == most else f"{fewest} to {most} seeds"


def _points(row: Row, lines: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel for every value of the axis `panels`, or for every combination of all axes but the last."""
    told = [axis for axis in row.axes if axis not in row.choose]
    differ = [axis for axis in told if len({each[axis] for each in lines}) > 1] or told[-1:]
    others = [axis for axis in (differ[:-1] if row.panels is None else [row.panels]) if axis in differ]
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for each in lines:
        panels.setdefault(" ".join(data_title(each[axis]) for axis in others), []).append(each)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure: Figure = new_figure(columns, rows, height=0.6 + 0.18 * max(map(len, panels.values())))
    for number, (name, own) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        names = [" ".join(each[axis] for axis in differ if axis not in others) for each in own]
        draw_points(axes, names, row.measures[0], own)
        if name:
            head(axes, name, chr(ord("A") + number) if number < 26 else "")
    return figure


def draw_points(axes: Axes, names: Sequence[str], measure: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """From top to bottom the mean of every cell with the deviation over seeds; diamonds are the paper's."""
    places = range(len(lines))
    for place, mean, deviation in zip(places, _column(lines, "mean"), _column(lines, "deviation"), strict=True):
        axes.errorbar(mean, place, xerr=deviation, fmt="o", color=SERIES[0], markersize=3)
    printed = [(each["published"], place) for place, each in enumerate(lines) if each["published"] is not None]
    if printed:
        axes.plot(*zip(*printed, strict=True), markersize=5, **PAPER)
    axes.set_yticks(places, names)
    axes.set(ylim=(len(lines) - 0.5, -0.5), xlabel=_label(measure))
    axes.grid(axis="x", linewidth=0.4)


def _lines(row: Row, lines: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel for each measure, in a line for every value of the axis `panels`."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in lines:
        groups.setdefault(f"{row.panels}: {data_title(each[row.panels])}" if row.panels else "", []).append(each)
    figure: Figure = new_figure(3 if len(lines) > 8 else 1, len(groups), height=2.6)
    grid = figure.subplots(len(groups), len(row.measures), squeeze=False)
    for (name, own), line in zip(groups.items(), grid, strict=True):
        for measure, axes in zip(row.measures, line, strict=True):
            draw_lines(axes, row, measure, [each for each in own if each["measure"] == measure])
            words = [name, measure.replace("_", " ") if len(line) > 1 else ""]
            if len(figure.axes) > 1:
                head(axes, ", ".join(filter(None, words)), chr(ord("A") + figure.axes.index(axes)))
    return figure


def draw_lines(axes: Axes, row: Row, measure: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """A line along the axis ``x`` for every combination of the others, but those of which the best is chosen."""
    for number, (name, points) in enumerate(_series(row, lines).items()):
        places = _positions([each[str(row.x)] for each in points])
        look, colour = LOOKS[number // len(SERIES) % len(LOOKS)], SERIES[number % len(SERIES)]
        mean, spread = _column(points, "mean"), _column(points, "deviation")
        if not np.isnan(mean).all():
            axes.errorbar(places, mean, spread, fmt=look, color=colour, markersize=3, label=name)
        axes.plot(places, _column(points, "theory"), ":", color=colour)
        _draw_published(axes, places, points, colour)
    if measure in RATIOS:
        axes.axhline(1, color="0.6", linewidth=0.8, zorder=0)
        axes.set_yscale("log")
    values = list(dict.fromkeys(each[str(row.x)] for each in lines))
    if min(_positions(values), default=0) > 0:
        axes.set_xscale("log")
    axes.set_xticks(_positions(values), values, rotation=0 if len(values) * len(row.measures) < 15 else 45)
    axes.minorticks_off()
    axes.set(xlabel=str(row.x).replace("_", " "), ylabel=_label(measure))


def _series(row: Row, lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """By the values of the other axes, the points of a line."""
    others = [axis for axis in row.axes if axis not in (row.x, row.panels, *row.choose)]
    series: dict[str, list[Mapping[str, Any]]] = {}
    for each in lines:
        series.setdefault(" ".join(each[axis] for axis in others), []).append(each)
    return series


def _by_panel(
    row: Row, lines: Sequence[Mapping[str, Any]], cells: Sequence[Cell], outcomes: Sequence[Finished | None]
) -> Figure:
    """For every value of an axis a panel of lines, and below it the same over training, at the last point of each."""
    values = list(dict.fromkeys(each[str(row.panels)] for each in lines))
    figure: Figure = new_figure(len(values), 2)
    grid = figure.subplots(2, len(values), squeeze=False, sharey=True)
    done = [(cell, each) for cell, each in zip(cells, outcomes, strict=True) if each and each["epochs"]]
    for number, value in enumerate(values):
        above, below = grid[:, number]
        own = [each for each in lines if each[str(row.panels)] == value]
        draw_lines(above, row, row.measures[0], own)
        last = [points[-1] for points in _series(row, own).values()]
        _draw_learning(below, row.measures[0], last, done)
        above.set_yscale("log")
        plain_ticks(above.yaxis)
        for axes, letter in ((above, number), (below, number + len(values))):
            head(axes, f"{row.panels}: {data_title(value)}", chr(ord("A") + letter))
            if number:
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
    return figure


def _draw_learning(
    axes: Axes, measure: str, lines: Sequence[Mapping[str, Any]], done: Sequence[tuple[Cell, Finished]]
) -> None:
    """The measure of every epoch, mean over seeds, of the trainings that some lines tell of."""
    for line, colour in zip(lines, SERIES, strict=False):
        own = [each["epochs"] for cell, each in done if cell.place.items() <= line.items()]
        epochs = list(zip(*own, strict=False))
        told = [[as_tested({"epochs": [each]}, line.get(TESTED)) for each in epoch] for epoch in epochs]
        values = [np.mean([MEASURES[measure].value(each) for each in epoch]) for epoch in told]
        axes.plot([epoch[0]["epoch"] for epoch in epochs], values, ".-", color=colour)
    steps = {line[TESTED] for line in lines if TESTED in line}
    axes.set(xlabel="epoch", ylabel=_label(measure) + "".join(f", {TESTED} {each}".replace("_", " ") for each in steps))
    whole_ticks(axes)


def _column(lines: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """The numbers of a column, NaN where there is none."""
    return np.array([each[name] for each in lines], float)


def _positions(values: Sequence[str]) -> list[float]:
    """Numbers where they are, and words in their order."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return list(range(len(values)))


def _draw_published(axes: Axes, places: Sequence[float], lines: Sequence[Mapping[str, Any]], colour: str) -> None:
    """The paper's numbers, in the colour of the line that they belong to."""
    pairs = [(x, each["published"]) for x, each in zip(places, lines, strict=True) if each["published"] is not None]
    if pairs:
        axes.plot(*zip(*pairs, strict=True), markersize=4, **{**PAPER, "markeredgecolor": colour})


def _label(measure: str) -> str:
    return with_unit(MEASURES[measure].label, MEASURES[measure].unit)


def _by_cell(row: Row, cells: Sequence[Cell], outcomes: Sequence[Finished | None]) -> Figure:
    """Draw the energies over training, for the first seed of every cell."""
    done = [(cell, each) for cell, each in zip(cells, outcomes, strict=True) if each and each["epochs"]]
    firsts = {tuple(cell.place.values()): (cell, each) for cell, each in reversed(done)}
    shown = [firsts[key] for key in dict.fromkeys(tuple(cell.place.values()) for cell, _ in done)]
    columns = min(3, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure: Figure = new_figure(columns, rows)
    for place, (cell, outcome) in enumerate(shown, start=1):
        axes, epochs = figure.add_subplot(rows, columns, place), outcome["epochs"]
        draw_energies(axes, [each["epoch"] for each in epochs], [each["energy"] for each in epochs])
        head(axes, " ".join(map(data_title, cell.place.values())), chr(ord("A") + place - 1))
        _accuracies(axes.twinx(), epochs)
    return figure


def _accuracies(axes: Axes, epochs: Sequence[Mapping[str, Any]]) -> None:
    numbers = [each["epoch"] for each in epochs]
    styles: dict[str, Callable[[Mapping[str, Any]], float]] = {
        ":": lambda each: each["accuracy"], "-": lambda each: each["test_accuracy"],
    }  # fmt: skip
    for style, value in styles.items():
        axes.plot(numbers, [100 * value(each) for each in epochs], style, color="black", linewidth=0.9)
    axes.set(ylim=(0, 100), ylabel="accuracy, %")
    axes.spines["right"].set_visible(True)
