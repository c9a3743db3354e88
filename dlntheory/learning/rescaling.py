"""Rescalings that remove the interference of activities: their names, and how they multiply an update.

`adaptive_rates` (Theorem 1) has one scalar per layer, `decorrelation` (Theorem 2) one matrix.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from ..networks.layer import Layer
from ..numerics.algebra import Matrix
from .adaptive_rates import learning_rates
from .decorrelation import decorrelations
from .rules import Signals

Rescaling = Literal["adaptive", "adaptive_positive", "decorrelated"]
RESCALINGS: tuple[str | None, ...] = (None, *get_args(Rescaling))


def rescaling_factors(
    rescaling: str, layers: Sequence[Layer], signals: Signals, regularise: Any = None, rcond: float | None = None
) -> list[Any]:
    """The factors of a rescaling by its name."""
    if rescaling == "decorrelated":
        return decorrelations(layers, signals, regularise, rcond)
    return learning_rates(layers, signals, positive=rescaling == "adaptive_positive")


def rescale(changes: Sequence[Matrix], factors: Sequence[Any]) -> list[Matrix]:
    """Multiply each update by its factor: a scalar, or a matrix on the right."""
    return [
        change @ factor if getattr(factor, "shape", ()) else factor * change
        for change, factor in zip(changes, factors, strict=True)
    ]
