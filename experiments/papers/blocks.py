"""Tables written as text, with cells between bars: a paper's numbers, or options of single cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Printed:
    """A number in the paper, with its deviation if there is one."""

    mean: float
    deviation: float | None = None


def blocks(text: str) -> Iterator[list[list[str]]]:
    """Read tables that an empty line parts.

    Yields:
        Each table, line by line and cell by cell.

    Raises:
        ValueError: for a line of more or fewer cells than the first.
    """
    for block in text.strip().split("\n\n"):
        lines = [[cell.strip() for cell in line.split("|")] for line in block.strip().splitlines()]
        if wrong := [line for line in lines if len(line) != len(lines[0])]:
            raise ValueError(f"the line {' | '.join(wrong[0])} has {len(wrong[0])} cells; wanted {len(lines[0])}.")
        if lines:
            yield lines


def as_printed(text: str) -> Printed:
    """A number and its deviation, if there is one after a space.

    Raises:
        ValueError: for anything else.
    """
    try:
        return Printed(*map(float, text.split()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"the cell {text!r} is no number; wanted one, and its deviation after a space.") from error


def as_value(text: str) -> Any:
    """A whole number, another number, or a word."""
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text
