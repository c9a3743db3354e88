r"""Symmetric positive definite and triangular JAX matrices inverted by products alone.

LAPACK is as fast by itself, but the threads that it starts keep spinning for about a tenth of a second and starve
the matrix products around it: on two cores an equilibrium of nine layers of 512 took twice the time of its
products. LAPACK's Cholesky stays single-threaded up to blocks of `BLOCK`, so only those go to it.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

BLOCK = 64
"""The largest block that goes to LAPACK."""
LEAF = 16
"""The blocks in which a triangular matrix is inverted row by row."""
SMALL = 32
"""Up to this size the rows are written out, in blocks of `SMALL_LEAF`: many such matrices take a third of the time."""
SMALL_LEAF = 8


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
    return _join(padded, jax.vmap(_inverse_by_rows)(blocks), 0)[:size, :size]


def _join(lower: Float[Array, "n n"], inverses: Float[Array, "k m m"], start: int) -> Float[Array, "s s"]:
    """The inverse of the part of ``lower`` from ``start``, from the inverses of its diagonal blocks."""
    count = len(inverses)
    if count == 1:
        return inverses[0]
    middle, end = start + count // 2 * LEAF, start + count * LEAF
    top = _join(lower, inverses[: count // 2], start)
    return _joined(top, lower[middle:end, start:middle], _join(lower, inverses[count // 2 :], middle))


def _inverse_by_rows(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Forward substitution: each row of the inverse from those above it."""
    diagonal = jnp.diagonal(lower)
    above = -jnp.tril(lower, -1) / diagonal[:, None]

    def fill(row: Array, inverse: Array) -> Array:
        return inverse.at[row].add(above[row] @ inverse)

    return jax.lax.fori_loop(1, lower.shape[0], fill, jnp.diag(1 / diagonal))


def _small_inverse(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The inverse of a small lower-triangular matrix: halves joined by products, down to rows written out."""
    size = lower.shape[0]
    if size > SMALL_LEAF:
        half = (size // 2 + SMALL_LEAF - 1) // SMALL_LEAF * SMALL_LEAF
        return _joined(_small_inverse(lower[:half, :half]), lower[half:, :half], _small_inverse(lower[half:, half:]))
    rows: list[Array] = []
    for index in range(size):
        left = jnp.zeros_like(lower[index]).at[index].set(1)
        for column, row in enumerate(rows):
            left = left - lower[index, column] * row
        rows.append(left / lower[index, index])
    return jnp.stack(rows)


def _joined(top: Float[Array, "n n"], corner: Float[Array, "m n"], bottom: Float[Array, "m m"]) -> Float[Array, "s s"]:
    """``[[P, 0], [Q, R]]⁻¹ = [[P⁻¹, 0], [−R⁻¹ Q P⁻¹, R⁻¹]]`` from ``P⁻¹``, ``Q`` and ``R⁻¹``."""
    return jnp.block([[top, jnp.zeros_like(corner.T)], [-(bottom @ corner @ top), bottom]])


def _first_block(matrix: Float[Array, "n n"]) -> int:
    """Half the rows, a multiple of `BLOCK`; all of them if they fit one block."""
    size = matrix.shape[0]
    return size if size <= BLOCK else (size // 2 + BLOCK - 1) // BLOCK * BLOCK
