"""The origin of results: the command, the date, the versions, the machine, and the code that they depend on."""

import functools
import hashlib
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import dlntheory
from dlntheory.files.provenance import provenance

HERE = Path(__file__).parent
ROOT = HERE.parent
"""The repository, in a checkout."""
PACKAGES = ("scipy", "matplotlib", "python-flint")
"""The packages that experiments depend on, beside those that all numbers depend on."""


def configuration(command: str, **choices: Any) -> dict[str, Any]:
    """Everything that results depend on, as JSON."""
    return {
        "command": command,
        **provenance(*PACKAGES),
        "commit": commit(),
        "machine": {"cpu": _processor(), "cores": os.cpu_count()},
        **choices,
    }


def choices(config: dict[str, Any]) -> dict[str, Any]:
    """The choices in a configuration: all but what `configuration` adds of time and place."""
    circumstances = configuration("")
    return {name: value for name, value in config.items() if name not in circumstances}


@functools.cache
def commit() -> str | None:
    """The commit of the code, with ``-dirty`` where files differ from it; ``None`` where the code is installed."""
    return _git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")


def first_with(text: str) -> str | None:
    """The commit that brought a text into the repository; ``None`` where the code is installed, or no commit has."""
    return (_git("log", "--reverse", "--format=%H", f"-S{text}") or "").partition("\n")[0] or None


def _git(*arguments: str) -> str | None:
    """The answer of git about the repository; ``None`` where the code is installed."""
    if not (ROOT / ".git").exists():
        return None
    try:
        return subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, check=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


@functools.cache
def source_digest() -> str:
    """A digest of the code of the library and of the experiments, and of the versions of what they stand on."""
    total = hashlib.sha256(repr(provenance(*PACKAGES)["versions"]).encode())
    library = Path(dlntheory.__file__).parent
    for path in sorted({*library.rglob("*.py"), *HERE.rglob("*.py")}):
        total.update(path.read_bytes())
    return total.hexdigest()[:24]


def published() -> Path:
    """The folder of the results that docs show: an installed package has their data beside this file."""
    installed = HERE / "published"
    return installed if installed.exists() else ROOT / "docs" / "results" / "figures"


def _processor() -> str:
    """The model's name; Linux has it in a file."""
    information = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", information.read_text()) if information.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
