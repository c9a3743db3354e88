"""The figure of update kernels, which is in no paper: their spectra, and what they say of target alignment.

A figure is the ``FIGURE`` in a module, with the five parts that `experiments.sample_efficiency` lists.
"""

from importlib import import_module
from typing import Any

FIGURES = {"kernel-spectra": "spectra"}
"""The module of each figure."""


def load_figure(name: str) -> Any:
    """The figure."""
    return import_module(f".{FIGURES[name]}", __name__).FIGURE
