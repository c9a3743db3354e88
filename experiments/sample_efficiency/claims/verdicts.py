"""A claim, the cases that decide it, and the verdict that follows from them."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from .conditions import Place, Where, bounding_box, majority, varying, where_it_holds
from .data import NoData, Results

CLEAR = 2.0
"""By how many standard errors a number must differ from its threshold, where it is a mean over seeds."""
LONGEST = 5
"""Comparisons in a condition that is spelt out."""


class Case(NamedTuple):
    """One number compared with its threshold, and the standard error of a mean over seeds."""

    where: Where
    value: float
    threshold: float = 0.0
    error: float = 0.0
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is on the right side."""
        return self.value < self.threshold if self.at_most else self.value > self.threshold

    @property
    def clear(self) -> bool:
        """Whether the seeds tell the side."""
        return self.error == 0 or bool(abs(self.value - self.threshold) > CLEAR * self.error)

    @property
    def margin(self) -> float:
        """By how much the claim holds."""
        return (self.threshold - self.value) if self.at_most else self.value - self.threshold


def above(where: Where, value: Any, threshold: float = 0.0) -> Case:
    """The mean of numbers, one a seed, lies above a threshold."""
    return Case(where, *_mean(value, threshold))


def below(where: Where, value: Any, threshold: float) -> Case:
    """The mean of numbers, one a seed, lies below a threshold."""
    return Case(where, *_mean(value, threshold), at_most=True)


def _mean(value: Any, threshold: float) -> tuple[float, float, float]:
    numbers = np.atleast_1d(np.asarray(value, float))
    error = numbers.std(ddof=1) / math.sqrt(len(numbers)) if len(numbers) > 1 else 0.0
    return float(numbers.mean()), threshold, float(error)


class Verdict(NamedTuple):
    """What was found.

    Attributes:
        verdict: ``holds``, ``fails``, ``holds only if …``, ``undecided`` or ``no data``.
        numbers: what decided it; without data, the command that makes them.
        cases: every comparison.
    """

    verdict: str
    numbers: str
    cases: Sequence[Case] = ()

    @property
    def kind(self) -> str:
        """The verdict without its condition."""
        return "holds only if" if self.verdict.startswith("holds only if") else self.verdict


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, and the test that decides it.

    Attributes:
        id: what it is called.
        section: where the paper says it.
        text: what it says, in our words.
        test: the comparison that every case makes.
        figures: whose data decide it; none for what is computed on the spot.
        cases: makes the comparisons.
    """

    id: str
    section: str
    text: str
    test: str
    figures: tuple[int, ...]
    cases: Callable[[Results], Iterable[Case]]

    def decide(self, results: Results) -> Verdict:
        """Make every comparison, and see where the claim holds."""
        try:
            return verdict_of(list(self.cases(results)))
        except NoData as missing:
            return Verdict("no data", f"wanted: {missing}")

    def record(self, results: Results) -> dict[str, Any]:
        """The claim and its verdict, as JSON has them; of each case, the factors that differ between cases."""
        found = self.decide(results)
        factors = varying([case.where for case in found.cases])
        return {
            "id": self.id,
            "section": self.section,
            "claim": self.text,
            "test": self.test,
            "figures": list(self.figures),
            "verdict": found.verdict,
            "kind": found.kind,
            "numbers": found.numbers,
            "cases": [
                {
                    "where": {name: case.where[name] for name in factors if name in case.where},
                    "value": float(f"{case.value:.6g}"),
                    "threshold": case.threshold,
                    "standard_error": float(f"{case.error:.2g}"),
                    "holds": case.holds,
                    "clear": case.clear,
                }
                for case in found.cases
            ],
        }


def collector(claims: list[Claim]) -> Callable[..., Callable[[Callable[[Results], Iterable[Case]]], Claim]]:
    """A decorator that makes a claim of a function, whose name is the claim's and whose docstring its text."""

    def claim(
        section: str, test: str, figures: Sequence[int] = ()
    ) -> Callable[[Callable[[Results], Iterable[Case]]], Claim]:
        def add(cases: Callable[[Results], Iterable[Case]]) -> Claim:
            name = cases.__name__.replace("_", "-")
            claims.append(Claim(name, section, " ".join((cases.__doc__ or "").split()), test, tuple(figures), cases))
            return claims[-1]

        return add

    return claim


def verdict_of(cases: Sequence[Case]) -> Verdict:
    """The verdict on the clear cases; those within the noise count for neither side."""
    if not cases:
        raise ValueError("there are no cases; wanted at least one.")
    if bad := [case for case in cases if not math.isfinite(case.value)]:
        raise ValueError(f"{dict(bad[0].where)} compares {bad[0].value}; wanted a number.")
    clear = [case for case in cases if case.clear]
    right = [case for case in clear if case.holds]
    numbers = evidence(cases, clear, right)
    if not clear:
        return Verdict("undecided", numbers, cases)
    if len(right) in {0, len(clear)}:
        return Verdict("holds" if right else "fails", numbers, cases)
    return Verdict(f"holds only if {condition(clear)}", numbers, cases)


def condition(cases: Sequence[Case]) -> str:
    """Where it holds, or where it does not, whichever is shorter; roughly, where both are long."""
    places = [(case.where, case.holds) for case in cases]
    exact = [
        (f"not ({tree})" if negated else str(tree), tree.terms + negated)
        for negated in (False, True)
        if (tree := where_it_holds([(where, holds != negated) for where, holds in places]))
    ]
    text, terms = min(exact, key=lambda each: each[1])
    if terms <= LONGEST:
        return text
    return max(rough_conditions(places), key=lambda each: each[1])[0]


def rough_conditions(places: Sequence[Place]) -> list[tuple[str, int]]:
    """Short descriptions that are not exact, and in how many cases each is right."""
    found = []
    for negated in (True, False):
        inside, box = bounding_box([(where, holds != negated) for where, holds in places])
        held = sum(places[index][1] for index in inside)
        if len(inside) < len(places):
            text = f"not ({box})" if negated else box
            right = len(places) - len(inside) + max(held, len(inside) - held)
            found.append((f"{text}; there it holds in {held} of {len(inside)} cases", right))
    names = varying([where for where, _ in places])
    for factors in (each for count in (1, 2) for each in combinations(names, count)):
        tree, right = majority(places, factors)
        if tree is not None and 0 < tree.terms <= LONGEST:
            found.append((f"{tree}, which is right in {right} of {len(places)} cases", right))
    return found


def evidence(cases: Sequence[Case], clear: Sequence[Case], right: Sequence[Case]) -> str:
    """How many cases, and the worst and the best of them."""
    factors = varying([case.where for case in cases])
    worst, best = min(cases, key=lambda case: case.margin), max(cases, key=lambda case: case.margin)
    if len(cases) == 1:
        return _number(worst, factors)
    counts = f"{len(right)} of {len(clear)}"
    if len(clear) < len(cases):
        counts += f" ({len(cases) - len(clear)} more within the noise)"
    return f"{counts}; worst {_number(worst, factors)}; best {_number(best, factors)}"


def _number(case: Case, factors: Sequence[str]) -> str:
    spread = f" ± {case.error:.2g}" if case.error else ""
    place = ", ".join(_factor(name, case.where[name]) for name in factors if name in case.where)
    return f"{case.value:.3g}{spread}{' (' + place + ')' if place else ''}"


def _factor(name: str, value: str | int | float) -> str:
    return value if isinstance(value, str) else f"{name} {value:g}"
