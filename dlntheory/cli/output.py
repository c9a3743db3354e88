"""The output of the commands: JSON, or Rich tables."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import typer

from ..numerics.presentation import plain


def print_json(record: Any) -> None:
    """Print a record as JSON; NaN and infinity, which JSON does not have, as null.

    Characters are escaped where the output lacks one of them: the record is the same.
    """
    found = plain(record, finite=True)
    text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(found, indent=2, allow_nan=False)
    typer.echo(text)


def print_record(record: Any, json: bool, tables: Iterable[Any]) -> None:
    """Print a record as JSON if that is wanted, and otherwise as its tables."""
    if json:
        print_json(record)
    else:
        print_tables(tables)


def track(steps: Sequence[Any], doing: str) -> Iterator[Any]:
    """Go through the steps and show progress on the standard error."""
    from rich.console import Console
    from rich.progress import track as show

    console = Console(stderr=True)
    yield from show(steps, doing, console=console, transient=console.is_terminal)


NARROWEST, WIDEST, WIDER = 40, 400, 10
"""The least width of the output, whatever the terminal says; the largest width of a table, and the steps to it."""


def print_tables(parts: Any) -> None:
    """Print Rich renderables; where the terminal has too few columns, lines are longer and no number is cut."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    narrowest = max(console.width, NARROWEST)
    for part in parts:
        console.width = _width(console, part, narrowest)
        console.print(part)


def _width(console: Any, part: Any, narrowest: int) -> int:
    """The least width, from a given one on, in which nothing is cut."""

    def cuts(width: int) -> int:
        lines = console.render_lines(part, console.options.update(width=width), pad=False)
        return sum(segment.text.count("…") for line in lines for segment in line)

    if not cuts(narrowest):
        return narrowest
    fewest = cuts(WIDEST)
    return next((width for width in range(narrowest + WIDER, WIDEST, WIDER) if cuts(width) <= fewest), narrowest)
