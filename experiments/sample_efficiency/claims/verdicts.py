"""A claim, the cases that decide it, and the verdict that follows from them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dlntheory.training.comparison import mean_and_error as over_seeds
from dlntheory.training.comparison import within_noise

from .data import NoData, Results

Where = Mapping[str, str | int | float]
"""The factors of a case, such as ``{"initialisation": "Kaiming", "hidden layers": 8}``."""


class Case(NamedTuple):
    """One number compared with its threshold.

    Attributes:
        where: the factors under which it was measured.
        value: the number; of one that depends on chance, the mean over seeds.
        threshold: the number that it is compared with.
        error: the standard error of the mean.
        least: by how much the value must differ from the threshold to count.
        at_most: whether the claim wants a value below the threshold.
        unit: the unit of the value, if it is another than the claim's test has.
    """

    where: Where
    value: float
    threshold: float = 0.0
    error: float = 0.0
    least: float = 0.0
    at_most: bool = False
    unit: str = ""

    @property
    def margin(self) -> float:
        """The amount by which the claim holds."""
        return (self.threshold - self.value) if self.at_most else self.value - self.threshold

    @property
    def side(self) -> str:
        """``right``, ``wrong``, or ``noise``, which counts for neither."""
        if within_noise(self.margin, self.error, self.least):
            return "noise"
        return "right" if self.margin > 0 else "wrong"


def above(where: Where, value: Any, threshold: float = 0.0, least: float = 0.0, unit: str = "") -> Case:
    """The mean of numbers, one per seed, lies above a threshold."""
    mean, error = mean_and_error(value)
    return Case(where, mean, threshold, error, least, unit=unit)


def below(where: Where, value: Any, threshold: float) -> Case:
    """The mean of numbers, one per seed, lies below a threshold."""
    mean, error = mean_and_error(value)
    return Case(where, mean, threshold, error, at_most=True)


def slight(where: Where, value: Any, largest: float, least: float = 0.0) -> Case:
    """The mean of numbers, one per seed, lies above zero and below ``largest``: the bound that is nearer decides."""
    mean, _ = mean_and_error(value)
    return above(where, value, least=least) if mean < largest / 2 else below(where, value, largest)


def mean_and_error(value: Any) -> tuple[float, float]:
    """The mean and its standard error, which is zero for a single number."""
    mean, error = over_seeds(np.atleast_1d(np.asarray(value, float)))
    return float(mean), float(error)


class Verdict(NamedTuple):
    """A finding: its kind, in words, and every comparison."""

    kind: str
    text: str
    cases: Sequence[Case] = ()


def verdict_of(cases: Sequence[Case]) -> Verdict:
    """The verdict on the cases that count.

    Raises:
        ValueError: if there is none, or one compares no number, or two with the same factors disagree.
    """
    if not cases:
        raise ValueError("there are no cases; wanted at least one.")
    if bad := [case for case in cases if not math.isfinite(case.value)]:
        raise ValueError(f"{dict(bad[0].where)} compares {bad[0].value}; wanted a number.")
    places = {tuple(sorted(case.where.items())): case for case in cases}
    if any(places[tuple(sorted(case.where.items()))].side != case.side for case in cases):
        raise ValueError("two cases with the same factors disagree; wanted factors that tell them apart.")
    cases = list(places.values())  # panels may share a point
    sides = [case.side for case in cases]
    right, counted = sides.count("right"), len(sides) - sides.count("noise")
    if not counted:
        return Verdict("within noise", "within noise", cases)
    kind = "fails" if not right else "holds" if right == counted else "in part"
    return Verdict(kind, f"holds in {right} of {counted}" if kind == "in part" else kind, cases)


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, and the test that decides it.

    Attributes:
        id: its name.
        section: its place in the paper.
        text: its content, in our words.
        test: the comparison that every case makes.
        cases: makes the comparisons.
    """

    id: str
    section: str
    text: str
    test: str
    cases: Callable[[Results], Iterable[Case]]

    def decide(self, results: Results) -> Verdict:
        """Make every comparison; without data, the verdict is the command that makes them."""
        try:
            return verdict_of(list(self.cases(results)))
        except NoData as missing:
            return Verdict("no data", f"wanted: {missing}")

    def record(self, results: Results) -> dict[str, Any]:
        """The claim and its verdict, as JSON has them; of each case, the factors that differ between cases."""
        found = self.decide(results)
        factors = varying([case.where for case in found.cases])
        sides = [case.side for case in found.cases]
        return {
            "id": self.id,
            "section": self.section,
            "claim": self.text,
            "test": self.test,
            "kind": found.kind,
            "verdict": found.text,
            **{side: sides.count(side) for side in ("right", "wrong", "noise")},
            "cases": [
                {
                    "where": {name: case.where[name] for name in factors if name in case.where},
                    "value": float(f"{case.value:.6g}"),
                    "standard_error": float(f"{case.error:.2g}"),
                    "threshold": case.threshold,
                    "least": case.least,
                    "margin": float(f"{case.margin:.6g}"),
                    "unit": case.unit,
                    "side": case.side,
                }
                for case in found.cases
            ],
        }


def varying(places: Sequence[Where]) -> list[str]:
    """The factors that differ between cases."""
    names = list(dict.fromkeys(name for where in places for name in where))
    return [name for name in names if len({where.get(name) for where in places}) > 1]


def collector(claims: list[Claim]) -> Callable[..., Callable[[Callable[[Results], Iterable[Case]]], Claim]]:
    """A decorator that makes a claim of a function, whose name is the claim's and whose docstring its text."""

    def claim(section: str, test: str) -> Callable[[Callable[[Results], Iterable[Case]]], Claim]:
        def add(cases: Callable[[Results], Iterable[Case]]) -> Claim:
            name = cases.__name__.replace("_", "-")
            claims.append(Claim(name, section, " ".join((cases.__doc__ or "").split()), test, cases))
            return claims[-1]

        return add

    return claim
