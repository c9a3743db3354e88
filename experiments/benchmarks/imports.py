"""Wall time of importing the library and of the command line's help, each in a fresh process.

``import dlntheory`` loads its modules when a name is first used; ``from dlntheory import *`` loads all of them.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from . import timing
from .processes import ROOT
from .report import number, outcome, table

THEIRS, WHOLE = "import jax, jax.numpy, equinox, jaxtyping", "from dlntheory import *"
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    THEIRS: ("-c", THEIRS),
    "import dlntheory": ("-c", "import dlntheory"),
    WHOLE: ("-c", WHOLE),
    "python -m dlntheory --help": ("-m", "dlntheory", "--help"),
}
OURS = "the library's share of `from dlntheory import *`"
BARS = {"import dlntheory": 1500.0, WHOLE: 1500.0, OURS: 200.0}

Rows = list[dict[str, Any]]


def run(quick: bool = False) -> Rows:
    """One row for each command, and one for our share of the import."""
    calls = {name: _in_fresh_process(arguments) for name, arguments in COMMANDS.items()}
    timing.first_calls(calls)  # reads the files from the disk, and writes what Python caches of them
    samples = timing.interleaved(calls, rounds=1 if quick else 9)
    samples[OURS] = [whole - theirs for whole, theirs in zip(samples[WHOLE], samples[THEIRS], strict=True)]
    return [_judged({"command": name, **each}) for name, each in timing.summary(samples).items()]


def _in_fresh_process(arguments: tuple[str, ...]) -> Callable[[], Any]:
    environment = os.environ | {"COLUMNS": "100"}
    command = [sys.executable, *arguments]
    return lambda: subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)


def _judged(row: dict[str, Any]) -> dict[str, Any]:
    bar = BARS.get(row["command"])
    return row | {"bar_ms": bar, "passes": None if bar is None else row["median_ms"] <= bar}


def markdown(rows: Rows) -> str:
    """One table."""
    return table(["command", "median, ms", "quartiles, ms", "bar, ms", ""], map(_line, rows))


def _line(row: dict[str, Any]) -> list[str]:
    name = row["command"] if row["command"] == OURS else f"`{row['command']}`"
    quartiles = " … ".join(map(number, row["quartiles_ms"]))
    bar = number(row["bar_ms"]) if row["bar_ms"] else ""
    return [name, number(row["median_ms"]), quartiles, bar, outcome(row["passes"])]
