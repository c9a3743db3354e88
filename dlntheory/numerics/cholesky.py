r"""Symmetric positive definite and triangular JAX matrices inverted by products alone.

LAPACK is as fast by itself, but the threads that it starts keep spinning for about a tenth of a second and starve
the matrix products around it: on two cores an equilibrium of nine layers of 512 took twice the time of its
products. LAPACK's Cholesky stays single-threaded up to blocks of `BLOCK`, so only those go to it.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import dynamic_slice_in_dim
from jaxtyping import Array, Float

BLOCK = 64
"""The largest block that goes to LAPACK."""
LEAF = 16
"""The blocks in which a triangular matrix is inverted column by column."""
SMALL = 32
"""Up to this size no loop is left in the program: many such matrices take a third of the time."""


@jax.custom_jvp
def inverse_cholesky(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""The lower-triangular ``X = C⁻¹`` with ``matrix = C Cᵀ``; NaN where ``matrix`` is not positive definite.

    With ``matrix = [[A, Bᵀ], [B, D]]`` and ``X_A`` known, ``C_21 = B X_Aᵀ``, and ``C_22`` is the factor of
    ``D − C_21 C_21ᵀ``.
    """
    first = _first_block(matrix)
    if first == matrix.shape[0]:
        return triangular_inverse(_cholesky(matrix))
    top = inverse_cholesky(matrix[:first, :first])
    corner = matrix[first:, :first] @ top.T
    return _joined(top, corner, inverse_cholesky(matrix[first:, first:] - corner @ corner.T))


@inverse_cholesky.defjvp
def _differential(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """``dX = −Φ(X dA Xᵀ) X``, where ``Φ`` keeps the lower triangle and half the diagonal."""
    inverse = inverse_cholesky(*primals)
    change = inverse @ tangents[0] @ inverse.T
    return inverse, (jnp.diag(jnp.diagonal(change) / 2) - jnp.tril(change)) @ inverse


@jax.custom_batching.custom_vmap
def _cholesky(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """LAPACK's factor of one block; of many, one after another on a processor.

    There JAX 0.10 shares a batch out among its threads and waits for them in one of them. Where two batches come at
    once on two cores, they may wait for each other for ever.
    """
    return jnp.linalg.cholesky(matrix, symmetrize_input=False)


@_cholesky.def_vmap
def _of_many(size: int, batched: list[bool], matrices: Float[Array, "k n n"]) -> tuple[Array, bool]:
    at_once = partial(jnp.linalg.cholesky, symmetrize_input=False)
    return jax.lax.platform_dependent(matrices, cpu=partial(jax.lax.map, _cholesky), default=at_once), True


def triangular_inverse(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The inverse of a lower-triangular matrix: the blocks of its diagonal all at once, then joined by products."""
    size = lower.shape[0]
    if size <= SMALL:
        return _small_inverse(lower)
    starts = range(0, size, LEAF)
    padded = jnp.eye(len(starts) * LEAF, dtype=lower.dtype).at[:size, :size].set(lower)
    blocks = jnp.stack([padded[start : start + LEAF, start : start + LEAF] for start in starts])
    return _join(padded, jax.vmap(_inverse_by_columns)(blocks), 0)[:size, :size]


def _join(lower: Float[Array, "n n"], inverses: Float[Array, "k m m"], start: int) -> Float[Array, "s s"]:
    """The inverse of the part of ``lower`` from ``start``, from the inverses of its diagonal blocks."""
    count = len(inverses)
    if count == 1:
        return inverses[0]
    middle, end = start + count // 2 * LEAF, start + count * LEAF
    top = _join(lower, inverses[: count // 2], start)
    return _joined(top, lower[middle:end, start:middle], _join(lower, inverses[count // 2 :], middle))


def _inverse_by_columns(lower: Float[Array, "n n"], written_out: bool = False) -> Float[Array, "n n"]:
    """Forward substitution: each row of the inverse, once it is known, is taken from all rows below it."""
    diagonal = jnp.diagonal(lower)
    below = -jnp.tril(lower, -1) / diagonal[:, None]

    def spread(index: Any, inverse: Array) -> Array:
        column, row = (dynamic_slice_in_dim(each, index, 1, axis) for each, axis in ((below, 1), (inverse, 0)))
        return inverse + column * row

    return jax.lax.fori_loop(0, lower.shape[0] - 1, spread, jnp.diag(1 / diagonal), unroll=written_out)


def _small_inverse(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The inverse of a small lower-triangular matrix: halves joined by products."""
    if len(lower) <= LEAF:
        return _inverse_by_columns(lower, written_out=True)
    top, bottom = _small_inverse(lower[:LEAF, :LEAF]), _small_inverse(lower[LEAF:, LEAF:])
    return _joined(top, lower[LEAF:, :LEAF], bottom)


def _joined(top: Float[Array, "n n"], corner: Float[Array, "m n"], bottom: Float[Array, "m m"]) -> Float[Array, "s s"]:
    """``[[P, 0], [Q, R]]⁻¹ = [[P⁻¹, 0], [−R⁻¹ Q P⁻¹, R⁻¹]]`` from ``P⁻¹``, ``Q`` and ``R⁻¹``."""
    return jnp.block([[top, jnp.zeros_like(corner.T)], [-(bottom @ corner @ top), bottom]])


def _first_block(matrix: Float[Array, "n n"]) -> int:
    """Half the rows, a multiple of `BLOCK`; all of them if they fit one block."""
    size = matrix.shape[0]
    return size if size <= BLOCK else (size // 2 + BLOCK - 1) // BLOCK * BLOCK
