"""The picture of a study that keeps reconstructions: test pictures, and below them what each training makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlntheory.report.style import COLUMN, PAGE, show_pictures

from .cells import Cell
from .measures import MEASURES, as_tested
from .reconstructed import PICTURE, WHITE
from .row import TESTED, Row
from .runner import Finished

SIDE, NAME = 0.52, 1.2
"""Inches: of a picture with its margin, and of a row's name."""


def draw_reconstructions(
    row: Row, lines: Sequence[Mapping[str, Any]], cells: Sequence[Cell], outcomes: Sequence[Finished | None]
) -> Figure:
    """Test pictures, and a row of reconstructions for every line of the table, by the first seed after the last epoch.

    Above each stands the measure of that network, which is another than the table's mean of the best epochs.

    Where the steps of the test are ``x``, they stand side by side, and share the pictures among them.

    Args:
        row: what was run.
        lines: each with the values of the axes.
        cells: the trainings.
        outcomes: what each came to; ``None`` if it is not finished.
    """
    steps = list(dict.fromkeys(line[TESTED] for line in lines)) if row.x == TESTED else [""]
    shown = max(1, row.reconstructions // len(steps))
    rows = _rows(row, lines, cells, outcomes, shown)
    columns = len(steps) * shown
    width = min(PAGE, max(COLUMN, NAME + SIDE * columns))
    figure = Figure(figsize=(width, SIDE * len(rows) + 0.6), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for along, (name, groups) in zip(grid, rows.items(), strict=True):
        for axes in along:
            axes.set_axis_off()
        for number, group in enumerate(steps):
            if group in groups:
                note, pictures = groups[group]
                part = along[number * shown : (number + 1) * shown][: len(pictures)]
                show_pictures(part, pictures, "")
                part[0].set_title(note, loc="left", pad=2)
        along[0].text(-0.15, 0.5, name, transform=along[0].transAxes, ha="right", va="center")
    return figure


def _rows(
    row: Row, lines: Sequence[Mapping[str, Any]], cells: Sequence[Cell], outcomes: Sequence[Finished | None], shown: int
) -> dict[str, dict[str, tuple[str, np.ndarray]]]:
    """By the name of a row, and by the steps of the test where they are ``x``: what stands above, and pictures."""
    across = row.x == TESTED
    kept = {frozenset(cell.place.items()): each for cell, each in reversed(list(zip(cells, outcomes, strict=True)))}
    rows: dict[str, dict[str, tuple[str, np.ndarray]]] = {PICTURE: {}}
    for line in lines:
        outcome = kept.get(frozenset((axis, line[axis]) for axis in row.axes if axis != TESTED)) or {}
        if found := outcome.get("reconstructions"):
            group = line[TESTED] if across else ""
            note = f"{TESTED} {group}".replace("_", " ") if across else ""
            rows[PICTURE].setdefault(group, (note, _light(found[PICTURE])[:shown]))
            last = as_tested({**outcome, "epochs": outcome["epochs"][-1:]}, line.get(TESTED))
            pictures = found[line.get(TESTED, next(name for name in found if name != PICTURE))]
            own = f"{MEASURES[row.measures[0]].value(last):.1f}", _light(pictures)[:shown]
            rows.setdefault(_name(row, line, lines, across), {})[group] = own
    return rows


def _name(row: Row, line: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], across: bool) -> str:
    """The values of the axes along which rows differ."""
    hidden = {TESTED, *row.choose} if across else set()
    axes = [axis for axis in row.axes if axis not in hidden and len({each[axis] for each in lines}) > 1]
    first, *rest = axes or list(row.axes)[:1]
    return "\n".join([str(line[first]), *(f"{axis} {line[axis]}".replace("_", " ") for axis in rest)])


def _light(pictures: Any) -> np.ndarray:
    return np.asarray(pictures, float) / WHITE
