"""`dlntheory report`: a page to look at and to share."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import Inputs, Json, Order, Seed, Targets, Weights, read_or_digits, refusals, refuse_unwritable
from .output import print_json

if TYPE_CHECKING:
    from ..networks.network import LinearNetwork


def report(
    weights: Weights = None,
    inputs: Inputs = None,
    targets: Targets = None,
    order: Order = None,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="The page to write, .html.")] = Path("report.html"),
    json: Json = False,
) -> None:
    """Write a page about a network and data: alignment, layers, theorems, inference, kernels, random networks.

    Without WEIGHTS, the network is the built-in one, trained on handwritten digits. The page is one file that opens
    without a connection and without a server. Needs the extra `report`.

    Exit code 0: written; 2: bad usage or input.
    """
    with refusals("--out"):
        from ..report.html.report import SUFFIXES
    refuse_unwritable("--out", out, SUFFIXES)
    name, description, problem = read_or_digits(weights, inputs, targets, order, seed)
    description = f"The built-in network {description}" if weights is None else f"With {description}"
    options = {"--inputs": inputs, "--targets": targets, "--order": order, "--seed": seed, "--out": out}
    _write(problem, out, name, description, _command(weights, options), seed, json)


def _write(
    problem: tuple["LinearNetwork", Any, Any],
    out: Path,
    name: str,
    description: str,
    command: str,
    seed: int,
    json: bool,
) -> None:
    from ..report.html.report import publish
    from ..report.html.summary import sentences

    with refusals():
        found = publish(*problem, out, name, description, command, seed)
    if json:
        print_json(found)
        return
    for sentence in sentences(found):
        typer.echo(sentence)
    typer.echo(f"Written to {out}.")


def _command(weights: Path | None, options: dict[str, Any]) -> str:
    """The command line that makes the page again."""
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    positional = [] if weights is None else [str(weights)]
    return shlex.join(["dlntheory", "report", *positional, *(part for pair in given for part in pair)])
