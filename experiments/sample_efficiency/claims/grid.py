"""The cases of a claim as a plain table: the factor that leaves the fewest rows goes across, the others down."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .verdicts import varying

MARKS = {"right": "", "wrong": "✗", "noise": "~"}
MARKED = "✗ is against the claim, ~ within noise; ± is the standard error of a mean over seeds."

ROUNDING = 1e-9
"""Errors below this share of their value come from arithmetic, and are not shown."""


class Grid(NamedTuple):
    """The heads of the columns, the rows' heads included; and rows, each with its head first."""

    heads: list[str]
    rows: list[list[str]]


def grid(record: Mapping[str, Any]) -> Grid:
    """The cases of a claim's record."""
    places = [case["where"] for case in record["cases"]]
    factors = varying(places)
    across = min(factors, key=lambda name: len({head(where, factors, name) for where in places}), default="")
    columns = list(dict.fromkeys(where.get(across, "") for where in places))
    if all(isinstance(value, int | float) for value in columns):
        columns = sorted(columns)
    rows: dict[str, dict[Any, str]] = {}
    for case in record["cases"]:
        where = case["where"]
        rows.setdefault(head(where, factors, across), {})[where.get(across, "")] = point(case)
    heads = [across, *map(plain, columns)]
    return Grid(heads, [[name, *(row.get(value, "") for value in columns)] for name, row in rows.items()])


def head(where: Mapping[str, Any], factors: Sequence[str], across: str) -> str:
    """A row's head: all factors but the one that goes across; words speak for themselves, numbers need their name."""
    words = {name: where[name] for name in factors if name != across and name in where}
    return ", ".join(value if isinstance(value, str) else f"{name} {plain(value)}" for name, value in words.items())


def point(case: Mapping[str, Any]) -> str:
    """A value with its standard error, its unit, and a mark if it does not speak for the claim."""
    unit = f" {case['unit']}" if case["unit"] else ""
    return f"{number(case['value'], case['standard_error'])}{unit}{MARKS[case['side']]}"


def number(value: float, error: float) -> str:
    """A value to the first digit of its error, and the error; to three digits if there is none, one if it is tiny."""
    exact = error <= ROUNDING * abs(value)
    if abs(value) < 1e-3:
        return short(f"{value:.1g}" if exact else f"{value:.1g} ±{error:.1g}")
    if exact:
        return short(f"{value:.3g}")
    digits = min(4, max(0, -math.floor(math.log10(error))))
    return short(f"{value:.{digits}f} ±{error:.{digits}f}")


def short(text: str) -> str:
    """The numbers without zeros that say nothing."""
    return re.sub(r"e([+-])0?", r"e\1", re.sub(r"\b0\.", ".", text)).replace("e+", "e")


def extremes(record: Mapping[str, Any]) -> tuple[str, str]:
    """The cases that speak least and most for the claim."""
    order = ("wrong", "noise", "right")
    ranked = sorted(record["cases"], key=lambda case: (order.index(case["side"]), case["margin"]))
    return point(ranked[0]), point(ranked[-1])


def plain(value: Any) -> str:
    """A factor's value as text."""
    return value if isinstance(value, str) else short(f"{value:g}")
