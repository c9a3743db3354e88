"""The drawings of README and docs, computed: ``python -m experiments.pictures`` writes docs/pictures/."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import dlntheory as dln
from dlntheory.report.style import COLOURS, COLUMN, PAGE, head, styled

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
BP, PC, TARGET, OTHER, GREY = (COLOURS[name] for name in ("bp", "pc", "target", "interference", "aside"))
RULES = {"bp": ("BP", BP, 1, 0.83), "pc": ("PC", PC, 5.3, 0.64), "pc:decorrelated": ("PC, decorrelated", PC, 38, 0.95)}
"""For each curve its label, its colour, and the place of the label."""
MARKERS = {"o": 5, "*": 8}
"""The sizes of a prediction and of a target."""
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, "all")


def front() -> Figure:
    """The question, and an answer: the direction of an update, and alignment by batch size in a trained network."""
    figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    one_update(left)
    by_batch(right)
    head(right, "A network trained on digits, by batch size", "B")
    return figure


def concepts() -> Figure:
    """Residual and update; equilibrium; interference."""
    figure = Figure(figsize=(PAGE, 2.5), layout="constrained")
    axes = figure.subplots(1, 3)
    for draw, ax in zip((one_update, equilibrium, interference), axes, strict=True):
        draw(ax)
    return figure


def batch_size() -> Figure:
    """Alignment by batch size, for the tutorial."""
    figure = Figure(figsize=(COLUMN, 2.5), layout="constrained")
    by_batch(figure.subplots())
    return figure


def one_update(ax: Any) -> None:
    """The first movement of the prediction in the paper's toy network, by rule; one input, two outputs."""
    net, x, y = dln.LinearNetwork.from_weights([[[1.0]], [[1.0], [1.0]]]), [1.0], np.array([-1.0, 1.0])
    start = np.asarray(net(x))
    for rule, colour, at, side in (("bp", BP, (-0.15, 0.15), "left"), ("pc", PC, (-0.5, 0.45), "right")):
        change = np.asarray(dln.prediction_change(net, x, y, rule))
        _arrow(ax, start, start + 1.5 * change / np.linalg.norm(change), colour)
        aligned = float(dln.target_alignment(net, x, y, rule))
        ax.text(*at, f"{rule.upper()}: {aligned:.2f}", color=colour, ha=side, va="center")
    _arrow(ax, start, y, GREY, linestyle=(0, (3, 2)))
    ax.text(0, 1.07, "residual", color=GREY, ha="center", va="bottom")
    for point, mark, text, side in ((start, "o", "prediction", "left"), (y, "*", "target", "right")):
        ax.plot(*point, mark, color=TARGET, markersize=MARKERS[mark])
        ax.text(point[0], point[1] + 0.1, text, ha=side, va="bottom")
    _outputs(ax, (-1.7, 0.1), (1.7, 1.4))
    head(ax, "Does an update move a prediction straight at its target?", "A")


def equilibrium(ax: Any) -> None:
    """Activities of a chain of single units with weights of one, before and after inference."""
    net, x, y = dln.LinearNetwork.from_weights([[[1.0]]] * 4), [1.0], [3.0]
    layers = np.arange(5)
    forward = np.ones(5)
    settled = np.array([float(np.squeeze(each)) for each in dln.equilibrium(net, x, y).activities])
    ax.plot(layers, forward, "o-", color=GREY, markersize=4)
    ax.plot(layers, settled, "o-", color=PC, markersize=4)
    ax.plot(4, y[0], "*", color=TARGET, markersize=MARKERS["*"])
    ax.text(2.2, 0.72, "forward pass", color=GREY, ha="center")
    ax.text(1.75, 2.1, "at equilibrium", color=PC, ha="right")
    ax.text(4, 3.12, "target", color=TARGET, ha="center")
    ax.annotate("", (4, 2.92), (4, 1.08), arrowprops={"arrowstyle": "->", "color": GREY, "linestyle": "--"})
    ax.text(3.9, 1.75, "residual", color=GREY, ha="right")
    ax.set(xlim=(-0.3, 4.5), ylim=(0.4, 3.5), xticks=layers, yticks=[], xlabel="layer", ylabel="activity")
    head(ax, "Inference shares the residual among the layers", "B")


