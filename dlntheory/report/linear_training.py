"""Trainings of linear networks by several rules: tables, curves as CSV and as a picture, and a word on divergence."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from rich.console import RenderableType

from ..learning.kernel import update_kernel
from ..networks.network import LinearNetwork
from ..numerics.precision import PrecisionError
from ..training.train import Training
from .style import COLOURS, LINES, PAGE, entitle, head, legend_below, styled
from .tables import network_title, titled_table
from .words import fixed, number, rule_name, size

BEYOND = 1e3
"""The largest error in a picture, in units of the error at the start."""


class RuleTraining(NamedTuple):
    """A training by a rule and a rescaling; the lines of its table, and what to try if it diverged."""

    rule: str
    rescaling: str | None
    trained: Training
    lines: list[dict[str, Any]]
    advice: str | None

    @property
    def name(self) -> str:
        """The rule with its rescaling."""
        return rule_name(self.rule, self.rescaling)

    def as_record(self) -> dict[str, Any]:
        """The run for JSON."""
        return {
            "rule": self.rule, "rescaling": self.rescaling, "outcome": self.trained.outcome,
            "finite_steps": int(self.trained.steps), "accuracy": float(self.trained.accuracy), "advice": self.advice,
            "training": self.lines,
        }  # fmt: skip


def advise(net: LinearNetwork, x: Any, y: Any, learning_rate: float, rule: Any, rescaling: Any, **options: Any) -> str:
    """Say what to try after a divergence, in a line.

    A step multiplies the residuals by ``I − η K``, with ``K`` the update kernel of the whole batch. So from ``2/‖K‖``
    on it may enlarge them, before the weights have moved at all.
    """
    limit = None
    try:
        kernel = update_kernel(net, x, y, rule, rescaling, **options)
        limit = 2 / float(kernel.spectrum(1 if kernel.size > 1 else None)[0])
    except (PrecisionError, ValueError, ArithmeticError):
        pass
    rate = learning_rate / 10
    reason = "the first steps shrink the residuals, but weights grow"
    if limit is not None and learning_rate > limit / 2:
        rate, reason = limit / 4, f"the first step may enlarge residuals from 2/‖K‖ = {number(limit)} on"
    others = {
        "adaptive": ", or --rescaling adaptive_positive",
        "decorrelated": "" if options.get("regularisation") else ", or --regularisation 1e-5",
    }
    return f"Try --learning-rate {rate:.1g}{others.get(rescaling or '', '')}: {reason}."


def runs_report(record: dict[str, Any], runs: Sequence[RuleTraining]) -> Iterator[RenderableType]:
    """The error of every rule, and its alignment, step by step; and the best."""
    drawn = "all samples" if record["batch"] is None else f"batches of {record['batch']}"
    yield f"{network_title(record)}, {drawn}, learning rate {record['learning_rate']:g}"
    for title, key, text in (("Squared error of the map", "error", size), ("Target alignment", "alignment", fixed)):
        table = titled_table(title, ">step", *(f">{run.name}" for run in runs))
        for lines in zip(*(run.lines for run in runs), strict=True):
            if any(line[key] is not None for line in lines):
                table.add_row(str(lines[0]["step"]), *(text(line[key]) for line in lines))
        yield table
    finished = [run for run in runs if run.advice is None]
    if finished:
        best = min(finished, key=lambda run: run.lines[-1]["error"])
        yield f"\nLowest error after {record['steps']} steps: {best.name}, {size(best.lines[-1]['error'])}."
    for run in runs:
        if run.advice is not None:
            yield f"\n{run.name} diverged after {int(run.trained.steps)} steps. {run.advice}"


def runs_csv(runs: Sequence[RuleTraining]) -> bytes:
    """Every step of every run: the numbers before it, and after the last one the error; empty where not measured."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("rule", "rescaling", "step", "loss", "error", "alignment"))
    for run in runs:
        columns = run.trained.to_dict()
        for step, loss, alignment in zip(columns["step"], columns["loss"], columns["alignment"], strict=True):
            error = float(run.trained.error[step])  # type: ignore[index]
            table.writerow((run.rule, run.rescaling or "", step, loss, error, "" if np.isnan(alignment) else alignment))
        last = len(columns["step"])
        table.writerow((run.rule, run.rescaling or "", last, "", float(run.trained.error[last]), ""))  # type: ignore[index]
    return text.getvalue().encode()


@styled()
def runs_picture(record: dict[str, Any], runs: Sequence[RuleTraining]) -> Figure:
    """Error and alignment along the trainings, a line for each rule; a run that diverged ends with a cross."""
    figure = Figure(figsize=(PAGE, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    entitle(figure, f"{network_title(record)}, learning rate {record['learning_rate']:g}")
    head(left, "Error of the map", "A")
    head(right, "Target alignment", "B")
    for run in runs:
        look: dict[str, Any] = {"color": COLOURS[run.rule], "linestyle": LINES[run.rescaling], "label": run.name}
        errors = np.asarray(run.trained.error)
        shown = np.flatnonzero((errors > 0) & (errors <= BEYOND * errors[0]))
        left.semilogy(shown, errors[shown], **look)
        if run.advice is not None and len(shown):
            left.plot(shown[-1], errors[shown[-1]], "x", color=COLOURS[run.rule])
        lines = [line for line in run.lines if line["alignment"] is not None]
        right.plot([line["step"] for line in lines], [line["alignment"] for line in lines], marker=".", **look)
    left.set(xlabel="step", ylabel="squared error of the map")
    right.set(xlabel="step", ylabel="target alignment")
    legend_below(figure)
    return figure
