"""Figures about nonlinear networks that are in no paper: target alignment, and what the linear theory says of it.

A figure is the ``FIGURE`` in a module, with the five parts that `experiments.sample_efficiency` lists.
"""

from importlib import import_module
from typing import Any

FIGURES = {"nonlinear-alignment": "alignment"}
"""The module of each figure."""


def load_figure(name: str) -> Any:
    """The figure."""
    return import_module(f".{FIGURES[name]}", __name__).FIGURE
