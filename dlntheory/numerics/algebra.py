r"""The few matrix operations that JAX arrays and SymPy matrices spell differently.

Every kernel of the library takes columns, returns columns, and uses only ``@``, ``+``, ``.T`` and the
functions of this file. So the lines that run on JAX arrays are the lines that a proof runs on SymPy matrices.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

Matrix: TypeAlias = Any
"""A JAX array or a SymPy matrix, two-dimensional, one column a sample."""
Size: TypeAlias = Any
"""A whole number, or a SymPy expression that stands for one."""


def is_symbolic(value: object) -> bool:
    """Tell whether ``value`` is a SymPy matrix, explicit or symbolic, without importing SymPy."""
    return bool(getattr(value, "is_Matrix", False))


def identity(size: Any, like: Matrix) -> Matrix:
    """The identity of the given size, of the kind and dtype of ``like``."""
    if is_symbolic(like):
        import sympy

        return sympy.eye(size) if hasattr(like, "tolist") else sympy.Identity(size)
    return jnp.eye(size, dtype=like.dtype)


def ones_row(like: Matrix) -> Matrix:
    """A row of ones, as long as ``like`` has columns."""
    if is_symbolic(like):
        import sympy

        columns = like.shape[1]
        return sympy.ones(1, columns) if hasattr(like, "tolist") else sympy.OneMatrix(1, columns)
    return jnp.ones((1, like.shape[1]), like.dtype)


def append_ones(columns: Matrix) -> Matrix:
    """Extend every column by a constant one: the activity that a learned bias sees."""
    if is_symbolic(columns):
        import sympy

        blocks = [[columns], [ones_row(columns)]]
        return sympy.Matrix(blocks) if hasattr(columns, "tolist") else sympy.BlockMatrix(blocks)
    return jnp.concatenate([columns, ones_row(columns)])


def bias_columns(bias: Any, like: Matrix) -> Matrix:
    """The vector ``bias`` as often as ``like`` has columns."""
    return bias @ ones_row(like) if is_symbolic(like) else jnp.tile(bias[:, None], like.shape[1])


def add_bias(columns: Matrix, bias: Any) -> Matrix:
    """Add the vector ``bias`` to every column; ``None`` adds nothing."""
    if bias is None:
        return columns
    return columns + (bias_columns(bias, columns) if is_symbolic(columns) else bias[:, None])


def inner(left: Matrix, right: Matrix) -> Any:
    """The Frobenius inner product, the sum over columns of ``left.T @ right``'s diagonal; NaN where it overflows."""
    if is_symbolic(left):
        return (left.T @ right).trace() if hasattr(left, "tolist") else _symbolic_trace(left.T @ right)
    product = jnp.vdot(left, right)
    return jnp.where(jnp.isinf(product), jnp.full_like(product, jnp.nan), product)


def column_products(left: Matrix, right: Matrix) -> Any:
    """The inner product of each pair of columns; of SymPy matrices, their sum."""
    if is_symbolic(left):
        return inner(left, right)
    return jnp.sum(left * right, axis=0)


def _symbolic_trace(matrix: Matrix) -> Any:
    from .sympy_expressions import Trace

    return Trace(matrix)


def sign(number: Any) -> Any:
    """−1, 0 or 1, of a JAX number or a SymPy one."""
    if hasattr(number, "free_symbols"):
        import sympy

        return sympy.sign(number)
    return jnp.sign(number)


def solve(matrix: Matrix, right: Matrix) -> Matrix:
    """Solve ``matrix @ result = right`` for a symmetric positive definite matrix."""
    if is_symbolic(matrix):
        return matrix.LUsolve(right) if hasattr(matrix, "tolist") else matrix.inverse() @ right
    from .cholesky import solve_positive_definite

    return solve_positive_definite(matrix, right)


def pinv(matrix: Matrix, rcond: float | None = None) -> Matrix:
    """Moore-Penrose pseudoinverse; singular values up to ``rcond`` times the largest count as zero.

    The default ``rcond`` is the machine epsilon times the larger dimension. SymPy's is exact.
    """
    if is_symbolic(matrix):
        from .sympy_expressions import PseudoInverse

        return matrix.pinv() if hasattr(matrix, "tolist") else PseudoInverse(matrix)
    return jnp.linalg.pinv(matrix, rtol=default_rcond(matrix) if rcond is None else rcond)


def pinv_product(left: Matrix, right: Matrix, rcond: float | None = None) -> Matrix:
    """Pseudoinverse of ``left @ right.T``.

    With fewer columns than rows, it is taken of the small core between orthonormal bases of the columns: faster, and
    rounding cannot raise the rank above the number of columns.
    """
    if is_symbolic(left):
        return pinv(left @ right.T, rcond)
    (left, left_size), (right, right_size) = _scaled(left), _scaled(right)  # no product under- or overflows
    rcond = default_rcond(left) if rcond is None else rcond
    if left.shape[1] >= left.shape[0]:
        inverse = pinv(left @ right.T, rcond)
    else:
        (left_basis, left_core), (right_basis, right_core) = jnp.linalg.qr(left), jnp.linalg.qr(right)
        inverse = right_basis @ pinv(left_core @ right_core.T, rcond) @ left_basis.T
    return inverse / left_size / right_size


def _scaled(matrix: Matrix) -> tuple[Matrix, Any]:
    """The matrix with largest entry one, and that entry; what is zero stays."""
    size = jax.lax.stop_gradient(jnp.max(jnp.abs(matrix)))
    size = jnp.where(size > 0, size, jnp.ones_like(size))
    return matrix / size, size


def default_rcond(matrix: Any) -> float:
    """Machine epsilon times the larger dimension: what rounding leaves of a singular value that is zero."""
    return max(matrix.shape) * float(jnp.finfo(matrix.dtype).eps)


def is_concrete(*values: object) -> bool:
    """Tell whether no array among the leaves of ``values`` is being traced by JAX."""
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(values))
