"""The registry: a row for every table and figure of the papers, from TOML files, checked and with nothing computed.

A row has ``axes``, whose combinations are its cells, or says which ``figure`` draws it, or what to ``see`` instead.
docs/studies.md describes every key.
"""

import dataclasses
import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from dlntheory.numerics.checks import meant

from .measures import COLUMNS, MEASURES
from .row import KINDS, SCALES, Row, Variant

FOLDER = Path(__file__).parent
FILES = ("sample_efficiency", "deeper_pcns", "benchmarking_pcns", "better_initialization", "library")
PICTURES = ("points", "lines", "lines and curves", "energies", "curves", "reconstructions")
CURVES = (None, "epoch", "multiplications")
"""Axes of curves; ``None`` means epochs."""
LISTS = {"choose": "axes", "measures": "measures", "theory": "measures", "differs": "texts"}
"""Keys that have a list of words, and what the words are."""
TEXTS = ("item", "title", "see", "tuned", "source", "published", "picture", "x", "panels", "cost", "python")
"""Keys that have a text."""
OF_SCALE = ("seeds", "options", "cells", "of")
"""Keys of a scale."""


def registry() -> dict[str, Row]:
    """Every row, by name."""
    return {name: row for file in FILES for name, row in read_rows(_path(file)).items()}


def find(name: str) -> Row:
    """The row of that name, or a row of a file.

    Args:
        name: of a row of the registry, or ``FILE.toml`` for the one row of a file, or ``FILE.toml:NAME``.

    Raises:
        ValueError: for an unknown name, or a file that is not there or has several rows of which none is named.
    """
    file, ending, wanted = name.rpartition(".toml")
    if not ending or (wanted and not wanted.startswith(":")):
        rows = registry()
        if name not in rows:
            raise ValueError(
                f"study {name!r} is not here; `dlntheory study` lists all, and a file of your own ends in .toml."
                f"{_meant(name, rows)}"
            )
        return rows[name]
    path, own = Path(file + ending), wanted.removeprefix(":")
    if not path.is_file():
        raise ValueError(f"{path} is no file; wanted one with a study, or the name of one from `dlntheory study`.")
    found = read_rows(path)
    if own and own not in found:
        raise ValueError(f"{path} has no study {own!r}; wanted of {', '.join(found)}.{meant(own, found)}")
    if not own and len(found) != 1:
        which = f"wanted one of them, such as {path}:{next(iter(found))}" if found else "wanted a table, such as [mine]"
        raise ValueError(f"{path} has {len(found)} studies; {which}.")
    return found[own] if own else next(iter(found.values()))


def _meant(name: str, rows: Iterable[str]) -> str:
    """The rows that end or begin with the name, such as `table-1`, or the nearest one."""
    alike = [each for each in rows if each.endswith(f"-{name}")]
    return f" Did you mean {' or '.join(alike)}?" if alike else meant(name, rows)


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of a file.

    Raises:
        ValueError: for a file that is no TOML, or a row that makes no sense.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
        return {name: _placed(as_row(name, table, tables), path.parent) for name, table in tables.items()}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _placed(row: Row, folder: Path) -> Row:
    """The row whose Python file is found from any folder."""
    return row if row.python is None else dataclasses.replace(row, python=str(folder.resolve() / row.python))


def as_row(name: str, table: Any, tables: Mapping[str, Any]) -> Row:
    """A row of a file; one that is ``like`` another, of the file or of the registry, takes what it does not say."""
    table = _inherited(name, table, tables)
    unknown = table.keys() - {each.name for each in dataclasses.fields(Row)}
    if unknown:
        keys = [each.name for each in dataclasses.fields(Row)] + ["like"]
        raise ValueError(
            f"`{name}` has {', '.join(sorted(unknown))}; wanted keys of {', '.join(keys[1:])}."
            f"{meant(min(unknown), keys)}"
        )
    axes = {axis: as_values(axis, values) for axis, values in _table(table, "axes").items()}
    added = _table(table, "variants")
    variants = {
        (axis, value): _add_variant(axes, axis, value, options)
        for axis in added
        for value, options in _table(added, axis).items()
    }
    row = Row(name=name, **{**table, "axes": axes, "variants": variants})
    _check(row)
    return row


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table under a key, empty where there is none; anything else is refused."""
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise ValueError(f"`{key}` is {found!r}; wanted a table.")
    return found


def _inherited(name: str, table: Any, tables: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[str, Any]:
    """A table with what it does not say and the one that it is like does; own cells are those of every scale."""
    if not isinstance(table, dict):
        raise ValueError(f"`{name}` is {table!r}, outside of a study; wanted a table with the study's name, as [mine].")
    model = table.get("like")
    if model is None:
        return dict(table)
    known = tables if str(model) in tables else _tables()
    above = (*above, name)
    if not isinstance(model, str) or model not in known or model in above:
        raise ValueError(
            f"`{name}` is like `{model}`, which is no other study.{meant(str(model), {**tables, **known})}"
        )
    found = _inherited(model, known[model], known, above)
    if "cells" in table:
        scales = {scale: dict(options) for scale, options in found.get("scales", {}).items()}
        for options in scales.values():
            options.pop("cells", None)
        found["scales"] = scales
    return {**found, **{key: value for key, value in table.items() if key != "like"}}


def _add_variant(axes: Mapping[str, dict[str, dict[str, Any]]], axis: str, value: str, options: Any) -> Variant:
    """Add a value to an axis, with the options of the one that it is like, and its own."""
    if axis not in axes:
        raise ValueError(f"variants of {axis!r}; wanted of the axes {', '.join(axes)}.{meant(axis, axes)}")
    own, others = dict(options) if isinstance(options, dict) else {}, axes[axis]
    base = str(own.pop("like", None))
    if isinstance(options, dict) and "like" not in options:
        raise ValueError(
            f"the variant {value!r} of {axis} is {options!r}; wanted `like`, and options. Quote a name with dots in it."
        )
    if base not in others or value in others:
        raise ValueError(
            f"the variant {value!r} of {axis} is {options!r}; wanted a new name, and options with `like` as one of "
            f"{', '.join(others)}.{meant(base, others)}"
        )
    others[value] = {**others[base], **own}
    return Variant(base, own)


def _tables() -> dict[str, Any]:
    """The tables of the registry, as they are written."""
    return {name: table for file in FILES for name, table in tomllib.loads(_path(file).read_text("utf-8")).items()}


def _path(file: str) -> Path:
    return FOLDER / f"{file}.toml"


def as_values(axis: str, values: Any) -> dict[str, dict[str, Any]]:
    """The values of an axis with their options: a list of an option's values, or a table."""
    if values in ([], {}):
        raise ValueError(f"the axis `{axis}` has no values; wanted one or more.")
    if isinstance(values, list):
        return {str(value): {axis: value} for value in values}
    if not (isinstance(values, dict) and all(isinstance(options, dict) for options in values.values())):
        raise ValueError(f"the axis `{axis}` is {values!r}; wanted a list of values, or a table of tables of options.")
    named = axis in ("data", "model", "algorithm")
    return {value: {**({axis: value} if named else {}), **options} for value, options in values.items()}


