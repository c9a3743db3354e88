"""`dlntheory search`: hyperparameters of a nonlinear network, over the papers' search spaces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import Json, refusals, use_double_precision
from .output import print_record
from .training_options import takes_options

if TYPE_CHECKING:
    from ..pcn.runs.search import Search

FIGURE = "importances.png"


@takes_options(
    "data", "data_dir", "train_samples", "test_samples", "validation", "resize", "outputs",
    "flip", "crop", "padding", "rotation", "normalise",
    "model", "hidden", "norm", "skip", "auxiliary", "algorithm", "initial", "nudging", "precisions",
    "epochs", "batch_size", "optimiser", "weight_momentum", "rate", "seed", "precision",
)  # fmt: skip
def search(
    space: Annotated[
        str,
        typer.Option(
            help="benchmarking (Table 7), autoencoders (8, 9), sampling (10) or skips (11), all of Benchmarking PCNs, "
            "or deeper (Table 5 of Deeper PCNs)."
        ),
    ] = "benchmarking",
    trials: Annotated[int, typer.Option(help="Trials, of all processes together.", min=1)] = 500,
    sampler_seed: Annotated[int | None, typer.Option(help="Seed of the search itself.", show_default="drawn")] = None,
    storage: Annotated[
        str | None, typer.Option(help="URL of a database that processes share.", show_default="OUT/study.db")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("search"),
    json: Json = False,
    **given: Any,
) -> None:
    """Search for hyperparameters by Optuna's tree-structured Parzen estimator.

    An interrupted study goes on, with the trial that was interrupted. Several processes may share a study, by the same
    OUT or storage.

    Exit code 0: done; 2: bad usage or input.
    """
    from ..pcn.runs.config import TrainingConfig
    from ..pcn.runs.interruptions import end_as_if_interrupted
    from ..pcn.runs.search import Search

    end_as_if_interrupted()
    with refusals():
        config = TrainingConfig(**given)
        if config.precision == "float64":
            use_double_precision()
        found = Search(config, space, out, storage, sampler_seed)
        try:
            for record in found.run(trials):
                outcome = "diverged" if record["diverged"] else f"{record['accuracy']:.2%}"
                typer.echo(f"trial {record['trial']}: {outcome}", err=True)
        except KeyboardInterrupt:
            typer.echo("Interrupted; the same command goes on with the trial.", err=True)
            raise
        record = gather(found, out)
    from ..report.search import search_report

    print_record(record, json, search_report(record))


def gather(found: "Search", folder: Path) -> dict[str, Any]:
    """The best trial and the importances, which are drawn too."""
    from ..report.pictures import save_picture
    from ..report.training_pictures import importances_picture

    importances = found.importances()
    record = {"study": found.study.study_name, "completed": found.completed(), "best": found.best(),
              "importances": importances, "measure": found.config.measure, "judge": found.config.judge}  # fmt: skip
    if importances:
        save_picture(importances_picture(found.study.study_name, importances), folder / FIGURE)
    return record
