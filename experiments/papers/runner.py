"""Run the trainings of a row: each that is finished is a file, so that a study resumes and processes share it."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlntheory.files.arrays import write_atomically
from dlntheory.pcn.data.catalogue import SOURCES
from dlntheory.pcn.data.dataset import Dataset
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.divergence import DivergedError
from dlntheory.pcn.runs.folder import read_epochs
from dlntheory.pcn.runs.run import OF_DATA, read_data, run_training

from ..parts import alone
from ..provenance import configuration
from .cells import Cell
from .reconstructed import reconstructed
from .theory import predicted

STUDY, CELLS, RUNS = "study.json", "cells", "runs"
Track = Callable[[Sequence[Cell]], Iterable[Cell]]
Finished = dict[str, Any]
"""The outcome of a training: its place, seed, configuration, epochs, theory, pictures, and whether it diverged."""


def claim(folder: Path, name: str, scale: str) -> None:
    """Make the folder the study's, unless it is another's.

    Raises:
        ValueError: for the folder of another study, or of another scale.
    """
    own = {"study": name, "scale": scale}
    path = folder / STUDY
    if path.is_file() and (found := read_json(path)) != own:
        raise ValueError(f"{folder} holds {describe(found)}; wanted {describe(own)}.")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, encode(own))


def describe(record: Any) -> str:
    """A study's name and scale."""
    known = isinstance(record, dict)
    return f"study {record.get('study')} at {record.get('scale')} scale" if known else f"a damaged {STUDY}"


def shared(cells: Sequence[Cell], shard: tuple[int, int]) -> list[Cell]:
    """The cells of one of several shards: every so many."""
    number, count = shard
    return list(cells[number - 1 :: count])


def with_data(cells: Sequence[Cell], folders: Sequence[Path]) -> tuple[list[Cell], list[str]]:
    """The cells whose data are there, with the folder of each; and the names of the data that are missing.

    A data set lies in a folder of its name within one of the folders given, or in one that has that name; a row may
    also say its ``data_dir``.
    """
    found, missing = [], set()
    for cell in cells:
        name = cell.config.data
        if name not in SOURCES or cell.config.data_dir is not None:
            found.append(cell)
        elif (place := data_folder(name, folders)) is None:
            missing.add(name)
        else:
            found.append(replace(cell, config=replace(cell.config, data_dir=str(place))))
    return found, sorted(missing)


def data_folder(name: str, folders: Sequence[Path]) -> Path | None:
    """Where a data set is."""
    candidates = [*(each / name for each in folders), *(each for each in folders if each.resolve().name == name)]
    return next((each for each in candidates if each.is_dir()), None)


def run(cells: Sequence[Cell], folder: Path, track: Track = iter) -> None:
    """Train what is not finished yet, and wait for what another process has under way.

    Raises:
        ValueError: for a configuration that cannot be run.
        FileNotFoundError: for data that are not where they were.
    """
    by_options: dict[TrainingConfig, Cell] = {}
    for cell in cells:  # a seed makes no difference to the check
        by_options.setdefault(replace(cell.config, seed=0), cell)
    for cell in by_options.values():
        try:
            cell.config.check()
        except (ValueError, TypeError) as error:
            raise ValueError(f"{cell.label}: {error}") from error
    (folder / CELLS).mkdir(exist_ok=True)
    data: dict[Any, Dataset] = {}
    for cell in track(cells):
        path = folder / CELLS / f"{cell.key}.json"
        with alone(folder / RUNS / f"{cell.key}.lock"):
            if read_finished(path, cell) is None:
                write_atomically(path, encode(train(cell, folder / RUNS / cell.key, data)))
                shutil.rmtree(folder / RUNS / cell.key, ignore_errors=True)


def train(cell: Cell, folder: Path, known: dict[Any, Dataset]) -> Finished:
    """Train a cell, or go on with its run."""
    which = tuple(getattr(cell.config, name) for name in OF_DATA)
    if which not in known:
        known.clear()
        known[which] = read_data(cell.config)
    diverged = None
    try:
        with closing(run_training(cell.config, folder, resume=True, data=known[which])) as records:
            for _ in records:
                pass
    except DivergedError as error:
        diverged = str(error).partition("\n")[0]
    theory = {} if diverged else predicted(cell.theory, folder, known[which])
    pictures = {} if diverged else reconstructed(cell.reconstructions, folder, known[which])
    return configuration("", place=cell.place, seed=cell.seed, config=cell.config.as_json(), epochs=read_epochs(folder),
                         diverged=diverged, theory=theory, reconstructions=pictures, code=cell.code)  # fmt: skip


def finished(cells: Sequence[Cell], folder: Path) -> list[Finished | None]:
    """The results of every cell so far."""
    return [read_finished(folder / CELLS / f"{cell.key}.json", cell) for cell in cells]


def told(cells: Sequence[Cell], asked: Sequence[Cell], folder: Path) -> list[Cell]:
    """The cells that a table has: those that were asked for, and all others that are finished."""
    wanted = {cell.key: cell for cell in asked}
    outcomes = zip(cells, finished(cells, folder), strict=True)
    there = {cell.key: cell for cell, outcome in outcomes if outcome is not None or cell.key in wanted}
    return list((there | wanted).values())


def read_finished(path: Path, cell: Cell) -> Finished | None:
    """A cell's file, if it is there, whole, and of the same configuration."""
    record = read_json(path)
    try:
        own = TrainingConfig.from_json(record["config"])
        return record if "epochs" in record and not own.differences(cell.config) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def read_json(path: Path) -> Any:
    """The record of a file; ``None`` where it is missing or damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def encode(record: Mapping[str, Any]) -> bytes:
    """A record as a file."""
    return f"{json.dumps(record, indent=1)}\n".encode()
