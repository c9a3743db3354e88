r"""The few matrix operations that NumPy, JAX and SymPy spell differently.

Every kernel of the library takes columns, returns columns, and uses only ``@``, ``+``, ``.T`` and the functions of this
file. So the lines that run on arrays are the lines that a proof runs on SymPy matrices.
"""

from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Any, TypeAlias

import numpy as np

from .kinds import cast, is_explicit, is_jax, is_symbolic, namespace, stop_gradient, widest

Array: TypeAlias = Any
"""A NumPy or a JAX array."""
Matrix: TypeAlias = Any
"""An array or a SymPy matrix, two-dimensional, one column per sample."""
Size: TypeAlias = Any
"""A whole number, or a SymPy expression that stands for one."""


def identity(size: Any, like: Matrix) -> Matrix:
    """The identity of the given size, of the kind and dtype of ``like``."""
    if is_symbolic(like):
        import sympy

        return sympy.eye(size) if is_explicit(like) else sympy.Identity(size)
    return namespace(like).eye(size, dtype=like.dtype)


def ones_row(like: Matrix) -> Matrix:
    """A row of ones, as long as ``like`` has columns, along its leading axes too."""
    if is_symbolic(like):
        import sympy

        columns = like.shape[1]
        return sympy.ones(1, columns) if is_explicit(like) else sympy.OneMatrix(1, columns)
    return namespace(like).ones((*like.shape[:-2], 1, like.shape[-1]), like.dtype)


def append_ones(columns: Matrix) -> Matrix:
    """Extend every column by a constant one: the activity that a learned bias sees."""
    if is_symbolic(columns):
        import sympy

        blocks = [[columns], [ones_row(columns)]]
        return sympy.Matrix(blocks) if is_explicit(columns) else sympy.BlockMatrix(blocks)
    return namespace(columns).concatenate([columns, ones_row(columns)], axis=-2)


def bias_columns(bias: Any, like: Matrix) -> Matrix:
    """The vector ``bias`` as often as ``like`` has columns."""
    return bias @ ones_row(like) if is_symbolic(like) else namespace(bias).tile(bias[:, None], like.shape[1])


def add_bias(columns: Matrix, bias: Any) -> Matrix:
    """Add the vector ``bias`` to every column; ``None`` adds nothing."""
    if bias is None:
        return columns
    return columns + (bias_columns(bias, columns) if is_symbolic(columns) else bias[:, None])


def inner(left: Matrix, right: Matrix) -> Any:
    """The Frobenius inner product, the sum over columns of ``left.T @ right``'s diagonal; NaN where it overflows."""
    if is_symbolic(left):
        from .sympy_expressions import Trace

        return (left.T @ right).trace() if is_explicit(left) else Trace(left.T @ right)
    xp = namespace(left)
    product = xp.vdot(left, right)
    return xp.where(xp.isinf(product), xp.full_like(product, xp.nan), product)[()]


def column_products(left: Matrix, right: Matrix) -> Any:
    """The inner product of each pair of columns; of SymPy matrices, their sum."""
    if is_symbolic(left):
        return inner(left, right)
    return (left * right).sum(axis=0)


def sign(number: Any) -> Any:
    """−1, 0 or 1, of a number of any kind."""
    if hasattr(number, "free_symbols"):
        import sympy

        return sympy.sign(number)
    return namespace(number).sign(number)


def square_root(number: Any) -> Any:
    """The square root of a number of any kind."""
    if hasattr(number, "free_symbols"):
        import sympy

        return sympy.sqrt(number)
    return namespace(number).sqrt(number)


def solve(matrix: Matrix, right: Matrix) -> Matrix:
    """Solve ``matrix @ result = right`` for a symmetric positive definite matrix; NaN where it is not."""
    return solver(matrix)(right)


def solver(matrix: Matrix) -> Callable[[Matrix], Matrix]:
    """The function that divides columns by a symmetric positive definite matrix, factorised once."""
    return partial(divide, factorise(matrix))


def factorise(matrix: Matrix) -> Any:
    """The factor of a symmetric positive definite matrix, for `divide`; in JAX an array, which programs can hand on."""
    if is_symbolic(matrix):
        return matrix
    if is_jax(matrix):
        return inverse_cholesky(matrix)
    from scipy.linalg.lapack import get_lapack_funcs

    factor, failed = get_lapack_funcs("potrf", (matrix,))(matrix, lower=1, clean=0)
    return None if failed else factor


def divide(factor: Any, right: Matrix) -> Matrix:
    """Columns divided by the matrix that `factorise` was given, whose kind decides."""
    if is_symbolic(factor):
        return factor.LUsolve(right) if is_explicit(factor) else factor.inverse() @ right
    if is_jax(factor):
        return factor.T @ (factor @ right)
    from scipy.linalg.lapack import get_lapack_funcs

    if factor is None:
        return np.full_like(right, np.nan)
    return get_lapack_funcs("potrs", (factor,))(factor, right, lower=1)[0]


