"""The numbers of a study beside those that the paper prints: a record, and the same as CSV and as a page."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.report.words import with_unit

from ..provenance import configuration
from ..results import deviation
from .cells import Cell
from .measures import COLUMNS, MEASURES, as_tested, judged
from .row import TESTED, Place, Row
from .runner import Finished, encode

ABSENT = {each.name: each.metadata["absent"] for each in fields(TrainingConfig)}
"""By option, what it stands for if nothing is said."""
TRIAL = "The scale quick tries that everything runs; its numbers mean nothing."


def record(
    row: Row,
    scale: str,
    cells: Sequence[Cell],
    outcomes: Sequence[Finished | None],
    missing: Sequence[str],
    command: str | None = None,
) -> dict[str, Any]:
    """The study as JSON: a line for every cell and measure, and how it differs from the paper.

    Args:
        row: what was run.
        scale: at which scale.
        cells: that were asked for, and whose data are there.
        outcomes: what each came to; ``None`` if it is not finished.
        missing: the data sets that are not there.
        command: that computed them; ``None``: the one of the whole study.
    """
    trained = [(cell, outcome) for cell, outcome in zip(cells, outcomes, strict=True) if outcome is not None]
    done = [(each, as_tested(outcome, each.place.get(TESTED))) for cell, outcome in trained for each in cell.readings]
    read = [each for cell in cells for each in cell.readings]
    lines = [line(row, measure, place, done) for place in chosen(row, read, done) for measure in row.measures]
    return configuration(
        command or f"dlntheory study {row.name} --scale {scale}",
        study=row.name, item=row.item, title=row.title, scale=scale, source=row.source,
        cells=len(cells), finished=len(trained), left_out=list(missing),
        chosen=[axis for axis in row.choose if len({cell.place[axis] for cell in read}) > 1],
        differs=[*row.differs, *differences(row, scale, cells)], axes=list(row.axes),
        trial=TRIAL if scale == "quick" else "",
        measures={name: MEASURES[name].meaning for name in row.measures}, lines=lines,
    )  # fmt: skip


def chosen(row: Row, cells: Sequence[Cell], done: Iterable[tuple[Cell, Any]]) -> list[Place]:
    """The places to tell of: all, or of those that differ on the chosen axes alone the best."""
    places = {tuple(cell.place.items()): cell.place for cell in cells}.values()
    if not row.choose:
        return list(places)
    accuracies: dict[tuple[str, ...], list[float]] = {}
    for cell, outcome in done:
        accuracies.setdefault(tuple(cell.place.values()), []).append(judged(outcome))
    best: dict[tuple[str, ...], tuple[float, Place]] = {}
    for place in places:
        alike = tuple(value for axis, value in place.items() if axis not in row.choose)
        accuracy = float(np.mean(accuracies.get(tuple(place.values()), -np.inf)))
        if alike not in best or accuracy > best[alike][0]:
            best[alike] = accuracy, place
    return [place for _, place in best.values()]


def line(row: Row, measure: str, place: Place, done: Iterable[tuple[Cell, Any]]) -> dict[str, Any]:
    """A measure of a cell over its seeds, beside the paper's number."""
    by_seed = {cell.seed: outcome for cell, outcome in done if cell.place == place}
    outcomes = by_seed.values()
    values = np.array([MEASURES[measure].value(outcome) for outcome in outcomes])
    mean = number(values.mean()) if len(values) else None
    printed = row.published_value(measure, place)
    theory = [each["theory"][measure] for each in outcomes if measure in each.get("theory", ())]
    return {
        **place, "measure": measure, "unit": MEASURES[measure].unit, "seeds": len(values),
        "mean": mean, "deviation": number(deviation(values)) if len(values) else None,
        "published": printed and printed.mean, "published_deviation": printed and printed.deviation,
        "difference": None if printed is None or mean is None else mean - printed.mean,
        "diverged": sum(outcome["diverged"] is not None for outcome in outcomes),
        "theory": number(np.mean(theory)) if theory else None, "theory_seeds": len(theory),
        "by_seed": dict(zip(map(str, by_seed), map(number, values), strict=True)),
    }  # fmt: skip


def number(value: Any) -> float | None:
    """A number that JSON has; ``None`` for NaN and infinity."""
    return float(value) if np.isfinite(value) else None


def differences(row: Row, scale: str, cells: Sequence[Cell]) -> list[str]:
    """The differences from the paper's scale: values of axes that were left out or added, and option by option.

    A trial at the scale ``"quick"`` leaves out nearly all values.
    """
    seeds = [] if row.count(scale) == row.seeds else [("seeds", str(row.count(scale)), str(row.seeds))]
    options = [
        (name, _told(name, getattr(cell.config, name)), _told(name, getattr(cell.paper, name)))
        for cell in cells
        for name in cell.config.differences(cell.paper)
    ]
    axes = [] if scale == "quick" else list(_other_axes(row, scale))
    return instead([*seeds, *axes, *options], "paper" if row.item else "in full")


