"""A row of the registry: a table or a figure of a paper, its cells and the options of each; nothing is computed."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .blocks import Printed, as_printed, as_value, blocks

SCALES = ("quick", "cpu", "paper")
TESTED = "test_steps"
"""The axis along which one training is tested, so that its values need no trainings of their own."""
KINDS = ("axes", "figure", "see")
OWN_ITEM = "this library"
"""The item of what is in no paper."""
Options = Mapping[str, Any]
Place = Mapping[str, str]
"""The value of a cell on every axis."""


@dataclass(frozen=True)
class Variant:
    """A value of an axis with the options of another, tuned ones too, but for its own."""

    base: str
    options: Options


@dataclass(frozen=True)
class Row:
    """A table or a figure.

    Args:
        name: by which the command knows it.
        item: what the paper calls it.
        title: what it shows.
        figure: the figure of `dlntheory figure` that draws it.
        see: where its content is, if it is no experiment.
        axes: by axis, its values, and the options that each brings.
        variants: the values of axes that are like another one, by axis and value.
        cells: parts of the product of the axes; without them, all of it.
        choose: axes of which only the value with the best accuracy is told, as the mean over seeds in validation.
        options: of every cell.
        tuned: options of single cells, as a table.
        source: of the hyperparameters.
        differs: what differs from the paper at every scale.
        seeds: how many.
        measures: what of a training is told; the first is drawn, and as lines all are.
        theory: the measures of which the linear theory is asked, for each trained perceptron.
        published: the paper's numbers, a table by measure.
        picture: how the first measure is drawn.
        x: the axis along which lines are drawn, or the record along which curves are.
        panels: the axis whose every value has a panel of points, or a row of panels of lines.
        reconstructions: of how many test pictures the reconstructions are kept.
        scales: by scale, its ``seeds``, ``options`` and ``cells``.
        cost: how long it took, and on what.
        python: a file that registers algorithms of one's own.
    """

    name: str
    item: str = ""
    title: str = ""
    figure: int | str | None = None
    see: str | None = None
    axes: Mapping[str, Mapping[str, Options]] = field(default_factory=dict)
    variants: Mapping[tuple[str, str], Variant] = field(default_factory=dict)
    cells: Sequence[Mapping[str, Sequence[Any]]] = ()
    choose: Sequence[str] = ()
    options: Options = field(default_factory=dict)
    tuned: str = ""
    source: str = ""
    differs: Sequence[str] = ()
    seeds: int = 1
    measures: Sequence[str] = ("best",)
    theory: Sequence[str] = ()
    published: str = ""
    picture: str = "points"
    x: str | None = None
    panels: str | None = None
    reconstructions: int = 0
    scales: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cost: str = ""
    python: str | None = None

    @property
    def kind(self) -> str:
        """The way it is run: ``"axes"``, ``"figure"`` or ``"see"``."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def paper(self) -> str:
        """The paper, of which the item is a part."""
        return self.item.rpartition(", ")[0] or self.item

    @property
    def of_paper(self) -> bool:
        """Whether a paper has it."""
        return self.item != OWN_ITEM

    @property
    def words(self) -> set[str]:
        """The values of all axes."""
        return {value for values in self.axes.values() for value in values}

    def words_of(self, place: Place) -> set[str]:
        """The values of a cell, and those that its variants are like."""
        return {*place.values(), *(each.base for each in self.variants_of(place))}

    def variants_of(self, place: Place) -> list[Variant]:
        """The variants among the values of a cell."""
        return [self.variants[each] for each in place.items() if each in self.variants]

    def places(self, scale: str = "paper") -> list[dict[str, str]]:
        """The cells of a scale, in the order of the axes."""
        parts = self.scales.get(scale, {}).get("cells", self.cells) or [{}]
        found: dict[tuple[str, ...], None] = {}
        for part in parts:
            chosen = (map(str, part.get(axis, values)) for axis, values in self.axes.items())
            found |= dict.fromkeys(itertools.product(*chosen))
        return [dict(zip(self.axes, values, strict=True)) for values in found]

    def trainings(self, scale: str) -> int:
        """The number of trainings of a scale."""
        return len(folded(self.places(scale))) * self.count(scale)

    def has(self, scale: str) -> bool:
        """Whether there is such a scale; what two cores can do is not known of every row."""
        return scale != "cpu" or scale in self.scales

    def scale_options(self, scale: str) -> dict[str, Any]:
        """The options of every cell at a scale."""
        return {**self.options, **self.scales.get(scale, {}).get("options", {})}

    def count(self, scale: str) -> int:
        """The seeds of a scale."""
        default = {"quick": 1, "cpu": min(3, self.seeds)}.get(scale, self.seeds)
        return int(self.scales.get(scale, {}).get("seeds", default))

    @functools.cached_property
    def printed(self) -> dict[str, dict[frozenset[str], Printed]]:
        """By measure, the paper's numbers by the words of their row and column."""
        found: dict[str, dict[frozenset[str], Printed]] = {}
        for header, *lines in blocks(self.published):
            measure, *columns = header
            by_cell = found.setdefault(measure, {})
            for words, *numbers in lines:
                pairs = zip(columns, numbers, strict=True)
                by_cell |= {
                    frozenset([*words.split(), *column.split()]): as_printed(text) for column, text in pairs if text
                }
        return found

    def published_value(self, measure: str, place: Place) -> Printed | None:
        """The paper's number for a cell."""
        values = set(place.values())
        return next((number for words, number in self.printed.get(measure, {}).items() if words <= values), None)

    @functools.cached_property
    def tunings(self) -> list[tuple[frozenset[str], dict[str, Any]]]:
        """Options of single cells, by the words that they have in common."""
        return [
            (frozenset(words.split()), {name: as_value(text) for name, text in zip(names, texts, strict=True) if text})
            for (_, *names), *lines in blocks(self.tuned)
            for words, *texts in lines
        ]

    def own_options(self, place: Place) -> set[str]:
        """The names of the options that a cell's variants have themselves, or the value that names its algorithm."""
        of_values = (self.axes[axis][value] for axis, value in place.items() if (axis, value) not in self.variants)
        own = [options for options in of_values if "algorithm" in options]
        return {name for options in (*own, *(each.options for each in self.variants_of(place))) for name in options}

    def options_of(self, place: Place) -> dict[str, Any]:
        """The options of a cell at the paper's scale.

        The row's, the axes', the cell's own, the variants', and those of the axes to choose on.
        """
        found = dict(self.options)
        for axis, value in place.items():
            found |= self.axes[axis][value]
        for words, tuned in self.tunings:
            if words <= self.words_of(place):
                found |= tuned
        for variant in self.variants_of(place):
            found |= variant.options
        for axis in self.choose:
            found |= self.axes[axis][place[axis]] if axis in place else {}
        return found


def folded(places: Sequence[Place]) -> list[tuple[dict[str, str], list[str]]]:
    """Places that differ in the steps of their test alone as one, with these steps."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for place in places:
        trained = tuple((axis, value) for axis, value in place.items() if axis != TESTED)
        found.setdefault(trained, []).extend([place[TESTED]] if TESTED in place else [])
    return [(dict(trained), steps) for trained, steps in found.items()]
