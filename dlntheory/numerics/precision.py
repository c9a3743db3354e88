"""Refusal of results that the arithmetic's precision does not suffice for."""

from typing import Any

import numpy as np

from .kinds import is_concrete, leaves


class PrecisionError(ArithmeticError):
    """The arithmetic's precision does not suffice for this network and data."""


def refuse_overflow(name: str, values: Any) -> Any:
    """Raise where finite data gave results that are not finite; under tracing they stay as they are."""
    for leaf in leaves(values):
        if is_concrete(leaf) and not np.isfinite(np.asarray(leaf)).all():
            raise PrecisionError(
                f"the {name} are not finite in {leaf.dtype}: they overflow, or a division is by zero. "
                "float64 reaches further than float32."
            )
    return values
