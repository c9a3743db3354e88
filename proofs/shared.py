"""Matrix expressions that share their parts.

SymPy simplifies the whole tree at every operation. Kernels build trees whose parts occur many times, as ``x + W x``
has ``x`` twice, so that costs time exponential in the depth. A `Shared` expression is built without simplification, and
hides what is inside from the next one.
"""

from typing import Any

import sympy
from sympy.matrices import expressions as matrices


class Shared(matrices.MatrixExpr):
    """A matrix expression as it was written; whatever meets it becomes one."""

    _op_priority = 100.0

    def __new__(cls, inside: Any) -> "Shared":
        """Wrap a matrix expression, once."""
        return inside if isinstance(inside, Shared) else super().__new__(cls, inside)

    @property
    def inside(self) -> Any:
        """The expression."""
        return self.args[0]

    @property
    def shape(self) -> tuple[Any, Any]:
        """The shape of the expression."""
        return self.inside.shape

    def doit(self, **_: Any) -> "Shared":
        """Nothing: that is the point."""
        return self

    def _eval_transpose(self) -> Any:
        return Shared(matrices.Transpose(self.inside))

    def inverse(self) -> "Shared":
        """The inverse."""
        return Shared(matrices.Inverse(self.inside))

    def __neg__(self) -> "Shared":
        return self * -1

    def __add__(self, other: Any) -> "Shared":
        return Shared(matrices.MatAdd(self, other, evaluate=False))

    def __sub__(self, other: Any) -> "Shared":
        return self + other * -1

    def __rsub__(self, other: Any) -> "Shared":
        return Shared(other) + -self

    def __mul__(self, other: Any) -> "Shared":
        return _product(self, other)

    def __rmul__(self, other: Any) -> "Shared":
        return _product(other, self)

    def __truediv__(self, other: Any) -> "Shared":
        return _product(1 / sympy.sympify(other), self)

    def _latex(self, printer: Any) -> str:
        return printer._print(self.inside)

    _sympystr = _pretty = _latex

    def _entry(self, i: Any, j: Any, **_: Any) -> Any:
        return self.inside[i, j]

    __radd__ = __add__
    __matmul__ = __mul__
    __rmatmul__ = __rmul__


def _product(left: Any, right: Any) -> Shared:
    left, right = map(sympy.sympify, (left, right))
    if not getattr(right, "is_Matrix", False):
        left, right = right, left
    if getattr(left, "is_Matrix", False) and left.shape[1] != right.shape[0]:
        raise ValueError(f"shapes {left.shape} and {right.shape} do not chain.")
    return Shared(matrices.MatMul(left, right, evaluate=False))


def plain(expression: Any) -> Any:
    """The expression without shared parts, as SymPy prints it best."""
    if not isinstance(expression, sympy.Basic) or not expression.args:
        return expression
    if isinstance(expression, Shared):
        return plain(expression.inside)
    if not isinstance(expression, matrices.MatrixExpr | sympy.Expr):
        return expression
    return expression.func(*map(plain, expression.args)).doit(inv_expand=False)
