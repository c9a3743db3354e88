"""Samples are rows or images in the interface and columns in the kernels: the conversions between them."""

from collections.abc import Sequence
from typing import Any

from ..numerics.algebra import Array, Matrix
from ..numerics.checks import as_counts
from ..numerics.kinds import is_symbolic
from .layer import Layer, Shape


def as_columns(rows: Matrix) -> Matrix:
    """``(B, n)`` or ``(n,)`` to ``(n, B)``; a SymPy matrix holds columns already."""
    return rows if is_symbolic(rows) else rows.reshape(-1, rows.shape[-1]).T


def as_rows(columns: Matrix, single: bool) -> Matrix:
    """``(n, B)`` to ``(B, n)``, or to ``(n,)`` for a single sample; a SymPy matrix stays as it is."""
    if is_symbolic(columns):
        return columns
    return columns[:, 0] if single else columns.T


def activity_shapes(layers: Sequence[Layer]) -> tuple[Shape, ...]:
    """The shape of one sample's activity in every layer, from the input on."""
    return (layers[0].in_shape, *(layer.out_shape for layer in layers))


def shaped(rows: Array, shape: Shape) -> Array:
    """Rows ``(B, n)`` or ``(n,)`` as samples of a shape."""
    return rows if len(shape) == 1 else rows.reshape(*rows.shape[:-1], *shape)


def flat(samples: Array, shape: Shape) -> Array:
    """Samples of a shape as rows ``(B, n)`` or ``(n,)``: the inverse of `shaped`."""
    return samples if len(shape) == 1 else samples.reshape(*samples.shape[: -len(shape)], -1)


def as_shape(name: str, value: Any) -> Shape:
    """Check the shape of one sample."""
    sizes = as_counts(name, [value] if isinstance(value, int) else value, "sizes")
    if not sizes:
        raise ValueError(f"`{name}` is {value!r}; wanted at least one size.")
    return sizes
