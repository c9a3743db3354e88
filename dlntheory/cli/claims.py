"""`dlntheory claims`: the claims in the text of the paper Sample Efficiency, decided by data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .figure import source
from .inputs import Json, refusals, use_one_lapack_thread
from .output import print_json, print_tables, track

RESULTS = "docs/results/figures"
"""The folder of the figures' data, in a checkout and as the help names it."""


def claims(
    name: Annotated[
        str | None, typer.Argument(metavar="CLAIM", help="Show every case of this claim.", show_default="all, in short")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder that `figures --out` wrote.", show_default=RESULTS)
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Folder for claims.md and claims.json.", show_default="none")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="A page in Markdown with a place for the table.", show_default="none")
    ] = None,
    json: Json = False,
) -> None:
    """Decide the claims in the text of the paper Sample Efficiency by the figures' data and by computation.

    A claim holds, fails, or holds in part. The table of all claims has the cases that speak least and most for each;
    given CLAIM, it has every case. Where a figure's data are missing, its claims say which command makes them.

    Exit code 0: decided; 2: bad usage or input.
    """
    use_one_lapack_thread()
    package, pages = source("sample_efficiency.claims"), source("sample_efficiency.claims.page")
    with refusals("CLAIM"):
        chosen = package.named(name) if name else package.CLAIMS
    with refusals("--results"):
        data = package.Results.load(results or source("provenance").published())
    records: list[dict[str, Any]] = [claim.record(data) for claim in track(chosen, "Deciding")]
    with refusals("--page" if page else "--write"):
        files = pages.write(records, write, page)
    if json:
        print_json({"counts": pages.counts(records), "claims": records, "files": list(map(str, files))})
    elif files:
        typer.echo("\n".join(map(str, files)))
    else:
        from ..report.claims import cases_report, claims_report

        grids = source("sample_efficiency.claims.grid")
        print_tables(cases_report(records[0], grids) if name else claims_report(records, pages.summary(records), grids))
