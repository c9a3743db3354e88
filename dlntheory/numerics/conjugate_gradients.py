r"""Preconditioned conjugate gradients, step by step; and for ``(I + A) X = R``, until every column is done.

Every column is a problem of its own, but all take their products at once. Only products by ``A``, which is positive
semidefinite, are needed. The preconditioner of ``(I + A) X = R`` is Nyström's
(Frangella, Tropp and Udell 2023): products of ``A`` with a few random columns give its largest eigenvalues, as many as
the columns, and these are divided out. It is shared by all columns of ``R``; with as many columns as rows it is the
inverse itself.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from .algebra import Array, column_products, epsilon, magnitude, ratio
from .kinds import loop, namespace

Operator: TypeAlias = Callable[[Array], Array]
"""A function from columns to columns."""
Parts: TypeAlias = Any
"""Columns in a list of parts, such as the layers of a network."""

SKETCH = 64
"""The fewest columns of a sketch: fewer are hardly cheaper."""
LIMIT = 1000
"""Steps at most; without rounding, one more than ``A`` has eigenvalues other than zero would do."""


class Conjugate(NamedTuple):
    """The state of a run: the number of steps, the solution, the residual, the direction, and ``leftᵀ P⁻¹ left``."""

    steps: Array
    solution: Parts
    left: Parts
    direction: Parts
    decrease: Float[Array, "1 B"]


def begin(solution: Parts, left: Parts, divide: Callable[[Parts], Parts]) -> Conjugate:
    """The state before the first step, from a first solution and its residual."""
    downhill = divide(left)
    return Conjugate(namespace(left[0]).asarray(0), solution, left, downhill, _dot(left, downhill))


def advance(run: Conjugate, multiply: Callable[[Parts], Parts], divide: Callable[[Parts], Parts]) -> Conjugate:
    """One step, with products by a positive definite matrix and its preconditioner."""
    curved = multiply(run.direction)
    length = ratio(run.decrease, _dot(run.direction, curved))
    left = _plus(run.left, -length, curved)
    downhill = divide(left)
    decrease = _dot(left, downhill)
    direction = _plus(downhill, ratio(decrease, run.decrease), run.direction)
    return Conjugate(run.steps + 1, _plus(run.solution, length, run.direction), left, direction, decrease)


def _plus(parts: Parts, factor: Float[Array, "1 B"], others: Parts) -> Parts:
    return [each + factor * other for each, other in zip(parts, others, strict=True)]


def _dot(left: Parts, right: Parts) -> Float[Array, "1 B"]:
    """The inner product of every column."""
    return sum(map(column_products, left, right))[None]


def tolerance(dtype: np.dtype) -> float:
    """The residual, relative to the right-hand side, at which a column is done."""
    return 4 * epsilon(dtype)


def conjugate_gradients(multiply: Operator, right: Float[Array, "n B"], divide: Operator) -> Conjugate:
    """Solve ``X + A X = R`` for every column, preconditioned by ``divide``, until each residual is at `tolerance`."""
    xp = namespace(right)
    size = magnitude(right, axis=0)
    target = tolerance(right.dtype) * xp.linalg.norm(right / size, axis=0, keepdims=True)

    def unfinished(run: Conjugate) -> Array:
        left = xp.linalg.norm(run.left[0], axis=0, keepdims=True)
        return (run.steps < min(LIMIT, 2 * len(right) + 10)) & (left > target).any() & xp.isfinite(left).all()

    def curved(parts: Parts) -> Parts:
        return [each + multiply(each) for each in parts]

    def downhill(parts: Parts) -> Parts:
        return list(map(divide, parts))

    start = begin([xp.zeros_like(right)], [right / size], downhill)
    run = loop(unfinished, partial(advance, multiply=curved, divide=downhill), start, right)
    return run._replace(solution=size * run.solution[0], left=size * run.left[0])


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
    """The number of random columns of a sketch: at most the work of two steps."""
    return min(rows, max(SKETCH, 2 * columns))
