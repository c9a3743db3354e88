"""The same equalities on random numbers: an oracle that shares nothing with the normal form."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy
from sympy.matrices import expressions as matrices

from dlntheory.numerics.sympy_expressions import InverseCholesky, PseudoInverse

from .framework import Case, Proof, Result, Step, case, run
from .normal_form import Symmetric
from .shared import Shared

DEPTHS = (1, 2, 3)
WIDTHS = (5, 5, 4, 3)
SAMPLES = 2
TOLERANCE = 1e-8


class Numbers:
    """Random values of symbols, and of the expressions made of them."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.values: dict[Any, Any] = {}

    def of(self, expression: Any) -> Any:
        """The value; a part that occurs twice is computed once."""
        if not isinstance(expression, sympy.Basic):
            return float(expression)
        if expression not in self.values:
            self.values[expression] = self._computed(expression)
        return self.values[expression]

    def _computed(self, it: Any) -> Any:
        if isinstance(it, matrices.MatrixSymbol):
            return self._drawn(it)
        if isinstance(it, sympy.Symbol):
            return self.random.uniform(0.5, 1.5)
        if isinstance(it, matrices.Identity):
            return np.eye(int(it.shape[0]))
        if isinstance(it, matrices.ZeroMatrix | sympy.OneMatrix):
            return np.full(tuple(map(int, it.shape)), float(isinstance(it, sympy.OneMatrix)))
        if isinstance(it, matrices.BlockMatrix):
            height, width = it.blockshape
            return np.block([[self.of(it.blocks[i, j]) for j in range(width)] for i in range(height)])
        if not it.args:
            return float(it)
        return self._combined(it, [self.of(each) for each in it.args])

    def _drawn(self, symbol: Any) -> np.ndarray:
        values = self.random.normal(size=tuple(map(int, symbol.shape)))
        return values @ values.T + np.eye(len(values)) if isinstance(symbol, Symmetric) else values

    def _combined(self, it: Any, parts: list[Any]) -> Any:
        if isinstance(it, Shared):
            return parts[0]
        if isinstance(it, sympy.Trace):
            return np.trace(parts[0])
        if isinstance(it, matrices.Transpose):
            return parts[0].T
        if isinstance(it, PseudoInverse):
            return np.linalg.pinv(parts[0], rcond=1e-10)
        if isinstance(it, InverseCholesky):
            return np.linalg.inv(np.linalg.cholesky(parts[0]))
        if isinstance(it, matrices.MatPow):
            return np.linalg.matrix_power(parts[0], int(it.exp))
        if isinstance(it, sympy.Pow):
            return parts[0] ** parts[1]
        if isinstance(it, matrices.MatAdd | sympy.Add):
            return sum(parts[1:], start=parts[0])
        product = parts[0]
        for part in parts[1:]:
            product = product @ part if np.ndim(product) == np.ndim(part) == 2 else product * part
        return product


def agree(step: Step, numbers: Numbers) -> bool:
    """Whether the two sides have the same value, to what rounding leaves."""
    left, right = np.asarray(numbers.of(step.left)), np.asarray(numbers.of(step.right))
    return left.shape == right.shape and np.abs(left - right).max() <= TOLERANCE * max(1.0, np.abs(right).max())


def by_numbers() -> Callable[[Step], bool]:
    """Decide steps by numbers, the same for all steps of a derivation."""
    return partial(agree, numbers=Numbers(0))


def on_numbers(proof: Proof) -> Result:
    """Every step of every kind at small widths, on drawn numbers.

    The widths do not grow towards the output and exceed the batch, so the ranks that a proof assumes are kept.
    """
    samples = proof.samples or SAMPLES
    cases = [(kind, depth, _case(kind, depth, samples)) for kind in proof.kinds for depth in DEPTHS]
    return run(((f"{kind}, depth {depth}", proof.fixed(each)) for kind, depth, each in cases), by_numbers)


def _case(kind: str, depth: int, samples: int) -> Case:
    widths = (4,) * (depth + 1) if kind == "residual" else WIDTHS[-depth - 1 :]
    return case(kind, depth, samples, widths)
