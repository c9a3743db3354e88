"""`dlntheory expect`: the alignment to expect of a random network, by formula."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .inputs import Json, refusals, refuse_unwritable, whole_numbers
from .output import print_record, track


def expect(
    widths: Annotated[str, typer.Option(help="Widths from the input's to the output's, such as 512,512,512.")],
    init: Annotated[
        str, typer.Option(help="kaiming_uniform, norm_preserving, lecun_normal or orthogonal.")
    ] = "kaiming_uniform",
    batch: Annotated[int, typer.Option(min=1, help="Samples in the batch.")] = 1,
    target: Annotated[str, typer.Option(help="Targets: independent of the inputs, or linear in them.")] = "independent",
    plot: Annotated[
        Path | None, typer.Option(help="Draw alignment against depth: .png, .pdf or .svg.", show_default="none")
    ] = None,
    json: Json = False,
) -> None:
    """Say what alignment to expect of a random network of these widths, without drawing one.

    The answer has the alignment at large width, its mean and spread at these widths, the energy by layer, and the
    chance that an adaptive learning rate is negative. The picture repeats the hidden widths in their order.

    Exit code 0: computed; 2: bad usage or input.
    """
    with refusals():
        record = measure(whole_numbers("--widths", widths), init, batch, target)
    if plot is not None:
        with refusals("--plot"):
            draw(record, plot)
    from ..report.tables import expect_report

    print_record(record, json, expect_report(record))


def measure(widths: tuple[int, ...], init: Any, batch: int, target: Any) -> dict[str, Any]:
    """Both rules, as a record; of predictive coding in batches the limit alone, and of dense layers."""
    from ..random_networks.batch_limit import expected_batch_alignment
    from ..random_networks.expected import expected_alignment

    rules: tuple[Any, ...] = ("bp", "pc") if batch == 1 else ("bp",)
    found = {rule: expected_alignment(widths, init, rule, batch, target) for rule in rules}
    record: dict[str, Any] = {"widths": widths, "init": init, "batch": batch, "target": target, "rules": []}
    for rule, each in found.items():
        record["rules"].append({"rule": rule, "limit": each.limit, "mean": each.mean, "spread": each.spread})
    if batch > 1 and init != "orthogonal":
        limit = expected_batch_alignment(widths, init, batch, target)
        record["rules"].append({"rule": "pc", "limit": limit, "mean": limit, "spread": None})
    if "pc" in found:
        record |= {
            "energy": found["pc"].energy,
            "energy_by_layer": found["pc"].energy_by_layer,
            "negative_rates": found["pc"].negative_rates,
        }
    return record


def draw(record: dict[str, Any], path: Path) -> None:
    """Draw the alignment against the number of hidden layers: to twice the network's, and to 16 at least."""
    from ..report.pictures import FORMATS, depth_picture, save_picture

    refuse_unwritable("--plot", path, FORMATS)
    first, *hidden, last = record["widths"]
    if not hidden:
        raise ValueError("a network without hidden layers has no depth to vary; wanted a hidden width in --widths.")
    others = [record[name] for name in ("init", "batch", "target")]
    counts = range(1, max(2 * len(hidden), 16) + 1)
    networks = ((first, *(hidden[index % len(hidden)] for index in range(count)), last) for count in counts)
    by_depth = [measure(widths, *others)["rules"] for widths in track([*networks], "Depths")]
    save_picture(depth_picture(record, list(counts), by_depth), path)
