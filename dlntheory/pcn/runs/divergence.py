"""The divergence of training: at which step, in which layer, and why in all likelihood."""

from typing import Any, NamedTuple

import numpy as np

from .options import LIMIT


class DivergedError(ArithmeticError):
    """Training has diverged; the message names the step, the layer and the likely cause."""


class Position(NamedTuple):
    """A step of a run, from 1, in an epoch, from 1."""

    step: int
    epoch: int


def first_bad(metrics: dict[str, np.ndarray], limit: float = LIMIT) -> int | None:
    """The first of several steps whose metrics are not finite, or above the limit; ``None`` if all are good.

    Example:
        >>> first_bad({"loss": np.array([1.0, np.nan]), "energy": np.ones((2, 3)), "update": np.ones((2, 3))})
        1
    """
    bad = ~np.isfinite(metrics["update"]).all(axis=-1) | _beyond(metrics["energy"], limit).any(axis=-1)
    bad |= _beyond(metrics["loss"], limit)
    return int(np.argmax(bad)) if bad.any() else None


def explain(
    where: Position, loss: float, states: np.ndarray, energies: np.ndarray, updates: np.ndarray, limit: float = LIMIT
) -> str:
    """Name the loss, energy or update that diverged.

    Args:
        where: the step that diverged.
        loss: the loss of the prediction before inference.
        states: mean square of every layer's prediction before inference, ``(N,)``.
        energies: the energies of every layer, before inference and after each of its steps, ``(T + 1, N)``.
        updates: norm of every layer's gradient, ``(N,)``.
        limit: what losses and energies may be.

    Returns:
        A sentence with the step and the layer, and one with the likely cause.

    Example:
        >>> energies = np.array([[0.0, 1.0], [1e5, 1e4], [np.inf, 1e9]])
        >>> print(explain(Position(7, 1), 1.0, np.ones(2), energies, np.ones(2)))
        Training diverged at step 7 (epoch 1): in inference, the energy of layer 1 became infinite in step 2 of 2.
        Likely cause: the states' step size is above the limit of stability; try a smaller --step-size or --momentum.
    """
    start = f"Training diverged at step {where.step} (epoch {where.epoch}): "
    if _beyond(loss, limit) or _beyond(states, limit).any():
        layer = _first(_beyond(states, limit)) if _beyond(states, limit).any() else len(states)
        what = f"the prediction of layer {layer} is {_size(states[layer - 1])} before inference begins, so its weights "
        cause = "the weights' learning rate is too large; try a smaller --learning-rate."
        return f"{start}{what}have diverged.\nLikely cause: {cause}"
    if _beyond(energies, limit).any():
        step = int(np.argmax(_beyond(energies, limit).any(axis=-1)))
        layer = _worst(_beyond(energies[step], limit), energies[max(step - 1, 0)])
        what = f"in inference, the energy of layer {layer} became {_size(energies[step, layer - 1])} in step {step} "
        cause = "the states' step size is above the limit of stability; try a smaller --step-size or --momentum."
        return f"{start}{what}of {len(energies) - 1}.\nLikely cause: {cause}"
    layer = _first(~np.isfinite(updates)) if not np.isfinite(updates).all() else int(np.argmax(updates)) + 1
    what = f"the update of layer {layer} is {_size(updates[layer - 1])}, though its energy is finite."
    return f"{start}{what}\nLikely cause: numbers too large for the precision; try --precision float64."


def _beyond(values: Any, limit: float) -> Any:
    return ~(np.abs(values) <= limit)


def _first(flags: np.ndarray) -> int:
    return int(np.argmax(flags)) + 1


def _worst(flags: np.ndarray, before: np.ndarray) -> int:
    """The layer with the most energy before, among the layers that went beyond."""
    return int(np.argmax(np.where(flags, np.nan_to_num(before, nan=np.inf), -1))) + 1


def _size(value: Any) -> str:
    if np.isnan(value):
        return "NaN"
    return "infinite" if np.isinf(value) else f"{float(value):.2g}"
