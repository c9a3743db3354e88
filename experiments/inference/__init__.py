"""Figures about inference that are in no paper: how energy travels, what precision does, and the way from BP to PC.

A figure is a module with the five parts that `experiments.sample_efficiency` lists.
"""

from importlib import import_module
from typing import Any

FIGURES = {
    "energy-propagation": "energy_propagation",
    "spiking": "spiking",
    "bp-to-pc": "bp_to_pc",
    "theorem-3": "theorem3",
}
"""The module of each figure."""


def load_figure(name: str) -> Any:
    """The module that makes a figure."""
    if name not in FIGURES:
        raise ValueError(f"figure {name!r} is not here; wanted a number, or one of {', '.join(FIGURES)}.")
    return import_module(f".{FIGURES[name]}", __name__)
