"""A figure of panels: each draws what a study has computed.

A study is an object or a module with

- ``configure(quick, setting, seed)``: everything that its arrays depend on, as a dictionary that JSON can hold; a study
  with ``needs_data = True`` takes ``data_dir`` too; with ``has_digits = True`` it takes scikit-learn's digits without
  one, as a stand-in in quick figures;
- ``run(config, track, folder)``: its arrays by name, see `experiments.parts.Study`;
- ``summarise(config, arrays)``: its numbers, as a list of dictionaries;
- ``draw(axes, config, arrays)``: the curves with labels for the figure's legend, and the axes' labels;
- ``heading(config)`` and ``note(config)``, if it has them: the text above its panel, and phrases below the title.

In the figure's data a study's arrays and configuration stand under its panel's letter: ``A/alignment``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory.report.style import entitle, head, legend_below, new_figure, styled

from ..parts import Track, compute
from ..results import arrays_of

Draw = Callable[[Axes, dict[str, Any], Mapping[str, np.ndarray]], None]


@dataclass(frozen=True)
class Panel:
    """A study under a letter.

    Attributes:
        letter: its name in the figure.
        title: the text above it, before the study's own ``heading``.
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

    def heading(self, config: dict[str, Any]) -> str:
        """The title, and what the study says of itself; what is drawn, and not what would be at full size."""
        own = self.study.heading(config) if hasattr(self.study, "heading") else ""
        return ", ".join(each for each in (self.title, own) if each)

    @property
    def needs_data(self) -> bool:
        """Whether the study reads a data set."""
        return getattr(self.study, "needs_data", False)

    def lacks_data(self, quick: bool) -> bool:
        """Whether the study cannot be run without the folder of a data set."""
        return self.needs_data and not (quick and getattr(self.study, "has_digits", False))


@dataclass(frozen=True)
class PanelFigure:
    """Panels in rows; has the parts of a figure that `experiments.figures` lists.

    Attributes:
        title: the text above the figure.
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

    def lacks_data(self, quick: bool) -> bool:
        """Whether no panel can be drawn without the folder of a data set."""
        return all(panel.lacks_data(quick) for panel in self.panels.values())

    def configure(self, quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
        """The configuration of every panel; without a data set, the panels that cannot do without are left out."""
        configs = {}
        for letter, panel in self.panels.items():
            if panel.needs_data and data_dir is not None:
                configs[letter] = panel.study.configure(quick, setting, seed, data_dir)
            elif not panel.lacks_data(quick):
                configs[letter] = panel.study.configure(quick, setting, seed)
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
        """The numbers of every panel, by letter; `std` is a sample standard deviation (n − 1) over seeds."""
        return {
            letter: study.summarise(each, arrays_of(letter, arrays))
            for letter, (study, each) in self.parts(config).items()
        }

    @styled()
    def draw(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
        """Every panel that has been computed, one after another, with one legend below all."""
        shown = [self.panels[letter] for letter in self.panels if letter in config["panels"]]
        columns = self._columns(shown)
        views = [(panel, view) for panel in shown for view in panel.drawings]
        figure: Figure = new_figure(columns, -(-len(views) // columns))
        for index, (panel, view) in enumerate(views):
            own = config["panels"][panel.letter]
            axes = figure.add_subplot(-(-len(views) // columns), columns, index + 1)
            view(axes, own, arrays_of(panel.letter, arrays))
            first = index == 0 or views[index - 1][0] is not panel
            headings = [panel.heading(own)] if first or not axes.get_title() else []
            head(axes, ": ".join(filter(None, [*headings, axes.get_title()])), panel.letter if first else "")
        entitle(figure, self.title, notes(shown, config["panels"]))
        legend_below(figure)
        return figure

    def _columns(self, shown: list[Panel]) -> int:
        """Panels in a row: as many as in the longest of the rows; fewer where panels left out would leave a hole."""
        longest = max(sum(len(panel.drawings) for panel in row) for row in self.rows)
        number = sum(len(panel.drawings) for panel in shown)
        return next(columns for columns in (longest, 3, 2, 1) if number % columns == 0)


def notes(shown: list[Panel], configs: Mapping[str, dict[str, Any]]) -> str:
    """The studies' notes on sizes and seeds: once if they hold for all panels, otherwise by letter."""
    said = {each.letter: each.study.note(configs[each.letter]) for each in shown if hasattr(each.study, "note")}
    letters: dict[str, list[str]] = {}
    for letter, phrases in said.items():
        for phrase in phrases:
            letters.setdefault(phrase, []).append(letter)
    own: dict[str, list[str]] = {}
    for phrase, those in letters.items():
        own.setdefault(span(those) if len(those) < len(said) else "", []).append(phrase)
    common = own.pop("", [])
    return "; ".join([*(f"{those}: {', '.join(phrases)}" for those, phrases in own.items()), *common])


def span(letters: list[str]) -> str:
    """The letters in a row: ``A–D`` where they follow one another."""
    whole = len(letters) > 2 and ord(letters[-1]) - ord(letters[0]) == len(letters) - 1
    return f"{letters[0]}–{letters[-1]}" if whole else ", ".join(letters)
