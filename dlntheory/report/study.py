"""The studies on the terminal: the list of all, and the results of one."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from .tables import titled_table
from .words import with_unit


def list_report(records: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Every study, paper by paper, and how it is run."""
    for paper, group in itertools.groupby(records, lambda each: each["paper"]):
        table = titled_table(paper, "study", "what it shows", "how")
        for each in group:
            table.add_row(each["name"], each["title"], Text(_how(each), "dim"))
        yield table
    runnable = sum(each["kind"] in ("axes", "figure") for each in records)
    yield Padding(Text(f"{runnable} of {len(records)} can be run.", "bold"), (1, 0, 0, 0))


def study_report(record: Mapping[str, Any], folder: Path) -> Iterator[RenderableType]:
    """A line for every cell and measure, beside the paper's number and the linear theory's."""
    printed = any(each["published"] is not None for each in record["lines"])
    theory = any(each["theory_seeds"] for each in record["lines"])
    names = ("paper", "difference") if printed else ()
    title = f"{record['item'] or record['study']}: {record['title']}"
    last = ("linear theory",) if theory else ()
    table = titled_table(title, *record["axes"], "measure", "mean", *names, "seeds", *last)
    for each in record["lines"]:
        mean = _shown(each["mean"], each["deviation"]) + (f" ({each['diverged']} diverged)" if each["diverged"] else "")
        paper = (_shown(each["published"], each["published_deviation"]), _shown(each["difference"], None))
        table.add_row(
            *(each[axis] for axis in record["axes"]), with_unit(each["measure"], each["unit"]), mean,
            *(paper if printed else ()), str(each["seeds"]), *([_shown(each["theory"], None)] if theory else ()),
        )  # fmt: skip
    yield table
    yield from _notes([f"{name}: {meaning}" for name, meaning in record["measures"].items()], record)
    line = f"{record['finished']} of {record['cells']} trainings are finished. Results in {folder}."
    yield Padding(Text(line, "bold"), (1, 0, 0, 0))


def figure_report(
    record: Mapping[str, Any], header: Sequence[str], cells: Sequence[Sequence[str]], paths: Sequence[Path]
) -> Iterator[RenderableType]:
    """The numbers of a study that is a figure, and its files."""
    table = titled_table(f"{record['item']}: {record['title']}", *header)
    for row in cells:
        table.add_row(*row)
    yield table
    yield from _notes([record["numbers"]], record)
    yield Padding(Text("\n".join(map(str, paths)), "bold"), (1, 0, 0, 0))


def _notes(texts: Sequence[str], record: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The notes below a table: differences from the paper, and that a trial's numbers mean nothing."""
    yield ""
    trial = [record["trial"]] if record["trial"] else []
    for each in (*filter(None, texts), *(f"differs: {each}" for each in record["differs"]), *trial):
        yield Text(each, "dim")


def _how(record: Mapping[str, Any]) -> str:
    """The way a study is run, or the reason why it is not."""
    if record["kind"] == "axes":
        counts = ", ".join(f"{count} {scale}" for scale, count in record["trainings"].items())
        return f"trainings: {counts}" + (f"; {record['cost']}" if record["cost"] else "")
    if record["kind"] == "figure":
        return f"dlntheory figure {record['figure']}" + (f"; {record['cost']}" if record["cost"] else "")
    return f"see: {record['see']}"


def _shown(value: float | None, spread: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if spread is None else f"{value:.4g} ± {spread:.2g}"
