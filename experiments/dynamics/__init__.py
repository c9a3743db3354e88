"""Figures about learning in time that are in no paper: modes, saddles, and what regularises decorrelation.

A figure is a module, or the ``FIGURE`` in a module, with the five parts that `experiments.sample_efficiency` lists.
"""

from importlib import import_module
from typing import Any

FIGURES = {"modes": "modes", "saddles": "saddles", "regularisation": "regularisation"}
"""The module of each figure."""


def load_figure(name: str) -> Any:
    """The module that makes a figure."""
    module = import_module(f".{FIGURES[name]}", __name__)
    return getattr(module, "FIGURE", module)
