"""Formulas for random networks against networks of width 512, with the terms ``c/n`` of the smaller widths."""

import json

from .random_networks import CELLS, Rows, drawn_table, judged, measure, sentence
from .report import RESULTS

WIDTH = 512


def run(quick: bool = False) -> Rows:
    """The cells that are drawn at this width; ``c`` comes from the committed results of `random_networks`."""
    cells = [each for each in CELLS if each.wide][: 1 if quick else None]
    rows = [measure(cell, 32 if quick else WIDTH, quick) for cell in cells]
    smaller = json.loads((RESULTS / "random-networks.json").read_text(encoding="utf-8"))["results"]
    return [judged([*(each for each in smaller if each.get("cell") == row["cell"]), row])[-1] for row in rows]


def markdown(results: Rows) -> str:
    """The table."""
    return drawn_table(results)


def digest(results: Rows) -> str:
    """The number of cells that keep their bar, and the table."""
    return f"At width {WIDTH}: {sentence(results)}\n\n{markdown(results)}"
