"""Results as data, and the pages that are written from them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlntheory.files.arrays import write_atomically

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "results" / "benchmarks"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def number(value: float | None) -> str:
    """Two digits, in scientific notation where that is shorter."""
    if value is None:
        return "—"
    return f"{value:.2f}" if 0.01 <= value < 100 else f"{value:.0f}" if 100 <= value < 1e5 else f"{value:.1e}"


def verdict(kept: bool, judged: bool = True) -> str:
    """Say whether a row keeps its bar."""
    return ("pass" if kept else "FAIL") if judged else "not judged"


def outcome(passes: bool | None) -> str:
    """The same, of a row that may have no bar."""
    return "" if passes is None else verdict(passes)


def relative_error(found: Iterable[Any], expected: Iterable[Any]) -> float:
    """The error of all arrays together, relative to what was expected."""
    one, other = (np.concatenate([np.ravel(each) for each in part]).astype(float) for part in (found, expected))
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def save(path: Path, config: dict[str, Any], results: Any) -> None:
    """Write one benchmark's results."""
    write(path, json.dumps({"config": config, "results": results}, indent=1, allow_nan=False) + "\n")


def write(path: Path, text: str) -> None:
    """Replace the file at once, so that no reader sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())


def describe(config: dict[str, Any]) -> str:
    """One line about where the results come from."""
    machine, versions = config["machine"], config["versions"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return (
        f"`{config['command']}`, {config['date'][:10]}, {machine['cores']} cores of {machine['cpu']}, "
        f"Python {config['python']}, {listed}."
    )


def fill(page: Path, name: str, text: str) -> None:
    """Put ``text`` between the comments ``<!-- name -->`` and ``<!-- end of name -->`` of a page."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{page.name} has no place for {name}")
    write(page, f"{before}{start}\n{text}\n{end}{after}")
