"""Every tolerance of the tests: machine epsilon times the conditioning of what is inverted.

A test names the condition number; nothing else sets a tolerance.
"""

from typing import Any

import jax
import numpy as np

SLACK = 64
"""Operations that each round, in the small networks of the grid."""
PROMISE = 450
"""The library's promise for an equilibrium, 1e-13 × √cond(H) in float64, in units of the machine epsilon."""


def epsilon(*trees: Any) -> float:
    """The coarsest machine epsilon among the leaves."""
    return max(float(np.finfo(np.asarray(leaf).dtype).eps) for leaf in jax.tree.leaves(trees))


def bound(eps: float, condition: float = 1.0) -> float:
    """What rounding explains where a matrix of that condition number is inverted."""
    return SLACK * eps * max(1.0, condition)


def promised(eps: float, condition: float) -> float:
    """The promised relative error of an equilibrium whose Hessian has that condition number."""
    return PROMISE * eps * np.sqrt(max(1.0, condition))


def relative_error(actual: Any, expected: Any) -> float:
    """The norm of the difference over all leaves, relative to that of ``expected``; absolute where it is zero."""
    pairs = list(zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True))
    for one, other in pairs:
        assert np.shape(one) == np.shape(other), f"shapes {np.shape(one)} and {np.shape(other)}"
    difference = norm([np.subtract(one, other, dtype=np.float64) for one, other in pairs])
    return difference / (norm(expected) or 1.0)


def norm(tree: Any) -> float:
    """The norm over all leaves."""
    return float(np.sqrt(sum(np.sum(np.asarray(leaf, np.float64) ** 2) for leaf in jax.tree.leaves(tree))))


def assert_close(actual: Any, expected: Any, condition: float = 1.0, tolerance: float | None = None) -> None:
    """Compare pytrees within `bound` for the dtype of ``actual``, or within a tolerance from this file."""
    tolerance = bound(epsilon(actual), condition) if tolerance is None else tolerance
    error = relative_error(actual, expected)
    assert error <= tolerance, f"relative error {error:.2e}, tolerance {tolerance:.2e}"


def spread(matrix: Any, rank: int | None = None) -> float:
    """The ratio of the largest to the smallest singular value, of the ``rank`` largest."""
    values = np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False)
    return float(values[0] / values[(rank or len(values)) - 1])
