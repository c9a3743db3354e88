"""The records of the command line as pictures, without any state of Matplotlib's."""

import io
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..files.arrays import write_atomically
from .tables import network_title
from .words import rule_name

COLOURS = {"bp": "tab:orange", "pc": "tab:blue", "natural": "tab:green", "evidence": "tab:red"}
"""The papers' colours of the rules."""

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
    """Alignment by rule and rescaling, and energy by layer."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    figure.suptitle(network_title(record))
    _alignment_bars(left, record["rules"])
    _energy_bars(right, record["layers"])
    return figure


def _alignment_bars(axes: Axes, rules: list[dict[str, Any]]) -> None:
    known = [each for each in rules if each["mean"] is not None]
    positions = range(len(known))
    axes.barh(
        positions,
        [each["mean"] for each in known],
        xerr=[each["std"] for each in known],
        color=[COLOURS[each["rule"]] for each in known],
        error_kw={"elinewidth": 1, "ecolor": "0.2", "capsize": 2},
    )
    axes.plot([each["min"] for each in known], positions, "|", color="tab:red", markersize=9, markeredgewidth=2)
    axes.axvline(1, color="0.6", linestyle="--", linewidth=1)
    if any(each["min"] < 0 for each in known):
        axes.axvline(0, color="0.2", linewidth=0.8)
    axes.set_yticks(positions, [rule_name(each["rule"], each["rescaling"]) for each in known])
    axes.invert_yaxis()
    axes.set(xlabel="target alignment: mean, spread (line), worst sample (red)", title="Alignment by rule")
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
