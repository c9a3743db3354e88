"""Trainings in the figures' data, each algorithm at its best learning rate, and how two of them compare.

Errors are compared by their decimal logarithm, seed by seed. Below `curves.TIE` of the error before training they are
rounding, and equal; two algorithms that both end there are compared by the steps that they took to get there.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..curves import TIE
from ..single_step import CURVES
from .data import INITIALISATIONS, NoData, PanelData, Results
from .verdicts import Case, Where, above

LITTLE = 0.1
"""Errors that differ by less than this power of ten, a quarter, are as good as equal."""


class Training(NamedTuple):
    """One panel of training curves.

    Attributes:
        where: the initialisation, sizes and batch, and whose range of learning rates was tried.
        steps: when errors were measured, the first before training.
        errors: by curve, at the best learning rate, ``(seeds, times)``.
        rates: how many learning rates were tried.
        best: by curve, which of them is best.
    """

    where: dict[str, Any]
    steps: np.ndarray
    errors: Mapping[str, np.ndarray]
    rates: int
    best: Mapping[str, int]


def trainings(results: Results, figure: int, letters: str = "ABCDEFGH") -> list[Training]:
    """The panels of training curves of a figure, in every setting that is there.

    Raises:
        NoData: if there is none, or the data do not say which learning rates are best.
    """
    panels = [panel for panel in results.panels(figure) if panel.letter in letters]
    found = [training(panel) for panel in panels if "best" in panel.arrays]
    if not found:
        raise NoData(figure)
    return found


def training(panel: PanelData) -> Training:
    """The panel as a training."""
    config, arrays = panel.config, panel.arrays
    return Training(
        where={
            "initialisation": INITIALISATIONS[config["init"]],
            "hidden layers": len(config["hidden"]),
            "width": config["hidden"][0],
            "batch": config["batch"],
            "rates": f"{panel.setting}'s rates",
        },
        steps=arrays["steps"],
        errors=dict(zip(config["curves"], arrays["errors"], strict=True)),
        rates=len(arrays["learning_rates"]),
        best=dict(zip(config["curves"], arrays["best"].tolist(), strict=True)),
    )


def logs(errors: np.ndarray, most: float = np.inf) -> np.ndarray:
    """The decimal logarithm of errors relative to those before training, neither below `TIE` nor above ``most``."""
    shares = np.asarray(errors, np.float64) / np.asarray(errors, np.float64)[:, :1]
    largest = min(most, np.finfo(np.float64).max)
    return np.asarray(np.log10(np.clip(np.nan_to_num(shares, nan=largest, posinf=largest), TIE, largest)))


def lower(training: Training, better: str, worse: str, where: Where, least: float = LITTLE) -> Case:
    """One curve ends lower than another; of two that end below rounding, it gets there in fewer steps."""
    first, second = (training.errors[name] for name in (better, worse))
    gain = (logs(second) - logs(first))[:, -1]
    if (np.stack([logs(first), logs(second)])[..., -1] > np.log10(TIE)).any():
        return above(where, gain, least=least)
    resolution = float(np.diff(training.steps).max())
    return above(where, arrival(training, worse) - arrival(training, better), least=resolution, unit="steps")


def arrival(training: Training, curve: str) -> np.ndarray:
    """After how many steps every seed's error is below rounding."""
    return np.asarray(training.steps[(logs(training.errors[curve]) <= np.log10(TIE)).argmax(axis=1)])


def compared(where: Where, better: str, worse: str) -> dict[str, Any]:
    """The case's factors with the curves that it compares."""
    return {**where, "compared": f"{name(better)} with {name(worse)}"}


def name(curve: str) -> str:
    """What the paper calls a curve."""
    return " ".join(reversed(CURVES[curve].label.split(", ")))


def rescaled(training: Training, rule: str) -> str:
    """The rescaled curve of a rule in this training: adaptive online, decorrelated in batches."""
    return f"{rule}_{'adaptive' if training.where['batch'] == 1 else 'decorrelated'}"
