"""Where something holds: the shortest description of the cases in which it does, by their factors.

A description is a decision tree over the factors: ``rule = BP and hidden layers ≤ 3; or rule = PC``.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Value = str | int | float
Where = Mapping[str, Value]
"""The factors of a case, such as ``{"initialisation": "Kaiming", "hidden layers": 8}``."""

Place = tuple[Where, bool]
"""The factors of a case, and whether it holds."""
ABSENT = "—"
"""The value of a factor that a case does not have."""


class Branch(NamedTuple):
    """Some values of a factor, in words too, and what must hold in addition."""

    values: frozenset[Value]
    text: str
    tree: "Tree"


class Tree(NamedTuple):
    """A factor, and the branches on which something holds; no factor where it always does."""

    factor: str | None = None
    branches: tuple[Branch, ...] = ()

    @property
    def terms(self) -> int:
        """The number of comparisons."""
        return sum(1 + branch.tree.terms for branch in self.branches)

    def covers(self, where: Where) -> bool:
        """Whether it says that something holds there."""
        if self.factor is None:
            return True
        value = where.get(self.factor, ABSENT)
        return any(value in branch.values and branch.tree.covers(where) for branch in self.branches)

    def __str__(self) -> str:
        return "; or ".join(self.alternatives())

    def alternatives(self) -> list[str]:
        """The branches, each a conjunction."""
        found = []
        for branch in self.branches:
            own, inner = f"{self.factor} {branch.text}", branch.tree.alternatives()
            rest = [f"({'; or '.join(inner)})"] if len(inner) > 1 else inner
            found.append(" and ".join([own, *rest]))
        return found


def where_it_holds(cases: Sequence[Place]) -> Tree | None:
    """The tree with the fewest comparisons; ``None`` if it holds nowhere.

    Raises:
        ValueError: if two cases with the same factors disagree.
    """
    return _smallest(cases, varying([where for where, _ in cases]))


def varying(places: Sequence[Where]) -> list[str]:
    """The factors that differ between cases."""
    names = list(dict.fromkeys(name for where in places for name in where))
    return [name for name in names if len({where.get(name) for where in places}) > 1]


def bounding_box(places: Sequence[Place]) -> tuple[list[int], str]:
    """The smallest box that contains every case which holds: the cases in it by index, and its description.

    Outside of it nothing holds; inside, something may not.
    """
    inside, texts = list(range(len(places))), []
    for name in varying([where for where, _ in places]):
        values, numbers = _values(places, name)
        right = {where.get(name, ABSENT) for where, holds in places if holds}
        chosen = [index for index, value in enumerate(values) if value in right]
        if numbers:
            chosen = list(range(chosen[0], chosen[-1] + 1))
        if len(chosen) < len(values):
            texts.append(f"{name} {_described(values, chosen, numbers)}")
            allowed = {values[index] for index in chosen}
            inside = [index for index in inside if places[index][0].get(name, ABSENT) in allowed]
    return inside, " and ".join(texts)


def majority(places: Sequence[Place], factors: Sequence[str]) -> tuple[Tree | None, int]:
    """Where most of the cases that agree in these factors hold, and in how many cases that is right."""
    cells: dict[tuple[Value, ...], list[bool]] = {}
    for where, holds in places:
        cells.setdefault(tuple(where.get(name, ABSENT) for name in factors), []).append(holds)
    answers = [(dict(zip(factors, cell, strict=True)), 2 * sum(held) > len(held)) for cell, held in cells.items()]
    return where_it_holds(answers), sum(max(sum(held), len(held) - sum(held)) for held in cells.values())


def _smallest(cases: Sequence[Place], factors: Sequence[str]) -> Tree | None:
    answers = {holds for _, holds in cases}
    if answers == {True}:
        return Tree()
    if answers == {False}:
        return None
    trees = [_split(cases, factor, [each for each in factors if each != factor]) for factor in factors]
    splits = [tree for tree in trees if tree is not None]
    if not splits:
        raise ValueError(f"{dict(cases[0][0])} both holds and does not; wanted factors that tell the cases apart.")
    return min(splits, key=lambda tree: (tree.terms, len(str(tree))))


def _split(cases: Sequence[Place], factor: str, others: Sequence[str]) -> Tree | None:
    """The tree that asks for ``factor`` first; values with the same answer, if numbers neighbouring, are one branch."""
    values, numbers = _values(cases, factor)
    if len(values) < 2:
        return None
    answers = [_answer(cases, factor, value, others) for value in values]
    groups: list[list[int]] = []
    for index, answer in enumerate(answers):
        candidates = groups[-1:] if numbers else groups
        same = next((group for group in candidates if answers[group[0]] == answer), None)
        if same is None:
            groups.append([index])
        else:
            same.append(index)
    branches = [
        Branch(frozenset(values[index] for index in group), _described(values, group, numbers), tree)
        for group in groups
        if (tree := answers[group[0]]) is not None
    ]
    return Tree(factor, tuple(branches))


def _values(cases: Sequence[Place], factor: str) -> tuple[list[Value], bool]:
    """The values of a factor, and whether they are numbers, which are then sorted."""
    values = list(dict.fromkeys(where.get(factor, ABSENT) for where, _ in cases))
    numbers = [value for value in values if not isinstance(value, str)]
    return (sorted(numbers), True) if len(numbers) == len(values) else (values, False)


def _answer(cases: Sequence[Place], factor: str, value: Value, others: Sequence[str]) -> Tree | None:
    chosen = [case for case in cases if case[0].get(factor, ABSENT) == value]
    return _smallest(chosen, [name for name in others if len({case[0].get(name) for case in chosen}) > 1])


def _described(values: Sequence[Value], group: Sequence[int], numbers: bool) -> str:
    """Some of the values: a run of neighbouring numbers, or a list of words."""
    if not numbers:
        return f"= {' or '.join(str(values[index]) for index in group)}"
    low, high = (f"{values[index]:g}" for index in (group[0], group[-1]))
    if low == high:
        return f"= {low}"
    if group[0] == 0:
        return f"≤ {high}"
    return f"≥ {low}" if group[-1] == len(values) - 1 else f"{low} to {high}"
