"""The tables of claims on the terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

STYLES = {"holds": "green", "in part": "yellow", "fails": "bold red", "within noise": "dim", "no data": "dim"}
"""The style of a verdict, by its kind."""
MANY = 6
"""Columns of cases from which on standard errors stand below their values."""


def claims_report(records: Sequence[dict[str, Any]], summary: str, grids: Any) -> Iterator[RenderableType]:
    """Every claim in a line: how many cases speak for it, and those that speak least and most for it."""
    table = _table()
    for column in ("claim", "verdict", "noise", "least for it", "most for it"):
        table.add_column(column, header_style="dim", justify="left" if column in ("claim", "verdict") else "right")
    for record in records:
        ends = grids.extremes(record) if record["cases"] else ("", "")
        counted = f" {record['right']}/{record['right'] + record['wrong']}" if record["wrong"] else ""
        verdict = Text(f"{record['kind']}{counted}", STYLES[record["kind"]])
        table.add_row(record["id"], verdict, str(record["noise"] or ""), *ends)
    yield table
    yield Padding(Text(summary, "bold"), (1, 0, 0, 0))
    yield Padding(Text(grids.MARKED, "dim"), (0, 0, 1, 0))
    for record in records:
        if record["kind"] == "no data":
            yield Text(f"{record['id']}: {record['verdict']}")


def cases_report(record: dict[str, Any], grids: Any) -> Iterator[RenderableType]:
    """A claim with all its cases."""
    yield Text.assemble(record["claim"], f" ({record['section']}): ", (record["verdict"], STYLES[record["kind"]]))
    yield Padding(Text(f"{record['test']}. {grids.MARKED}", "dim"), (0, 0, 1, 0))
    found = grids.grid(record)
    table = _table()
    for number, head in enumerate(found.heads):
        table.add_column(head, header_style="dim", justify="right" if number else "left")
    apart = "\n±" if len(found.heads) > MANY else " ±"
    for head, *cells in found.rows:
        table.add_row(head, *(cell.replace(" ±", apart) for cell in cells))
    yield table


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
