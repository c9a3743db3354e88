"""The share of samples with interference-free precisions, by depth, hidden width and initialisation.

Single samples, targets independent of the inputs. Beside it, how often every adaptive learning rate of the same network
and data is positive, and what the two remedies cost: the size of the update that moves the prediction by the residual,
and the spread of the covariances or rates over the layers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, adaptive_learning_rates, interference_free_covariances, weight_updates
from dlntheory.files.builtin import normal_data
from dlntheory.report.style import SERIES, draw_band, entitle, head, legend_below, named_ticks, new_figure, styled

from ..parts import Track
from ..sample_efficiency.single_step import INITIALISATIONS

SETTINGS = ("both",)
SHARES = {"precisions exist": "o-", "rates positive": "s--"}
FULL = {"square": 32, "depths": [1, 2, 3, 4, 6, 8], "widths": [8, 16, 32, 64, 128], "samples": 15, "networks": 2}
QUICK = {"square": 8, "depths": [1, 2], "widths": [4, 8], "samples": 10, "networks": 2}
MEASURES = ("found", "positive", "both", "update", "adaptive_update", "spread", "adaptive_spread")


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes and seeds; widths vary with one hidden layer."""
    sizes: dict[str, Any] = {**(QUICK if quick else FULL)}
    seeds = list(range(seed, seed + sizes.pop("networks")))
    return {**sizes, "seeds": seeds, "initialisations": list(INITIALISATIONS)}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """`MEASURES` by initialisation and depth or width."""
    by_depth = [(config["square"],) * depth for depth in config["depths"]]
    by_width = [(width,) for width in config["widths"]]
    cases = [(init, hidden) for hidden in dict.fromkeys([*by_depth, *by_width]) for init in config["initialisations"]]
    found = {case: measure(config, *case) for case in track(cases)}

    def gather(axis: Sequence[tuple[int, ...]]) -> np.ndarray:
        return np.array([[found[init, hidden] for hidden in axis] for init in config["initialisations"]])

    return {
        "depths": np.array(config["depths"]),
        "widths": np.array(config["widths"]),
        "by_depth": gather(by_depth),
        "by_width": gather(by_width),
    }


def measure(config: dict[str, Any], init: str, hidden: tuple[int, ...]) -> np.ndarray:
    """Shares of the samples, and medians over those that have a solution."""
    rows = []
    for seed in config["seeds"]:
        net = LinearNetwork.random([config["square"], *hidden, config["square"]], init, key=jax.random.key(seed))
        net = net.to_numpy()  # drawn by a key of JAX, and computed with at once
        x, y = normal_data(net, config["samples"], seed)
        result = interference_free_covariances(net, x, y)
        for index, found in enumerate(np.asarray(result.found)):
            rates = np.asarray(adaptive_learning_rates(net, x[index], y[index]))
            rows.append([found, (rates > 0).all(), *compare(net, x[index], y[index], result.covariances[index], rates)])
    table = np.array(rows, dtype=float)
    found, positive = table[:, 0] > 0, table[:, 1] > 0
    kept = table[found, 2:]
    medians = np.median(kept, axis=0) if len(kept) else np.full(4, np.nan)
    return np.array([found.mean(), positive.mean(), (found & positive).mean(), *medians])


def compare(net: LinearNetwork, x: Any, y: Any, covariances: Any, rates: np.ndarray) -> list[float]:
    """Sizes of both updates that move the prediction by the residual, and both spreads."""
    if np.isnan(covariances).any():
        return [np.nan] * 4
    plain = weight_updates(net, x, y, covariances=list(covariances))
    adaptive = weight_updates(net, x, y, rescaling="adaptive")
    sizes = [float(np.sqrt(sum(np.sum(np.asarray(each) ** 2) for each in updates))) for updates in (plain, adaptive)]
    return [*sizes, float(covariances.max() / covariances.min()), float(np.abs(rates).max() / np.abs(rates).min())]


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """A row for every point."""
    return [
        {
            "initialisation": init, axis: int(value),
            **dict(zip(MEASURES, map(float, arrays[f"by_{axis}"][i, k]), strict=True)),
        }
        for axis in ("depth", "width")
        for i, init in enumerate(config["initialisations"])
        for k, value in enumerate(arrays[f"{axis}s"])
    ]  # fmt: skip


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """By depth and by width: how often a solution was found, and how often every adaptive rate is positive."""
    figure: Figure = new_figure(2, height=2.1)
    panels = figure.subplots(1, 2, sharey=True)
    samples = len(config["seeds"]) * config["samples"]
    for axes, axis in zip(panels, ("depth", "width"), strict=True):
        for colour, init, values in zip(SERIES, config["initialisations"], arrays[f"by_{axis}"], strict=False):
            for column, (what, style) in enumerate(SHARES.items()):
                shares = values[:, column]
                label = f"{INITIALISATIONS[init]} weights: {what}"
                draw_band(axes, arrays[f"{axis}s"], shares, *wilson(shares, samples), style, color=colour, label=label)
    panels[0].set(xlabel="hidden layers", ylabel="share of samples", ylim=(-0.03, 1.03), xticks=arrays["depths"])
    panels[1].set(xlabel="width of the hidden layer", xscale="log")
    named_ticks(panels[1], arrays["widths"])
    head(panels[0], f"By depth, hidden layers of {config['square']}", "A")
    head(panels[1], "By width, 1 hidden layer", "B")
    note = f"{samples} samples per point, {config['square']} inputs and outputs; bands: 68 % confidence (Wilson)"
    entitle(figure, "How often interference-free precisions exist, and adaptive rates are positive", note)
    legend_below(figure)
    return figure


def wilson(shares: np.ndarray, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval of one standard error for a share of so many samples."""
    middle = (shares + 0.5 / samples) / (1 + 1 / samples)
    side = np.sqrt(shares * (1 - shares) / samples + 0.25 / samples**2) / (1 + 1 / samples)
    return middle - side, middle + side
