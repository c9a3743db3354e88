"""The records of the command line as tables and sentences."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .words import chain, count, fixed, number, rule_name, size

SHOWN = 3
"""The number of failed hypotheses of a theorem that are listed."""

FIXED = ("network", "widths", "theorem", "rule", "W", "algorithm", "study", "statement", "name")
"""Columns that never wrap."""


def network_title(record: dict[str, Any]) -> str:
    """A network's name and sizes."""
    return f"{record['name']}: widths {chain(record['widths'])}, {count(record['samples'], 'sample')}"


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
            statement = check["theorem"]
            name = f"Theorem {statement}" if isinstance(statement, int) else statement.capitalize()
            yield Padding(f"{name}: {check['detail']}", (1, 0, 0, 0))
    yield _conclusion(record)


class _Row(NamedTuple):
    network: str
    check: dict[str, Any]


def _rows(networks: Iterable[dict[str, Any]], kind: str) -> list[_Row]:
    return [_Row(network["name"], check) for network in networks for check in network[kind]]


def _networks(networks: list[dict[str, Any]]) -> RenderableType:
    table = titled_table("Networks", "network", "widths", ">samples", "description")
    for each in networks:
        table.add_row(each["name"], chain(each["widths"]), str(each["samples"]), each["description"])
    return table


def _theorems(networks: list[dict[str, Any]]) -> RenderableType:
    table = titled_table("Theorems", *_VERDICT)
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
    table = titled_table("As printed in the papers, wrongly", *_VERDICT)
    for check in record["counterexamples"]:
        style = "" if check["refuted"] else "bold red"
        table.add_row("counterexample", *_verdict_cells(check, style))
    table.add_section()
    for network in record["networks"]:
        for index, check in enumerate(network["printed"]):
            table.add_row("" if index else network["name"], *_verdict_cells(check, "dim"), style="dim")
    return table


def _unmet(networks: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """The reasons why theorems do not apply."""
    rows = [row for row in _rows(networks, "theorems") if not row.check["applicable"]]
    if not rows:
        return
    table = titled_table(
        "Why a theorem does not apply", "network", "theorem", "hypothesis that fails", ">value", ">threshold"
    )
    for name, check in rows:
        failed = [(key, each) for key, each in check["hypotheses"].items() if not each["holds"]]
        _add_hypotheses(table, name, check, failed[:SHOWN])
        if len(failed) > SHOWN:
            table.add_row("", "", f"… and {len(failed) - SHOWN} more: --verbose", "", "")
    yield table


def _every_hypothesis(networks: list[dict[str, Any]]) -> Iterator[RenderableType]:
    table = titled_table("Hypotheses", "network", "theorem", "hypothesis", "holds", ">value", ">threshold")
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


def training_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """Everything that `dlntheory train-linear` says."""
    drawn = "all samples" if record["batch"] is None else f"batches of {record['batch']}"
    yield f"{network_title(record)}, {drawn}, learning rate {record['learning_rate']:g}\n"
    table = titled_table(rule_name(record["rule"], record["rescaling"]), ">step", ">loss", ">error", ">alignment")
    for line in record["training"]:
        table.add_row(str(line["step"]), size(line["loss"]), size(line["error"]), fixed(line["alignment"]))
    yield table
    if record["outcome"] != "finished":
        yield f"\nDiverged: numbers were finite for {record['finite_steps']} steps of {record['steps']}."
        yield record["advice"]


def titled_table(title: str | None, *columns: str) -> Table:
    """A table without lines; ``>`` before a column's name aligns it to the right."""
    above = None if title is None else f"\n{title}"
    table = Table(title=above, title_style="bold", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
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


def expect_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """Everything that `dlntheory expect` says."""
    samples = "one sample" if record["batch"] == 1 else f"batches of {record['batch']}"
    yield Text(f"Random networks of widths {chain(record['widths'])}, {record['init']}, {samples}, by formula.")
    yield Text("Alignment is 1 where an update moves the prediction straight at the target, and 0 where sideways.")
    table = Table("rule", "alignment", "at large width")
    for each in record["rules"]:
        spread = "" if each["spread"] is None else f" ± {number(float(each['spread']))}"
        table.add_row(rule_name(each["rule"], None), fixed(float(each["mean"])) + spread, fixed(float(each["limit"])))
    yield table
    if "energy" not in record:
        return
    layers = Table("layer", "energy", "share")
    for index, energy in enumerate(record["energy_by_layer"], 1):
        layers.add_row(str(index), number(float(energy)), f"{float(energy / record['energy']):.1%}")
    yield layers
    share = float(record["negative_rates"])
    yield Text(f"{share:.1%} of the layers have a negative adaptive rate (Theorem 1 holds all the same).")