def inverse_cholesky(matrix: Matrix) -> Matrix:
    """The lower-triangular ``X = C⁻¹`` with ``matrix = C Cᵀ``; NaN where ``matrix`` is not positive definite."""
    if is_symbolic(matrix):
        from .sympy_expressions import InverseCholesky

        return matrix.cholesky().inv() if is_explicit(matrix) else InverseCholesky(matrix)
    if is_jax(matrix):
        from . import cholesky

        return cholesky.inverse_cholesky(matrix)
    from scipy.linalg.lapack import get_lapack_funcs

    factor, failed = get_lapack_funcs("potrf", (matrix,))(matrix, lower=1, clean=1)
    return np.full_like(matrix, np.nan) if failed else triangular_inverse(factor)


def triangular_inverse(lower: Array) -> Array:
    """The inverse of a lower-triangular matrix."""
    if is_jax(lower):
        from . import cholesky

        return cholesky.triangular_inverse(lower)
    from scipy.linalg.lapack import get_lapack_funcs

    inverse, failed = get_lapack_funcs("trtri", (lower,))(lower, lower=1)
    return np.tril(inverse) if not failed else np.full_like(lower, np.inf)


def triangular_factor(matrix: Array) -> Array:
    """``R`` of ``matrix = Q R``."""
    return namespace(matrix).linalg.qr(matrix, mode="r")


def pinv(matrix: Matrix, rcond: float | None = None) -> Matrix:
    """Moore-Penrose pseudoinverse; singular values up to ``rcond`` times the largest count as zero.

    The default ``rcond`` is the machine epsilon times the larger dimension. SymPy's is exact.
    """
    if is_symbolic(matrix):
        from .sympy_expressions import PseudoInverse

        return matrix.pinv() if is_explicit(matrix) else PseudoInverse(matrix)
    rcond = default_rcond(matrix) if rcond is None else rcond
    if is_jax(matrix):
        return namespace(matrix).linalg.pinv(matrix, rtol=rcond)
    if not np.isfinite(matrix).all():
        return np.full_like(matrix.swapaxes(-1, -2), np.nan)
    inverse = _inverse_of_full_rank(matrix, rcond)
    return np.linalg.pinv(matrix, rtol=rcond) if inverse is None else inverse


def _inverse_of_full_rank(matrix: np.ndarray, rcond: float) -> np.ndarray | None:
    """The inverse of a square matrix whose singular values surely all count, for a quarter of a decomposition's cost.

    The condition number is at most the product of both Frobenius norms; a factor of two is left to rounding.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        return None
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None
    with np.errstate(over="ignore"):  # a norm that overflows leaves it to the decomposition
        condition = float(np.linalg.norm(matrix)) * float(np.linalg.norm(inverse))
    return inverse if 2 * rcond * condition < 1 else None


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
    elif is_jax(left):
        from .pseudoinverse import pinv_of_product

        inverse = pinv_of_product(left, right, rcond)
    else:
        (left_basis, left_core), (right_basis, right_core) = np.linalg.qr(left), np.linalg.qr(right)
        inverse = right_basis @ pinv(left_core @ right_core.T, rcond) @ left_basis.T
    return inverse / left_size / right_size


def _scaled(matrix: Matrix) -> tuple[Matrix, Any]:
    """The matrix divided by its largest entry, and that entry; zero stays zero."""
    size = stop_gradient(magnitude(matrix))
    return matrix / size, size


def column_norms(columns: Matrix) -> Any:
    """The norm of every column, safe from overflow."""
    size = magnitude(columns, axis=0)
    return size[0] * namespace(columns).sqrt(((columns / size) ** 2).sum(axis=0))


def magnitude(array: Array, axis: int | None = None) -> Any:
    """The largest entry, of all or along an axis, and one where that is zero: what to divide by before squaring."""
    xp = namespace(array)
    largest = xp.max(xp.abs(array), axis=axis, keepdims=axis is not None)
    return xp.where(largest > 0, largest, xp.ones_like(largest))[()]


def common_magnitude(arrays: Iterable[Array]) -> Array:
    """The largest entry of several arrays, and one where all are zero; a constant, of the highest precision."""
    largest = [abs(stop_gradient(each)).max() for each in arrays]
    if len({each.dtype for each in largest}) > 1:
        largest = cast(largest, widest(largest))
    return magnitude(reduce(namespace(*largest).maximum, largest))


def ratio(over: Array, under: Array) -> Array:
    """``over / under``, zero where ``under`` is not positive."""
    xp = namespace(over)
    active = under > 0
    return xp.where(active, over, xp.zeros_like(over)) / xp.where(active, under, xp.ones_like(under))


def default_rcond(matrix: Any) -> float:
    """Machine epsilon times the larger dimension: what rounding leaves of a singular value that is zero."""
    return max(matrix.shape) * epsilon(matrix.dtype)


def epsilon(dtype: Any) -> float:
    """The machine epsilon of a dtype."""
    return _EPSILONS[np.dtype(dtype).itemsize]


_EPSILONS = {4: float(np.finfo(np.float32).eps), 8: float(np.finfo(np.float64).eps)}
