"""`dlntheory search`: hyperparameters of a nonlinear network, over the papers' search spaces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import Json, refusals, use_double_precision
from .output import print_json, print_tables
from .train import as_widths

if TYPE_CHECKING:
    from ..pcn.runs.search import Search

FIGURE = "importances.png"


def search(
    data: Annotated[str, typer.Option(help="Data set, as of `train`.")] = "digits",
    data_dir: Annotated[str | None, typer.Option(help="Folder of its files.", show_default="none")] = None,
    train_samples: Annotated[int | None, typer.Option(help="Keep so many.", show_default="all")] = None,
    test_samples: Annotated[int | None, typer.Option(help="Keep so many.", show_default="all")] = None,
    model: Annotated[str, typer.Option(help="Model, as of `train`.")] = "MLP",
    hidden: Annotated[str | None, typer.Option(help="Hidden widths of the MLP.", show_default="the MLP's")] = None,
    algorithm: Annotated[str, typer.Option(help="Algorithm, as of `train`.")] = "PC-SE",
    initial: Annotated[str | None, typer.Option(help="As of `train`.", show_default="the preset's")] = None,
    normalise: Annotated[bool, typer.Option(help="As of `train`.")] = True,
    space: Annotated[
        str, typer.Option(help="benchmarking (its Table 7), deeper (its Table 5) or autoencoders (Tables 8 and 9).")
    ] = "benchmarking",
    trials: Annotated[int, typer.Option(help="Trials, of all processes together.", min=1)] = 500,
    epochs: Annotated[int, typer.Option(help="Of each trial.", min=1)] = 25,
    batch_size: Annotated[int, typer.Option(help="Samples a step.", min=1)] = 128,
    seed: Annotated[int, typer.Option(help="Of every trial's training.", min=0)] = 0,
    sampler_seed: Annotated[int | None, typer.Option(help="Of the search itself.", show_default="drawn")] = None,
    precision: Annotated[str, typer.Option(help="As of `train`.")] = "float32",
    storage: Annotated[
        str | None, typer.Option(help="URL of a database that processes share.", show_default="OUT/study.db")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("search"),
    json: Json = False,
) -> None:
    """Search for hyperparameters by Optuna's tree-structured Parzen estimator.

    A study that was interrupted goes on, with the trial that was; several processes may work on one, through the same
    OUT or storage.

    Exit code 0: done; 2: bad usage or input.
    """
    from ..pcn.runs.config import TrainingConfig
    from ..pcn.runs.interruptions import end_as_if_interrupted
    from ..pcn.runs.search import Search

    end_as_if_interrupted()
    with refusals():
        config = TrainingConfig(
            data=data, data_dir=data_dir, train_samples=train_samples, test_samples=test_samples, model=model,
            hidden=None if hidden is None else as_widths("--hidden", hidden), algorithm=algorithm, epochs=epochs,
            batch_size=batch_size, seed=seed, precision=precision, initial=initial, normalise=normalise,
        )  # fmt: skip
        if precision == "float64":
            use_double_precision()
        found = Search(config, space, out, storage, sampler_seed)
        try:
            for record in found.run(trials):
                typer.echo(f"trial {record['trial']}: {record['accuracy']:.2%}", err=True)
        except KeyboardInterrupt:
            typer.echo("Interrupted; the same command goes on with the trial.", err=True)
            raise
        record = gather(found, out)
    if json:
        print_json(record)
    else:
        from ..report.search import search_report

        print_tables(search_report(record))


def gather(found: "Search", folder: Path) -> dict[str, Any]:
    """The best trial and the importances, which are drawn too."""
    from ..report.pictures import save_picture
    from ..report.training_pictures import importances_picture

    importances = found.importances()
    record = {"study": found.study.study_name, "completed": found.completed(), "best": found.best(),
              "importances": importances, "measure": found.config.measure}  # fmt: skip
    if importances:
        save_picture(importances_picture(found.study.study_name, importances), folder / FIGURE)
    return record
