"""Where results come from: the command, the date, the versions and the machine."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("dlntheory", "jax", "jaxlib", "equinox", "numpy", "scipy", "matplotlib", "python-flint")


def configuration(command: str, **choices: Any) -> dict[str, Any]:
    """What results depend on, as JSON."""
    return {
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "machine": {"cpu": _processor(), "cores": os.cpu_count()},
        **choices,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The model's name; Linux has it in a file."""
    information = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", information.read_text()) if information.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
