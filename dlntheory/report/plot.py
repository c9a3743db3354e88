"""Pictures of results: each function takes axes of yours, or makes some, and returns them.

``dln.plot.alignment``, ``energy``, ``spectrum``, ``training`` and ``batch_size``.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .words import rule_name

COLOURS = {"bp": "#D55E00", "pc": "#0072B2", "natural": "#009E73", "evidence": "#CC79A7"}
"""Okabe and Ito's, one per rule."""
STYLES = {None: "-", "adaptive": "--", "adaptive_positive": "-.", "decorrelated": ":"}


def by_rule(rows: Sequence[Any]) -> Iterator[tuple[tuple[str, str | None], list[Any]]]:
    """The rows of each rule and rescaling."""
    for key in dict.fromkeys((row.rule, row.rescaling) for row in rows):
        yield key, [row for row in rows if (row.rule, row.rescaling) == key]


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(5.5, 3.4), layout="constrained").subplots()


def batch_size(comparison: Any, ax: Any = None) -> Any:
    """Draw alignment against batch size, one line per rule, with the standard error of the mean over batches.

    Args:
        comparison: from `compare`.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    for (rule, rescaling), rows in by_rule(comparison.rows):
        sizes, means, errors = zip(*((row.batch, row.mean, row.error) for row in rows), strict=True)
        style = {"color": COLOURS[rule], "linestyle": STYLES[rescaling], "label": rule_name(rule, rescaling)}
        ax.errorbar(sizes, means, np.nan_to_num(errors), marker="o", markersize=3, **style)
    ax.set(xlabel="batch size", ylabel="target alignment", xscale="log")
    ticks = sorted({row.batch for row in comparison.rows})
    ax.set_xticks(ticks, map(str, ticks))
    ax.minorticks_off()
    ax.legend(frameon=False)
    return ax


def alignment(values: Any, ax: Any = None) -> Any:
    """Draw the distribution of alignments over samples, one line per rule, as the share of samples below a value.

    Args:
        values: a dictionary from a label to the alignments of `target_alignment`.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    for label, each in values.items():
        defined = np.sort(np.asarray(each)[np.isfinite(np.asarray(each))])
        ax.step(defined, np.arange(1, len(defined) + 1) / max(1, len(defined)), where="post", label=label)
    ax.set(xlabel="target alignment", ylabel="share of samples below", ylim=(0, 1.02))
    ax.legend(frameon=False)
    return ax


def energy(by_layer: Any, ax: Any = None) -> Any:
    """Draw the energy of each layer, the mean over samples.

    Args:
        by_layer: ``(B, L)``, such as ``energy(net, activities, by_layer=True)`` or ``relaxation.energy_by_layer``.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    means = np.atleast_2d(np.asarray(by_layer)).mean(axis=0)
    ax.semilogy(np.arange(1, len(means) + 1), means, "o-", color=COLOURS["pc"], markersize=4)
    ax.set(xlabel="layer", ylabel="energy", xticks=np.arange(1, len(means) + 1))
    return ax


def spectrum(values: Any, ax: Any = None) -> Any:
    """Draw eigenvalues or singular values in descending order.

    Args:
        values: such as ``update_kernel(...).spectrum()``.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    ordered = np.sort(np.asarray(values))[::-1]
    ax.plot(np.arange(1, len(ordered) + 1), ordered, ".-", color=COLOURS["pc"])
    ax.set(xlabel="number", ylabel="value", yscale="log" if ordered[-1] > 0 else "linear")
    return ax


def training(trained: Any, ax: Any = None) -> Any:
    """Draw the loss along a training, and the error of the whole map where it was measured.

    Args:
        trained: from `train`.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    ax.semilogy(np.arange(len(trained.loss)), np.asarray(trained.loss), color="0.4", label="loss of the minibatch")
    if trained.error is not None:
        steps = np.arange(len(trained.error)) * trained.error_every
        ax.semilogy(steps, np.asarray(trained.error), color=COLOURS["pc"], label="squared error of the map")
    ax.set(xlabel="step")
    ax.legend(frameon=False)
    return ax
