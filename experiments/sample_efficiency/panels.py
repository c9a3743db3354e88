"""A figure of panels: each draws what a study has computed.

A study is an object or a module with

- ``configure(quick, setting, seed)``: everything that its arrays depend on, as a dictionary that JSON can hold; a study
  with ``needs_data = True`` takes ``data_dir`` too;
- ``run(config, track, folder)``: its arrays by name, see `experiments.parts.Study`;
- ``summarise(config, arrays)``: its numbers, as a list of dictionaries;
- ``draw(axes, config, arrays)``: the curves, axes' labels and legend.

In the figure's data a study's arrays and configuration stand under its panel's letter: ``A/alignment``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..parts import Track, compute

Draw = Callable[[Axes, dict[str, Any], Mapping[str, np.ndarray]], None]


@dataclass(frozen=True)
class Panel:
    """A study under a letter.

    Attributes:
        letter: what the figure calls it.
        title: what stands above it.
        study: the study.
        views: the pictures of its arrays, one beside the other; its own ``draw`` if empty.
    """

    letter: str
    title: str
    study: Any
    views: tuple[Draw, ...] = ()

    @property
    def drawings(self) -> tuple[Draw, ...]:
        """The pictures of the arrays."""
        return self.views or (self.study.draw,)

    @property
    def needs_data(self) -> bool:
        """Whether the study reads a data set."""
        return getattr(self.study, "needs_data", False)


@dataclass(frozen=True)
class PanelFigure:
    """Panels in rows; has the parts of a figure that `experiments.figures` lists.

    Attributes:
        title: what stands above the figure.
        rows: the panels.
        SETTINGS: the names of the settings that it can be run in, the default first.
    """

    title: str
    rows: tuple[tuple[Panel, ...], ...]
    SETTINGS: tuple[str, ...] = ("appendix",)

    @property
    def panels(self) -> dict[str, Panel]:
        """The panels by letter."""
        return {panel.letter: panel for row in self.rows for panel in row}

    @property
    def needs_data(self) -> bool:
        """Whether a panel reads a data set."""
        return any(panel.needs_data for panel in self.panels.values())

    @property
    def only_data(self) -> bool:
        """Whether every panel reads a data set."""
        return all(panel.needs_data for panel in self.panels.values())

    def configure(self, quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
        """The configuration of every panel; without a data set, the panels that read one are left out."""
        configs = {}
        for letter, panel in self.panels.items():
            if not panel.needs_data:
                configs[letter] = panel.study.configure(quick, setting, seed)
            elif data_dir is not None:
                configs[letter] = panel.study.configure(quick, setting, seed, data_dir)
        if not configs:
            raise ValueError("every panel reads a data set, and there is none; wanted its folder.")
        return {"panels": configs, "left_out": [letter for letter in self.panels if letter not in configs]}

    def parts(self, config: dict[str, Any]) -> dict[str, tuple[Any, dict[str, Any]]]:
        """The studies and their configurations, by letter."""
        return {letter: (self.panels[letter].study, each) for letter, each in config["panels"].items()}

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """The arrays of every panel, each under its letter."""
        return dict(compute(self, config, lambda steps, _: track(steps), folder).arrays)

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The numbers of every panel, by letter."""
        return {
            letter: study.summarise(each, arrays_of(letter, arrays))
            for letter, (study, each) in self.parts(config).items()
        }

    def draw(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
        """Every panel that has been computed."""
        rows = [[panel for panel in row if panel.letter in config["panels"]] for row in self.rows]
        rows = [row for row in rows if row]
        columns = max(sum(len(panel.drawings) for panel in row) for row in rows)
        figure = Figure(figsize=(0.3 + 3.5 * columns, 0.4 + 2.9 * len(rows)), layout="constrained")
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for row, cells in zip(rows, grid, strict=True):
            places = iter(cells)
            for panel in row:
                own = config["panels"][panel.letter], arrays_of(panel.letter, arrays)
                for number, view in enumerate(panel.drawings):
                    axes = next(places)
                    view(axes, *own)
                    _head(axes, panel, first=number == 0)
            for axes in places:
                axes.remove()
        figure.suptitle(self.title, fontsize=10)
        return figure


def arrays_of(letter: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A panel's arrays, by the names that its study gave them."""
    prefix = f"{letter}/"
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _head(axes: Axes, panel: Panel, first: bool) -> None:
    """The letter and the title, and axes without a frame."""
    if first:
        axes.set_title(panel.letter, loc="left", fontweight="bold")
    if not axes.get_title():
        axes.set_title(panel.title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
