"""Langevin dynamics of the hidden layers: its stationary law, with the bias of the step, and how long it remembers."""

from collections.abc import Iterator, Sequence
from typing import Any

import sympy

from dlntheory.inference.energy import descend, energy_gradient, precision
from dlntheory.numerics.algebra import identity

from . import framework
from .counterexamples import HALF, Fact, Refutation, chain, column
from .framework import Case, Proof, Step
from .inference import GAMMA
from .learning import symbol
from .normal_form import Symmetric
from .shared import Shared

MOMENTUM = sympy.Symbol("m", positive=True)
CURVATURE = sympy.Symbol("h", positive=True)
SHARE = GAMMA / (2 * (1 + MOMENTUM))
"""``c = γ / (2(1 + m))``: the stationary variance along an eigenvector is ``1/(h (1 − c h))``."""
VARIANCES = (
    1 / (CURVATURE * (1 - SHARE * CURVATURE)),
    2 * SHARE / (1 - SHARE * CURVATURE),
    4 * SHARE / (1 - SHARE * CURVATURE),
)
"""The variance of the position, the covariance of both, and the variance of the velocity."""


def stationary_law(case: Case) -> Iterator[Step]:
    """One step of the dynamics leaves the covariances as they are."""
    position = [symbol(f"w_{l}", layer.out_size, case.samples) for l, layer in enumerate(case.layers[:-1], 1)]
    pulled = _curved(case, position)
    twice = _curved(case, pulled)
    vector = [own - SHARE * other for own, other in zip(pulled, twice, strict=True)]
    crossed = [2 * SHARE * each for each in pulled]
    rows = zip(position, crossed, pulled, _curved(case, crossed), twice, vector, strict=True)
    for l, (P, Q, HP, HQ, HHP, unit) in enumerate(rows, 1):
        V, ahead = 2 * Q, MOMENTUM * Q - GAMMA * HP
        yield Step(
            f"Layer {l}: Cov(z, z) P stays, 2 Cov(z, v') + V = 0 with Cov(z, v') = m Q − γ P H.", ahead * 2 + V, 0 * P
        )
        yield Step(f"Layer {l}: Cov(z, v) Q stays, Cov(z, v') + V = Q.", ahead + V, Q)
        grown = MOMENTUM**2 * V + GAMMA**2 * HHP - 2 * MOMENTUM * GAMMA * HQ + 2 * GAMMA * (1 - MOMENTUM) * unit
        yield Step(f"Layer {l}: Cov(v, v) V stays, V = m² V + γ² H P H − 2 m γ H Q + 2γ(1 − m) I.", grown, V)
    yield from _without_momentum(case, position, pulled, twice)


def _curved(case: Case, hidden: Sequence[Any]) -> list[Any]:
    return energy_gradient(case.layers, tuple(map(precision, case.covariances)), hidden, 0 * case.y)


def _without_momentum(case: Case, position: list[Any], pulled: list[Any], twice: list[Any]) -> Iterator[Step]:
    noise, still = tuple(map(precision, case.covariances)), 0 * case.y
    after = descend(case.layers, noise, descend(case.layers, noise, position, still, GAMMA), still, GAMMA)
    for l, (found, own, first, second) in enumerate(zip(after, position, pulled, twice, strict=True), 1):
        yield Step(
            f"Layer {l}, without momentum: (I − γH) P (I − γH) + 2γ I = P.",
            found + 2 * GAMMA * (first - GAMMA / 2 * second),
            own,
        )
    if not position:
        yield Step("Nothing is hidden, nothing moves.", still, 0 * case.y)


def law_of_any_hessian() -> Iterator[Step]:
    """A window of four layers; the bias for any symmetric matrix; and a direction of its own."""
    yield from stationary_law(framework.case("matrix covariances", 4))
    size = sympy.Symbol("N", integer=True, positive=True)
    H = Shared(Symmetric("H", size, size))
    unit = Shared(identity(size, H))
    yield Step(
        "(H − cH²)⁻¹ = H⁻¹ + (I/c − H)⁻¹: the posterior covariance and the bias.",
        (H - SHARE * (H @ H)) @ (H.inverse() + (unit / SHARE - H).inverse()),
        unit,
    )
    yield from _one_direction()


def _one_direction() -> Iterator[Step]:
    """The three stationary equations along an eigenvector, and the memory of the chain."""
    force, kept = GAMMA * CURVATURE, MOMENTUM
    equations = sympy.Matrix(
        [[-2 * force, 2 * kept, 1], [-force, kept - 1, 1], [force**2, -2 * kept * force, kept**2 - 1]]
    )
    found = equations * sympy.Matrix(VARIANCES)
    for row, (left, right) in enumerate(zip(found, (0, 0, -2 * GAMMA * (1 - kept)), strict=True), 1):
        yield Step(
            f"Equation {row} along an eigenvector, with the variances 1/(h(1 − ch)), 2c/(1 − ch), 4c/(1 − ch).",
            left,
            sympy.sympify(right),
        )
    yield Step(
        "Their determinant is γh (1 − m)(γh − 2(1 + m)): below the limit there is no other solution, and above it 1/(h(1 − ch)) is negative.",
        equations.det(),
        force * (1 - kept) * (force - 2 * (1 + kept)),
    )
    p, q, s = VARIANCES
    ahead, law = sympy.Matrix([[1 - force, kept], [-force, kept]]), sympy.Matrix([[p, q], [q, s]])
    later = ahead * (sympy.eye(2) - ahead).inv() * law
    yield Step(
        "The autocorrelations are those of the powers of one step: 1 + 2 Σ_t ρ_t = 2 (1 − m)(1 − ch)/(γh).",
        1 + 2 * later[0, 0] / p,
        2 * (1 - kept) * (1 - SHARE * CURVATURE) / force,
    )


def biased() -> Iterator[Fact]:
    """A chain of two weights of one, whose one hidden unit has H = 2, at γ = ¼."""
    layers, noise, still, step = chain(1, 1).layers, (None, None), column(0), HALF / 2
    [curvature] = energy_gradient(layers, noise, [column(1)], still)
    [kept] = descend(layers, noise, [column(1)], still, step)
    yield Fact("H", curvature, column(2))
    yield Fact("what a step keeps of a deviation from z*", kept, column(HALF))
    for text, variance, after in (("the posterior's ½", HALF, HALF / 4 + HALF), ("2/3", HALF * 4 / 3, HALF * 4 / 3)):
        yield Fact(f"the variance a step after {text}", kept**2 * variance + column(2 * step), column(after))


PROOFS = (
    Proof(
        "langevin-law",
        "v ← m v − γ∇E + √(2γ(1 − m)) ξ, z ← z + v has the stationary covariance (H − cH²)⁻¹ = H⁻¹ + (I/c − H)⁻¹, c = γ/(2(1 + m)).",
        "docs/theory.md, statement 7.6",
        stationary_law,
        law_of_any_hessian,
        "P = (H − cH²)⁻¹, V = 4cHP and Q = V/2 are functions of H, and commute with it. So the equations hold if they hold on every "
        "u = (H − cH²) w, on which Pu = w: polynomials in H of second degree, which reach two layers away. What holds in a window of "
        "four layers, with layers that move on both sides, holds in any network.",
    ),
)

REFUTATIONS = (
    Refutation(
        "langevin-has-a-bias",
        "The stationary covariance of the unadjusted Langevin algorithm is the posterior's, H⁻¹.",
        "docs/theory.md, statement 7.6",
        biased,
    ),
)
