"""A search for hyperparameters on the terminal."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from .tables import titled_table
from .words import number

RESULT = ("trial", "accuracy", "test", "diverged")


def search_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """The best hyperparameters, and how much each explains."""
    best, importances = record["best"], record["importances"]
    table = titled_table(None, "hyperparameter", ">best", ">importance")
    for name, value in best.items():
        if name not in RESULT:
            shown = value if isinstance(value, str) else number(value)
            table.add_row(name, shown, number(importances.get(name)))
    yield table
    line = (
        f"Best {record['judge']} {record['measure']} {best['accuracy']:.2%}, in trial {best['trial']} of "
        f"{record['completed']}."
    )
    if record["judge"] == "validation" and best["test"] is not None:
        line += f" Its test {record['measure']} is {best['test']:.2%}."
    yield Padding(Text(line, "bold"), (1, 0, 0, 0))
