"""Figures of Qi et al., *Towards the Training of Deeper Predictive Coding Neural Networks*.

A figure is a module with the five parts that `experiments.sample_efficiency` lists.
"""

from importlib import import_module
from typing import Any

FIGURES = {"training-energy": "training_energy"}
"""The module of each figure."""


def load_figure(name: str) -> Any:
    """The module that makes a figure."""
    return import_module(f".{FIGURES[name]}", __name__)
