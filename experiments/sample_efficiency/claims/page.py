"""The claims and their verdicts as Markdown and JSON."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlntheory.files.arrays import write_together

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
"""The table stands between these lines of a page; the rest of it is not touched."""
KINDS = ("holds", "holds only if", "fails", "undecided", "no data")

Record = Mapping[str, Any]


def counts(records: Sequence[Record]) -> dict[str, int]:
    """How many claims got each kind of verdict."""
    found = Counter(record["kind"] for record in records)
    return {kind: found[kind] for kind in KINDS}


def summary(records: Sequence[Record]) -> str:
    """The counts in a sentence."""
    listed = {
        "holds": "hold",
        "holds only if": "hold only under a condition",
        "fails": "fail",
        "undecided": "are undecided",
        "no data": "have no data",
    }
    parts = [f"{count} {listed[kind]}" for kind, count in counts(records).items() if count]
    return f"Of {len(records)} claims, {', '.join(parts)}."


def table(records: Sequence[Record]) -> str:
    """The table in Markdown."""
    rows = ["| section | claim | verdict | decided by | numbers |", "|---|---|---|---|---|"]
    for record in records:
        verdict = record["verdict"].replace(record["kind"], f"**{record['kind']}**", 1)
        cells = [record["section"], record["claim"], verdict, record["test"], record["numbers"]]
        rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join([summary(records), "", *rows])


def page(records: Sequence[Record]) -> str:
    """A page that is nothing but the table."""
    return f"# Claims\n\n{table(records)}\n"


def filled(text: str, records: Sequence[Record]) -> str:
    """A page with the table in its place.

    Raises:
        ValueError: for a page without such a place.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no line {BEGIN!r} with a line {END!r} after it; wanted a place for the table.")
    return f"{before}{BEGIN}\n\n{table(records)}\n\n{END}{after}"


def as_json(records: Sequence[Record]) -> str:
    """The counts and the records, one a line."""
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
        files[text] = filled(text.read_text(encoding="utf-8"), records).encode()
    write_together(files)
    return list(files)
