r"""Symmetric positive definite and triangular matrices inverted by products alone.

LAPACK is as fast by itself, but the threads that it starts keep spinning for about a tenth of a second and starve
the matrix products around it: on two cores an equilibrium of nine layers of 512 took twice the time of its
products. LAPACK's Cholesky stays single-threaded up to blocks of `BLOCK`, so only those go to it.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

BLOCK = 64


def solve_positive_definite(matrix: Float[Array, "n n"], right: Float[Array, "n B"]) -> Float[Array, "n B"]:
    """Solve ``matrix @ result = right``; NaN where ``matrix`` is not positive definite."""
    inverse = inverse_cholesky(matrix)
    return inverse.T @ (inverse @ right)


def inverse_cholesky(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""The lower-triangular ``X = C⁻¹`` with ``matrix = C Cᵀ``; NaN where ``matrix`` is not positive definite.

    With ``matrix = [[A, Bᵀ], [B, D]]`` and ``X_A`` known, ``C_21 = B X_Aᵀ`` and the rest is that of
    ``D − C_21 C_21ᵀ``.
    """
    first = _first_block(matrix)
    if first == matrix.shape[0]:
        return triangular_inverse(jnp.linalg.cholesky(matrix, symmetrize_input=False))
    top = inverse_cholesky(matrix[:first, :first])
    corner = matrix[first:, :first] @ top.T
    return _joined(top, corner, inverse_cholesky(matrix[first:, first:] - corner @ corner.T))


def triangular_inverse(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The inverse of a lower-triangular matrix."""
    first = _first_block(lower)
    if first == lower.shape[0]:
        return _inverse_by_rows(lower)
    top = triangular_inverse(lower[:first, :first])
    return _joined(top, lower[first:, :first], triangular_inverse(lower[first:, first:]))


def _inverse_by_rows(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Forward substitution: each row of the inverse from those above it."""
    diagonal = jnp.diagonal(lower)
    above = -jnp.tril(lower, -1) / diagonal[:, None]

    def fill(row: Array, inverse: Array) -> Array:
        return inverse.at[row].add(above[row] @ inverse)

    return jax.lax.fori_loop(1, lower.shape[0], fill, jnp.diag(1 / diagonal))


def _joined(top: Float[Array, "n n"], corner: Float[Array, "m n"], bottom: Float[Array, "m m"]) -> Float[Array, "s s"]:
    """``[[P, 0], [Q, R]]⁻¹ = [[P⁻¹, 0], [−R⁻¹ Q P⁻¹, R⁻¹]]`` from ``P⁻¹``, ``Q`` and ``R⁻¹``."""
    return jnp.block([[top, jnp.zeros_like(corner.T)], [-(bottom @ corner @ top), bottom]])


def _first_block(matrix: Float[Array, "n n"]) -> int:
    """Half the rows, a multiple of `BLOCK`; all of them if they fit one block."""
    size = matrix.shape[0]
    return size if size <= BLOCK else (size // 2 + BLOCK - 1) // BLOCK * BLOCK
