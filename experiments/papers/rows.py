"""The registry: a row for every table and figure of the papers, from TOML files, checked and with nothing computed.

A row has ``axes``, whose combinations are its cells, or says which ``figure`` draws it, or what to ``see`` instead.
docs/studies.md describes every key.
"""

import dataclasses
import functools
import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlntheory.numerics.checks import meant

from .blocks import Printed, as_printed, as_value, blocks
from .measures import MEASURES

FOLDER = Path(__file__).parent
FILES = ("sample_efficiency", "deeper_pcns", "benchmarking_pcns", "better_initialization", "library")
SCALES = ("quick", "cpu", "paper")
PICTURES = ("points", "lines", "lines and curves", "energies", "curves", "reconstructions")
CURVES = (None, "epoch", "multiplications")
"""Axes of curves; ``None`` means epochs."""
TESTED = "test_steps"
"""The axis along which one training is tested, so that its values need no trainings of their own."""
KINDS = ("axes", "figure", "see")
LISTS = {"choose": "axes", "measures": "measures", "theory": "measures", "differs": "texts"}
"""Keys that have a list of words, and what the words are."""
OWN_ITEM = "this library"
"""The item of what is in no paper."""
Options = Mapping[str, Any]
Place = Mapping[str, str]
"""The value of a cell on every axis."""


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
        panels: the axis whose every value has a panel of points or lines.
        reconstructions: of how many test pictures the reconstructions are kept.
        scales: by scale, its ``seeds``, ``options`` and ``cells``.
        cost: how long it took, and on what.
    """

    name: str
    item: str = ""
    title: str = ""
    figure: int | str | None = None
    see: str | None = None
    axes: Mapping[str, Mapping[str, Options]] = field(default_factory=dict)
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

    @property
    def kind(self) -> str:
        """The way it is run: ``"axes"``, ``"figure"`` or ``"see"``."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def of_paper(self) -> bool:
        """Whether a paper has it."""
        return self.item != OWN_ITEM

    @property
    def words(self) -> set[str]:
        """The values of all axes."""
        return {value for values in self.axes.values() for value in values}

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

    def options_of(self, place: Place) -> dict[str, Any]:
        """The options of a cell at the paper's scale: the row's, the axes', its own, and of the axes to choose on."""
        found = dict(self.options)
        for axis, value in place.items():
            found |= self.axes[axis][value]
        for words, tuned in self.tunings:
            if words <= set(place.values()):
                found |= tuned
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


def registry() -> dict[str, Row]:
    """Every row, by name."""
    return {name: row for file in FILES for name, row in read_rows(FOLDER / f"{file}.toml").items()}


def find(name: str) -> Row:
    """The row of that name, or the one row of a file.

    Raises:
        ValueError: for an unknown name, or a file without exactly one row.
        FileNotFoundError: for a file that is not there.
    """
    if not name.endswith(".toml"):
        rows = registry()
        if name not in rows:
            raise ValueError(f"study {name!r} is not here; `dlntheory study` lists all.{meant(name, rows)}")
        return rows[name]
    found = list(read_rows(Path(name)).values())
    if len(found) != 1:
        raise ValueError(f"{name} has {len(found)} rows; wanted one.")
    return found[0]


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of a file.

    Raises:
        ValueError: for a file that is no TOML, or a row that makes no sense.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
        return {name: as_row(name, table, tables) for name, table in tables.items()}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def as_row(name: str, table: Any, tables: Mapping[str, Any]) -> Row:
    """A row of a file; one that is ``like`` another takes what it does not say from there."""
    if not isinstance(table, dict):
        raise ValueError(f"`{name}` is {table!r}; wanted a table.")
    table = dict(table)
    while (model := table.pop("like", None)) is not None:
        if model not in tables:
            raise ValueError(f"`{name}` is like `{model}`, which is not in the file.")
        table = {**tables[model], **table}
    unknown = table.keys() - {each.name for each in dataclasses.fields(Row)}
    if unknown:
        raise ValueError(f"`{name}` has {', '.join(sorted(unknown))}; wanted keys that a row has.")
    axes = {axis: as_values(axis, values) for axis, values in table.pop("axes", {}).items()}
    row = Row(name=name, axes=axes, **table)
    _check(row)
    return row


