"""The records of the command line as pictures, without any state of Matplotlib's."""

import io
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..files.arrays import write_atomically
from .comparison import Comparison, Row
from .plot import COLOURS, batch_size
from .tables import network_title

UNDATED: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}
"""The formats; the same data give the same file."""


def check_picture(path: Path) -> None:
    """Refuse a path that no picture can be written to."""
    if path.suffix.lower() not in UNDATED:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; wanted {' or '.join(UNDATED)}.")
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{path} is a folder, or is in none; wanted a file in a folder that exists.")


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all, in the format that the suffix says."""
    write_atomically(path, encode_picture(figure, path.suffix.lower()))


def encode_picture(figure: Figure, suffix: str) -> bytes:
    """The figure in the format that the suffix says."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], dpi=150, metadata=UNDATED[suffix])
    return buffer.getvalue()


def alignment_picture(record: dict[str, Any]) -> Figure:
    """Alignment by rule and batch size, and energy by layer."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    figure.suptitle(network_title(record))
    _alignment_lines(left, record["batches"])
    _energy_bars(right, record["layers"])
    return figure


def _alignment_lines(axes: Axes, batches: list[dict[str, Any]]) -> None:
    batch_size(Comparison([Row(**each) for each in batches]), ax=axes)
    axes.axhline(1, color="0.6", linestyle="--", linewidth=1)
    axes.set(title="Alignment by rule and batch size")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    _without_frame(axes)


def _energy_bars(axes: Axes, layers: list[dict[str, Any]]) -> None:
    positions = [each["layer"] for each in layers]
    energies = [each["energy"] for each in layers]
    axes.bar(positions, energies, color=COLOURS["pc"])
    if min(energies) > 0 and max(energies) > 30 * min(energies):
        axes.set_yscale("log")
    axes.set_xticks(positions)
    axes.set(xlabel="layer", ylabel="energy at equilibrium", title="Energy by layer")
    _without_frame(axes)


def _without_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