def _check_kinds(row: Row) -> None:
    """Refuse the value of a key that is of another kind."""
    for key in TEXTS:
        if not isinstance(value := getattr(row, key), str | None):
            raise ValueError(f"`{row.name}` has {key} = {value!r}; wanted a text.")
    for key, value in _tables_of(row):
        if not isinstance(value, dict):
            raise ValueError(f"`{row.name}` has {key} = {value!r}; wanted a table.")
    if not (isinstance(row.reconstructions, int) and row.reconstructions >= 0):
        raise ValueError(f"`{row.name}` has reconstructions = {row.reconstructions!r}; wanted a whole number.")


def _tables_of(row: Row) -> Iterator[tuple[str, Any]]:
    """The keys that have tables, each before those within it."""
    yield "options", row.options
    yield "scales", row.scales
    for scale, own in row.scales.items():
        yield f"scales.{scale}", own
        yield f"scales.{scale}.options", own.get("options", {})
        yield f"scales.{scale}.of", own.get("of", {})
        for words, options in own.get("of", {}).items():
            yield f'scales.{scale}.of."{words}"', options


def _check_lists(row: Row) -> None:
    """Refuse a word where a list of words is wanted: it would be read letter by letter."""
    for key, what in LISTS.items():
        if not _has_words(value := getattr(row, key)):
            raise ValueError(
                f"`{row.name}` has {key} = {value!r}; wanted a list of {what}, such as [{_quoted(value)}]."
            )
    for part in _parts(row):
        if not isinstance(part, dict):
            raise ValueError(f"`{row.name}` has cells {part!r}; wanted tables, each with a list of an axis' values.")
        for axis, values in part.items():
            if not isinstance(values, list) or not values:
                raise ValueError(f"`{row.name}` has cells of {axis} = {values!r}; wanted a list of values.")


def _has_words(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and value else '"…"'


def _check(row: Row) -> None:
    _check_kinds(row)
    _check_lists(row)
    kinds = [kind for kind in KINDS if getattr(row, kind)]
    if len(kinds) != 1:
        raise ValueError(f"`{row.name}` has {' and '.join(kinds) or 'none'} of {', '.join(KINDS)}; wanted one.")
    if not row.measures:
        raise ValueError(f"`{row.name}` has no measures; wanted of {', '.join(MEASURES)}.")
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
    for wrong, before, after in _words(row):
        if wrong:
            raise ValueError(f"`{row.name}` {before} {', '.join(sorted(wrong))}{after}.")


def _words(row: Row) -> Iterator[tuple[Set[str], str, str]]:
    """Words that a row should not have, and what stands before and after them in a message."""
    yield row.axes.keys() & {*COLUMNS, "by_seed"}, "has the axes", "; wanted names that no column of its table has"
    yield {*row.choose} - (row.axes.keys() - {row.x}), "chooses on", "; wanted axes, and not that of the lines"
    yield {*row.measures} - MEASURES.keys(), "measures", f"; wanted of {', '.join(MEASURES)}"
    yield {*row.theory} - {*row.measures}, "has theory of", "; wanted of its measures"
    yield row.printed.keys() - MEASURES.keys(), "has published", f"; wanted of {', '.join(MEASURES)}"
    yield row.scales.keys() - {*SCALES}, "has the scales", f"; wanted {', '.join(SCALES)}"
    for scale, own in row.scales.items():
        yield own.keys() - {*OF_SCALE}, "has", f" in scales.{scale}; wanted of {', '.join(OF_SCALE)}"
    for part in _parts(row):
        yield part.keys() - row.axes.keys(), "has cells of", ", which are no axes"
        for axis, values in part.items():
            yield {*map(str, values)} - {*row.axes.get(axis, ())}, f"has no {axis}", ""
    mentioned = [words for numbers in row.printed.values() for words in numbers] + [words for words, _ in row.tunings]
    mentioned += [key.split(",") for scale in row.scales.values() for key in scale.get("of", ())]
    yield set().union(*mentioned) - row.words, "names", ", which are on no axis"


def _parts(row: Row) -> Iterator[Any]:
    """The parts of the product of the axes that a row has at any scale."""
    return itertools.chain(row.cells, *(each.get("cells", ()) for each in row.scales.values()))
