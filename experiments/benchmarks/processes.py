"""Measurements in a process of their own, which no other one has warmed up."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IN_64_BITS = {"JAX_ENABLE_X64": "1"}


def in_fresh_process(module: str, *arguments: Any, **environment: str) -> Any:
    """Return the answer that a module of this package gives to some arguments, by `answer`."""
    command = [sys.executable, "-m", module, json.dumps(arguments)]
    variables = os.environ | environment
    done = subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def answer(measure: Callable[..., Any]) -> None:
    """Measure with the arguments of the command line, and print the result as JSON."""
    print(json.dumps(measure(*json.loads(sys.argv[1]))))
