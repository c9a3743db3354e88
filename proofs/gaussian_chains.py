"""Exact moments of products of Gaussian matrices, by Wick's theorem: how far the limit of large width is from them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import sympy

from dlntheory.random_networks.backpropagation import Sums
from dlntheory.random_networks.backpropagation import through as bp_through
from dlntheory.random_networks.layer_kinds import DenseKind

from .framework import Case, Proof, Step
from .random_networks import KINDS, symbols

WICK_SIZES = ((1, 1), (2, 1), (1, 2), (2, 2))


class Moments(NamedTuple):
    """``E tr A²`` and ``E (tr A)²`` of ``A = G_k``."""

    squares: Any
    traces: Any


def one_more(moments: Moments, rows: Any, variance: Any) -> Moments:
    """The moments of ``W A Wᵀ``, for ``W`` with ``rows`` rows of independent normal entries: Wick's three pairings."""
    squares, traces = moments
    return Moments(
        rows * variance**2 * (traces + (rows + 1) * squares), variance**2 * (rows**2 * traces + 2 * rows * squares)
    )


def by_entries(rows: int, columns: int) -> Moments:
    """The same for a diagonal ``A``, from the moments of the single entries, of variance one."""
    W = sympy.Matrix(rows, columns, lambda i, j: sympy.Symbol(f"w_{i}{j}"))
    product = W * sympy.diag(*symbols("alpha", 1, columns)) * W.T
    return Moments(*(_expectation(each, list(W)) for each in ((product * product).trace(), product.trace() ** 2)))


def _expectation(polynomial: Any, entries: list[Any]) -> Any:
    """The expectation of a polynomial in standard normal entries: ``E w^{2k} = (2k − 1)!!``."""
    terms = sympy.Poly(sympy.expand(polynomial), *entries).terms()
    return sum(factor * sympy.prod(_moment(power) for power in powers) for powers, factor in terms)


def _moment(power: int) -> int:
    return 0 if power % 2 else int(sympy.factorial2(power - 1)) if power else 1


def chain(case: Case) -> Iterator[Step]:
    """``E tr G_1²`` of a chain of the case's depth, exactly and to leading order."""
    for rows, columns in WICK_SIZES:
        alphas = symbols("alpha", 1, columns)
        start = Moments(sum(a**2 for a in alphas), sum(alphas) ** 2)
        pairs = zip(("tr A²", "(tr A)²"), by_entries(rows, columns), one_more(start, rows, 1), strict=True)
        for name, left, right in pairs:
            yield Step(f"E {name} of W A Wᵀ, W of {rows} × {columns}, from the moments of the entries.", left, right)
    n, depth = sympy.Symbol("n", positive=True), case.net.depth
    moments = Moments(n, n**2)
    for _ in range(depth):
        moments = one_more(moments, n, 1 / n)
    yield Step(f"E tr G²/n over {depth} layers of width n, in closed form.", moments.squares / n, _closed(n, depth)[0])
    exact = sympy.expand(moments.squares / n)
    yield Step(f"{depth} layers of width n above: the limit is 1 + m.", exact.coeff(n, 0), 1 + depth)
    yield Step(
        "The first correction, relative to the limit m/2n.", exact.coeff(n, -1), sympy.Rational(depth * (depth + 1), 2)
    )


def chain_step() -> Iterator[Step]:
    """A layer more: against the library's recursion, which has the leading order; and the closed form by induction."""
    n, m, v, squares, traces, k, epsilon = sympy.symbols("n m v A B k epsilon", positive=True)
    limit = bp_through(Sums(sympy.sqrt(traces), squares, 0, 0), DenseKind(n, m, v), 0).s2 * (m * v) ** 2
    exact = one_more(Moments(squares, traces), m, v).squares
    yield Step(
        "Exactly, a layer adds v² n_l E tr A² to the library's tr: 1/n_l of a term.", exact - limit, v**2 * m * squares
    )
    grown, shrunk = sympy.symbols("p q", positive=True)
    before = _from_powers(m, grown, shrunk)
    after = one_more(Moments(before[0] * m, before[1] * m**2), m, 1 / m)
    right = _from_powers(m, grown * (1 + 2 / m), shrunk * (1 - 1 / m))
    yield Step("The closed form, p = (1 + 2/n)^m and q = (1 − 1/n)^m, with a layer more.", after.squares / m, right[0])
    yield Step("The same of E (tr G)²/n².", after.traces / m**2, right[1])
    expanded = sympy.series(_closed(1 / epsilon, k)[0] * epsilon, epsilon, 0, 3).removeO() / epsilon
    printed = 1 + k + epsilon * k * (k + 1) / 2
    yield Step("To first order in 1/n it is 1 + m + m(m+1)/2n.", sympy.expand(expanded), sympy.expand(printed))


def _from_powers(n: Any, grown: Any, shrunk: Any) -> tuple[Any, Any]:
    """``E tr G²/n`` and ``E (tr G)²/n²`` from ``(1 + 2/n)^m`` and ``(1 − 1/n)^m``."""
    return ((n + 2) * grown - (n - 1) * shrunk) / 3, ((n + 2) * grown + 2 * (n - 1) * shrunk) / (3 * n)


def _closed(n: Any, depth: Any) -> tuple[Any, Any]:
    return _from_powers(n, (1 + 2 / n) ** depth, (1 - 1 / n) ** depth)


PROOFS = (
    Proof(
        "gaussian-chains",
        "E tr (W A Wᵀ)² = n v²[E (tr A)² + (n + 1) E tr A²]: over m layers of width n, E tr G²/n = [(n+2)(1+2/n)^m − (n−1)(1−1/n)^m]/3 = 1 + m + m(m+1)/2n + ….",
        "docs/theory.md, section 6; docs/random-networks-derived.md",
        chain,
        chain_step,
        "W is independent of what is below, so E tr of a chain follows from that without its top layer, by the step. "
        "The sizes in the derivation settle the step for every size: W A Wᵀ has the law of a diagonal A, in whose entries "
        "both sides are symmetric quadratic forms, fixed by one and two columns; and in the number r of rows they are a r + b r².",
        kinds=KINDS,
    ),
)
