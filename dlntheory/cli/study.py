"""`dlntheory study`: any table or figure of the papers, at the scale of the machine at hand."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .figure import STORE, Choices, as_number, computed, configure, label, load, needs_folder, source
from .inputs import (
    Json,
    file_refusals,
    refusals,
    refuse,
    use_all_cores,
    use_double_precision,
    use_one_lapack_thread,
    use_quick_compilation,
)
from .output import print_json, print_record, track

PACKAGE = "papers"
"""The package of the registry and the runner, among the experiments."""


def study(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A study, such as 002-table-1, or a file with one of your own, mine.toml; without, all are listed.",
            metavar="[NAME]",
        ),
    ] = None,
    scale: Annotated[str, typer.Option(help="quick (a trial), cpu (two cores) or paper (full sizes).")] = "quick",
    data_dir: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder with a folder for every data set, such as mnist; may be given again.", show_default="none"
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Cells with these values, such as VGG-5,PC-SE; may be given again.", show_default="all"),
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="Run the i-th of n parts, such as 1/2.", metavar="I/N", show_default="all")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.", show_default="studies/NAME-SCALE")] = None,
    json: Json = False,
) -> None:
    """Run a table or a figure of the papers, and show what came out beside what the paper prints.

    Each finished training is a file in OUT: a study that is killed goes on where it stopped, and processes that have
    the same OUT share the trainings, by --shard. OUT also has results.json, a table as CSV and as a page, README.md,
    and a picture, of all that is finished there. docs/studies.md says how to write a study of your own.

    Exit code 0: done; 2: bad usage or input.
    """
    rows = source(f"{PACKAGE}.rows")
    if name is None:
        with refusals():
            show_list(rows.registry(), rows.SCALES, json)
        return
    with refusals():
        row = rows.find(name)
        from ..numerics.checks import one_of

        one_of("--scale", scale, rows.SCALES)
    for each in data_dir or []:
        if not each.is_dir():
            refuse(f"--data-dir is {each}, which is no folder; wanted one with a folder for every data set.")
    folder = out or Path("studies") / f"{row.name}-{scale}"
    if row.kind == "see":
        refuse(f"{row.name} ({row.title}) is no experiment; see {row.see}.")
    use_one_lapack_thread()
    if scale == "quick":
        use_quick_compilation()
    if row.kind == "figure":
        if only or shard:
            refuse(f"--{'only' if only else 'shard'}: {row.name} is one figure, and has no cells.")
        draw_figure(row, scale, data_dir or [], folder, json)
    else:
        command = shlex.join(["dlntheory", "study", name, "--scale", scale])
        run_study(row, scale, data_dir or [], only or [], as_shard(shard), folder, json, command)


def show_list(rows: dict[str, Any], scales: Sequence[str], json: bool) -> None:
    """Print every study: what it is, and how large."""
    records = [
        {
            "name": row.name, "paper": row.paper, "item": row.item, "title": row.title, "kind": row.kind,
            "axes": {axis: list(values) for axis, values in row.axes.items()},
            "figure": row.figure, "see": row.see, "cost": row.cost,
            "trainings": {each: row.trainings(each) for each in scales if row.has(each)}
            if row.kind == "axes" else None,
        }
        for row in rows.values()
    ]  # fmt: skip
    from ..report.study import list_report

    print_record(records, json, list_report(records))


def as_shard(text: str | None) -> tuple[int, int]:
    """The number of a part, from 1, and how many parts there are."""
    number, _, count = (text or "1/1").partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        refuse(f"--shard is {text!r}; wanted I/N with I from 1 to N, such as 1/2.")
    return int(number), int(count)


def draw_figure(row: Any, scale: str, folders: Sequence[Path], folder: Path, json: bool) -> None:
    """Draw a study that is a figure of `dlntheory figure`."""
    use_double_precision()
    use_all_cores()
    number = as_number(str(row.figure))
    module = load(number)
    options, runner = row.scale_options(scale), source(f"{PACKAGE}.runner")
    named = options.get("data")
    wanted = named or "mnist"
    read = wanted in runner.SOURCES and getattr(module, "needs_data", False)
    data = runner.data_folder(wanted, folders) if read else None
    if read and data is None and scale != "quick" and (named or needs_folder(module, quick=False)):
        refuse(f"the data of {wanted} are missing; wanted a folder of this name in --data-dir.")
    with refusals():
        runner.claim(folder, row.name, scale)
    setting = options.get("setting", scale if scale in module.SETTINGS else None)
    config = configure(module, number, Choices(scale != "quick", setting, 0, data))
    result, paths = computed(module, number, config, folder, folder / STORE)
    table = source(f"{PACKAGE}.figure_table")
    record = table.record(row, scale, module, result, data)
    with file_refusals("--out"):
        paths += source("results").save_files(folder, table.files(record, result, f"{label(number)}.png"))
    if json:
        print_json({**record, "figure": label(number), "files": list(map(str, paths))})
    else:
        from ..report.study import figure_report

        header, cells = table.grid(record["lines"])
        print_record(record, json, figure_report(record, header, cells, paths))


def run_study(
    row: Any,
    scale: str,
    folders: Sequence[Path],
    only: Sequence[str],
    shard: tuple[int, int],
    folder: Path,
    json: bool,
    command: str,
) -> None:
    """Run the trainings of a study, and write and print its table."""
    from ..pcn.runs.interruptions import end_as_if_interrupted

    runner = source(f"{PACKAGE}.runner")
    end_as_if_interrupted()
    with refusals():
        there, missing = available(row, scale, folders, only)
        runner.claim(folder, row.name, scale)
        try:
            runner.run(runner.shared(there, shard), folder, lambda mine: announced(mine, row.name))
        except KeyboardInterrupt:
            written(row, scale, there, missing, folder, command)
            typer.echo(f"Interrupted; {folder} has the table so far, and the same command goes on.", err=True)
            raise
        written(row, scale, there, missing, folder, command)
        asked = shlex.join(each for word in only for each in ("--only", word))
        record = recorded(row, scale, there, missing, folder, f"{command} {asked}".strip())
    from ..report.study import study_report

    print_record(record, json, study_report(record, folder))


def available(row: Any, scale: str, folders: Sequence[Path], only: Sequence[str]) -> tuple[Sequence[Any], list[str]]:
    """The cells that were asked for and whose data are there, and the names of the data that are missing."""
    wanted = source(f"{PACKAGE}.cells").make_cells(row, scale, only)
    if any(each.config.precision == "float64" for each in wanted):
        use_double_precision()
    there, missing = source(f"{PACKAGE}.runner").with_data(wanted, folders)
    if not there:
        raise ValueError(
            f"the data of {', '.join(missing)} are missing; wanted folders of these names in --data-dir. "
            f"`dlntheory train --data {missing[0]}` says where to get them."
        )
    if missing:
        typer.echo(f"Left out, as their data are missing: {', '.join(missing)}.", err=True)
    return there, missing


def announced(cells: Sequence[Any], name: str) -> Iterator[Any]:
    """The cells, with progress on the standard error."""
    for number, cell in enumerate(track(cells, f"Running {name}"), start=1):
        typer.echo(f"{number}/{len(cells)}: {cell.label}", err=True)
        yield cell


def recorded(
    row: Any, scale: str, cells: Sequence[Any], missing: Sequence[str], folder: Path, command: str
) -> dict[str, Any]:
    """The record of the cells that were asked for."""
    outcomes = source(f"{PACKAGE}.runner").finished(cells, folder)
    record: dict[str, Any] = source(f"{PACKAGE}.table").record(row, scale, cells, outcomes, missing, command)
    return record


def written(row: Any, scale: str, asked: Sequence[Any], missing: Sequence[str], folder: Path, command: str) -> None:
    """Write the table and the picture of the cells that were asked for, and of what else is finished in the folder."""
    table, results, runner = source(f"{PACKAGE}.table"), source("results"), source(f"{PACKAGE}.runner")
    made = source(f"{PACKAGE}.cells")
    cells = runner.told(made.all_cells(row, scale), asked, folder)
    record = recorded(row, scale, cells, missing, folder, command)
    record["cells"] = len({each.key for each in (*made.make_cells(row, scale), *cells)})
    figure = source(f"{PACKAGE}.picture").draw(row, record, cells, runner.finished(cells, folder))
    with file_refusals("--out"):
        results.save_files(folder, table.files(row, record) | results.pictures(row.name, figure))
