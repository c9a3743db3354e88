r"""Preconditioned conjugate gradients for ``(I + A) X = R``, with products by a positive semidefinite ``A`` alone.

Every column of ``R`` is a problem of its own, but all take their products at once. The preconditioner is Nyström's
(Frangella, Tropp and Udell 2023): products of ``A`` with a few random columns give its largest eigenvalues, as many as
the columns, and these are divided out. It is shared by all columns of ``R``; with as many columns as rows it is the
inverse itself.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from .algebra import Array, epsilon, ratio
from .kinds import loop, namespace

Operator: TypeAlias = Callable[[Array], Array]
"""Columns to columns."""

SKETCH = 64
"""The fewest columns of a sketch: fewer are hardly cheaper."""
LIMIT = 1000
"""Steps at most; without rounding, one more than ``A`` has eigenvalues other than zero would do."""


class Conjugate(NamedTuple):
    """The state of a run: how many steps it took, its solution, what is left, the direction, and ``leftᵀ P⁻¹ left``."""

    steps: Array
    solution: Float[Array, "n B"]
    left: Float[Array, "n B"]
    direction: Float[Array, "n B"]
    decrease: Float[Array, "1 B"]


def tolerance(dtype: np.dtype) -> float:
    """The residual, relative to the right-hand side, at which a column is done."""
    return 4 * epsilon(dtype)


def conjugate_gradients(multiply: Operator, right: Float[Array, "n B"], divide: Operator) -> Conjugate:
    """Solve ``X + A X = R`` for every column, preconditioned by ``divide``, until each residual is at `tolerance`."""
    xp = namespace(right)
    size = _scale(right)
    target = tolerance(right.dtype) * xp.linalg.norm(right / size, axis=0, keepdims=True)

    def unfinished(run: Conjugate) -> Array:
        left = xp.linalg.norm(run.left, axis=0, keepdims=True)
        return (run.steps < min(LIMIT, 2 * len(right) + 10)) & (left > target).any() & xp.isfinite(left).all()

    def advance(run: Conjugate) -> Conjugate:
        curved = run.direction + multiply(run.direction)
        length = ratio(run.decrease, _dot(run.direction, curved))
        left = run.left - length * curved
        downhill = divide(left)
        decrease = _dot(left, downhill)
        direction = downhill + ratio(decrease, run.decrease) * run.direction
        return Conjugate(run.steps + 1, run.solution + length * run.direction, left, direction, decrease)

    left = right / size
    downhill = divide(left)
    start = Conjugate(xp.asarray(0), xp.zeros_like(left), left, downhill, _dot(left, downhill))
    run = loop(unfinished, advance, start, right)
    return run._replace(solution=size * run.solution, left=size * run.left)


def nystrom(multiply: Operator, like: Float[Array, "n B"]) -> Operator:
    """Divide by ``I + A``, as far as a sketch of ``A`` tells; what it leaves out counts as its smallest eigenvalue."""
    xp = namespace(like)
    rows, columns = like.shape
    count = sketch_size(rows, columns)
    drawn = np.linalg.qr(np.random.default_rng(0).standard_normal((rows, count)))[0]
    test = xp.asarray(drawn, like.dtype)
    image = multiply(test)
    values, turn = xp.linalg.eigh((test.T @ image + image.T @ test) / 2)
    smallest = count * epsilon(like.dtype) * xp.maximum(values[-1], 0 * values[-1])
    roots = xp.where(
        values > smallest, 1 / xp.sqrt(xp.where(values > smallest, values, xp.ones_like(values))), xp.zeros_like(values)
    )
    vectors, spread, _ = xp.linalg.svd(image @ (turn * roots[None]), full_matrices=False)
    shrink = (spread[-1] ** 2 + 1) / (spread**2 + 1) - 1

    def divide(columns: Array) -> Array:
        return columns + vectors @ (shrink[:, None] * (vectors.T @ columns))

    return divide


def sketch_size(rows: int, columns: int) -> int:
    """How many random columns a sketch takes: the work of two steps, or less."""
    return min(rows, max(SKETCH, 2 * columns))


def _scale(columns: Array) -> Array:
    """The largest number of each column, one of a column of zeros: squares neither overflow nor vanish."""
    xp = namespace(columns)
    largest = xp.max(xp.abs(columns), axis=0, keepdims=True)
    return xp.where(largest > 0, largest, xp.ones_like(largest))


def _dot(left: Array, right: Array) -> Float[Array, "1 B"]:
    return (left * right).sum(axis=0, keepdims=True)
