"""`dlntheory figures`: several figures at once, and a page that shows them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .figure import STORE, Choices, DataDir, Full, as_number, computed, configure, label, load, needs_folder, source
from .inputs import Json, Seed, file_refusals, refuse, use_all_of_the_machine, use_double_precision
from .output import print_json, track


def figures(
    names: Annotated[
        list[str] | None, typer.Argument(help="Numbers and names, as of `figure`.", metavar="[N]...")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Draw every figure.")] = False,
    full: Full = True,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("figures"),
    every_setting: Annotated[
        bool, typer.Option("--every-setting", help="Draw each in every setting that it has; see docs/figures.md.")
    ] = False,
    seed: Seed = 0,
    data_dir: DataDir = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Figures computed at once, each in a process.",
            min=1,
            show_default="one per core; 1 with --full or an accelerator",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compute and draw several figures, each in a folder of its own, and write a page with all that are in OUT.

    An interrupted figure goes on with what it had computed.

    Exit code 0: drawn; 2: bad usage or input.
    """
    if every == bool(names):
        refuse("wanted the figures' numbers and names, or --all.")
    use_all_of_the_machine(quick=not full)
    tasks = [
        (number, setting)
        for number in (source("figures").FIGURES if every else map(as_number, names or []))
        for setting in load(number).SETTINGS[: None if every_setting else 1]
    ]
    choices = Choices(full, None, seed, data_dir)
    files = run_all(list(dict.fromkeys(tasks)), choices, out, jobs or default_jobs(full))
    with file_refusals("--out"):
        page = source("page").write(out)
    shutil.rmtree(out / STORE, ignore_errors=True)
    if json:
        print_json({"page": str(page), "files": [str(path) for paths in files for path in paths]})
    else:
        typer.echo(page)


def default_jobs(full: bool) -> int:
    """One job per core; a single one where a figure uses all cores itself, or all of an accelerator's memory."""
    import jax

    return 1 if full or jax.default_backend() != "cpu" else os.cpu_count() or 1


def run_all(tasks: Sequence[tuple[int | str, str]], choices: Choices, out: Path, jobs: int) -> list[list[Path]]:
    """Compute and save figures, each in a setting; return the files of each."""
    if jobs == 1:
        return [run(*task, choices, out) for task in tasks]
    from concurrent.futures import ProcessPoolExecutor  # 30 ms, for which no other command should wait
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, get_context("spawn"), use_double_precision) as pool:
        running = [pool.submit(run, *task, choices, out, quiet=True) for task in tasks]
        try:
            return [each.result() for each in track(running, f"Computing {len(tasks)} figures")]
        finally:
            pool.shutdown(cancel_futures=True)


def run(number: int | str, setting: str, choices: Choices, out: Path, quiet: bool = False) -> list[Path]:
    """Compute and save one figure in a setting; return its files, none where it needs data that are not given."""
    module, choices = load(number), choices._replace(setting=setting)
    if choices.data_dir is None and needs_folder(module, not choices.full):
        typer.echo(f"figure {number} is left out: it reads a data set, whose folder --data-dir gives.", err=True)
        return []
    if not getattr(module, "needs_data", False):
        choices = choices._replace(data_dir=None)
    name = label(number) if setting == module.SETTINGS[0] else f"{label(number)}-{setting}"
    return computed(module, number, configure(module, number, choices), out / name, out / STORE, quiet)[1]
