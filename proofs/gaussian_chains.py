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
    """Those of ``W A Wᵀ``, for ``W`` with ``rows`` rows of independent normal entries: Wick's three pairings."""
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
    """Of a polynomial in standard normal entries: ``E w^{2k} = (2k − 1)!!``."""
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
    exact = sympy.expand(moments.squares / n)
    yield Step(f"{depth} layers of width n above: the limit is 1 + m.", exact.coeff(n, 0), 1 + depth)
    yield Step(
        "The first correction, relative to the limit m/2n.", exact.coeff(n, -1), sympy.Rational(depth * (depth + 1), 2)
    )


def chain_step() -> Iterator[Step]:
    """A layer more: against the library's recursion, which has the leading order; and the correction by induction."""
    n, m, v, squares, traces, m_ = sympy.symbols("n m v A B k", positive=True)
    limit = bp_through(Sums(sympy.sqrt(traces), squares, 0, 0), DenseKind(n, m, v), 0).s2 * (m * v) ** 2
    exact = one_more(Moments(squares, traces), m, v).squares
    yield Step(
        "Exactly, a layer adds v² n_l E tr A² to the library's tr: 1/n_l of a term.", exact - limit, v**2 * m * squares
    )
    epsilon = sympy.Symbol("epsilon", positive=True)
    before = Moments((1 + m_ + epsilon * m_ * (m_ + 1) / 2) / epsilon, 1 / epsilon**2)
    after = one_more(before, 1 / epsilon, epsilon)
    share, spread = (sympy.expand(each) for each in (after.squares * epsilon, after.traces * epsilon**2))
    yield Step(
        "1 + m + m(m+1)/2n becomes 2 + m + (m+1)(m+2)/2n, to the order 1/n: limit,", share.coeff(epsilon, 0), m_ + 2
    )
    yield Step("and correction;", share.coeff(epsilon, 1), sympy.expand((m_ + 1) * (m_ + 2) / 2))
    yield Step("(tr A)² has none of that order.", spread.coeff(epsilon, 1), 0)


PROOFS = (
    Proof(
        "gaussian-chains",
        "E tr (W A Wᵀ)² = n v²[E (tr A)² + (n + 1) E tr A²]: over m layers of width n, E tr G²/n is 1 + m + m(m+1)/2n + …, off the limit by m/2n.",
        "docs/theory.md, section 6; docs/random-networks-derived.md",
        chain,
        chain_step,
        "W is independent of what is below, so E tr of a chain follows from that without its top layer, by the step. "
        "Wick's theorem gives the step for any widths; the sizes in the derivation check its pairings entry by entry.",
        kinds=KINDS,
    ),
)
