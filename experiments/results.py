"""Results of experiments: data first, and pictures that are drawn from the saved data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlntheory.files.arrays import encode_arrays, read_arrays, write_together

from .provenance import configuration as configuration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARRAYS, CONFIG = "arrays.npz", "config.json"
FORMATS = (".png", ".pdf")
QUICK_DPI = 150
"""Dots per inch of a quick picture."""


@dataclass(frozen=True)
class Result:
    """An experiment's question and its findings: a configuration, and arrays."""

    config: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


def save(folder: Path, result: Result, pictures: Mapping[str, bytes] | None = None) -> list[Path]:
    """Write the data, and pictures by name: all or none.

    The arrays carry the configuration too, so that the two never disagree.
    """
    files = {
        CONFIG: f"{json.dumps(result.config, indent=2)}\n".encode(),
        ARRAYS: encode_arrays(folder / ARRAYS, dict(result.arrays), result.config),
    }
    return save_files(folder, files | dict(pictures or {}))


def save_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into a folder, all or none."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {folder / name: data for name, data in files.items()}
    write_together(paths)
    return list(paths)


def load(folder: Path) -> Result:
    """Read what `save` wrote."""
    arrays, config = read_arrays(folder / ARRAYS)
    if not isinstance(config, dict) or "command" not in config:
        raise ValueError(f"{folder / ARRAYS} holds no result of an experiment.")
    return Result(config, arrays)


def arrays_of(letter: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A panel's arrays, by the names that its study gave them."""
    prefix = f"{letter}/"
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def deviation(values: np.ndarray, axis: int = -1) -> Any:
    """The sample standard deviation over seeds, with n − 1; NaN of a single one."""
    return values.std(axis=axis, ddof=1) if values.shape[axis] > 1 else np.full_like(values.mean(axis=axis), np.nan)


def pictures(name: str, figure: "Figure", quick: bool = False) -> dict[str, bytes]:
    """A figure as PNG and PDF, by the files' names; a quick one as a PNG with fewer dots, alone."""
    from dlntheory.report.pictures import encode_picture

    if quick:
        leave_out_minor_ticks(figure)
        return {f"{name}.png": encode_picture(figure, ".png", QUICK_DPI)}
    return {f"{name}{suffix}": encode_picture(figure, suffix) for suffix in FORMATS}


def leave_out_minor_ticks(figure: "Figure") -> None:
    """Leave out the ticks between decades, a third of the time of drawing; where one decade shows, they have labels."""
    from matplotlib.ticker import NullLocator

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            if axis.get_scale() == "log" and high > 100 * low:
                axis.set_minor_locator(NullLocator())
