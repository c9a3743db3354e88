"""Figures with a name, which are in no paper, and the packages that they are in."""

from typing import Any

from . import dynamics, inference

FIGURES = {name: package for package in (inference, dynamics) for name in package.FIGURES}
"""The package of each figure."""


def load_figure(name: str) -> Any:
    """The module that makes a figure."""
    if name not in FIGURES:
        raise ValueError(f"figure {name!r} is not here; wanted a number, or one of {', '.join(FIGURES)}.")
    return FIGURES[name].load_figure(name)
