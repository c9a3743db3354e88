"""The numbers of a study that is a figure, beside those that the paper prints, as a record, CSV and a page.

The summary of a figure has a row of plain values for every case. Beside a value ``x`` may stand ``x_deviation`` over
seeds, its ``x_interval``, and what the paper prints: ``x_published`` and ``x_published_deviation``.
"""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlntheory.numerics.presentation import plain
from dlntheory.pcn.data.catalogue import SOURCES

from ..page import costs, origin
from ..provenance import configuration
from ..results import Result
from .row import Row
from .table import TRIAL, instead, packed, page, shown

PARTS = ("published_deviation", "published", "deviation", "interval", "difference")
"""Ends of the names of columns that may stand beside a value."""
LONG = 8
"""Values of a list that are no longer told one by one."""
OF_DATA = ("data", "data_dir", "files")
OWN_PICTURES = "digits"
"""The data that stand in for pictures."""


def record(row: Row, scale: str, figure: Any, result: Result, data: Path | None) -> dict[str, Any]:
    """The study as JSON: the rows of the summary, each with its differences from the paper's numbers.

    Args:
        row: what was drawn.
        scale: at which scale.
        figure: as `experiments.figures` has it.
        result: its configuration and arrays.
        data: the folder of its data set, if one was given.
    """
    config = result.config
    return configuration(
        f"dlntheory study {row.name} --scale {scale}",
        study=row.name, item=row.item, title=row.title, scale=scale, figure=config["figure"],
        trial=TRIAL if scale == "quick" else "",
        numbers=(inspect.getdoc(figure.summarise) or "").partition("\n")[0], seconds=config["seconds"],
        left_out=[f"panel {letter}" for letter in config.get("left_out", ())],
        differs=[*row.differs, *(differences(row, figure, config, data) if row.of_paper else ())],
        lines=lines(figure.summarise(config, result.arrays)),
    )  # fmt: skip


def differences(row: Row, figure: Any, config: Mapping[str, Any], data: Path | None) -> list[str]:
    """The sizes and the data that differ from the figure's at the paper's scale."""
    own, paper = config.get("panels", {"": config}), full_size(row, figure, data)
    pairs = [pair for name, each in own.items() for pair in differing(each, paper[name])]
    found = {each["data"] for each in own.values() if each.get("data") in (OWN_PICTURES, *SOURCES)}
    wanted = row.scale_options("paper").get("data", "mnist")
    return instead([*(("data", each, wanted) for each in sorted(found - {wanted})), *pairs])


def full_size(row: Row, figure: Any, data: Path | None) -> dict[str, dict[str, Any]]:
    """By panel, the configuration at the paper's scale; under no name that of a figure without panels."""
    usual = "paper" if "paper" in figure.SETTINGS else figure.SETTINGS[0]
    setting = row.scale_options("paper").get("setting", usual)
    parts = (
        {letter: panel.study for letter, panel in figure.panels.items()} if hasattr(figure, "panels") else {"": figure}
    )
    given = {} if data is None else {"data_dir": data}
    return {
        name: each.configure(False, setting, 0, **(given if getattr(each, "needs_data", False) else {}))
        for name, each in parts.items()
    }


def differing(own: Mapping[str, Any], paper: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str, str]]:
    """By name, what is here and at the paper's scale, where they differ; data and their places aside."""
    for name in (each for each in own if each in paper and each not in OF_DATA):
        ours, theirs = own[name], paper[name]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            yield from differing(ours, theirs, f"{above}{name} ")
        elif ours != theirs:
            yield f"{above}{name}", told(name, ours), told(name, theirs)


def told(name: str, value: Any) -> str:
    """A value of a configuration; of seeds and of long lists the number."""
    if value is None and name.endswith("samples"):
        return "all"
    if isinstance(value, (list, tuple)) and (name.endswith("seeds") or len(value) > LONG):
        return str(len(value)) if name.endswith("seeds") else f"{len(value)} values"
    return str(value)


def lines(summary: Any) -> list[dict[str, Any]]:
    """The rows of a summary, or of every panel's, as JSON can hold them, with differences from the paper's numbers."""
    panels = summary if isinstance(summary, dict) else {"": summary}
    rows = [
        plain(({"panel": name} if name else {}) | row, finite=True) for name, found in panels.items() for row in found
    ]
    for row in rows:
        for name in [each.removesuffix("_published") for each in row if each.endswith("_published")]:
            if row.get(name) is not None:
                row[f"{name}_difference"] = row[name] - row[f"{name}_published"]
    return rows


def files(study: Mapping[str, Any], result: Result, picture: str) -> dict[str, bytes]:
    """The files of a study that is a figure, by name."""
    names = list(dict.fromkeys(name for row in study["lines"] for name in row))
    rows = [{name: _as_field(value) for name, value in row.items()} for row in study["lines"]]
    return packed(study, names, rows, as_page(study, result, picture))


def _as_field(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def as_page(study: Mapping[str, Any], result: Result, picture: str) -> str:
    """The rows as a page in Markdown."""
    rows = study["lines"]
    known = [name for row in rows for name, value in row.items() if value is not None]
    notes = {"_deviation": "±: sample standard deviations (n − 1) over seeds.", "_interval": "Brackets: intervals."}
    beside = [note for part, note in notes.items() if any(name.endswith(part) for name in known)]
    said = [
        " ".join([f"{study['item'][:1].upper()}{study['item'][1:]}. {study['numbers']}", *beside]),
        f"{origin({**result.config, 'command': study['command']})} {costs(study['seconds'])}",
        study["trial"],
    ]
    header, cells = grid(rows)
    return page(study, said, header, cells, picture)


def grid(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The header and the cells of a table: a value with what stands beside it, the paper's, and the difference."""
    names = dict.fromkeys(name for row in rows for name in row)
    heads = {"": "", "_published": ", paper", "_difference": ", difference"}
    columns = {
        f"{value}{suffix}": value.replace("_", " ") + words
        for value in dict.fromkeys(_value_of(name, names) for name in names)
        for suffix, words in heads.items()
        if f"{value}{suffix}" in names
    }
    return list(columns.values()), [[_cell(row, name) for name in columns] for row in rows]


def _value_of(name: str, names: Iterable[str]) -> str:
    """The value that a name is of, which is its own unless it stands beside another."""
    for part in PARTS:
        value = name.removesuffix(f"_{part}")
        if value != name and (value in names or part.startswith("published")):
            return value
    return name


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return ""
    interval = row.get(f"{name}_interval")
    text = _text(row[name], row.get(f"{name}_deviation"))
    return f"{text} [{', '.join(map(_text, interval))}]" if interval and None not in interval else text


def _text(value: Any, spread: float | None = None) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return shown(value, spread) if value is None or isinstance(value, float) else str(value)
