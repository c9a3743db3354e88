"""`dlntheory train-linear`: train a linear network on data of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import (
    Json,
    Order,
    Seed,
    Weights,
    read_data,
    read_network,
    refusals,
    refuse,
    refuse_unwritable,
    use_double_precision,
    whole_numbers,
)
from .output import print_json, print_tables, track

if TYPE_CHECKING:
    from ..networks.network import LinearNetwork
    from ..report.linear_training import RuleTraining
    from ..training.train import Training

RECORDS = 10
"""Lines of the table, if nothing else is asked for, and the last."""


def train_linear(
    weights: Weights = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Inputs: .npy, (samples, n_0), or images.", show_default=False)
    ] = None,
    targets: Annotated[Path | None, typer.Option(help="Targets: .npy, (samples, n_L).", show_default=False)] = None,
    order: Order = None,
    widths: Annotated[
        str | None, typer.Option(help="Widths of a random network, instead of WEIGHTS.", metavar="N0,N1,…")
    ] = None,
    init: Annotated[str, typer.Option(help="Initialisation of the random network.")] = "kaiming_uniform",
    rule: Annotated[str, typer.Option(help="bp, pc, natural or evidence.")] = "pc",
    rescaling: Annotated[
        str | None, typer.Option(help="adaptive, adaptive_positive or decorrelated.", show_default="none")
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            help="Several rules with their rescalings, side by side, instead of --rule.",
            metavar="bp,pc,pc:decorrelated",
            show_default="none",
        ),
    ] = None,
    regularisation: Annotated[
        float | None, typer.Option(help="Regularisation of decorrelation matrices, such as 1e-5.", show_default="none")
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Learning rate.")] = 0.01,
    steps: Annotated[int, typer.Option(help="Number of steps.", min=1)] = 500,
    batch: Annotated[
        int | None, typer.Option(help="Samples drawn for each step, with replacement.", min=1, show_default="all")
    ] = None,
    every: Annotated[
        int | None, typer.Option(help="Steps between two lines of the table.", min=1, show_default="a tenth of all")
    ] = None,
    seed: Seed = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves: .png, .pdf or .svg.", show_default="none")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write every step as .csv.", show_default="none")] = None,
    out: Annotated[Path | None, typer.Option(help="Save the weights: .npz or .safetensors.", show_default="no")] = None,
    json: Json = False,
) -> None:
    """Train a linear network on your data, and report loss, error and alignment along the way.

    The network comes from WEIGHTS, or a random one of the given widths. The error is the squared distance of the whole
    map from the best one, the least-squares map of the data. With --rules, several rules from the same weights and with
    the same draws.

    Ctrl-C ends the training early; what was done until then is printed and written.

    Exit code 0: training finished; 1: it diverged; 2: bad usage or input; 130: interrupted.
    """
    if inputs is None or targets is None:
        refuse(f"--{'inputs' if inputs is None else 'targets'} is missing; wanted --inputs and --targets.")
    if (weights is None) == (widths is None):
        refuse("wanted either WEIGHTS or --widths, one of them.")
    if weights is None and order is not None:
        refuse("--order needs WEIGHTS.")
    use_double_precision()
    net = _read_network(weights, order, widths, init, seed)
    wanted = [(rule, rescaling)] if rules is None else _as_rules(rules, rescaling, out)
    _check_files(out, plot, csv)
    x, y = read_data(net, inputs, targets)
    record: dict[str, Any] = {
        "name": widths if weights is None else weights.name, "regularisation": regularisation,
        "learning_rate": learning_rate, "steps": steps, "batch": batch, "seed": seed, "widths": net.widths,
        "samples": len(x),
    }  # fmt: skip
    with refusals():
        runs, interrupted = train_each(net, x, y, wanted, record, every or -(-steps // RECORDS))
    record["steps"] = len(runs[0].trained.loss)
    _write(runs, record, out, plot, csv)
    _print(runs, record, rules is not None, json)
    if interrupted:
        typer.echo(
            f"Interrupted; what {len(runs)} of {len(wanted)} rules did is kept, {record['steps']} steps.", err=True
        )
        raise typer.Exit(130)
    if any(run.advice is not None for run in runs):
        raise typer.Exit(1)


def _as_rules(text: str, rescaling: str | None, out: Path | None) -> list[tuple[str, str | None]]:
    """Rules, each with its rescaling after a colon."""
    for name, given in (("--rescaling", rescaling), ("--out", out)):
        if given is not None:
            refuse(f"{name} is about a single rule; wanted --rule with it, and not --rules.")
    pairs = [each.strip().partition(":") for each in text.split(",")]
    return list(dict.fromkeys((rule, after or None) for rule, _, after in pairs))


def train_each(
    net: "LinearNetwork", x: Any, y: Any, wanted: list[tuple[Any, Any]], record: dict[str, Any], every: int
) -> tuple[list["RuleTraining"], bool]:
    """Train by every rule with the same settings and the same draws; and whether that was interrupted.

    A rule that was interrupted does not compare with others, and is left out unless it is the first.
    """
    from ..report.linear_training import RuleTraining, advise
    from ..training.algorithm import Algorithm

    for rule, rescaling in wanted:  # before the first one trains
        Algorithm(rule, rescaling, **_options(record))
    runs: list[RuleTraining] = []
    for rule, rescaling in track(wanted, "Training") if len(wanted) > 1 else wanted:
        try:
            trained, lines, interrupted = measure(net, x, y, {**record, "rule": rule, "rescaling": rescaling}, every)
        except KeyboardInterrupt:
            if not runs:
                raise
            return runs, True
        if runs and len(trained.loss) < record["steps"]:
            return runs, True
        diverged = trained.outcome != "finished"
        advice = advise(net, x, y, record["learning_rate"], rule, rescaling, **_options(record)) if diverged else None
        runs.append(RuleTraining(rule, rescaling, trained, lines, advice))
        if interrupted:
            return runs, True
    return runs, False


def _options(record: dict[str, Any]) -> dict[str, Any]:
    return {} if record["regularisation"] is None else {"regularisation": record["regularisation"]}


def _write(
    runs: list["RuleTraining"], record: dict[str, Any], out: Path | None, plot: Path | None, csv: Path | None
) -> None:
    """The files that were asked for."""
    from ..files.arrays import write_atomically
    from ..files.weights import save_weights
    from ..report.linear_training import runs_csv, runs_picture
    from ..report.pictures import save_picture

    if out is not None and runs[0].advice is None:
        with refusals("--out"):
            save_weights(out, runs[0].trained.net)
    if plot is not None:
        with refusals("--plot"):
            save_picture(runs_picture(record, runs), plot)
    if csv is not None:
        with refusals("--csv"):
            write_atomically(csv, runs_csv(runs))


def _print(runs: list["RuleTraining"], record: dict[str, Any], several: bool, json: bool) -> None:
    from ..report.linear_training import runs_report
    from ..report.tables import training_report

    if not several:
        record = {**record, **runs[0].as_record()}
    if json:
        print_json(record | {"runs": [run.as_record() for run in runs]} if several else record)
    else:
        print_tables(runs_report(record, runs) if several else training_report(record))


def _read_network(weights: Path | None, order: str | None, widths: str | None, init: Any, seed: int) -> "LinearNetwork":
    """The network of the file, or a random one."""
    from ..networks.network import LinearNetwork

    if weights is not None:
        return read_network(weights, order)
    sizes = whole_numbers("--widths", widths or "")
    with refusals():
        return LinearNetwork.random(sizes, init, key=seed)


def _check_files(out: Path | None, plot: Path | None, csv: Path | None) -> None:
    """Refuse now the paths that could not be written later."""
    from ..files.arrays import ENCODERS
    from ..report.pictures import FORMATS

    for name, path, suffixes in (("--out", out, ENCODERS), ("--plot", plot, FORMATS), ("--csv", csv, (".csv",))):
        if path is not None:
            refuse_unwritable(name, path, suffixes)


def measure(
    net: "LinearNetwork", x: Any, y: Any, record: dict[str, Any], every: int
) -> tuple["Training", list[dict[str, Any]], bool]:
    """Train, and gather a row after each ``every`` steps, the last at the end; and say whether Ctrl-C came."""
    import numpy as np

    from .train_in_parts import train_in_parts

    inputs, targets = (np.asarray(each).reshape(len(each), -1) for each in (x, y))
    best = np.linalg.lstsq(inputs, targets, rcond=None)[0].T
    trained, interrupted = train_in_parts(
        net, x, y, record["steps"], record["batch"], record["seed"], every, learning_rate=record["learning_rate"],
        rule=record["rule"], rescaling=record["rescaling"], target=best, **_options(record),
    )  # fmt: skip
    steps = len(trained.loss)
    assert trained.error is not None
    assert trained.alignment is not None
    lines = [
        {
            "step": step,
            "loss": float(trained.loss[step]),
            "error": float(trained.error[step]),
            "alignment": float(trained.alignment[index]),
        }
        for index, step in enumerate(range(0, steps, every))
    ]
    with np.errstate(over="ignore"):  # numbers may be on their way to infinity
        left = float(np.sum((y - trained.net(x)) ** 2) / (2 * len(x))) if trained.outcome == "finished" else np.inf
    last = {"step": steps, "loss": left, "error": float(trained.error[steps]), "alignment": None}
    return trained, [*lines, last], interrupted
