"""Measurements in a process of their own, which no other one has warmed up."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax

ROOT = Path(__file__).parents[2]


def in_fresh_process(module: str, case: str, quick: bool, **environment: str) -> Any:
    """Return the answer that a module of this package prints for a case, by `answer`."""
    command = [sys.executable, "-m", module, case, *(["--quick"] if quick else [])]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def answer(measure: Callable[[str, bool], Any], cases: Iterable[str]) -> None:
    """Measure the case of the command line in 64 bits, and print it as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=list(cases))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    print(json.dumps(measure(arguments.case, arguments.quick)))