def interference(ax: Any) -> None:
    """The movement of one prediction by two samples' plain PC updates: its own, the other's, and their sum."""
    net = dln.LinearNetwork.from_weights([np.eye(2), [[1.0, 0.3], [0.0, 1.0]]])
    x, y = np.array([[1.0, 0.4], [0.6, 1.0]]), np.array([[1.5, 1.5], [1.7, 0.8]])
    start, target = np.asarray(net(x))[0], y[0]
    own, other = contributions(net, x, y)
    scale = 0.9 * np.linalg.norm(target - start) / np.linalg.norm(own)
    first, last = start + scale * own, start + scale * (own + other)
    _arrow(ax, start, target, GREY, linestyle=(0, (3, 2)))
    _arrow(ax, start, first, PC)
    _arrow(ax, first, last, OTHER)
    _arrow(ax, start, last, "black")
    ax.plot(*start, "o", color="black", markersize=5)
    ax.plot(*target, "*", color=TARGET, markersize=MARKERS["*"])
    ax.text(target[0], target[1] + 0.07, "target", color=TARGET, ha="center", va="bottom")
    ax.text(start[0], start[1] - 0.07, "prediction", ha="center", va="top")
    ax.text(*((start + first) / 2 + [-0.1, 0.05]), "its own\nupdate", color=PC, ha="right", va="center")
    ax.text(*((first + last) / 2 + [0.05, 0.05]), "the other's:\ninterference", color=OTHER, ha="left", va="bottom")
    ax.text(*((start + last) / 2 + [0.08, -0.04]), "both", ha="left", va="top")
    _outputs(ax, (0.6, 0.15), (2.5, 1.9))
    head(ax, "In a batch, one sample's update moves the other's prediction", "C")


def contributions(net: dln.LinearNetwork, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """The movements of the first of two predictions by the update of either sample, each taken as half of the batch."""
    moved = []
    for sample in range(2):
        updates = dln.weight_updates(net, x[[sample]], y[[sample]], "pc")
        weights = [np.asarray(each) for each in net.weights]
        above, below = weights[1] @ updates[0] @ x[0], updates[1] @ weights[0] @ x[0]
        moved.append(np.asarray(above + below) / 2)
    return moved


def by_batch(ax: Any) -> None:
    """Alignment by batch size of the network that comes with the library, with the standard error over batches."""
    dln.plot.batch_size(dln.compare(*dln.digits(), list(RULES), list(SIZES)), ax=ax)
    ax.get_legend().remove()
    for label, colour, *at in RULES.values():
        ax.text(*at, label, color=colour, va="center")
    ax.axhline(1, color=GREY, linewidth=0.6, zorder=0)
    ax.set(ylim=(-0.02, 1.06), xlabel="samples learned together")


def _outputs(ax: Any, lower: tuple[float, float], upper: tuple[float, float]) -> None:
    """Make room for a rectangle of the plane of both outputs, drawn to scale."""
    ax.margins(0)
    ax.update_datalim([lower, upper])
    ax.autoscale_view()
    ax.set(xticks=[], yticks=[], xlabel="output 1", ylabel="output 2")
    ax.set_aspect("equal", adjustable="datalim")


def _arrow(ax: Any, start: np.ndarray, end: np.ndarray, colour: str, linestyle: Any = "-") -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linestyle": linestyle, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)


PICTURES: dict[str, Callable[[], Figure]] = {"front": front, "concepts": concepts, "batch-size": batch_size}


def main() -> None:
    """Draw them."""
    with styled():
        for name, draw in PICTURES.items():
            draw().savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
            print(FOLDER / f"{name}.svg")


if __name__ == "__main__":
    main()
