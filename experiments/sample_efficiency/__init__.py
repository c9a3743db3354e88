"""The figures of Oliviers, Lominadze and Bogacz, *Understanding Sample Efficiency in Predictive Coding*.

A figure has

- ``SETTINGS``: the names of the settings that it can be run in, the default first;
- ``configure(quick, setting, seed)``: its sizes as a dictionary that JSON can hold;
- ``run(config, track, folder)``: its arrays by name; ``track`` wraps the list of steps, and shows progress; a long run
  keeps checkpoints in ``folder``;
- ``summarise(config, arrays)``: its numbers;
- ``draw(config, arrays)``: the picture.

Those here are made of panels (`panels`), one file a figure, and one a study that panels draw.
"""

from importlib import import_module
from typing import Any

FIGURES = {number: f"figure{number}" for number in range(1, 11)}
"""The module of each figure."""


def load_figure(number: int) -> Any:
    """The figure of the paper."""
    if number not in FIGURES:
        raise ValueError(f"figure {number} is not here; wanted one of {', '.join(map(str, FIGURES))}.")
    return import_module(f".{FIGURES[number]}", __name__).FIGURE
