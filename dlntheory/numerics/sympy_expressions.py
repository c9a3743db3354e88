"""Matrix expressions that SymPy lacks: a pseudoinverse, an inverse Cholesky factor, and a trace of arrays."""

from typing import Any

import sympy
from sympy.matrices.expressions import MatrixExpr

from .kinds import is_explicit


class _OfOne(MatrixExpr):
    """A function of one matrix, unevaluated."""

    def __new__(cls, argument: Any) -> Any:
        """Keep the argument as it is."""
        return super().__new__(cls, sympy.sympify(argument))

    @property
    def arg(self) -> Any:
        """The argument."""
        return self.args[0]


class PseudoInverse(_OfOne):
    """The Moore-Penrose pseudoinverse of a SymPy matrix expression, unevaluated."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """``(columns, rows)`` of the argument."""
        rows, columns = self.arg.shape
        return columns, rows

    def _entry(self, i: Any, j: Any, **_: Any) -> Any:
        return self.as_explicit()[i, j]

    def as_explicit(self) -> Any:
        """SymPy's pseudoinverse of the explicit argument."""
        return self.arg.as_explicit().pinv()

    def doit(self, **hints: Any) -> Any:
        """Evaluate where the argument is explicit."""
        argument = self.arg.doit(**hints)
        return argument.pinv() if is_explicit(argument) else PseudoInverse(argument)

    def _eval_transpose(self) -> "PseudoInverse":
        return PseudoInverse(self.arg.T)

    def _latex(self, printer: Any) -> str:
        return rf"\left({printer._print(self.arg)}\right)^{{+}}"

    def _sympystr(self, printer: Any) -> str:
        return f"pinv({printer._print(self.arg)})"

    def _pretty(self, printer: Any) -> Any:
        from sympy.printing.pretty.stringpict import prettyForm

        form = prettyForm(*printer._print(self.arg).parens())
        return form ** prettyForm("+")

    def _numpycode(self, printer: Any) -> str:
        return f"{printer._module_format('numpy.linalg.pinv')}({printer._print(self.arg)})"


class InverseCholesky(_OfOne):
    """``X = C⁻¹`` with ``matrix = C Cᵀ`` of a positive definite expression, unevaluated: ``Xᵀ X`` is its inverse."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """The argument's."""
        return self.arg.shape

    def doit(self, **_: Any) -> "InverseCholesky":
        """Nothing."""
        return self

    def _entry(self, i: Any, j: Any, **_: Any) -> Any:
        return self.arg.as_explicit().cholesky().inv()[i, j]

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{chol}}\left({printer._print(self.arg)}\right)^{{-1}}"

    def _sympystr(self, printer: Any) -> str:
        return f"chol({printer._print(self.arg)})**(-1)"


class Trace(sympy.Trace):
    """SymPy's trace; `sympy.lambdify` turns it into NumPy's."""

    def _numpycode(self, printer: Any) -> str:
        return f"{printer._module_format('numpy.trace')}({printer._print(self.arg)})"
