"""The records of the command line as tables and sentences."""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

SHOWN = 3
"""How many failed hypotheses of a theorem are listed."""

FIXED = ("network", "widths", "theorem", "rule", "W")
"""Columns that never wrap."""

LABELS = {"bp": "BP", "pc": "PC", "natural": "natural gradient", "evidence": "evidence"}
RESCALINGS = {"adaptive_positive": "adaptive, positive"}


def number(value: float | int | None) -> str:
    """A number to three digits; a dash where there is none."""
    if value is None or math.isnan(value):
        return "—"
    return str(int(value)) if abs(value) < 1e4 and value == int(value) else f"{value:.3g}"


def fixed(value: float | None) -> str:
    """An alignment to four decimals, never rounded up to one."""
    if value is None or math.isnan(value):
        return "—"
    return f"{math.trunc(value * 1e4) / 1e4:.4f}" if abs(1 - value) > 1e-9 else "1.0000"


def rule_name(rule: str, rescaling: str | None) -> str:
    """What a rule with a rescaling is called."""
    return LABELS[rule] if rescaling is None else f"{LABELS[rule]}, {RESCALINGS.get(rescaling, rescaling)}"


def chain(widths: Iterable[int]) -> str:
    """The widths of a network; a long run of the same one is counted."""
    runs = [(str(width), len(list(run))) for width, run in itertools.groupby(widths)]
    return "-".join("-".join([width] * count) if count < 5 else f"{width} ({count}×)" for width, count in runs)


def network_title(record: dict[str, Any]) -> str:
    """A network's name and sizes."""
    plural = "" if record["samples"] == 1 else "s"
    return f"{record['name']}: widths {chain(record['widths'])}, {record['samples']} sample{plural}"


def verify_report(record: dict[str, Any], verbose: bool = False) -> Iterator[RenderableType]:
    """Everything that `dlntheory verify` says."""
    yield _networks(record["networks"])
    yield _theorems(record["networks"])
    if verbose:
        yield from _every_hypothesis(record["networks"])
    else:
        yield from _unmet(record["networks"])
    yield _printed(record)
    if len(record["networks"]) == 1:
        for check in record["networks"][0]["theorems"]:
            yield Padding(f"Theorem {check['theorem']}: {check['detail']}", (1, 0, 0, 0))
    yield _conclusion(record)


class _Row(NamedTuple):
    network: str
    check: dict[str, Any]


def _rows(networks: Iterable[dict[str, Any]], kind: str) -> list[_Row]:
    return [_Row(network["name"], check) for network in networks for check in network[kind]]


def _networks(networks: list[dict[str, Any]]) -> RenderableType:
    table = _table("Networks", "network", "widths", ">samples", "description")
    for each in networks:
        table.add_row(each["name"], chain(each["widths"]), str(each["samples"]), each["description"])
    return table


def _theorems(networks: list[dict[str, Any]]) -> RenderableType:
    table = _table("Theorems", *_VERDICT)
    for name, group in ((network["name"], _rows([network], "theorems")) for network in networks):
        for index, row in enumerate(group):
            fine = row.check["holds"] or not row.check["applicable"]
            table.add_row(
                "" if index else name,
                *_verdict_cells(row.check, "" if fine else "bold red"),
                end_section=index == len(group) - 1,
            )
    return table


_VERDICT = ("network", "theorem", "applies", "holds", ">error", ">tolerance", ">alignment")


def _verdict_cells(check: dict[str, Any], style: str) -> list[RenderableType]:
    return [
        str(check["theorem"]),
        _yes(check["applicable"]),
        Text("yes" if check["holds"] else "no", style or ("green" if check["holds"] else "")),
        f"{check['error']:.1e}",
        f"{check['tolerance']:.1e}",
        fixed(_mean(check["alignment"])),
    ]


def _printed(record: dict[str, Any]) -> RenderableType:
    table = _table("As printed in the papers, wrongly", *_VERDICT)
    for check in record["counterexamples"]:
        style = "" if check["refuted"] else "bold red"
        table.add_row("counterexample", *_verdict_cells(check, style))
    table.add_section()
    for network in record["networks"]:
        for index, check in enumerate(network["printed"]):
            table.add_row("" if index else network["name"], *_verdict_cells(check, "dim"), style="dim")
    return table


