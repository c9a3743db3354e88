"""A new Python interpreter, for what must be seen before anything is imported."""

import json
import subprocess
import sys


def fresh_python(script: str):
    """The JSON that a new interpreter prints last."""
    printed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(printed.stdout.splitlines()[-1])
