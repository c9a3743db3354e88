r"""Preconditioned conjugate gradients for ``(I + A) X = R``, with products by a positive semidefinite ``A`` alone.

Every column of ``R`` is a problem of its own, but all take their products at once. The preconditioner is Nyström's
(Frangella, Tropp and Udell 2023): products of ``A`` with a few random columns give its largest eigenvalues, as many as
the columns, and these are divided out. It is shared by all columns of ``R``; with as many columns as rows it is the
inverse itself.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Operator: TypeAlias = Callable[[jax.Array], jax.Array]
"""Columns to columns."""

SKETCH = 64
"""The fewest columns of a sketch: fewer are hardly cheaper."""
LIMIT = 1000
"""Steps at most; without rounding, one more than ``A`` has eigenvalues other than zero would do."""


class Conjugate(NamedTuple):
    """Where a run stands: how many steps it took, its solution, what is left, the direction, and ``leftᵀ P⁻¹ left``."""

    steps: jax.Array
    solution: Float[Array, "n B"]
    left: Float[Array, "n B"]
    direction: Float[Array, "n B"]
    decrease: Float[Array, "1 B"]


def tolerance(dtype: jnp.dtype) -> float:
    """The residual, relative to the right-hand side, at which a column is done."""
    return 4 * float(jnp.finfo(dtype).eps)


def conjugate_gradients(multiply: Operator, right: Float[Array, "n B"], divide: Operator) -> Conjugate:
    """Solve ``X + A X = R`` for every column, preconditioned by ``divide``, until each residual is at `tolerance`."""
    size = _scale(right)
    target = tolerance(right.dtype) * jnp.linalg.norm(right / size, axis=0, keepdims=True)

    def unfinished(run: Conjugate) -> jax.Array:
        left = jnp.linalg.norm(run.left, axis=0, keepdims=True)
        return (run.steps < min(LIMIT, 2 * len(right) + 10)) & (left > target).any() & jnp.isfinite(left).all()

    def advance(run: Conjugate) -> Conjugate:
        curved = run.direction + multiply(run.direction)
        length = _ratio(run.decrease, _dot(run.direction, curved))
        left = run.left - length * curved
        downhill = divide(left)
        decrease = _dot(left, downhill)
        direction = downhill + _ratio(decrease, run.decrease) * run.direction
        return Conjugate(run.steps + 1, run.solution + length * run.direction, left, direction, decrease)

    left = right / size
    downhill = divide(left)
    start = Conjugate(jnp.asarray(0), jnp.zeros_like(left), left, downhill, _dot(left, downhill))
    run = jax.lax.while_loop(unfinished, advance, start)
    return run._replace(solution=size * run.solution, left=size * run.left)


def nystrom(multiply: Operator, like: Float[Array, "n B"]) -> Operator:
    """Divide by ``I + A``, as far as a sketch of ``A`` tells; what it leaves out counts as its smallest eigenvalue."""
    rows, columns = like.shape
    count = sketch_size(rows, columns)
    drawn = np.linalg.qr(np.random.default_rng(0).standard_normal((rows, count)))[0]
    test = jnp.asarray(drawn, like.dtype)
    image = multiply(test)
    values, turn = jnp.linalg.eigh((test.T @ image + image.T @ test) / 2)
    smallest = count * float(jnp.finfo(like.dtype).eps) * jnp.maximum(values[-1], jnp.zeros_like(values[-1]))
    roots = jnp.where(values > smallest, 1 / jnp.sqrt(jnp.where(values > smallest, values, 1)), jnp.zeros_like(values))
    vectors, spread, _ = jnp.linalg.svd(image @ (turn * roots[None]), full_matrices=False)
    shrink = (spread[-1] ** 2 + 1) / (spread**2 + 1) - 1

    def divide(columns: jax.Array) -> jax.Array:
        return columns + vectors @ (shrink[:, None] * (vectors.T @ columns))

    return divide


def sketch_size(rows: int, columns: int) -> int:
    """How many random columns a sketch takes: the work of two steps, or less."""
    return min(rows, max(SKETCH, 2 * columns))


def _scale(columns: jax.Array) -> jax.Array:
    """The largest number of each column, one of a column of zeros: squares neither overflow nor vanish."""
    largest = jnp.max(jnp.abs(columns), axis=0, keepdims=True)
    return jnp.where(largest > 0, largest, jnp.ones_like(largest))


def _dot(left: jax.Array, right: jax.Array) -> Float[Array, "1 B"]:
    return jnp.sum(left * right, axis=0, keepdims=True)


def _ratio(over: jax.Array, under: jax.Array) -> jax.Array:
    """Zero where a column is done."""
    active = under > 0
    return jnp.where(active, over, jnp.zeros_like(over)) / jnp.where(active, under, jnp.ones_like(under))
