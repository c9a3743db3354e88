"""Results of experiments: data first, and pictures that are drawn from the saved data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlntheory.array_files import read_arrays, write_arrays, write_atomically
from dlntheory.report.pictures import save_picture

from .provenance import configuration as configuration

ARRAYS, CONFIG = "arrays.npz", "config.json"


@dataclass(frozen=True)
class Result:
    """What an experiment was asked, and what it found."""

    config: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


def save(folder: Path, result: Result) -> list[Path]:
    """Write the data. The arrays carry the configuration too, so that the two never disagree."""
    folder.mkdir(parents=True, exist_ok=True)
    config, arrays = folder / CONFIG, folder / ARRAYS
    write_arrays(arrays, dict(result.arrays), result.config)
    write_atomically(config, f"{json.dumps(result.config, indent=2)}\n".encode())
    return [config, arrays]


def load(folder: Path) -> Result:
    """Read what `save` wrote."""
    arrays, config = read_arrays(folder / ARRAYS)
    if not isinstance(config, dict) or "command" not in config:
        raise ValueError(f"{folder / ARRAYS} holds no result of an experiment.")
    return Result(config, arrays)


def save_figure(folder: Path, name: str, figure: Figure) -> list[Path]:
    """Write a figure as PNG and PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "pdf")]
    for path in paths:
        save_picture(figure, path)
    return paths
