"""The answer of `dlntheory align`: tables by batch size, rule and layer, why it is so, and what to try."""

import math
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from .tables import network_title, titled_table
from .words import KAIMING, fixed, number, rule_name, shortly

ACROSS = 4
"""Batch sizes up to which a standard error stands beside its mean, and not below."""


def align_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """Everything that `dlntheory align` says."""
    yield Text(
        "Target alignment: 1 where an update moves a prediction straight at its target, 0 where sideways, below 0 "
        "where away from it."
    )
    yield Padding(Text.assemble((network_title(record), "bold"), f" ({record['description']})"), (1, 0, 0, 0))
    yield _by_batch(record)
    yield _alignments(record["rules"], record["samples"])
    yield _layers(record["layers"])
    yield Padding(Text("\n".join(_remarks(record))), (1, 0))
    yield from _findings(record)


def _by_batch(record: dict[str, Any]) -> RenderableType:
    """The mean over batches of every rule, and the alignment of a random network."""
    rows, samples = record["batches"], record["samples"]
    sizes = list(dict.fromkeys(row["batch"] for row in rows))
    table = titled_table("By batch size, ± standard error", "rule", *(
        f">{'all ' if size == samples else ''}{size}" for size in sizes
    ))  # fmt: skip
    apart = "\n±" if len(sizes) > ACROSS else " ±"
    for rule, rescaling in dict.fromkeys((row["rule"], row["rescaling"]) for row in rows):
        cells = [_mean_and_error(row, apart) for row in rows if (row["rule"], row["rescaling"]) == (rule, rescaling)]
        table.add_row(rule_name(rule, rescaling), *cells)
    expected = {(each["rule"], each["batch"]): each["alignment"] for each in record["random_network"]}
    for rule in dict.fromkeys(rule for rule, _ in expected):
        cells = [shortly(expected.get((rule, size))) for size in sizes]
        table.add_row(f"random network, {rule_name(rule, None)}", *cells, style="dim")
    return table


def _mean_and_error(row: dict[str, Any], apart: str) -> str:
    if row["error"] is None or math.isnan(row["error"]):
        return shortly(row["mean"])
    return f"{shortly(row['mean'])}{apart}{row['error']:.3f}"


def _findings(record: dict[str, Any]) -> Iterator[RenderableType]:
    """The findings in words: why, and what to try."""
    defined = [each for each in record["rules"] if each["mean"] is not None]
    yield Text("Why", "bold")
    for each in record["diagnosis"]:
        yield Text(f"- {each['text']}")
    if defined and record["samples"] > 1:
        best = max(defined, key=lambda each: each["mean"])
        named = f"{rule_name(best['rule'], best['rescaling'])}, {fixed(best['mean'])}"
        yield Text(f"- For all {record['samples']} samples together the best of these rules is {named}.")
    yield from (Text(f"- {each}") for each in _expected(record))
    advice = [each["advice"] for each in record["diagnosis"] if each["advice"]]
    if advice:
        yield Padding(Text("What to try", "bold"), (1, 0, 0, 0))
        yield from (Text(f"- {each}") for each in advice)


def _expected(record: dict[str, Any]) -> Iterator[str]:
    """The alignment of random weights in the smallest batch, beside the alignment of these weights."""
    sizes = sorted({each["batch"] for each in record["random_network"]})
    own = {(row["rule"], row["batch"]): row["mean"] for row in record["batches"] if row["rescaling"] is None}
    for size in sizes[:1]:
        found = {each["rule"]: each["alignment"] for each in record["random_network"] if each["batch"] == size}
        pairs = [(rule_name(rule, None), shortly(each), shortly(own[rule, size])) for rule, each in found.items()]
        texts = [f"{name} {expected} (here {here})" for name, expected, here in pairs]
        drawn = "on single samples of the same norms" if size == 1 else f"in batches of {size} of these samples"
        yield f"A random network of these widths ({KAIMING}) would have {drawn} {', '.join(texts)}."


def _alignments(rules: list[dict[str, Any]], samples: int) -> RenderableType:
    title = "One update for the sample" if samples == 1 else f"One update for all {samples} samples"
    table = titled_table(title, "rule", ">mean", ">spread", ">smallest", "")
    best = max((each["mean"] for each in rules if each["mean"] is not None), default=None)
    for index, each in enumerate(rules):
        table.add_row(
            rule_name(each["rule"], each["rescaling"]),
            Text(fixed(each["mean"]), "bold" if each["mean"] == best else ""),
            "—" if each["std"] is None else f"{each['std']:.4f}",
            fixed(each["min"]),
            bar(each["mean"]),
            end_section=[*rules, {"rule": ""}][index + 1]["rule"] != each["rule"],
        )
    return table


def bar(value: float | None, width: int = 20) -> str:
    """A bar from 0 to 1; nothing below zero."""
    eighths = round(8 * width * max(value or 0, 0))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _layers(layers: list[dict[str, Any]]) -> RenderableType:
    table = titled_table(
        "Layers", ">layer", "W", ">‖W‖", ">cond W", ">‖x̂‖", ">‖x*‖", ">x*ᵀx̂", ">energy", ">share", ">BP", ">PC"
    )  # fmt: skip
    for each in layers:
        table.add_row(
            str(each["layer"]),
            "×".join(map(str, each["shape"])),
            *(number(each[key]) for key in ("norm", "condition_number", "feedforward_norm", "equilibrium_norm")),
            Text(number(each["product"]), "red" if (each["product"] or 0) < 0 else ""),
            number(each["energy"]),
            "—" if each["energy_share"] is None else f"{each['energy_share']:.0%}",
            shortly(each["bp_alignment"]),
            shortly(each["pc_alignment"]),
        )
    return table


def _remarks(record: dict[str, Any]) -> Iterator[str]:
    yield (
        "By batch size: the mean over at most 20 batches drawn from the data. Spread and smallest are over samples. "
        "Random networks: by formula for single samples; for more, the mean of a few drawn ones on the same batches."
    )
    yield (
        "x̂ and x* enter the layer in the forward pass and at equilibrium; norms, x*ᵀx̂ and energy (½‖ε*‖²) are means "
        "over the samples, x*ᵀx̂ with 1 added for a learned bias. BP and PC: the alignment of what this layer's own "
        "update does."
    )
    yield (
        f"Equilibrium by {record['solver'].replace('_', ' ')}, relative error about {record['accuracy']:.0e}, "
        f"energy {number(record['energy'])}."
    )
    if undefined := max(each["undefined"] for each in record["rules"]):
        yield f"Up to {undefined} samples have no residual or do not move; their alignment is undefined, and left out."
