"""Equality of matrix expressions of symbolic sizes, decided by one normal form.

An expression is expanded into a sum of words in symbols, their transposes and inverses, with scalar coefficients.
Words are then rewritten by rules that shorten them, or lead to a word that comes earlier:

- an inverse cancels what it inverts: if ``w`` is the largest word of ``M = c w + rest``, then
  ``w M⁻¹ → (I − rest M⁻¹)/c`` and ``M⁻¹ w → (I − M⁻¹ rest)/c``;
- what a proof assumes, one word a rule;
- a factor of one row and one column is a scalar.

Rewriting is sound, so two expressions whose normal forms agree are equal. It may miss an equality; it cannot invent
one. Traces are sums of words up to rotation and transposition.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import sympy
from sympy.matrices import expressions as matrices

from dlntheory.numerics.sympy_expressions import InverseCholesky, PseudoInverse

from .shared import Shared


class Symmetric(matrices.MatrixSymbol):
    """A matrix symbol that equals its transpose."""

    def _eval_transpose(self) -> "Symmetric":
        return self


class Atom(NamedTuple):
    """A symbol, an inverse, or the transpose of one."""

    name: str
    rows: Any
    columns: Any
    symmetric: bool = False
    transposed: bool = False

    @property
    def T(self) -> "Atom":
        """The transpose."""
        if self.symmetric:
            return self
        return Atom(self.name, self.columns, self.rows, False, not self.transposed)


Word = tuple[Atom, ...]


def transposed(word: Word) -> Word:
    """The transpose of a word."""
    return tuple(atom.T for atom in reversed(word))


def order(word: Word) -> tuple[int, list[tuple[str, bool]]]:
    """Longer words come later; of one length, by name."""
    return len(word), [(atom.name, atom.transposed) for atom in word]


class Sum(NamedTuple):
    """A sum of words with coefficients, of a given number of rows and columns."""

    rows: Any
    columns: Any
    terms: dict[Word, Any]

    def plus(self, other: "Sum", factor: Any = 1) -> "Sum":
        """``self + factor * other``."""
        terms = dict(self.terms)
        for word, coefficient in other.terms.items():
            terms[word] = terms.get(word, 0) + factor * coefficient
        return Sum(self.rows, self.columns, {word: each for word, each in terms.items() if each != 0})

    def scaled(self, factor: Any) -> "Sum":
        """``factor * self``."""
        return Sum(self.rows, self.columns, {word: factor * each for word, each in self.terms.items()})

    @property
    def T(self) -> "Sum":
        """The transpose."""
        return Sum(self.columns, self.rows, {transposed(word): each for word, each in self.terms.items()})

    def settled(self) -> "Sum":
        """Coefficients in lowest terms, and no zeros."""
        reduced = {word: sympy.cancel(sympy.together(each)) for word, each in self.terms.items()}
        return Sum(self.rows, self.columns, {word: each for word, each in reduced.items() if each != 0})

    @property
    def key(self) -> str:
        """The same text for the same sum."""
        words = sorted(self.terms, key=order)
        return " + ".join(f"{self.terms[word]}·{'·'.join(a.name + 'ᵀ' * a.transposed for a in word)}" for word in words)


class Assumption(NamedTuple):
    """``left = right``, where ``left`` is a product; and in words."""

    text: str
    left: Any
    right: Any


class Algebra:
    """Normal forms under assumptions."""

    def __init__(self, assumptions: Iterable[Assumption] = ()):
        self.rules: dict[Atom, list[tuple[Word, Sum]]] = {}
        self.parsed: dict[Any, Sum] = {}
        self.reduced: dict[Word, dict[Word, Any]] = {}
        self.traces: dict[Word, Any] = {}
        for _, left, right in assumptions:
            self._assume(left, right)

    def equal(self, left: Any, right: Any) -> bool:
        """Whether the two expressions, matrices or scalars, have the same normal form."""
        known = -1
        while known != len(self.rules):  # an inverse met on the way brings rules for what was read before it
            known = len(self.rules)
            answer = self._equal(left, right)
        return answer

    def _equal(self, left: Any, right: Any) -> bool:
        if hasattr(left, "shape") or hasattr(right, "shape"):
            difference = self.normal(left).plus(self.normal(right), -1)
            return not difference.settled().terms
        numerator, _ = sympy.together(self.scalar(left) - self.scalar(right)).as_numer_denom()
        return sympy.expand(numerator) == 0

    def normal(self, expression: Any) -> Sum:
        """The normal form of a matrix expression."""
        if expression not in self.parsed:
            self.parsed[expression] = self._parse(expression)
        return self.parsed[expression]

    def scalar(self, expression: Any) -> Any:
        """A scalar expression in which every trace is in normal form."""
        if isinstance(expression, sympy.Trace):
            return self._trace(self.normal(expression.arg))
        expression = sympy.sympify(expression)
        return expression.func(*map(self.scalar, expression.args)) if expression.args else expression

    def _parse(self, it: Any) -> Sum:
        rows, columns = it.shape
        if isinstance(it, Shared):
            return self.normal(it.inside)
        if isinstance(it, matrices.MatMul):
            factor, factors = it.as_coeff_matrices()
            result = self.normal(factors[0])
            for each in factors[1:]:
                result = self._product(result, self.normal(each))
            return result.scaled(self.scalar(factor))
        if isinstance(it, matrices.MatAdd):
            result = Sum(rows, columns, {})
            for each in it.args:
                result = result.plus(self.normal(each))
            return result
        if isinstance(it, matrices.Transpose):
            return self.normal(it.arg).T
        if isinstance(it, matrices.MatPow):
            return self._power(it.base, int(it.exp))
        if isinstance(it, matrices.Identity):
            return Sum(rows, columns, {(): sympy.Integer(1)})
        if isinstance(it, matrices.ZeroMatrix) or it == 0:
            return Sum(rows, columns, {})
        if isinstance(it, matrices.BlockMatrix):
            return self._extended(it)
        if isinstance(it, sympy.OneMatrix):
            return self._ones(it)
        if isinstance(it, PseudoInverse):
            return self._pseudoinverse(self.normal(it.arg).settled())
        if isinstance(it, InverseCholesky):
            return self._inverse_cholesky(self.normal(it.arg).settled())
        atom = Atom(str(it), rows, columns, symmetric=isinstance(it, Symmetric))
        return Sum(rows, columns, self._reduce((atom,)))

    def _pseudoinverse(self, argument: Sum) -> Sum:
        if set(argument.terms) == {()}:
            return self._inverse(argument)
        atom = Atom(f"pinv({argument.key})", argument.columns, argument.rows)
        return Sum(argument.columns, argument.rows, self._reduce((atom,)))

    def _inverse_cholesky(self, argument: Sum) -> Sum:
        """An atom ``X`` with ``Xᵀ X`` the inverse of its argument."""
        atom = Atom(f"chol({argument.key})⁻¹", argument.rows, argument.columns)
        if atom not in self.rules:
            self._add_rule((atom.T, atom), self._inverse(argument))
            self.rules.setdefault(atom, [])
        return Sum(argument.rows, argument.columns, {(atom,): sympy.Integer(1)})

    def _product(self, left: Sum, right: Sum) -> Sum:
        terms: dict[Word, Any] = {}
        for one, a in left.terms.items():
            for other, b in right.terms.items():
                for word, coefficient in self._reduce(one + other).items():
                    terms[word] = terms.get(word, 0) + a * b * coefficient
        return Sum(left.rows, right.columns, {word: each for word, each in terms.items() if each != 0})

    def _power(self, base: Any, exponent: int) -> Sum:
        factor = self._inverse(self.normal(base).settled()) if exponent < 0 else self.normal(base)
        result = factor
        for _ in range(abs(exponent) - 1):
            result = self._product(result, factor)
        return result

    def _inverse(self, argument: Sum) -> Sum:
        """An atom with the rules by which it cancels its argument."""
        if set(argument.terms) == {()}:
            return argument.scaled(1 / argument.terms[()] ** 2)
        atom = Atom(f"({argument.key})⁻¹", argument.columns, argument.rows, argument.key == argument.T.key)
        if atom not in self.rules:
            leading = max(argument.terms, key=order)
            coefficient = argument.terms[leading]
            rest = {word: -each / coefficient for word, each in argument.terms.items() if word != leading}
            for pair, side in (
                ((*leading, atom), (lambda word: (*word, atom))),
                ((atom, *leading), (lambda word: (atom, *word))),
            ):
                right = {side(word): each for word, each in rest.items()} | {(): 1 / coefficient}
                self._add_rule(pair, Sum(argument.rows, argument.columns, right))
            self.rules.setdefault(atom, [])
        return Sum(argument.columns, argument.rows, {(atom,): sympy.Integer(1)})

    def _extended(self, block: Any) -> Sum:
        """``[X; 1ᵀ] = E X + e 1ᵀ``, with ``EᵀE = I``, ``eᵀe = 1`` and ``Eᵀe = 0``."""
        if block.blockshape[0] == 1:
            return self._extended(block.T).T
        top, ones = block.blocks[0, 0], block.blocks[1, 0]
        size = top.shape[0]
        wide, tall = Atom(f"E[{size}]", size + 1, size), Atom(f"e[{size}]", size + 1, 1)
        if wide not in self.rules:
            one = {(): sympy.Integer(1)}
            self._add_rule((wide.T, wide), Sum(size, size, one))
            self._add_rule((tall.T, tall), Sum(1, 1, one))
            self._add_rule((wide.T, tall), Sum(size, 1, {}))
            self._add_rule((tall.T, wide), Sum(1, size, {}))
            self.rules.setdefault(wide, [])
        upper = self._product(Sum(size + 1, size, {(wide,): sympy.Integer(1)}), self.normal(top))
        lower = self._product(Sum(size + 1, 1, {(tall,): sympy.Integer(1)}), self.normal(ones))
        return upper.plus(lower)

    def _ones(self, it: Any) -> Sum:
        """A row of ones, whose square is its length; or a column."""
        if it.shape == (1, 1):
            return Sum(1, 1, {(): sympy.Integer(1)})
        length = max(it.shape, key=lambda size: size != 1)
        row = Atom(f"1[{length}]", 1, length)
        if row not in self.rules:
            self._add_rule((row, row.T), Sum(1, 1, {(): length}))
        return Sum(*it.shape, {(row if it.shape[0] == 1 else row.T,): sympy.Integer(1)})

    def _assume(self, left: Any, right: Any) -> None:
        found = self.normal(left)
        ((word, coefficient),) = found.terms.items()
        value = self.normal(right).scaled(1 / coefficient)
        self._add_rule(word, value)
        self._add_rule(transposed(word), value.T)

    def _add_rule(self, word: Word, value: Sum) -> None:
        self.rules.setdefault(word[0], []).append((word, value))
        self.parsed.clear()
        self.reduced.clear()
        self.traces.clear()

    def _reduce(self, word: Word) -> dict[Word, Any]:
        """The word after rewriting, as a sum."""
        if word not in self.reduced:
            self.reduced[word] = self._rewritten(word)
        return self.reduced[word]

    def _rewritten(self, word: Word) -> dict[Word, Any]:
        for start, atom in enumerate(word):
            for pattern, value in self.rules.get(atom, ()):
                end = start + len(pattern)
                if word[start:end] == pattern:
                    return self._substituted(word[:start], value, word[end:])
        return self._without_scalars(word)

    def _substituted(self, before: Word, value: Sum, after: Word) -> dict[Word, Any]:
        terms: dict[Word, Any] = {}
        for middle, factor in value.terms.items():
            for word, coefficient in self._reduce((*before, *middle, *after)).items():
                terms[word] = terms.get(word, 0) + factor * coefficient
        return {word: each for word, each in terms.items() if each != 0}

    def _without_scalars(self, word: Word) -> dict[Word, Any]:
        """Take out the factors of one row and one column."""
        cuts = [0, *(i for i in range(1, len(word)) if word[i].rows == 1), len(word)]
        parts = [word[a:b] for a, b in pairwise(cuts)]
        scalars = [part for part in parts if part and part[0].rows == 1 and part[-1].columns == 1]
        if not scalars:
            return {word: sympy.Integer(1)}
        factor = sympy.prod([self._symbol(part) for part in scalars])
        rest = tuple(atom for part in parts if part not in scalars for atom in part)
        return {rest: factor}

    def _trace(self, argument: Sum) -> Any:
        return sympy.Add(*(each * self._trace_of_word(word, argument.rows) for word, each in argument.terms.items()))

    def _trace_of_word(self, word: Word, size: Any) -> Any:
        if not word:
            return size
        if word not in self.traces:
            self.traces[word] = self._new_trace(word)
        return self.traces[word]

    def _new_trace(self, word: Word) -> Any:
        rotations = [word[i:] + word[:i] for i in range(len(word))]
        for each in rotations:
            reduced = self._reduce(each)
            if reduced != {each: 1}:
                return self._trace(Sum(each[0].rows, each[0].rows, reduced))
        return self._symbol(min(rotations, key=order))

    def _symbol(self, word: Word) -> sympy.Symbol:
        """The trace of a word that no rule shortens: the same for its rotations and their transposes."""
        rotations = [word[i:] + word[:i] for i in range(len(word))]
        least = min([*rotations, *map(transposed, rotations)], key=order)
        return sympy.Symbol("tr(" + "·".join(a.name + "ᵀ" * a.transposed for a in least) + ")")
