"""Figures with a name: those in no paper, and those of the papers on nonlinear networks; and their packages."""

from typing import Any

from . import benchmarking_pcns, deeper_pcns, dynamics, inference, kernels, nonlinear

FIGURES = {
    name: package
    for package in (inference, dynamics, kernels, nonlinear, benchmarking_pcns, deeper_pcns)
    for name in package.FIGURES
}
"""The package of each figure."""


def load_figure(name: str) -> Any:
    """The module that makes a figure."""
    if name not in FIGURES:
        raise ValueError(f"figure {name!r} is not here; wanted a number, or one of {', '.join(FIGURES)}.")
    return FIGURES[name].load_figure(name)
