"""`dlntheory expect`: the alignment to expect of a random network, by formula."""

from typing import Annotated, Any

import typer

from .inputs import Json, as_widths, refusals
from .output import print_record


def expect(
    widths: Annotated[str, typer.Option(help="Widths from the input's to the output's, such as 512,512,512.")],
    init: Annotated[
        str, typer.Option(help="kaiming_uniform, norm_preserving, lecun_normal or orthogonal.")
    ] = "kaiming_uniform",
    batch: Annotated[int, typer.Option(min=1, help="Samples in the batch; more than one for BP only.")] = 1,
    target: Annotated[str, typer.Option(help="Targets: independent of the inputs, or linear in them.")] = "independent",
    json: Json = False,
) -> None:
    """Say what alignment to expect of a random network of these widths, without drawing one.

    The answer has the alignment at large width, its mean and spread at these widths, the energy by layer, and the
    chance that an adaptive learning rate is negative.

    Exit code 0: computed; 2: bad usage or input.
    """
    with refusals():
        record = measure(as_widths("--widths", widths), init, batch, target)
    from ..report.tables import expect_report

    print_record(record, json, expect_report(record))


def measure(widths: tuple[int, ...], init: Any, batch: int, target: Any) -> dict[str, Any]:
    """Both rules, as a record; predictive coding for single samples only."""
    from ..random_networks.expected import expected_alignment

    rules: tuple[Any, ...] = ("bp", "pc") if batch == 1 else ("bp",)
    found = {rule: expected_alignment(widths, init, rule, batch, target) for rule in rules}
    record: dict[str, Any] = {"widths": widths, "init": init, "batch": batch, "target": target, "rules": []}
    for rule, each in found.items():
        record["rules"].append({"rule": rule, "limit": each.limit, "mean": each.mean, "spread": each.spread})
    if "pc" in found:
        record |= {
            "energy": found["pc"].energy,
            "energy_by_layer": found["pc"].energy_by_layer,
            "negative_rates": found["pc"].negative_rates,
        }
    return record
