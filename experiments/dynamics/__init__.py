"""Figures about learning in time that are in no paper: modes, and saddles.

A figure is a module with the five parts that `experiments.sample_efficiency` lists.
"""

from importlib import import_module
from typing import Any

FIGURES = {"modes": "modes", "saddles": "saddles"}
"""The module of each figure."""


def load_figure(name: str) -> Any:
    """The module that makes a figure."""
    return import_module(f".{FIGURES[name]}", __name__)
