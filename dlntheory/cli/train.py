"""`dlntheory train`: nonlinear networks trained by predictive coding or backpropagation, in runs that resume."""

import shlex
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import Json, refusals, use_devices, use_double_precision
from .output import print_record
from .training_options import takes_options

if TYPE_CHECKING:
    from ..pcn.runs.config import TrainingConfig

FIGURE = "training.png"


@takes_options()
def train(
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/DATA-MODEL-ALGORITHM-SEED")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in OUT, if there is one.")] = False,
    list_algorithms: Annotated[
        bool, typer.Option("--list-algorithms", help="Print every algorithm with its source, and end.")
    ] = False,
    json: Json = False,
    **given: Any,
) -> None:
    """Train a network by predictive coding or backpropagation.

    A run that is killed goes on with --resume, and ends with the same numbers. OUT has config.json, metrics.jsonl,
    checkpoints, summary.json and a figure of energy by layer and accuracy.

    Exit code 0: finished; 1: diverged, the last good checkpoint is kept; 2: bad usage or input.
    """
    if list_algorithms:
        print_algorithms(json)
        return
    config = configure(given, out, resume)
    folder = out or Path("runs") / f"{config.data_name}-{config.model}-{config.algorithm}-{config.seed}"
    follow(config, folder, resume)
    summary = finished(folder, config)
    from ..report.training import training_report

    print_record(summary, json, training_report(summary))


def configure(given: dict[str, Any], out: Path | None, resume: bool) -> "TrainingConfig":
    """The configuration, checked: the resumed run's or the default one, with the given options."""
    from ..pcn.runs.config import TrainingConfig
    from ..pcn.runs.folder import CONFIG, read_config

    with refusals():
        old = read_config(out) if resume and out is not None and (out / CONFIG).is_file() else TrainingConfig()
        config = replace(old, **given)
        if config.precision == "float64":
            use_double_precision()
        use_devices(config.devices)
        config.check()
    return config


def follow(config: "TrainingConfig", folder: Path, resume: bool) -> None:
    """Train, and show how it goes."""
    from ..pcn.runs.divergence import DivergedError
    from ..pcn.runs.interruptions import end_as_if_interrupted
    from ..pcn.runs.run import run_training
    from ..report.training import TrainingDisplay

    end_as_if_interrupted()
    with refusals(), notes():
        try:
            with closing(run_training(config, folder, resume)) as records, TrainingDisplay(config.epochs) as display:
                for record in records:
                    display.show(record)
        except DivergedError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            command = shlex.join(["dlntheory", "train", "--resume", "--out", str(folder)])
            typer.echo(f"Interrupted; go on with: {command}", err=True)
            raise


@contextmanager
def notes() -> Iterator[None]:
    """Show warnings as notes on the standard error, without the place in the code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: typer.echo(f"Note: {message}", err=True)
        yield


def finished(folder: Path, config: "TrainingConfig") -> dict[str, Any]:
    """Draw the run, and gather its results."""
    import json

    from ..pcn.runs.folder import METRICS, SUMMARY
    from ..pcn.runs.metrics import read_metrics
    from ..report.pictures import save_picture
    from ..report.training_pictures import training_picture

    metrics = list(read_metrics(folder / METRICS))
    epochs = [record for record in metrics if record["kind"] == "epoch"]
    with refusals("--out"):
        title = f"{config.model} on {config.data_name}, {config.algorithm}"
        save_picture(training_picture(title, metrics, config.measure), folder / FIGURE)
        summary = json.loads((folder / SUMMARY).read_text("utf-8"))
    return {"folder": str(folder), "config": config.as_json(), "measure": config.measure, "summary": summary,
            "epochs": epochs}  # fmt: skip


def print_algorithms(json: bool) -> None:
    """Print the table of presets."""
    from ..pcn.choices.presets import PRESETS

    records = [{"name": name, "description": preset.description, "source": preset.source}
               for name, preset in PRESETS.items()]  # fmt: skip
    from ..report.training import algorithms_report

    print_record(records, json, algorithms_report(records))
