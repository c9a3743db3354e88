"""The records of the command line as pictures, without any state of Matplotlib's."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..files.arrays import write_atomically
from .comparison import Comparison, Row
from .plot import batch_size
from .style import COLOURS, COLUMN, DPI, PAGE, draw_band, entitle, head, legend_below, styled, whole_ticks
from .words import count, hidden_layers, rule_name

FORMATS: dict[str, dict[str, Any]] = {
    ".png": {}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None},
}  # fmt: skip
"""The formats, and what of their metadata is left out: the same data give the same file."""


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all, in the format that the suffix says."""
    write_atomically(path, encode_picture(figure, path.suffix.lower()))


@styled()
def encode_picture(figure: Figure, suffix: str, dpi: int = DPI) -> bytes:
    """The figure in the format that the suffix says; PNG with so many dots per inch and a palette of 256 colours."""
    canvas, own, buffer = FigureCanvasAgg(figure), figure.get_dpi(), io.BytesIO()
    figure.set_dpi(dpi)
    if (layout := figure.get_layout_engine()) is not None:  # savefig would draw the whole figure for it, twice
        layout.execute(figure)
        figure.set_layout_engine(None)
    if suffix == ".png":  # by the same canvas, which has measured the texts
        canvas.draw()
        whole = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        whole.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", dpi=(dpi, dpi))
    figure.set_dpi(own)
    if suffix != ".png":
        figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=FORMATS[suffix])
    return buffer.getvalue()


@styled()
def alignment_picture(record: dict[str, Any]) -> Figure:
    """Alignment by rule and batch size, and energy by layer."""
    figure = Figure(figsize=(PAGE, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    batch_size(Comparison([Row(**each) for each in record["batches"]]), ax=left)
    left.get_legend().remove()
    left.axhline(1, color="0.6", linestyle="--", linewidth=0.8)
    head(left, "Alignment by rule and batch size", "A")
    _energy_bars(right, record["layers"])
    head(right, "Energy by layer", "B")
    sizes = f"{hidden_layers(record['widths'][1:-1])}, {count(record['samples'], 'sample')}"
    entitle(figure, f"{record['name']}: {sizes}", "bars on points: standard error over batches")
    legend_below(figure)
    return figure


def _energy_bars(axes: Axes, layers: list[dict[str, Any]]) -> None:
    positions = [each["layer"] for each in layers]
    energies = [each["energy"] for each in layers]
    axes.bar(positions, energies, color=COLOURS["pc"])
    if min(energies) > 0 and max(energies) > 30 * min(energies):
        axes.set_yscale("log")
    axes.set_xticks(positions)
    axes.set(xlabel="layer", ylabel="energy at equilibrium")


@styled()
def depth_picture(record: dict[str, Any], counts: list[int], by_depth: list[list[dict[str, Any]]]) -> Figure:
    """The alignment to expect of random networks against the number of hidden layers, with its spread."""
    figure = Figure(figsize=(COLUMN, 2.9), layout="constrained")
    axes = figure.subplots()
    for rows in zip(*by_depth, strict=True):
        name, colour = rule_name(rows[0]["rule"], None), COLOURS[rows[0]["rule"]]
        mean, limit = (np.array([float(row[key]) for row in rows]) for key in ("mean", "limit"))
        spread = np.array([float(row["spread"] or 0) for row in rows])
        draw_band(
            axes, counts, mean, np.maximum(mean - spread, -1), np.minimum(mean + spread, 1), color=colour, label=name
        )
        if rows[0]["spread"] is not None:
            axes.plot(counts, limit, color=colour, linestyle="--", linewidth=0.8, label=f"{name}, at large width")
    axes.axvline(len(record["widths"]) - 2, color="0.6", linestyle=":", linewidth=0.8, label="this network")
    axes.set(xlabel="hidden layers", ylabel="target alignment", ylim=(None, 1.03))
    whole_ticks(axes)
    batch = "one sample" if record["batch"] == 1 else f"batches of {record['batch']}"
    initialisation = record["init"].replace("_", " ")
    entitle(figure, f"Random networks, {initialisation}, {batch}: {hidden_layers(record['widths'][1:-1])}")
    legend_below(figure)
    return figure
