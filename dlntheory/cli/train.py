"""`dlntheory train`: nonlinear networks trained by predictive coding or backpropagation, in runs that resume."""

import shlex
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import Json, refusals, refuse, use_devices, use_double_precision
from .output import print_json, print_tables

if TYPE_CHECKING:
    from ..pcn.runs.config import TrainingConfig

DATA, MODEL, ALGORITHM, LOOP = "Data", "Model", "Algorithm (defaults: the preset's)", "Training"
FIGURE = "training.png"


def option(help: str, panel: str, default: Any = "none", **more: Any) -> Any:
    """An option whose default the configuration knows."""
    return typer.Option(help=help, rich_help_panel=panel, show_default=str(default), **more)


def train(
    data: Annotated[
        str | None,
        option(
            "Data set: digits, moons, circles, iris, mnist, fashion-mnist, kmnist, cifar10, "
            "cifar10-jpeg, cifar100, tiny-imagenet or openml:NAME.",
            DATA,
            "digits",
        ),
    ] = None,
    data_dir: Annotated[str | None, option("Folder of its files.", DATA)] = None,
    train_samples: Annotated[
        int | None, option("Keep so many training samples, classes in proportion.", DATA, "all")
    ] = None,
    test_samples: Annotated[
        int | None, option("Keep so many test samples, classes in proportion.", DATA, "all")
    ] = None,
    flip: Annotated[bool | None, option("Mirror training images at random.", DATA, "no-flip")] = None,
    crop: Annotated[int | None, option("Crop training images at random to this side.", DATA)] = None,
    padding: Annotated[int | None, option("Black pixels around them before.", DATA, 0)] = None,
    order: Annotated[str | None, option("Of the samples: shuffled, or aligned by class.", DATA, "shuffled")] = None,
    normalise: Annotated[bool | None, option("Shift and scale samples, or keep 0 to 1.", DATA, "normalise")] = None,
    model: Annotated[
        str | None,
        option(
            "MLP, AE, Conv-AE, Decoder, Conv-Decoder, AlexNet, VGG-5, 7, 9, 10, 15 or 19, or ResNet-18.", MODEL, "MLP"
        ),
    ] = None,
    hidden: Annotated[
        str | None, option("Hidden widths of the MLP, AE or Decoder, such as 128,32.", MODEL, "the model's")
    ] = None,
    channels: Annotated[
        str | None, option("Channels of the Conv-AE or Conv-Decoder, such as 32,8.", MODEL, "the model's")
    ] = None,
    kernel: Annotated[int | None, option("The side of their kernels.", MODEL, 3)] = None,
    prior: Annotated[float | None, option("Variance of a decoder's latent.", MODEL, "infinite")] = None,
    activation: Annotated[str | None, option("gelu, relu, leaky_relu, hard_tanh, …", MODEL, "gelu")] = None,
    norm: Annotated[str | None, option("Batch normalisation: standard or frozen.", MODEL)] = None,
    skip: Annotated[bool | None, option("The skip connection of VGG-19.", MODEL, "no-skip")] = None,
    auxiliary: Annotated[
        bool | None, option("Auxiliary neurons in the skips of ResNet-18.", MODEL, "no-auxiliary")
    ] = None,
    algorithm: Annotated[str | None, option("A name that --list-algorithms prints.", ALGORITHM, "PC-SE")] = None,
    inference_steps: Annotated[int | None, option("Inference steps T.", ALGORITHM, "the preset's")] = None,
    step_size: Annotated[float | None, option("Of the states.", ALGORITHM, "the preset's")] = None,
    momentum: Annotated[float | None, option("Of the states.", ALGORITHM, "the preset's")] = None,
    beta: Annotated[float | None, option("Strength of nudging.", ALGORITHM, "the preset's")] = None,
    beta_rate: Annotated[float | None, option("Growth of beta an epoch.", ALGORITHM, "the preset's")] = None,
    decay: Annotated[float | None, option("k of decaying precisions.", ALGORITHM, "the preset's")] = None,
    initial: Annotated[
        str | None,
        option("Initial state: forward, zero, random, null, class_average or hopfield.", ALGORITHM, "the preset's"),
    ] = None,
    rescaling: Annotated[
        str | None, option("Of weight updates: adaptive, adaptive_positive or decorrelated.", ALGORITHM)
    ] = None,
    output_variance: Annotated[float | None, option("Of the output's squared error.", ALGORITHM, "1")] = None,
    average_from: Annotated[
        int | None, option("Average the weights' gradients from this inference step on.", ALGORITHM, "the last only")
    ] = None,
    epochs: Annotated[int | None, option("At most so many.", LOOP, 25)] = None,
    batch_size: Annotated[int | None, option("Samples a step.", LOOP, 128)] = None,
    learning_rate: Annotated[float | None, option("Of the weights, by AdamW.", LOOP, 3e-4)] = None,
    weight_decay: Annotated[float | None, option("Of AdamW.", LOOP, 1e-4)] = None,
    schedule_epochs: Annotated[int | None, option("Epochs of the warm-up and cosine.", LOOP, "epochs")] = None,
    patience: Annotated[int | None, option("Stop after so many epochs without a better test.", LOOP, "never")] = None,
    seed: Annotated[int | None, option("Of everything that is drawn.", LOOP, 0)] = None,
    precision: Annotated[str | None, option("float32, float64, or bfloat16 (mixed).", LOOP, "float32")] = None,
    devices: Annotated[int | None, option("Devices that share each batch.", LOOP, 1)] = None,
    alignment: Annotated[bool | None, option("Measure target alignment.", LOOP, "no-alignment")] = None,
    log_every: Annotated[int | None, option("Steps between two lines of metrics.", LOOP, 20)] = None,
    checkpoint_seconds: Annotated[float | None, option("Between two checkpoints.", LOOP, 60.0)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/DATA-MODEL-ALGORITHM-SEED")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in OUT, if there is one.")] = False,
    list_algorithms: Annotated[
        bool, typer.Option("--list-algorithms", help="Print every algorithm with its source, and end.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a network by predictive coding or backpropagation.

    A run that is killed goes on with --resume, and ends with the same numbers. OUT has config.json, metrics.jsonl,
    checkpoints, summary.json and a figure of energy by layer and accuracy.

    Exit code 0: finished; 1: diverged, the last good checkpoint is kept; 2: bad usage or input.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    for own in ("out", "resume", "list_algorithms", "json"):
        given.pop(own, None)
    if list_algorithms:
        print_algorithms(json)
        return
    config = configure(given, out, resume)
    folder = out or Path("runs") / f"{config.data}-{config.model}-{config.algorithm}-{config.seed}"
    records = follow(config, folder, resume)
    summary = finished(folder, config, records)
    if json:
        print_json(summary)
    else:
        from ..report.training import training_report

        print_tables(training_report(summary))


def configure(given: dict[str, Any], out: Path | None, resume: bool) -> "TrainingConfig":
    """The configuration, checked: that of the run to resume, or the defaults, with what is given."""
    from ..pcn.runs.config import TrainingConfig
    from ..pcn.runs.folder import CONFIG, read_config

    for name in ("hidden", "channels"):
        if name in given:
            given[name] = as_widths(f"--{name}", given[name])
    with refusals():
        old = read_config(out) if resume and out is not None and (out / CONFIG).is_file() else TrainingConfig()
        config = replace(old, **given)
        if config.precision == "float64":
            use_double_precision()
        use_devices(config.devices)
        config.check()
    return config


def as_widths(name: str, text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    parts = text.split(",")
    if not all(each.strip().isdecimal() for each in parts):
        refuse(f"{name} is {text!r}; wanted whole numbers such as 128,128,128.")
    return tuple(map(int, parts))


def follow(config: "TrainingConfig", folder: Path, resume: bool) -> list[dict[str, Any]]:
    """Train, and show how it goes; the records of this process."""
    from ..pcn.runs.divergence import DivergedError
    from ..pcn.runs.interruptions import end_as_if_interrupted
    from ..pcn.runs.run import run_training
    from ..report.training import TrainingDisplay

    end_as_if_interrupted()
    with refusals():
        try:
            with closing(run_training(config, folder, resume)) as records:
                return list(shown(records, TrainingDisplay(config.epochs)))
        except DivergedError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            command = shlex.join(["dlntheory", "train", "--resume", "--out", str(folder)])
            typer.echo(f"Interrupted; go on with: {command}", err=True)
            raise


def shown(records: Iterable[dict[str, Any]], display: Any) -> Iterator[dict[str, Any]]:
    """The records, as they are shown on the standard error."""
    with display:
        for record in records:
            display.show(record)
            yield record


def finished(folder: Path, config: "TrainingConfig", records: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw the run, and gather what came out of it."""
    import json

    from ..pcn.runs.folder import METRICS, SUMMARY
    from ..pcn.runs.metrics import read_metrics
    from ..report.pictures import save_picture
    from ..report.training_pictures import training_picture

    metrics = list(read_metrics(folder / METRICS))
    epochs = [record for record in metrics if record["kind"] == "epoch"]
    with refusals("--out"):
        title = f"{config.model} on {config.data}, {config.algorithm}"
        save_picture(training_picture(title, metrics, config.measure), folder / FIGURE)
        summary = json.loads((folder / SUMMARY).read_text("utf-8"))
    return {"folder": str(folder), "config": config.as_json(), "measure": config.measure, "summary": summary,
            "epochs": epochs}  # fmt: skip


def print_algorithms(json: bool) -> None:
    """Print the table of presets."""
    from ..pcn.choices.algorithms import PRESETS

    records = [{"name": name, "description": preset.description, "source": preset.source}
               for name, preset in PRESETS.items()]  # fmt: skip
    if json:
        print_json(records)
    else:
        from ..report.training import algorithms_report

        print_tables(algorithms_report(records))