def _unmet(networks: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """Why theorems do not apply."""
    rows = [row for row in _rows(networks, "theorems") if not row.check["applicable"]]
    if not rows:
        return
    table = _table(
        "Why a theorem does not apply", "network", "theorem", "hypothesis that fails", ">value", ">threshold"
    )
    for name, check in rows:
        failed = [(key, each) for key, each in check["hypotheses"].items() if not each["holds"]]
        _add_hypotheses(table, name, check, failed[:SHOWN])
        if len(failed) > SHOWN:
            table.add_row("", "", f"… and {len(failed) - SHOWN} more: --verbose", "", "")
    yield table


def _every_hypothesis(networks: list[dict[str, Any]]) -> Iterator[RenderableType]:
    table = _table("Hypotheses", "network", "theorem", "hypothesis", "holds", ">value", ">threshold")
    for name, check in _rows(networks, "theorems"):
        _add_hypotheses(table, name, check, list(check["hypotheses"].items()), holds=True)
    yield table


def _add_hypotheses(
    table: Table, name: str, check: dict[str, Any], hypotheses: list[tuple[str, dict[str, Any]]], holds: bool = False
) -> None:
    for index, (key, each) in enumerate(hypotheses):
        first = ("", "") if index else (name, str(check["theorem"]))
        middle = [_yes(each["holds"])] if holds else []
        table.add_row(*first, Text(key), *middle, number(each["value"]), number(each["threshold"]))
    table.add_section()


def _conclusion(record: dict[str, Any]) -> RenderableType:
    checks = [row.check for row in _rows(record["networks"], "theorems")]
    applied = [check for check in checks if check["applicable"]]
    broken = [check for check in applied if not check["holds"]]
    wrong = [check["theorem"] for check in record["counterexamples"] if not check["refuted"]]
    sentences = []
    if not applied:
        sentences.append("No theorem applies here; the table above says why.")
    elif broken:
        sentences.append(f"{len(broken)} of the {len(applied)} theorems that apply do not hold.")
    else:
        sentences.append(f"Every theorem that applies holds ({len(applied)} of {len(checks)} apply).")
    if wrong:
        sentences.append(f"Not refuted by its counterexample: {', '.join(wrong)}.")
    else:
        sentences.append("Every statement that is printed wrongly fails on its recorded counterexample.")
    return Padding(Text(" ".join(sentences), "bold green" if record["passed"] else "bold red"), (1, 0))


def align_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """Everything that `dlntheory align` says."""
    yield Text.assemble((network_title(record), "bold"), f" ({record['description']})")
    yield _alignments(record["rules"])
    yield _layers(record["layers"])
    yield Padding(Text("\n".join(_remarks(record))), (1, 0))


def _alignments(rules: list[dict[str, Any]]) -> RenderableType:
    table = _table("Target alignment", "rule", ">mean", ">spread", ">smallest", "")
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
    table = _table(
        "Layers", ">layer", "W", ">‖W‖", ">cond W", ">‖x̂‖", ">‖x*‖", ">x*ᵀx̂", ">energy", ">share"
    )  # fmt: skip
    for each in layers:
        table.add_row(
            str(each["layer"]),
            "×".join(map(str, each["shape"])),
            *(number(each[key]) for key in ("norm", "condition_number", "feedforward_norm", "equilibrium_norm")),
            Text(number(each["product"]), "red" if each["product"] < 0 else ""),
            number(each["energy"]),
            "—" if each["energy_share"] is None else f"{each['energy_share']:.1%}",
        )
    return table


def _remarks(record: dict[str, Any]) -> Iterator[str]:
    yield (
        "x̂ and x* enter the layer in the forward pass and at equilibrium; norms, x*ᵀx̂ and energy (½‖ε*‖²) are means "
        "over the samples, x*ᵀx̂ with 1 added for a learned bias."
    )
    yield (
        f"Equilibrium by {record['solver'].replace('_', ' ')}, relative error about {record['accuracy']:.0e}, "
        f"energy {number(record['energy'])}."
    )
    if record["negative_rates"]:
        listed = ", ".join(map(str, record["negative_rates"]))
        yield f"Negative adaptive learning rates in layer {listed}: there, adaptive PC climbs its energy."
    if undefined := max(each["undefined"] for each in record["rules"]):
        yield f"Up to {undefined} samples have no residual or do not move; their alignment is undefined, and left out."


def training_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """Everything that `dlntheory train-linear` says."""
    drawn = "all samples" if record["batch"] is None else f"batches of {record['batch']}"
    yield f"{network_title(record)}, {drawn}, learning rate {record['learning_rate']:g}\n"
    table = _table(rule_name(record["rule"], record["rescaling"]), ">step", ">loss", ">error", ">alignment")
    for line in record["training"]:
        table.add_row(str(line["step"]), _size(line["loss"]), _size(line["error"]), fixed(line["alignment"]))
    yield table
    if record["outcome"] != "finished":
        yield f"\nDiverged: numbers were finite for {record['finite_steps']} steps of {record['steps']}."


def _size(value: float) -> str:
    return f"{value:.3e}" if math.isfinite(value) else "∞"


def _table(title: str, *columns: str) -> Table:
    """A table; ``>`` before a column's name aligns it to the right."""
    table = Table(
        title=f"\n{title}", title_style="bold", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        name = column.removeprefix(">")
        side: Any = "right" if name != column else "left"
        table.add_column(name, justify=side, header_style="dim", no_wrap=name in FIXED)
    return table


def _yes(value: bool) -> Text:
    return Text("yes" if value else "no")


def _mean(values: list[float]) -> float | None:
    defined = [value for value in values if math.isfinite(value)]
    return sum(defined) / len(defined) if defined else None
