"""Substitution in expressions with shared parts, and their derivatives along a direction."""

from typing import Any

import sympy
from sympy.matrices import expressions as matrices

from .shared import Shared


def replaced(expression: Any, old: Any, new: Any) -> Any:
    """The expression with ``new`` in place of ``old``, each shared part visited once."""
    done: dict[Any, Any] = {old: sympy.sympify(new)}

    def visit(part: Any) -> Any:
        if part not in done:
            arguments = [visit(each) for each in part.args]
            same = all(a is b for a, b in zip(arguments, part.args, strict=True))
            done[part] = part if same else _rebuilt(part, arguments)
        return done[part]

    return visit(sympy.sympify(expression))


def _rebuilt(part: Any, arguments: list[Any]) -> Any:
    if isinstance(part, matrices.MatMul | matrices.MatAdd):
        return type(part)(*arguments, evaluate=False)
    return part.func(*arguments)


def derivative(expression: Any, symbol: Any, direction: Any = 1) -> Any:
    """The derivative of a matrix or scalar expression when ``symbol`` moves along ``direction``."""
    done: dict[Any, Any] = {symbol: direction}

    def visit(part: Any) -> Any:
        """The derivative of a part; ``None`` where it is zero."""
        if part not in done:
            if isinstance(part, matrices.BlockMatrix):
                done[part] = _blockwise(part, [visit(each) for each in part.blocks])
            else:
                done[part] = _chain_rule(part, [visit(each) for each in part.args])
        return done[part]

    moved = visit(sympy.sympify(expression))
    if moved is None:
        return matrices.ZeroMatrix(*expression.shape) if hasattr(expression, "shape") else sympy.Integer(0)
    return moved


def _chain_rule(part: Any, moved: list[Any]) -> Any:
    """The derivative of a part, from its arguments' derivatives."""
    if all(each is None for each in moved):
        return None
    if isinstance(part, Shared | matrices.Transpose | sympy.Trace):
        return moved[0].T if isinstance(part, matrices.Transpose) else _wrapped(part, moved[0])
    if isinstance(part, matrices.MatPow | sympy.Pow):
        return _power_rule(part, moved[0])
    if isinstance(part, matrices.MatAdd | sympy.Add):
        return _sum([each for each in moved if each is not None])
    return _sum([
        _product([*part.args[:i], each, *part.args[i + 1 :]]) for i, each in enumerate(moved) if each is not None
    ])  # fmt: skip


def _blockwise(part: Any, moved: list[Any]) -> Any:
    if all(each is None for each in moved):
        return None
    blocks = [
        matrices.ZeroMatrix(*old.shape) if new is None else new for old, new in zip(part.blocks, moved, strict=True)
    ]
    return Shared(matrices.BlockMatrix([blocks] if part.blockshape[0] == 1 else [[each] for each in blocks]))


def _wrapped(part: Any, moved: Any) -> Any:
    return sympy.Trace(moved) if isinstance(part, sympy.Trace) else Shared(moved)


def _power_rule(power: Any, moved: Any) -> Any:
    base, exponent = power.args
    if not getattr(base, "is_Matrix", False):
        return exponent * base ** (exponent - 1) * moved
    root = Shared(base if exponent > 0 else matrices.Inverse(base))
    change = moved if exponent > 0 else -1 * (root @ moved @ root)
    return _sum([_product([root] * i + [change] + [root] * (abs(exponent) - 1 - i)) for i in range(abs(exponent))])


def _sum(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _product(factors: list[Any]) -> Any:
    product = Shared(factors[0]) if getattr(factors[0], "is_Matrix", False) else factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product
