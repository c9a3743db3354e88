"""Single steps in the figures' data: where each was taken, the alignment of every curve, and how points compare."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .data import INITIALISATIONS, NoData, PanelData, Results

NAMES = {"bp": "BP", "pc": "PC"}
SETTINGS = ("appendix", "text")
AXES = {
    "depth": "hidden layers",
    "width": "width",
    "condition_number": "condition number",
    "batch_size": "batch",
}


class Point(NamedTuple):
    """The factors of one step, and the alignment of every curve there, one number per seed."""

    where: dict[str, Any]
    alignment: dict[str, np.ndarray]


def one_step(results: Results, number: int, letters: str = "ABCDEFGH") -> list[Point]:
    """The points of a figure's one-step panels in both settings of the paper."""
    panels = [
        panel
        for panel in results.panels(number, SETTINGS)
        if panel.config.get("axis") in AXES and panel.letter in letters
    ]
    if not panels:
        raise NoData(number)
    return [point for panel in panels for point in points(panel)]


def points(panel: PanelData) -> Iterator[Point]:
    """Every value of what varies in a panel."""
    config = panel.config
    axis = AXES[config["axis"]]
    common = {
        **data_of(config),
        "initialisation": INITIALISATIONS[config["init"]],
        "hidden layers": 1,
        "width": config["square"],
        "step": f"step {config['learning_rate']:g}" if config["learning_rate"] else "infinitesimal step",
    }
    for index, value in enumerate(panel.arrays["values"].tolist()):
        alignment = dict(zip(config["curves"], panel.arrays["alignment"][:, index], strict=True))
        yield Point({**common, axis: value}, alignment)


def data_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The factors of the samples: targets alone where the batch varies, or both as one, since settings change both."""
    targets = "linear" if config["linear_targets"] else "independent"
    if config["axis"] == "batch_size":
        return {"targets": targets}
    return {"data": f"{targets} targets, batch {config['batch']}"}


def with_rule(where: dict[str, Any], rule: str) -> dict[str, Any]:
    """The case's factors with the rule that it is about."""
    return {**where, "rule": NAMES.get(rule, rule)}


def pairs(points: Iterable[Point], axis: str) -> Iterator[tuple[Point, Point]]:
    """Neighbouring points along an axis, all else equal."""
    for line in lines(points, axis):
        yield from pairwise(line)


def lines(points: Iterable[Point], axis: str) -> list[list[Point]]:
    """The points sorted along an axis, in groups in which all else is equal; groups of one are left out."""
    groups: dict[tuple[tuple[str, Any], ...], list[Point]] = {}
    for point in points:
        groups.setdefault(tuple((k, v) for k, v in point.where.items() if k != axis), []).append(point)
    return [sorted(group, key=lambda point: point.where[axis]) for group in groups.values() if len(group) > 1]


def without(where: dict[str, Any], *names: str) -> dict[str, Any]:
    """The factors but for those that a case compares."""
    return {name: value for name, value in where.items() if name not in names}


def advantage(point: Point, better: str = "pc", worse: str = "bp") -> np.ndarray:
    """The amount by which one curve is better aligned, by seed."""
    return point.alignment[better] - point.alignment[worse]


def spread(line: list[Point], curve: str) -> float:
    """The range of the mean alignment along a line."""
    means = [point.alignment[curve].mean() for point in line]
    return float(max(means) - min(means))
