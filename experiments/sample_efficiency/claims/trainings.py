"""Trainings in the figures' data, each algorithm at its best learning rate, and how two of them compare.

Errors are compared by their decimal logarithm, seed by seed, and ties are decided as between learning rates
(`dlntheory.training.comparison`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dlntheory.training.comparison import gains, powers

from ..rules import CURVES
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
        ends: by curve, the errors at the end over those before training, ``(rates, seeds)``, in powers of ten.
    """

    where: dict[str, Any]
    steps: np.ndarray
    errors: Mapping[str, np.ndarray]
    ends: Mapping[str, np.ndarray]


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
    starts = arrays["errors"][:, None, :, 0]
    ends = [
        logs(np.stack(np.broadcast_arrays(*pair), axis=-1))[..., -1]
        for pair in zip(starts, arrays["final"], strict=True)
    ]
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
        ends=dict(zip(config["curves"], ends, strict=True)),
    )


def logs(errors: np.ndarray, most: float = np.inf) -> np.ndarray:
    """The decimal logarithm of errors relative to those before training, neither rounding nor above ``most``."""
    return np.asarray(powers(np.asarray(errors, np.float64), most))


def advantage(training: Training, better: str, worse: str) -> np.ndarray:
    """The powers of ten by which one curve lies lower than another, ``(seeds, times)``."""
    return logs(training.errors[worse]) - logs(training.errors[better])


def lower(training: Training, better: str, worse: str, where: Where, least: float = LITTLE) -> Case:
    """One curve ends lower than another; of two that end below rounding, it gets there in fewer steps."""
    gain, in_steps = gains(*(np.asarray(training.errors[name], np.float64) for name in (better, worse)))
    if not in_steps:
        return above(where, gain, least=least)
    resolution = float(np.diff(training.steps).max())
    return above(where, resolution * gain, least=resolution, unit="steps")


def compared(where: Where, better: str, worse: str) -> dict[str, Any]:
    """The case's factors with the curves that it compares."""
    return {**where, "compared": f"{name(better)} with {name(worse)}"}


def name(curve: str) -> str:
    """The paper's name of a curve."""
    return " ".join(reversed(CURVES[curve].label.split(", ")))


def rescaled(training: Training, rule: str) -> str:
    """The rescaled curve of a rule in this training: adaptive online, decorrelated in batches."""
    return f"{rule}_{'adaptive' if training.where['batch'] == 1 else 'decorrelated'}"
