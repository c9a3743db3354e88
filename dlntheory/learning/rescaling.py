"""Rescalings that remove the interference of activities: their names, and how they multiply an update.

`adaptive_rates` (Theorem 1) has one scalar per layer, `decorrelation` (Theorem 2) one matrix.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from ..numerics.algebra import Matrix

Rescaling = Literal["adaptive", "adaptive_positive", "decorrelated"]
RESCALINGS: tuple[str | None, ...] = (None, *get_args(Rescaling))


def rescale(changes: Sequence[Matrix], factors: Sequence[Any]) -> list[Matrix]:
    """Multiply each update by its factor: a scalar, or a matrix on the right."""
    return [
        change @ factor if getattr(factor, "shape", ()) else factor * change
        for change, factor in zip(changes, factors, strict=True)
    ]
