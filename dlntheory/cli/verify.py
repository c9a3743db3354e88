"""`dlntheory verify`: the theorems, and what is printed wrongly, as checks."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from .inputs import (
    Inputs,
    Json,
    Order,
    Seed,
    Targets,
    Weights,
    check_combination,
    describe_data,
    read_problem,
    refusals,
    refuse,
)
from .output import print_record, track

THEOREMS: tuple[Any, ...] = (1, 2, 3, "spike", "nudging")
FEW = ("single", "linear", "residual")
"""The built-in networks of `--quick`."""


def verify(
    weights: Weights = None,
    inputs: Inputs = None,
    targets: Targets = None,
    order: Order = None,
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Take three of the built-in networks only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print every hypothesis with its number.")] = False,
    json: Json = False,
) -> None:
    """Check the theorems on a network and data, or on the built-in ones.

    Every hypothesis is decided by a number. Formulas that the papers print wrongly are checked too, on the network
    and on recorded counterexamples.

    Exit code 0: every theorem holds wherever it applies, and every wrong form fails on its counterexample; 1:
    otherwise; 2: bad usage or input.
    """
    check_combination(weights, inputs=inputs, targets=targets, order=order)
    if weights is None:
        problems = _built_in(FEW if quick else None)
    elif quick:
        refuse("--quick chooses among the built-in networks; wanted no WEIGHTS with it.")
    else:
        net, *data = read_problem(weights, inputs, targets, order, seed)
        problems = {weights.name: (net, *data, describe_data(inputs, targets, seed))}
    with refusals():
        record = check_all(problems)
    from ..report.tables import verify_report

    print_record(record, json, verify_report(record, verbose))
    raise typer.Exit(0 if record["passed"] else 1)


def _built_in(names: Sequence[str] | None) -> dict[str, Any]:
    """The built-in networks, or the ones with the given names."""
    from ..files.builtin import networks

    found = networks()
    return {name: found[name] for name in names or found}


def check_all(problems: dict[str, Any]) -> dict[str, Any]:
    """Check every statement on every network, and the wrong ones on their counterexamples, as a record."""
    networks = [_check_network(name, *problems[name]) for name in track(list(problems), "Checking")]
    counterexamples = list(_check_counterexamples())
    theorems = [check for network in networks for check in network["theorems"]]
    return {"passed": passed(theorems, counterexamples), "networks": networks, "counterexamples": counterexamples}


def passed(theorems: list[dict[str, Any]], counterexamples: list[dict[str, Any]]) -> bool:
    """Whether every theorem holds wherever it applies, and every wrong form is refuted."""
    return all(each["holds"] or not each["applicable"] for each in theorems) and all(
        each["refuted"] for each in counterexamples
    )


def _check_network(name: str, net: Any, x: Any, y: Any, description: str) -> dict[str, Any]:
    from ..networks.residual import Residual
    from ..theorems.verify import verify as check

    printed: list[Any] = ["printed-1"] if len(x) > 1 else []
    printed += ["printed-2", "printed-spike", "printed-nudging"]
    if any(isinstance(layer, Residual) for layer in net.layers):
        printed.append("printed-residual")
    return {
        "name": name,
        "description": description,
        "widths": net.widths,
        "samples": len(x),
        "theorems": [_as_record(check(net, *_data_for(theorem, x, y), theorem)) for theorem in THEOREMS],
        "printed": [_as_record(check(net, x, y, theorem)) for theorem in printed],
    }


def _data_for(theorem: int | str, x: Any, y: Any) -> tuple[Any, Any]:
    """The whole batch; for Theorem 3, which searches for each sample's covariances, the first sample."""
    return (x[:1], y[:1]) if theorem == 3 else (x, y)


def _check_counterexamples() -> Iterator[dict[str, Any]]:
    from ..theorems.counterexamples import COUNTEREXAMPLES
    from ..theorems.verify import verify as check

    for name, example in COUNTEREXAMPLES.items():
        record = _as_record(check(*example.problem(), theorem=name))
        worst = min(record["alignment"])
        refuted = record["applicable"] and not record["holds"] and worst < 1 - 1e-3
        yield {"refuted": refuted, "working": example.working, **record}


def _as_record(verdict: Any) -> dict[str, Any]:
    hypotheses = {name: each._asdict() for name, each in verdict.hypotheses.items()}
    names = ("theorem", "statement", "holds", "applicable", "error", "tolerance", "detail")
    record = {name: getattr(verdict, name) for name in names}
    return record | {"alignment": verdict.alignment.tolist(), "hypotheses": hypotheses}
