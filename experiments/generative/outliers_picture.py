"""The picture of strangers: energies and areas by data set; for each histograms, energy by softmax, ROC curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory.report.style import PAGE, PAPER, SERIES, entitle, head, legend_below, styled
from dlntheory.report.words import data_title, hidden_layers, mean_over

from ..parts import Arrays
from ..results import deviation
from .areas import MEASURES, Scores, areas, compared, lowest, names

HUES = {"softmax": SERIES[0], "energy": SERIES[2]}
KINDS = {"own": SERIES[1], "strange": SERIES[3]}
BEFORE, AFTER = "--", "-"
BINS = 30
Printed = Mapping[str, Mapping[str, tuple[float, float]]]
"""By strangers and measure, the paper's areas over all and over the lowest quarter."""


@styled()
def draw_outliers(config: Mapping[str, Any], arrays: Arrays, printed: Printed) -> Figure:
    """Energies and areas of all data sets above; below a row of four panels for every kind of strangers."""
    every = names(arrays)
    heights = (2.0, 1.25 * len(every) + 0.3)
    figure = Figure(figsize=(PAGE, 0.9 + sum(heights)), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    boxes, points = above.subplots(1, 2)
    draw_energies(boxes, arrays)
    head(boxes, "Energies (light: before inference)", "A")
    draw_areas(points, config, arrays, printed)
    head(points, "Area under the ROC curve (open: lowest quarter)", "B")
    grid = below.subplots(len(every), 4, sharex="col", squeeze=False)
    for row, name in zip(grid, every, strict=True):
        draw_strangers(row, arrays, name)
    heads = ("Energy", "Softmax, likelihood", "Energy by softmax", "ROC curves")
    labels = ("energy", "likelihood exp(−energy)", "largest softmax", "share of strangers let in")
    for axes, last, text, label, letter in zip(grid[0], grid[-1], heads, labels, "CDEF", strict=True):
        head(axes, text, letter)
        last.set_xlabel(label)
    accuracy = f"{100 * arrays['accuracy'].mean():.1f} % right"
    what = f"{data_title(config['data'])}, {hidden_layers(config['hidden'])}, {accuracy}"
    note = f"B: {mean_over(len(config['seeds']))}, others the first; C, D: numbers of pictures"
    entitle(figure, f"Out of distribution: {what}", f"{note}; D before inference: softmax")
    legend_below(figure)
    return figure


def draw_strangers(row: Sequence[Axes], arrays: Arrays, name: str) -> None:
    """Histograms of energies, and of softmax and likelihoods; energy against softmax; ROC curves."""
    energies, likelihoods, scatter, roc = row
    both = {"own": "own", "strange": name}
    pairs = {kind: arrays[f"{each}/energy"][0] for kind, each in both.items()}
    draw_histograms(energies, pairs)
    energies.set_ylabel(data_title(name))
    draw_histograms(likelihoods, {kind: np.exp(-each) for kind, each in pairs.items()})
    for kind, each in reversed(both.items()):
        softmax = arrays[f"{each}/softmax"][0]
        scatter.plot(softmax, pairs[kind][1], ".", color=KINDS[kind], markersize=1.5, alpha=0.5, rasterized=True)
    ticks = np.linspace(min(arrays[f"{each}/softmax"][0].min() for each in both.values()), 1, 100)
    scatter.plot(ticks, -np.log(ticks), BEFORE, color="0.5", linewidth=0.8, label="E: before inference")
    draw_roc(roc, compared(arrays, name, 0))


def draw_histograms(axes: Axes, pairs: Mapping[str, np.ndarray]) -> None:
    """Histograms of own and of strange samples, before and after inference; numbers on a logarithmic axis."""
    bins = np.histogram_bin_edges(np.concatenate([each.ravel() for each in pairs.values()]), BINS)
    for kind, values in pairs.items():
        for style, when, each in zip((BEFORE, AFTER), ("before", "after"), values, strict=True):
            counts, _ = np.histogram(each, bins)
            label = f"{kind}, {when} inference"
            axes.stairs(np.maximum(counts, 0.5), bins, baseline=None, color=KINDS[kind], linestyle=style, label=label)
    axes.set(yscale="log", ylim=(0.5, None))


def draw_roc(axes: Axes, scores: Scores) -> None:
    """The share of own samples that pass against the share of strangers, over all and over the lowest quarter."""
    for measure, pair in scores.items():
        for (own, strange), style, part in ((pair, "-", "all"), (lowest(*pair), ":", "lowest quarter")):
            limits = np.sort(np.concatenate([own, strange]))[::-1]
            passed = [(np.searchsorted(np.sort(each), limits, "left")) for each in (strange, own)]
            rates = [
                1 - each / len(kind) if len(kind) else [] for each, kind in zip(passed, (strange, own), strict=True)
            ]
            if all(map(len, rates)):
                axes.plot(*rates, style, color=HUES[measure], label=f"{measure}, {part}")
    axes.set(ylabel="own let in")


def draw_energies(axes: Axes, arrays: Arrays) -> None:
    """Boxes of the energies before and after inference, by data set."""
    every = ["own", *names(arrays)]
    for k, colour in enumerate(("0.9", "0.5")):
        boxes = axes.boxplot(
            [np.maximum(arrays[f"{name}/energy"][0, k], 1e-12) for name in every], patch_artist=True, showfliers=False,
            positions=np.arange(len(every)) + 0.35 * (k - 0.5), widths=0.3, medianprops={"color": "black"},
        )  # fmt: skip
        for box in boxes["boxes"]:
            box.set_facecolor(colour)
    axes.set(yscale="log", ylabel="energy of a sample")
    axes.set_xticks(range(len(every)), [data_title(name).replace("-", "-\n") for name in every])


def draw_areas(axes: Axes, config: Mapping[str, Any], arrays: Arrays, printed: Printed) -> None:
    """The areas of both measures by strangers, filled over all samples and hollow over the lowest quarter."""
    every = names(arrays)
    for j, name in enumerate(every):
        found = np.stack([areas(compared(arrays, name, seed)) for seed in range(len(config["seeds"]))])
        for k, measure in enumerate(MEASURES):
            place = j + 0.2 * (k - 0.5)
            for part, face in enumerate((HUES[measure], "white")):
                spread = np.nan_to_num(deviation(found[:, k, part]))
                point = {"fmt": "o", "color": HUES[measure], "mfc": face}
                axes.errorbar(place, found[:, k, part].mean(), spread, **point)
            if measure in printed[name]:
                place += 0.3 * (k - 0.5)
                axes.plot([place] * 2, printed[name][measure], **{**PAPER, "markeredgecolor": HUES[measure]})
    axes.axhline(0.5, color="0.7", linewidth=0.8)
    axes.set_xticks(range(len(every)), [data_title(name).replace("-", "-\n") for name in every])
