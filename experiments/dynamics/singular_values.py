"""Why are orthogonal weights the best start for PC? Linear networks whose singular values and vectors are set apart.

Every start of a seed has the singular vectors of the same normal weights. *Equal* values make these weights orthogonal;
at a low gain they are divided by √3, which gives them Kaiming's variance. *Spread* values lie evenly on a logarithmic
axis, with a ratio of 10 or 3 of the largest to the least, and a mean square of one. Their vectors are the normal
weights', or each layer's left vectors are the next one's right ones: in the same order, so that the spreads *compound*,
or in turns reversed, so that they *cancel* in every second product. So layers of one ratio are equally ill-conditioned,
and their products and kernels are not.

A: the error along training by PC, each curve at its best learning rate. B: how many powers of ten of the error are
lost, against the condition number of the kernel (`starts.edges`) before and after training.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, sweep, train
from dlntheory.report.style import draw_band, entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import hidden_layers
from dlntheory.training.comparison import best_rate

from ..kept import kept, workplace
from ..parts import Track, gathered
from .starts import edges, paired, quartiles, task

SETTINGS = ("square",)
STARTS = {
    "normal": ("normal", "#000000"),
    "equal": ("equal", "#E69F00"),
    "equal_low": ("equal, low gain", "#D55E00"),
    "spread_3": ("spread, 3", "#56B4E9"),
    "spread_10": ("spread, 10", "#0072B2"),
    "compounding_10": ("compounding, 10", "#CC79A7"),
    "cancelling_3": ("cancelling, 3", "#F0E442"),
    "cancelling_10": ("cancelling, 10", "#009E73"),
}
"""The starts: what the picture calls them, and their colours. A number is the largest singular value over the least."""
FULL: dict[str, Any] = {"square": 20, "hidden": 4, "steps": 400, "batch": 64, "seeds": 10, "rates": 12}
QUICK: dict[str, Any] = {"square": 4, "hidden": 2, "steps": 20, "batch": 8, "seeds": 2, "rates": 3}
RATES = (-2.0, 0.75)
"""Powers of ten of the lowest and the highest learning rate."""
EVERY = 10
"""Steps between two points of a curve."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, seeds and learning rates."""
    sizes = {**(QUICK if quick else FULL)}
    seeds, rates = sizes.pop("seeds"), np.logspace(*RATES, sizes.pop("rates")).tolist()
    chosen = {"starts": list(STARTS), "every": EVERY, "learning_rates": rates}
    return {**sizes, **chosen, "seeds": list(range(seed, seed + seeds))}


def weights(start: str, square: int, layers: int, seed: int) -> list[np.ndarray]:
    """A start's square weights."""
    normal = LinearNetwork.random([square] * (layers + 1), "norm_preserving", key=seed).weights
    if start == "normal":
        return normal
    lefts, _, rights = zip(*map(np.linalg.svd, normal), strict=True)
    kind, _, detail = start.partition("_")
    values = np.ones(square) if kind == "equal" else np.logspace(0, -np.log10(float(detail)), square)
    values = values * (3**-0.5 if detail == "low" else 1) / np.sqrt(np.mean(values**2))
    if kind in ("compounding", "cancelling"):
        rights = [rights[0], *(each.T for each in lefts[:-1])]
    turns = [-1 if kind == "cancelling" and index % 2 else 1 for index in range(layers)]
    return [(left * values[::turn]) @ right for left, right, turn in zip(lefts, rights, turns, strict=True)]


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Curves and kernels, each with the axes start, and then seed; in ``folder`` each start is kept once it is done."""
    with workplace(folder) as place:
        return gathered([kept(place, start, partial(study, config, start)) for start in track(config["starts"])])


def study(config: dict[str, Any], start: str, folder: Path) -> dict[str, np.ndarray]:
    """One start: the ends of the sweep, and at the best rate its curve, and the kernels before and after."""
    shape = config["square"], config["hidden"] + 1
    nets = [LinearNetwork.from_weights(weights(start, *shape, seed)) for seed in config["seeds"]]
    x, y, maps = task(config, config["batch"])
    rates, every = np.array(config["learning_rates"]), config["every"]
    folder.mkdir(parents=True, exist_ok=True)
    found = sweep(nets, x, y, rates, ["pc"], maps, checkpoint=folder / "sweep.npz", error_every=every)
    best = best_rate(np.asarray(found.error)[0])
    options: dict[str, Any] = {"rule": "pc", "error_every": every}
    runs = [train(*each, rates[best], target=w, **options) for *each, w in zip(nets, x, y, maps, strict=True)]
    kernels = [[edges(net, "pc"), edges(each.net, "pc")] for net, each in zip(nets, runs, strict=True)]
    errors = np.array([np.asarray(each.error) for each in runs])
    return {"final": np.asarray(found.final)[0], "best": np.array(best), "errors": errors, "kernel": np.array(kernels)}


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Each start's error at the end, Wilcoxon's tests of it against the other starts', and its conditioning."""
    ends, condition = np.log10(arrays["errors"][..., -1]), arrays["kernel"][..., 1] / arrays["kernel"][..., 0]
    rows = []
    for s, start in enumerate(config["starts"]):
        low, middle, high = quartiles(ends[s])
        begin, end = np.median(condition[s], axis=0)
        rows.append(
            {
                "start": start, "learning_rate": config["learning_rates"][int(arrays["best"][s])],
                "log10_error": float(middle), "quartiles": [float(low), float(high)],
                "condition_at_start": float(begin), "condition_at_end": float(end),
                "p": {name: paired(ends[s], other) for name, other in zip(config["starts"], ends, strict=True)},
            }
        )  # fmt: skip
    return rows


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Curves, and conditioning."""
    figure: Figure = new_figure(2, height=2.3)
    curves, marks = figure.subplots(1, 2)
    condition = arrays["kernel"][..., 1] / arrays["kernel"][..., 0]
    lost = np.log10(arrays["errors"][..., :1] / arrays["errors"][..., -1:])
    steps = np.arange(0, config["steps"] + 1, config["every"])
    for s, name in enumerate(config["starts"]):
        label, colour = STARTS[name]
        low, middle, high = quartiles(arrays["errors"][s])
        draw_band(curves, steps, middle, low, high, color=colour, label=label)
        for when, face in enumerate(("none", colour)):
            marks.plot(condition[s, :, when], lost[s, :, 0], "o", color=colour, markerfacecolor=face)
    curves.set(xlabel="training step", ylabel="squared error of the map", yscale="log")
    marks.set(xlabel="condition number of the kernel", ylabel="powers of ten lost", xscale="log")
    head(curves, "Error", "A")
    head(marks, "Conditioning", "B")
    title = f"PC from weights of given singular values: {hidden_layers([config['square']] * config['hidden'])}"
    seeds = len(config["seeds"])
    entitle(
        figure, title, f"A: median and quartiles of {seeds} seeds; B: every seed, rings before training, dots after"
    )
    legend_below(figure)
    return figure
