"""Trainings in the figures' data: each algorithm at its best learning rate."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..curves import best_rate
from .data import INITIALISATIONS, NoData, PanelData, Results


class Training(NamedTuple):
    """One panel of training curves.

    Attributes:
        where: the initialisation, sizes and batch, and whose range of learning rates was tried.
        errors: by curve, at the best learning rate, ``(seeds, times)``, the first before training.
        learning_rates: those that were tried.
        best: by curve, which of them is best.
    """

    where: dict[str, Any]
    errors: Mapping[str, np.ndarray]
    learning_rates: np.ndarray
    best: Mapping[str, int]


def trainings(results: Results, figure: int, letters: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ") -> list[Training]:
    """The panels of training curves of a figure, in every setting that is there.

    Raises:
        NoData: if there is none.
    """
    panels = [panel for panel in results.panels(figure) if panel.letter in letters]
    found = [training(panel) for panel in panels if "learning_rates" in panel.config]
    if not found:
        raise NoData(figure)
    return found


def training(panel: PanelData) -> Training:
    """The panel as a training."""
    config, arrays = panel.config, panel.arrays
    named = list(zip(config["curves"], arrays["errors"], arrays["final"], strict=True))
    return Training(
        where={
            "initialisation": INITIALISATIONS[config["init"]],
            "hidden layers": len(config["hidden"]),
            "width": config["hidden"][0],
            "batch": config["batch"],
            "rates": f"of the {panel.setting}",
        },
        errors={name: errors for name, errors, _ in named},
        learning_rates=arrays["learning_rates"],
        best={name: best_rate(final) for name, _, final in named},
    )
