"""Exact counterexamples to each theorem without one of its hypotheses."""

from collections.abc import Iterator

from sympy import Matrix, Rational, eye, zeros

from dlntheory import symbolic
from dlntheory.learning.decorrelation import decorrelations
from dlntheory.networks.layer import Dense
from dlntheory.networks.network import LinearNetwork

from .counterexamples import HALF, Fact, Refutation, chain, column, learning
from .theorems import moved


def orthogonal_activities() -> Iterator[Fact]:
    """Theorem 1 without x*ᵀx̂ ≠ 0."""
    net, x, y = LinearNetwork([Dense(Matrix([1, 1, 1])), Dense(Matrix([[1, 1, 1]]))]), column(1), column(-1)
    found = learning(net, x, y)
    yield Fact("every hidden unit settles at zero", found.activities[1], zeros(3, 1))
    yield Fact(
        "so layer 2 cannot move, and of r = −4 its share −1 is missing", moved(net.layers, found, [1, 1]), column(-3)
    )


def lost_rank() -> Iterator[Fact]:
    """Theorem 2 without the rank."""
    net, x, y = chain(1, 1), column(1), column(-1)
    found = learning(net, x, y)
    yield Fact("x*_1 = 0, so x̂x*ᵀ has rank 0 and x̂ has rank 1", found.activities[1], column(0))
    yield Fact(
        "of r = −2 only the first layer's share is learned",
        moved(net.layers, found, decorrelations(net.layers, found)),
        column(-1),
    )


def outside_the_rows() -> Iterator[Fact]:
    """Theorem 2 without the row space."""
    net, x, y = chain(1), Matrix([[1, 1]]), Matrix([[1, 2]])
    found = learning(net, x, y)
    yield Fact("R is not a multiple of X", found.residual, Matrix([[0, 1]]))
    yield Fact(
        "dŶ is its projection", moved(net.layers, found, decorrelations(net.layers, found)), Matrix([[HALF, HALF]])
    )


def bottleneck() -> Iterator[Fact]:
    """The natural gradient through a bottleneck."""
    net = LinearNetwork([Dense(Matrix([[1, 0]])), Dense(Matrix([1, 0]))])
    x, y = eye(2), Matrix([[1, 1], [1, 1]])
    change = symbolic.prediction_change(net, x, y, "natural")
    yield Fact("R", y - Matrix([[1, 0], [0, 0]]), Matrix([[0, 1], [1, 1]]))
    yield Fact(
        "dŶ = (P_D R + R P_X)/2, with projections on the first unit and the first sample",
        change,
        Matrix([[0, HALF], [HALF, 0]]),
    )


def wrong_covariances() -> Iterator[Fact]:
    """Theorem 3 with unit covariances, which are not in proportion."""
    net = LinearNetwork([Dense(Matrix([[1, 0], [0, 2]])), Dense(Matrix([[1, 1], [0, 1]]))])
    x, y = column(1, 1), column(0, 0)
    found = learning(net, x, y)
    change = moved(net.layers, found, [1, 1])
    yield Fact("r", found.residual, column(-3, -2))
    yield Fact(
        "dŷ, which is not parallel: 138 · 2 is not 91 · 3", change, column(Rational(-138, 25), Rational(-91, 25))
    )


REFUTATIONS = (
    Refutation(
        "theorem-1-needs-nonzero-products",
        "Theorem 1 without x*ᵀx̂ ≠ 0.",
        "docs/theory.md, statement 3.5, and erratum 3",
        orthogonal_activities,
    ),
    Refutation(
        "theorem-2-needs-the-rank",
        "Theorem 2 without rank(X̂X*ᵀ) = rank X̂.",
        "docs/theory.md, statement 3.6, and erratum 2",
        lost_rank,
    ),
    Refutation(
        "theorem-2-needs-the-rows",
        "Theorem 2 without the rows of R in those of X̂.",
        "docs/theory.md, statement 3.6, and erratum 2",
        outside_the_rows,
    ),
    Refutation(
        "natural-gradient-needs-the-ranks",
        "The layerwise natural gradient gives dŶ = R through a bottleneck.",
        "docs/theory.md, statement 3.3",
        bottleneck,
    ),
    Refutation(
        "theorem-3-needs-the-proportion",
        "Plain predictive coding gives dŷ parallel to r.",
        "docs/theory.md, statement 5.2",
        wrong_covariances,
    ),
)
