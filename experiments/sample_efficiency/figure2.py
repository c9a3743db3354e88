"""Figure 2, panels A to D: target alignment of BP and PC after one training step.

The paper describes these panels twice. Appendix A (setting ``appendix``): targets ``y = W_data x`` and batches of 128.
Section 3.1.3 (setting ``text``): targets independent of the inputs, one sample.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, target_alignment
from dlntheory.embedded import normal_data
from dlntheory.report.pictures import COLOURS

SETTINGS = ("appendix", "text")
INITIALISATIONS = {"kaiming_uniform": "Kaiming", "norm_preserving": "Norm-preserving"}
RULES = {"bp": "BP", "pc": "PC"}
FULL = {"square": 512, "depths": [1, 2, 3, 4, 5, 6, 7, 8], "widths": [128, 256, 512, 1024], "batch": 128, "seeds": 10}
QUICK = {"square": 32, "depths": [1, 4, 8], "widths": [16, 32, 64], "batch": 8, "seeds": 3}


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, seeds and the learning rate (appendix B.1), which hardly matters."""
    sizes: dict[str, Any] = {**(QUICK if quick else FULL)}
    return {
        **sizes,
        "batch": sizes["batch"] if setting == "appendix" else 1,
        "linear_targets": setting == "appendix",
        "seeds": list(range(seed, seed + sizes["seeds"])),
        "learning_rate": 1e-4,
        "initialisations": list(INITIALISATIONS),
        "rules": list(RULES),
    }


def run(config: dict[str, Any], track: Callable[[list[Any]], Iterable[Any]] = iter) -> dict[str, np.ndarray]:
    """Alignment by initialisation, rule, depth or width, and seed; a mean over the batch."""
    by_depth: dict[int, tuple[int, ...]] = {depth: (config["square"],) * depth for depth in config["depths"]}
    by_width: dict[int, tuple[int, ...]] = {width: (width,) for width in config["widths"]}
    shapes = dict.fromkeys([*by_depth.values(), *by_width.values()])
    cases = [
        (init, hidden, seed)
        for hidden in shapes  # outermost: each shape is compiled once
        for init in config["initialisations"]
        for seed in config["seeds"]
    ]
    found = {case: alignments(config, *case) for case in track(cases)}

    def gather(axis: dict[int, tuple[int, ...]]) -> np.ndarray:
        nested = [
            [[found[init, hidden, seed] for seed in config["seeds"]] for hidden in axis.values()]
            for init in config["initialisations"]
        ]
        return np.moveaxis(np.array(nested), -1, 1)

    return {
        "depths": np.array(list(by_depth)),
        "widths": np.array(list(by_width)),
        "alignment_by_depth": gather(by_depth),
        "alignment_by_width": gather(by_width),
    }


def alignments(config: dict[str, Any], init: str, hidden: tuple[int, ...], seed: int) -> list[float]:
    """The batch's mean alignment after one step of every rule, from the same weights and data."""
    widths = [config["square"], *hidden, config["square"]]
    net = LinearNetwork.random(widths, init, key=seed)
    x, y = normal_data(net, config["batch"], seed, linear=config["linear_targets"])
    rate = config["learning_rate"]
    return [float(target_alignment(net, x, y, rule, learning_rate=rate).mean()) for rule in config["rules"]]


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Mean and spread over the seeds of every point of every curve."""
    return [
        {
            "initialisation": init, "rule": rule, axis: int(value),
            "mean": float(arrays[f"alignment_by_{axis}"][i, j, k].mean()),
            "std": float(arrays[f"alignment_by_{axis}"][i, j, k].std()),
        }
        for axis in ("depth", "width")
        for i, init in enumerate(config["initialisations"])
        for k, value in enumerate(arrays[f"{axis}s"])
        for j, rule in enumerate(config["rules"])
    ]  # fmt: skip


def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Panels A to D."""
    figure = Figure(figsize=(7.5, 5.8), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True)
    letters = iter("ABCD")
    for row, init in enumerate(config["initialisations"]):
        for axes, axis in zip(panels[row], ("depth", "width"), strict=True):
            for rule, values in zip(config["rules"], arrays[f"alignment_by_{axis}"][row], strict=True):
                draw_curve(axes, arrays[f"{axis}s"], values, RULES[rule], COLOURS[rule])
            axes.set_title(next(letters), loc="left", fontweight="bold")
            axes.set_title(INITIALISATIONS[init])
        _label_depth(panels[row, 0], arrays["depths"])
        _label_width(panels[row, 1], arrays["widths"], config["square"])
    panels[0, 0].set_ylim(top=1.02)
    panels[0, 0].legend(frameon=False, loc="lower left")
    kind = r"$y = W_\mathrm{data}\,x$" if config["linear_targets"] else "independent targets"
    count = len(config["seeds"])
    figure.suptitle(f"One training step: {kind}, batch size {config['batch']}, {count} seeds (mean ± sd)", fontsize=10)
    return figure


def draw_curve(axes: Axes, positions: np.ndarray, values: np.ndarray, label: str, colour: str) -> None:
    """Mean and standard deviation over the last axis."""
    mean, spread = values.mean(axis=-1), values.std(axis=-1)
    axes.plot(positions, mean, "o-", color=colour, markersize=4, label=label)
    axes.fill_between(positions, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
    axes.spines[["top", "right"]].set_visible(False)


def _label_depth(axes: Axes, depths: np.ndarray) -> None:
    axes.set_xticks(np.arange(depths.min(), depths.max() + 1))
    axes.set(xlabel="number of hidden layers", ylabel="target alignment")


def _label_width(axes: Axes, widths: np.ndarray, square: int) -> None:
    axes.axvline(square, color="0.6", linestyle="--", linewidth=1, zorder=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.set(xlabel="width of the hidden layer")
