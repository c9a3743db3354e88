"""The figures of Oliviers, Lominadze and Bogacz, *Understanding Sample Efficiency in Predictive Coding*.

A figure is a module with

- ``SETTINGS``: the names of the settings that it can be run in, the default first;
- ``configure(quick, setting, seed)``: its sizes as a dictionary that JSON can hold;
- ``run(config, track)``: its arrays by name; ``track`` wraps the list of steps, and shows progress;
- ``summarise(config, arrays)``: its numbers as a dictionary;
- ``draw(config, arrays)``: the picture.
"""

from importlib import import_module
from typing import Any

FIGURES = {2: "figure2"}
"""The module of each figure."""


def load_figure(number: int) -> Any:
    """The module that makes a figure of the paper."""
    if number not in FIGURES:
        raise ValueError(f"figure {number} is not here; wanted one of {', '.join(map(str, FIGURES))}.")
    return import_module(f".{FIGURES[number]}", __name__)