def as_values(axis: str, values: Any) -> dict[str, dict[str, Any]]:
    """The values of an axis with their options: a list of an option's values, or a table."""
    if isinstance(values, list):
        return {str(value): {axis: value} for value in values}
    if not (isinstance(values, dict) and all(isinstance(options, dict) for options in values.values())):
        raise ValueError(f"the axis `{axis}` is {values!r}; wanted a list of values, or a table of tables of options.")
    named = axis in ("data", "model", "algorithm")
    return {value: {**({axis: value} if named else {}), **options} for value, options in values.items()}


def _check_lists(row: Row) -> None:
    """Refuse a word where a list of words is wanted: it would be read letter by letter."""
    for key, what in LISTS.items():
        if not _has_words(value := getattr(row, key)):
            raise ValueError(
                f"`{row.name}` has {key} = {value!r}; wanted a list of {what}, such as [{_quoted(value)}]."
            )
    for part in itertools.chain(row.cells, *(each.get("cells", ()) for each in row.scales.values())):
        for axis, values in part.items() if isinstance(part, dict) else [("cells", part)]:
            if not isinstance(values, list):
                raise ValueError(f"`{row.name}` has cells of {axis} = {values!r}; wanted a list of values.")


def _has_words(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and value else '"…"'


def _check(row: Row) -> None:
    _check_lists(row)
    kinds = [kind for kind in KINDS if getattr(row, kind)]
    if len(kinds) != 1:
        raise ValueError(f"`{row.name}` has {' and '.join(kinds) or 'none'} of {', '.join(KINDS)}; wanted one.")
    if row.picture not in PICTURES:
        raise ValueError(f"`{row.name}` has the picture {row.picture!r}; wanted one of {', '.join(PICTURES)}.")
    if row.picture.startswith("lines") and row.x not in row.axes:
        raise ValueError(f"`{row.name}` has lines along {row.x!r}; wanted one of its axes.")
    if row.picture == "curves" and row.x not in CURVES:
        raise ValueError(f"`{row.name}` has curves along {row.x!r}; wanted epoch or multiplications.")
    seeds = [row.seeds, *(each["seeds"] for each in row.scales.values() if "seeds" in each)]
    if wrong := [each for each in seeds if not (isinstance(each, int) and each > 0)]:
        raise ValueError(f"`{row.name}` has seeds = {wrong[0]!r}; wanted a whole number from 1 on.")
    if row.panels is not None and row.panels not in row.axes:
        raise ValueError(f"`{row.name}` has panels of {row.panels!r}; wanted one of its axes.")
    if row.picture == "reconstructions" and not row.reconstructions:
        raise ValueError(f"`{row.name}` has a picture of reconstructions and keeps none; wanted `reconstructions = 8`.")
    if wrong := {*row.choose} - (row.axes.keys() - {row.x}):
        raise ValueError(f"`{row.name}` chooses on {', '.join(sorted(wrong))}; wanted axes, and not that of the lines.")
    if wrong := set(row.measures) - MEASURES.keys():
        raise ValueError(f"`{row.name}` measures {', '.join(sorted(wrong))}; wanted of {', '.join(MEASURES)}.")
    if wrong := set(row.theory) - set(row.measures):
        raise ValueError(f"`{row.name}` has theory of {', '.join(sorted(wrong))}; wanted of its measures.")
    if unknown := row.scales.keys() - set(SCALES):
        raise ValueError(f"`{row.name}` has the scales {', '.join(sorted(unknown))}; wanted {', '.join(SCALES)}.")
    for part in itertools.chain(row.cells, *(each.get("cells", ()) for each in row.scales.values())):
        for axis, values in part.items():
            if wrong := set(map(str, values)) - set(row.axes.get(axis, ())):
                raise ValueError(f"`{row.name}` has no {axis} {', '.join(sorted(wrong))}.")
    mentioned = [words for numbers in row.printed.values() for words in numbers] + [words for words, _ in row.tunings]
    mentioned += [key.split(",") for scale in row.scales.values() for key in scale.get("of", ())]
    if wrong := set().union(*mentioned) - row.words:
        raise ValueError(f"`{row.name}` names {', '.join(sorted(wrong))}, which are on no axis.")
