"""`dlntheory train-linear`: train a linear network on data of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import Json, Order, Seed, Weights, read_data, read_network, refusals, refuse, use_double_precision
from .output import print_json, print_tables

if TYPE_CHECKING:
    from ..networks.network import LinearNetwork
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
        str | None, typer.Option(help="Instead of WEIGHTS, the widths of a random network.", metavar="N0,N1,…")
    ] = None,
    init: Annotated[str, typer.Option(help="Its initialisation.")] = "kaiming_uniform",
    rule: Annotated[str, typer.Option(help="bp, pc, natural or evidence.")] = "pc",
    rescaling: Annotated[
        str | None, typer.Option(help="adaptive, adaptive_positive or decorrelated.", show_default="none")
    ] = None,
    regularisation: Annotated[
        float | None, typer.Option(help="Of decorrelation matrices, such as 1e-5.", show_default="none")
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="The learning rate.")] = 0.01,
    steps: Annotated[int, typer.Option(help="Steps.", min=1)] = 500,
    batch: Annotated[
        int | None, typer.Option(help="Samples drawn for each step, with replacement.", min=1, show_default="all")
    ] = None,
    every: Annotated[
        int | None, typer.Option(help="Steps between two lines.", min=1, show_default="a tenth of all")
    ] = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="Save the weights: .npz or .safetensors.", show_default="no")] = None,
    json: Json = False,
) -> None:
    """Train a linear network on your data, and report loss, error and alignment along the way.

    The network is that of WEIGHTS, or a random one of the given widths. The error is the squared distance of the whole
    map from the best one, the least-squares map of the data.

    Exit code 0: training finished; 1: it diverged; 2: bad usage or input.
    """
    if inputs is None or targets is None:
        refuse(f"--{'inputs' if inputs is None else 'targets'} is missing; wanted --inputs and --targets.")
    if (weights is None) == (widths is None):
        refuse("wanted either WEIGHTS or --widths, one of them.")
    if weights is None and order is not None:
        refuse("--order needs WEIGHTS.")
    use_double_precision()
    net = _read_network(weights, order, widths, init, seed)
    with refusals("--out"):
        _check_out(out)
    x, y = read_data(net, inputs, targets)
    record: dict[str, Any] = {
        "name": widths if weights is None else weights.name, "rule": rule, "rescaling": rescaling,
        "regularisation": regularisation, "learning_rate": learning_rate, "steps": steps, "batch": batch, "seed": seed,
    }  # fmt: skip
    with refusals():
        trained, lines = measure(net, x, y, record, every or -(-steps // RECORDS))
    record |= {
        "outcome": trained.outcome, "finite_steps": int(trained.steps), "accuracy": float(trained.accuracy),
        "widths": net.widths, "samples": len(x), "training": lines,
    }  # fmt: skip
    if out is not None and trained.outcome == "finished":
        from ..files.weights import save_weights

        with refusals("--out"):
            save_weights(out, trained.net)
    if json:
        print_json(record)
    else:
        from ..report.tables import training_report

        print_tables(training_report(record))
    if trained.outcome != "finished":
        raise typer.Exit(1)


def _read_network(weights: Path | None, order: str | None, widths: str | None, init: str, seed: int) -> "LinearNetwork":
    """The network of the file, or a random one."""
    from ..networks.network import LinearNetwork

    if weights is not None:
        return read_network(weights, order)
    listed = (widths or "").split(",")
    if not all(each.strip().isdecimal() for each in listed):
        refuse(f"--widths is {widths!r}; wanted whole numbers such as 20,40,20.")
    with refusals():
        return LinearNetwork.random([int(each) for each in listed], init, key=seed)


def _check_out(out: Path | None) -> None:
    """Refuse now what could not be written later."""
    from ..files.arrays import ENCODERS, as_path

    if out is None:
        return
    as_path(out)
    if out.suffix.lower() not in ENCODERS:
        raise ValueError(f"{out} ends in {out.suffix or 'nothing'!r}; wanted {' or '.join(ENCODERS)}.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out} is in a folder that does not exist.")


def measure(
    net: "LinearNetwork", x: Any, y: Any, record: dict[str, Any], every: int
) -> tuple["Training", list[dict[str, Any]]]:
    """Train, and gather every so-manieth step; the last line is what is left in the end."""
    import numpy as np

    from ..training.train import train

    inputs, targets = (np.asarray(each).reshape(len(each), -1) for each in (x, y))
    best = np.linalg.lstsq(inputs, targets, rcond=None)[0].T
    options = {} if record["regularisation"] is None else {"regularisation": record["regularisation"]}
    steps = record["steps"]
    trained = train(
        net, x, y, record["learning_rate"], record["rule"], record["rescaling"], steps, record["batch"],
        record["seed"], best, every, **options,
    )  # fmt: skip
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
    left = float(np.sum((y - trained.net(x)) ** 2) / (2 * len(x))) if trained.outcome == "finished" else np.inf
    return trained, [*lines, {"step": steps, "loss": left, "error": float(trained.error[steps]), "alignment": None}]
