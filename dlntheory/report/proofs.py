"""The records of `dlntheory prove` as tables and derivations."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from .tables import titled_table

TIERS = {"numbers": "num", "fixed depth": "fix", "induction": "ind", "formal": "Coq"}
SYMBOLIC = tuple(TIERS)[:-1]
MARKS = {True: ("yes", "green"), False: ("NO", "bold red"), None: ("—", "")}


def proofs_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """Every statement by tier, every counterexample, and a sentence."""
    table = titled_table("Statements", "statement", *TIERS.values(), ">s", "source")
    for each in record["statements"]:
        tiers = each["tiers"]
        marks = [Text(*MARKS[tiers[tier]["holds"]]) for tier in TIERS]
        seconds = sum(tiers[tier]["seconds"] for tier in SYMBOLIC)
        table.add_row(each["name"], *marks, f"{seconds:.1f}", each["source"])
    yield table
    yield Text("num: both sides on random numbers; fix: at fixed depths; ind: by induction; Coq: formally")
    yield from _failures(record["statements"])
    refuted = titled_table("Counterexamples, exact", "name", "refuted", "claim")
    for each in record["refutations"]:
        refuted.add_row(each["name"], Text(*MARKS[each["refuted"]]), each["claim"])
    yield refuted
    yield Padding(_conclusion(record), (1, 0, 0, 0))


def _failures(statements: list[dict[str, Any]]) -> Iterator[RenderableType]:
    for each in statements:
        for tier in SYMBOLIC:
            for failure in each["tiers"][tier]["failed"][:3]:
                yield Text(f"{each['name']}, {tier}: {failure}", "bold red")


def _conclusion(record: dict[str, Any]) -> str:
    formal = [each["tiers"]["formal"]["holds"] for each in record["statements"]]
    checked = f"Coq checked the formal proofs of {sum(each is True for each in formal)} of them."
    unchecked = "Formal proofs were not checked here: `coqc` is missing, or --quick was given."
    outcome = "Every statement holds in every tier" if record["passed"] else "Something does not hold"
    counts = f"{len(record['statements'])} statements, {len(record['refutations'])} counterexamples"
    return f"{outcome}: {counts}. {checked if any(formal) else unchecked}"


def derivation_report(record: dict[str, Any], latex: bool) -> Iterator[RenderableType]:
    """One statement, step by step."""
    yield Text(f"{record['name']}: {record['statement']}", "bold")
    yield Text(f"Source: {record['source']}")
    for part in record["parts"]:
        yield Padding(Text(part["title"], "italic"), (1, 0, 0, 0))
        for number, step in enumerate(part["steps"], 1):
            yield from _step(number, step, latex)
    if record["why"]:
        yield Padding(Text(f"Why that is enough: {record['why']}"), (1, 0, 0, 0))


def _step(number: int, step: dict[str, Any], latex: bool) -> Iterator[RenderableType]:
    mark, style = MARKS[step["holds"]]
    yield Text(f"{number}. {step['text']}")
    for given in step["given"]:
        yield Padding(Text(f"given {given}"), (0, 0, 0, 3))
    yield Padding(_equation(step["left"], step["right"], latex), (0, 0, 0, 3))
    yield Padding(Text(f"holds: {mark}", style), (0, 0, 0, 3))


def _equation(left: Any, right: Any, latex: bool) -> RenderableType:
    import sympy

    if latex:
        return Text(f"{sympy.latex(left)} = {sympy.latex(right)}")
    return Text(f"{sympy.sstr(left)}\n  = {sympy.sstr(right)}")
