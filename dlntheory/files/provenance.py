"""The origin of numbers: when they were computed, and by which versions."""

import functools
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

PACKAGES = ("dlntheory", "jax", "jaxlib", "equinox", "numpy")
"""Packages that every number depends on."""


def provenance(*others: str) -> dict[str, Any]:
    """The date, and the versions of Python and of the packages that numbers depend on, as JSON.

    Args:
        others: packages that these numbers depend on too.

    Example:
        >>> list(provenance("scipy")["versions"])
        ['dlntheory', 'jax', 'jaxlib', 'equinox', 'numpy', 'scipy']
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": versions((*PACKAGES, *others)),
    }


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """The versions of packages, ``None`` for one that is not installed."""
    return {name: _version(name) for name in packages}


@functools.cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
