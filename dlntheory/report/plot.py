"""Pictures of results: each function takes axes of yours, or makes some, and returns them.

``dln.plot.alignment``, ``energy``, ``spectrum``, ``training`` and ``batch_size``.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .style import COLOURS, LINES, named_ticks, new_figure, positive, styled, whole_ticks
from .words import rule_name


def by_rule(rows: Sequence[Any]) -> Iterator[tuple[tuple[str, str | None], list[Any]]]:
    """The rows of each rule and rescaling."""
    for key in dict.fromkeys((row.rule, row.rescaling) for row in rows):
        yield key, [row for row in rows if (row.rule, row.rescaling) == key]


def _on_axes(draw: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Draw on the caller's axes as they are, or on new ones in the style of print."""

    @functools.wraps(draw)
    def drawn(values: Any, ax: Any = None) -> Any:
        if ax is not None:
            return draw(values, ax)
        with styled():
            return draw(values, new_figure(height=2.2).subplots())

    return drawn


@_on_axes
def batch_size(comparison: Any, ax: Any = None) -> Any:
    """Draw alignment against batch size, one line per rule, with the standard error of the mean over batches.

    Args:
        comparison: from `compare`.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    for (rule, rescaling), rows in by_rule(comparison.rows):
        sizes, means, errors = zip(*((row.batch, row.mean, row.error) for row in rows), strict=True)
        style = {"color": COLOURS[rule], "linestyle": LINES[rescaling], "label": rule_name(rule, rescaling)}
        ax.errorbar(sizes, means, np.nan_to_num(errors), marker="o", markersize=3, **style)
    ax.set(xlabel="batch size", ylabel="target alignment", xscale="log")
    named_ticks(ax, sorted({row.batch for row in comparison.rows}))
    return beside(ax)


@_on_axes
def alignment(values: Any, ax: Any = None) -> Any:
    """Draw the distribution of alignments over samples, one line per rule, as the share of samples below a value.

    Args:
        values: a dictionary from a label to the alignments of `target_alignment`.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    for label, each in values.items():
        defined = np.sort(np.asarray(each)[np.isfinite(np.asarray(each))])
        colour = {"color": COLOURS[str(label).lower()]} if str(label).lower() in COLOURS else {}
        ax.step(defined, np.arange(1, len(defined) + 1) / max(1, len(defined)), where="post", label=label, **colour)
    ax.set(xlabel="target alignment", ylabel="share of samples below", ylim=(0, 1.02))
    return beside(ax)


@_on_axes
def energy(by_layer: Any, ax: Any = None) -> Any:
    """Draw the energy of each layer, the mean over samples.

    Args:
        by_layer: ``(B, L)``, such as ``energy(net, activities, by_layer=True)`` or ``relaxation.energy_by_layer``.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    means = np.atleast_2d(np.asarray(by_layer)).mean(axis=0)
    ax.semilogy(np.arange(1, len(means) + 1), positive(means), "o-", color=COLOURS["pc"])
    ax.set(xlabel="layer", ylabel="mean energy")
    whole_ticks(ax)
    return ax


@_on_axes
def spectrum(values: Any, ax: Any = None) -> Any:
    """Draw eigenvalues or singular values in descending order.

    Args:
        values: such as ``update_kernel(...).spectrum()``.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    ordered = np.sort(np.asarray(values))[::-1]
    ax.plot(np.arange(1, len(ordered) + 1), ordered, ".-", color=COLOURS["pc"])
    ax.set(xlabel="number, from the largest", ylabel="value", yscale="log" if ordered[-1] > 0 else "linear")
    whole_ticks(ax)
    return ax


@_on_axes
def training(trained: Any, ax: Any = None) -> Any:
    """Draw the loss along a training, and the error of the whole map where it was measured.

    Args:
        trained: from `train`.
        ax: Matplotlib axes, or ``None`` for new ones.

    Returns:
        The axes.
    """
    loss = positive(trained.loss)
    ax.semilogy(np.arange(len(loss)), loss, color=COLOURS["aside"], label="loss of the minibatch")
    if trained.error is not None:
        steps = np.arange(len(trained.error)) * trained.error_every
        ax.semilogy(steps, positive(trained.error), color=COLOURS["pc"], label="squared error of the map")
    ax.set(xlabel="step", ylabel="loss and error")
    return beside(ax)


def beside(ax: Any) -> Any:
    """The axes, with their legend to the right, where no curve runs."""
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
