"""The claims and their verdicts as Markdown and JSON."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlntheory.files.arrays import write_together

from .grid import MARKED, extremes, grid

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
"""The table stands between these lines of a page; the rest of it is not touched."""
KINDS = {
    "holds": "hold",
    "in part": "hold in part",
    "fails": "fail",
    "within noise": "lie within noise",
    "no data": "have no data",
}

Record = Mapping[str, Any]


def counts(records: Sequence[Record]) -> dict[str, int]:
    """The number of claims with each kind of verdict."""
    found = Counter(record["kind"] for record in records)
    return {kind: found[kind] for kind in KINDS}


def summary(records: Sequence[Record]) -> str:
    """The counts in a sentence."""
    parts = [f"{count} {KINDS[kind]}" for kind, count in counts(records).items() if count]
    return f"Of {len(records)} claims, {', '.join(parts)}."


def table(records: Sequence[Record], details: str = "") -> str:
    """Every claim in a line, linked to its cases on the page ``details``."""
    rows = [line(["claim", "section", "test", "verdict", "noise", "least for it", "most for it"]), "|---" * 7 + "|"]
    for record in records:
        claim = f"[{plain(record['claim'])}]({details}#{record['id']})"
        ends = extremes(record) if record["cases"] else ("", "")
        verdict = f"**{record['verdict']}**"
        rows.append(line([claim, record["section"], plain(record["test"]), verdict, str(record["noise"]), *ends]))
    return "\n".join([summary(records), "", *rows])


def detail(record: Record) -> str:
    """A claim with all its cases."""
    found = grid(record)
    head = [f"### {record['id']}", "", f"{plain(record['claim'])} ({record['section']}): **{record['verdict']}**."]
    cells = [line(found.heads), "|---" * len(found.heads) + "|", *map(line, found.rows)]
    return "\n".join([*head, "", f"Test: {plain(record['test'])}.", "", *(cells if record["cases"] else [])])


def plain(text: str) -> str:
    """Text with formulas, whose stars are no Markdown."""
    return text.replace("*", r"\*")


def line(cells: Sequence[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def page(records: Sequence[Record]) -> str:
    """The table, and every claim with its cases."""
    return "\n\n".join(["# Claims", table(records), f"## The cases\n\n{MARKED}", *map(detail, records)]) + "\n"


def filled(text: str, records: Sequence[Record], details: str = "") -> str:
    """A page with the table in its place.

    Raises:
        ValueError: for a page without such a place.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no line {BEGIN!r} with a line {END!r} after it; wanted a place for the table.")
    return f"{before}{BEGIN}\n\n{table(records, details)}\n\n{END}{after}"


def as_json(records: Sequence[Record]) -> str:
    """The counts and the records, one per line."""
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    return f'{{"counts": {json.dumps(counts(records))},\n"claims": [\n{lines}\n]}}\n'


def write(records: Sequence[Record], folder: Path | None = None, text: Path | None = None) -> list[Path]:
    """Write claims.md and claims.json into a folder, and the table into its place in a page: all or none."""
    files: dict[Path, bytes] = {}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        files[folder / "claims.md"] = page(records).encode()
        files[folder / "claims.json"] = as_json(records).encode()
    if text is not None:
        details = "" if folder is None else os.path.relpath(folder / "claims.md", text.parent)
        files[text] = filled(text.read_text(encoding="utf-8"), records, details).encode()
    write_together(files)
    return list(files)
