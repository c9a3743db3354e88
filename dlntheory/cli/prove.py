"""`dlntheory prove`: the proofs, run; or one of them step by step."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from .beside import load_beside
from .inputs import Json, refusals, refuse
from .output import print_record, track


def prove(
    name: Annotated[
        str | None,
        typer.Argument(help="Print the derivation of this statement.", metavar="[NAME]", show_default="all"),
    ] = None,
    depth: Annotated[int, typer.Option(help="Depth of the network in a printed derivation.", min=1, max=5)] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="Depths 1 to 3 in place of 1 to 5, and no Coq.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the derivation in LaTeX.")] = False,
    json: Json = False,
) -> None:
    """Prove the statements that the library rests on, about the functions that the library runs.

    There are four tiers: `numbers` (both sides on random numbers), `fixed depth` and `induction` (symbolic, any
    widths), and `formal` (Coq, where it is installed). Exact counterexamples follow, to what the papers print wrongly
    and to the theorems without their hypotheses. With NAME, one derivation is printed step by step.

    Exit code 0: everything holds; 1: something does not; 2: bad usage.
    """
    proofs = load_beside("proofs")
    if name is None:
        record = _prove_all(proofs, quick)
    else:
        known = [*proofs.PROOFS, *(each.name for each in proofs.REFUTATIONS)]
        if name not in known:
            refuse(f"NAME is {name!r}; wanted one of {', '.join(known)}.")
        record = _derive(proofs, name, depth)
    from ..report.proofs import derivation_report, proofs_report

    tables = proofs_report(record) if name is None else derivation_report(record, latex)
    print_record(_printable(record, latex) if json else record, json, tables)
    raise typer.Exit(0 if record["passed"] else 1)


def _prove_all(proofs: Any, quick: bool) -> dict[str, Any]:
    depths = (1, 2, 3) if quick else proofs.DEPTHS
    with refusals():
        formal = {} if quick else proofs.formal_results()
        statements = [_tiers(proofs, each, depths, formal) for each in track(list(proofs.PROOFS.values()), "Proving")]
    refutations = [
        {"name": each.name, "claim": each.claim, "source": each.source, "refuted": all(f.holds() for f in each.facts())}
        for each in proofs.REFUTATIONS
    ]
    passed = all(tier["holds"] is not False for each in statements for tier in each["tiers"].values())
    return {
        "passed": passed and all(each["refuted"] for each in refutations),
        "statements": statements,
        "refutations": refutations,
    }


def _tiers(proofs: Any, proof: Any, depths: Any, formal: dict[str, bool]) -> dict[str, Any]:
    results = {
        "numbers": proofs.on_numbers(proof),
        "fixed depth": proofs.at_fixed_depth(proof, depths),
        "induction": proofs.by_induction(proof),
    }
    tiers: dict[str, dict[str, Any]] = {
        tier: {"holds": each.holds, "steps": each.steps, "seconds": each.seconds, "failed": _failures(each)}
        for tier, each in results.items()
    }
    listed = proofs.FORMAL.get(proof.name, ())
    checked = [formal[each] for each in listed if each in formal]
    tiers["formal"] = {"holds": all(checked) if checked else None, "theorems": list(listed)}
    return {"name": proof.name, "statement": proof.statement, "source": proof.source, "tiers": tiers}


def _failures(result: Any) -> list[str]:
    return [f"{where}: {step.text}" for where, step in result.failed]


def _derive(proofs: Any, name: str, depth: int) -> dict[str, Any]:
    if name not in proofs.PROOFS:
        refutation = next(each for each in proofs.REFUTATIONS if each.name == name)
        steps = [
            {"text": fact.text, "left": fact.found, "right": fact.by_hand, "given": [], "holds": fact.holds()}
            for fact in refutation.facts()
        ]
        parts: list[dict[str, Any]] = [{"title": "Exact numbers, on rational matrices", "steps": steps}]
        claim = f"False: {refutation.claim}"
        title: dict[str, Any] = {"name": name, "statement": claim, "source": refutation.source, "why": ""}
    else:
        proof = proofs.PROOFS[name]
        fixed, induction = proofs.derivation(proof, depth), proofs.derivation(proof)
        parts = [
            {"title": f"A network of depth {depth}", "steps": list(_steps(proofs, fixed))},
            {"title": "From any depth to the next", "steps": list(_steps(proofs, induction))},
        ]
        title = {"name": name, "statement": proof.statement, "source": proof.source, "why": proof.why_every_depth}
    return {**title, "passed": all(step["holds"] for part in parts for step in part["steps"]), "parts": parts}


def _steps(proofs: Any, steps: Any) -> Iterator[dict[str, Any]]:
    for step in steps:
        left, right = proofs.plain(step.left), proofs.plain(step.right)
        given = [each.text for each in step.given]
        yield {"text": step.text, "left": left, "right": right, "given": given, "holds": step.holds()}


def _printable(record: dict[str, Any], latex: bool) -> dict[str, Any]:
    """Expressions as text."""
    if "parts" not in record:
        return record
    import sympy

    spell = sympy.latex if latex else str
    parts = [
        {
            **part,
            "steps": [{**step, "left": spell(step["left"]), "right": spell(step["right"])} for step in part["steps"]],
        }
        for part in record["parts"]
    ]
    return {**record, "parts": parts}
