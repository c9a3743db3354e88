"""The table of claims on the terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

STYLES = {"holds": "green", "holds only if": "yellow", "fails": "bold red", "undecided": "dim", "no data": "dim"}
"""How a verdict looks, by its kind."""


def claims_report(records: Sequence[dict[str, Any]], summary: str) -> Iterator[RenderableType]:
    """Everything that `dlntheory claims` says."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    for column, ratio in {"section": 2, "claim": 5, "verdict": 4, "numbers": 4}.items():
        table.add_column(column, header_style="dim", ratio=ratio)
    for record in records:
        verdict = Text(record["verdict"], STYLES[record["kind"]])
        table.add_row(record["section"], Text(record["claim"]), verdict, Text(record["numbers"], "dim"))
    yield table
    yield Padding(Text(summary, "bold"), (0, 0, 1, 0))