def _other_axes(row: Row, scale: str) -> Iterable[tuple[str, str, str]]:
    """The axes whose values are others than at the paper's scale: the name, the values, and the paper's."""
    for axis, values in row.axes.items():
        own, paper = (
            ", ".join(each for each in values if each in {place[axis] for place in row.places(each_scale)})
            for each_scale in (scale, "paper")
        )
        if own != paper:
            yield axis, own, paper


def instead(differing: Iterable[tuple[str, str, str]], where: str = "paper") -> list[str]:
    """By name, what is here, and in brackets what is in the paper."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for name, own, paper in differing:
        found.setdefault(name, {}).setdefault(own, {})[paper] = None
    return [
        f"{name}: {'; '.join(f'{own} ({where}: {_listed(papers)})' for own, papers in pairs.items())}"
        for name, pairs in found.items()
    ]


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _told(option: str, value: Any) -> str:
    """The value of an option; in place of ``None``, what it stands for."""
    return str(ABSENT[option] if value is None else value)


def files(row: Row, study: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a study, by name."""
    return packed(study, [*study["axes"], *COLUMNS], study["lines"], as_page(study, f"{row.name}.png"))


def packed(
    study: Mapping[str, Any], names: Sequence[str], lines: Iterable[Mapping[str, Any]], text: str
) -> dict[str, bytes]:
    """A record, its lines as comma-separated values with these columns, and its page."""
    table = io.StringIO()
    writer = csv.DictWriter(table, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return {
        "results.json": encode(study),
        f"{study['study']}.csv": table.getvalue().encode(),
        "README.md": text.encode(),
    }


def as_page(study: Mapping[str, Any], picture: str | None) -> str:
    """The lines as a page in Markdown."""
    printed = any(each["published"] is not None for each in study["lines"])
    theory = any(each["theory_seeds"] for each in study["lines"])
    header = [*study["axes"], "measure", "mean ± deviation", *(["paper", "difference"] if printed else ())]
    header += ["seeds", "diverged"]
    header += ["linear theory", "its seeds"] if theory else []
    rows = [
        [*(each[axis] for axis in study["axes"]), with_unit(each["measure"], each["unit"]),
         shown(each["mean"], each["deviation"]), *(beside(each) if printed else ()),
         str(each["seeds"]), str(each["diverged"]),
         *([shown(each["theory"], None), str(each["theory_seeds"])] if theory else ())]
        for each in study["lines"]
    ]  # fmt: skip
    said = [
        f"{study['item']}{'. ' if study['item'] else ''}`{study['command']}`, {study['finished']} of {study['cells']} "
        "trainings are finished. Means, and sample standard deviations (n − 1), over seeds. "
        + " ".join(f"{name}: {meaning}." for name, meaning in study["measures"].items()),
        study["trial"],
        "Linear theory: the same of the trained networks, linearised at eight samples' forward passes, mean over its "
        "seeds." if theory else "",
        f"Hyperparameters: {study['source']}." if study["source"] else "",
        f"Of {' and '.join(study['chosen'])} only the value with the best accuracy is told, as the mean over seeds in "
        "validation, or without one in the test." if study["chosen"] else "",
    ]  # fmt: skip
    return page(study, said, header, rows, picture)


def page(
    study: Mapping[str, Any], said: Iterable[str], header: Sequence[str], rows: Iterable[Sequence[str]],
    picture: str | None,
) -> str:  # fmt: skip
    """A study's title, what is said of it, what differs from the paper, its table and its picture."""
    where = "paper" if study["item"] else "full sizes"
    parts = [
        f"# {study['study']}: {study['title']}",
        *said,
        "\n".join([f"What differs from the {where}:", "", *(f"- {each}" for each in study["differs"])])
        if study["differs"] else "",
        f"Left out, as their data are not there: {', '.join(study['left_out'])}." if study["left_out"] else "",
        "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)),
        f"![{study['study']}]({picture})" if picture else "",
    ]  # fmt: skip
    return "\n\n".join(filter(None, parts)) + "\n"


def beside(line: Mapping[str, Any]) -> list[str]:
    """The paper's number, and the difference from it, in the measure's unit."""
    return [shown(line["published"], line["published_deviation"]), shown(line["difference"], None)]


def shown(value: float | None, spread: float | None) -> str:
    """A number with its deviation, to four digits; a dash for none."""
    if value is None:
        return "–"
    return f"{value:.4g}" if spread is None else f"{value:.4g} ± {spread:.2g}"
