"""The look of every picture: one table of colours, type and lines for print, panel headers, bands, one legend below.

Text is 7 to 8 points high in figures 5.5 or 7 inches wide, and fonts are embedded as TrueType.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

COLOURS = {
    "bp": "#D55E00",
    "pc": "#0072B2",
    "natural": "#009E73",
    "evidence": "#E69F00",
    "decaying": "#56B4E9",
    "spiking": "#CC79A7",
    "interference": "#CC79A7",
    "printed": "#CC79A7",
    "target": "#000000",
    "aside": "#666666",
}
"""Okabe and Ito's, by what they mean. A rule's colour means nothing else; black is also the theory's."""
SERIES = ("#000000", "#56B4E9", "#CC79A7", "#E69F00", "#009E73", "#0072B2", "#D55E00")
"""Colours of curves that are no rules, in this order; the rules' colours only come last."""
LINES = {None: "-", "adaptive": "--", "adaptive_positive": "-.", "decorrelated": ":"}
"""Lines by rescaling."""
COLUMN, PAGE = 5.5, 7.0
"""The widths of a figure in inches."""
DPI = 300
STYLE: Any = {
    "font.size": 7.5, "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
    "axes.titlesize": 7.5, "axes.labelsize": 7.5, "figure.titlesize": 8,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7, "legend.title_fontsize": 7,
    "legend.frameon": False, "legend.handlelength": 2.6,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "axes.titlepad": 4,
    "axes.titley": 1.0,  # nothing of ours is above a panel, and to look for it takes a quarter of the layout
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.minor.width": 0.4, "ytick.minor.width": 0.4,
    "lines.linewidth": 1.2, "lines.markersize": 3.2, "lines.markeredgewidth": 0.8,
    "axes.prop_cycle": f"cycler(color={SERIES})",
    "figure.facecolor": "white", "savefig.facecolor": "white", "savefig.dpi": DPI,
    "pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "dlntheory",
}  # fmt: skip
PAPER: Any = {
    "linestyle": "none", "marker": "D", "markerfacecolor": "none", "color": "black", "label": "the paper's",
}  # fmt: skip
"""The marks of a paper's numbers."""
CHARACTERS = 17
"""Characters of text that fit into an inch."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style, as a context or as a decorator; Matplotlib's own settings come back after it."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        yield


def new_figure(columns: int = 1, rows: int = 1, height: float = 1.9) -> Any:
    """A figure for so many panels; three columns and more take the width of a page. ``height`` is a row's."""
    from matplotlib.figure import Figure

    width = PAGE if columns > 2 else COLUMN
    return Figure(figsize=(width, 0.7 + height * rows), layout="constrained")


def head(axes: Any, text: str, letter: str = "") -> None:
    """The header of a panel: its letter, and what it shows."""
    columns = axes.get_gridspec().ncols if axes.get_gridspec() else 1
    room = int(CHARACTERS * axes.figure.bbox.width / axes.figure.dpi / columns) - 8
    text = text[:1].upper() + text[1:]
    wrapped = "\n".join(textwrap.fill(line, max(room, 12)) for line in text.split("\n"))
    axes.set_title("")
    axes.set_title(rf"$\bf{{{letter}}}$  {wrapped}" if letter else wrapped, loc="left")


def entitle(figure: Any, title: str, note: str = "") -> None:
    """The figure's title, and in a line of its own what holds for all panels."""
    room = int(CHARACTERS * figure.get_figwidth())
    figure.suptitle("\n".join(textwrap.fill(each, room) for each in (title, note) if each))


def legend_below(figure: Any) -> None:
    """One legend for all panels, below them, each label once."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    width = 0.5 + max(map(len, found)) / CHARACTERS
    columns = max(1, min(len(found), int(figure.get_figwidth() / width)))
    columns = -(-len(found) // -(-len(found) // columns))  # rows as even as they can be
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns)


def draw_band(axes: Any, x: Any, middle: Any, low: Any, high: Any, style: str = "-", **look: Any) -> None:
    """A line, and a band around it in the same colour."""
    axes.plot(x, middle, style, **look)
    axes.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)


def draw_runs(axes: Any, x: Any, runs: Any, style: str = "-", **look: Any) -> None:
    """The median of runs, ``(run, x)``, and their quartiles; of fewer than five runs, each as a thin line.

    Values that are not finite are left out.
    """
    runs = np.where(np.isfinite(runs), runs, np.nan)
    known = np.isfinite(runs).any(axis=0)
    x, runs = np.asarray(x)[known], runs[:, known]
    if not known.any():
        return
    low, middle, high = np.nanquantile(runs, (0.25, 0.5, 0.75), axis=0)
    if len(runs) >= 5:
        draw_band(axes, x, middle, low, high, style, **look)
        return
    axes.plot(x, middle, style, **look)
    if len(runs) > 1:
        axes.plot(x, runs.T, style.strip("osx."), color=look["color"], linewidth=0.5, alpha=0.5)


def positive(values: Any) -> Any:
    """The values for a logarithmic axis: NaN where they are not above zero, so that no line leads there."""
    values = np.asarray(values, float)
    return np.where(values > 0, values, np.nan)


def whole_ticks(axes: Any) -> None:
    """Ticks at whole numbers of an axis such as epochs or layers."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def named_ticks(axes: Any, values: Any) -> None:
    """Ticks at the values alone, with their names."""
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def show_pictures(line: Any, pictures: Any, name: str) -> None:
    """A row of pictures, with its name before it."""
    for axes, picture in zip(line, pictures, strict=True):
        axes.imshow(np.clip(np.moveaxis(picture, 0, -1), 0, 1), cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
