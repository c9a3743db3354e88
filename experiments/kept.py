"""Long figures in parts: each that is finished is a file, so that a figure that is killed goes on; and trainings."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dlntheory.files.arrays import read_arrays, write_arrays
from dlntheory.pcn.data.catalogue import SOURCES
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.folder import read_epochs
from dlntheory.pcn.runs.run import read_run, run_training

from .parts import Arrays


@contextmanager
def workplace(folder: Path | None) -> Iterator[Path]:
    """The folder that parts are kept in; without one, a temporary folder."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)


def kept(folder: Path, name: str, compute: Callable[[Path], Arrays]) -> Arrays:
    """The arrays of a part: from its file in ``folder``, or computed, with a folder of its own for checkpoints."""
    path = folder / f"{name}.npz"
    with suppress(OSError, ValueError):  # not there, or damaged
        return read_arrays(path)[0]
    folder.mkdir(parents=True, exist_ok=True)
    arrays = compute(folder / name)
    write_arrays(path, arrays)
    return arrays


def trained(config: TrainingConfig, folder: Path) -> tuple[object, list[dict[str, object]]]:
    """The network of a training, which goes on with what is in ``folder``, and the records of all its epochs."""
    for _ in run_training(config, folder, resume=True):
        pass
    return read_run(folder)[1], read_epochs(folder)


def data_in(folder: Path | None) -> dict[str, str]:
    """The options that say which data: of the data set that the folder is named after, of MNIST's format, or digits."""
    if folder is None:
        return {"data": "digits"}
    name = folder.resolve().name
    return {"data": name if name in SOURCES else "mnist", "data_dir": str(folder)}
