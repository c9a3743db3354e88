"""The display of objects: a class gives its facts and the rows of its table.

`Presented` makes of them a short ``repr``, a summary in text and one in HTML, a dictionary and a frame.
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from .extras import require

SHOWN = 12
"""Rows of a table that are shown; of a longer one, the first and the last of them."""


class Presented:
    """The base of objects that show themselves.

    A class gives `_facts`, and `_columns` if it has a table; both may cost no more than a look at its arrays.
    """

    def _facts(self) -> dict[str, Any]:
        """The facts by name, one line each: numbers, words and tuples of them."""
        return {}

    def _columns(self) -> dict[str, Any]:
        """The columns of a table by name, equally long."""
        return {}

    def _remark(self) -> str:
        """A paragraph below the table."""
        return ""

    def summary(self) -> str:
        """The facts and the table as text, which ``print`` shows."""
        parts = [type(self).__name__, *_aligned([(name, written(each)) for name, each in self._facts().items()], "<<")]
        columns = self._columns()
        if columns:
            rows = [list(columns), *_shortened(list(zip(*columns.values(), strict=True)))]
            words = [any(isinstance(each, str) for each in column) for column in columns.values()]
            sides = "".join("<" if each else ">" for each in words)
            parts += ["", *_aligned([[written(each) for each in row] for row in rows], sides)]
        return "\n".join([*parts, *(["", self._remark()] if self._remark() else [])])

    def to_dict(self) -> dict[str, Any]:
        """The facts by name, and the columns of the table as lists: unrounded, as Python's own numbers and words."""
        return {name: plain(each) for name, each in (self._facts() | self._columns()).items()}

    def to_dataframe(self) -> Any:
        """The table as a pandas frame, or the facts as its only row; needs pandas."""
        columns = self._columns() or {name: [each] for name, each in self._facts().items()}
        return require("pandas", "frames").DataFrame({name: plain(each) for name, each in columns.items()})

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={written(each)}' for name, each in self._facts().items())})"

    def _repr_html_(self) -> str | None:
        columns = self._columns()
        facts = "".join(_html_row((name, written(each))) for name, each in self._facts().items())
        rows = _shortened(list(zip(*columns.values(), strict=True)))
        table = "".join([_html_row(columns, "th"), *(_html_row(map(written, row)) for row in rows)])
        shown = [f"<table>{part}</table>" for part in (facts, table if columns else "") if part]
        remark = f"<p>{escape(self._remark())}</p>" if self._remark() else ""
        return f"<div><b>{escape(type(self).__name__)}</b>{''.join(shown)}{remark}</div>"


def plain(value: Any, finite: bool = False) -> Any:
    """Convert arrays and NumPy's numbers to lists and Python's; if ``finite``, NaN and infinity to ``None``, for JSON.

    Example:
        >>> import numpy as np
        >>> plain({"a": np.arange(2), "b": (np.float64(0.5),)}), plain([np.inf], finite=True)
        ({'a': [0, 1], 'b': [0.5]}, [None])
    """
    if isinstance(value, dict):
        return {str(key): plain(each, finite) for key, each in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return [plain(each, finite) for each in value]
    return None if finite and isinstance(value, float) and not math.isfinite(value) else value


def written(value: Any) -> str:
    """A fact in words: numbers to four digits.

    Example:
        >>> written((64, 32)), written(True), written(1 / 3), written(None)
        ('64-32', 'yes', '0.3333', '—')
    """
    value = plain(value)
    if isinstance(value, list):
        return "-".join(map(written, value))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shortened(rows: list[Any]) -> list[Any]:
    """The first and the last rows of a long table."""
    if len(rows) <= SHOWN:
        return rows
    half = SHOWN // 2
    return [*rows[:half], ["…"] * len(rows[0]), *rows[-half:]]


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> Iterator[str]:
    """Rows as lines, every column as wide as its widest entry."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            f"{cell:{side}{width + len(cell) - _width(cell)}}"
            for cell, side, width in zip(row, sides, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """The number of places that a text takes: the hat of an x̂ takes none."""
    return sum(not unicodedata.combining(character) for character in text)


def _html_row(cells: Any, tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
