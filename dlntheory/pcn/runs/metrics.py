"""The metrics of a run: a file with one JSON record per line, cut back to the last checkpoint when the run resumes."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...files.arrays import write_atomically


class Metrics:
    """Appends records to a file. Every record has a ``step``, and steps never decrease.

    Example:
        >>> metrics = Metrics(Path("metrics.jsonl"))
        >>> for step in range(3):
        ...     metrics.append({"step": step})
        >>> metrics.cut(1)
        >>> [record["step"] for record in read_metrics(Path("metrics.jsonl"))]
        [0, 1]
    """

    def __init__(self, path: Path):
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record as one line, on the disk when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(record)}\n")
            file.flush()
            os.fsync(file.fileno())

    def cut(self, step: int) -> None:
        """Keep the records up to a step. A line that was being written when the run was killed is dropped."""
        kept = [json.dumps(record) for record in read_metrics(self.path) if record["step"] <= step]
        write_atomically(self.path, "".join(f"{line}\n" for line in kept).encode())


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file, none if it is not there; lines from a damaged one on are left out."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            return
        if not isinstance(record, dict) or "step" not in record:
            return
        yield record
