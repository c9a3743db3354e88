"""A figure's parts: computed one after another, and kept in a store until the figure is saved.

A part is a study with its configuration. In the store each finished part is one file, named by a digest of everything
that it depends on: the study, its configuration, the versions and the source code. So an interrupted figure goes on
with what it has, figures that share a part compute it once, and nothing outlives the code that computed it.
"""

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from dlntheory.files.arrays import read_arrays, write_arrays

from .provenance import choices, source_digest
from .results import Result

Arrays = Mapping[str, np.ndarray]
Track = Callable[[Sequence[Any]], Iterable[Any]]
"""Wraps a list of steps, and shows progress."""
NamedTrack = Callable[[Sequence[Any], str], Iterable[Any]]
"""The same, with the name of what is computed."""


def gathered(cases: Sequence[Arrays], *grid: int) -> dict[str, np.ndarray]:
    """The arrays of several cases by name, stacked; where the cases fill a grid, with its axes first."""
    shape = grid or (len(cases),)
    stacked = {name: np.stack([case[name] for case in cases]) for name in cases[0]}
    return {name: array.reshape(*shape, *array.shape[1:]) for name, array in stacked.items()}


class Study(Protocol):
    """A study that can be computed: an object or a module."""

    def run(self, config: dict[str, Any], track: Track, folder: Path | None) -> dict[str, np.ndarray]:
        """The arrays by name. They depend on nothing but ``config``.

        A long run may keep checkpoints in ``folder``, which it creates, and must then give the same arrays as one
        that was never interrupted. With ``None`` it keeps nothing.
        """


def silent(steps: Sequence[Any], _: str) -> Iterable[Any]:
    """Show no progress."""
    return steps


def compute(figure: Any, config: dict[str, Any], track: NamedTrack = silent, store: Path | None = None) -> Result:
    """Run a figure's parts, or take them from the store; the configuration gains the seconds that each took.

    Parts of one figure that are the same are computed once, and take no seconds the second time.
    """
    arrays: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    known: dict[str, Arrays] = {}
    for name, (study, part) in parts_of(figure, config).items():
        key = digest(study, part)
        spent = 0.0
        if key not in known:
            known[key], spent = finished(study, part, lambda steps, name=name: track(steps, name), store, key)
        seconds[name] = spent
        arrays |= {f"{name}/{each}" if name else each: value for each, value in known[key].items()}
    return Result({**config, "seconds": seconds}, arrays)


def parts_of(figure: Any, config: dict[str, Any]) -> dict[str, tuple[Any, dict[str, Any]]]:
    """By name, the studies and their configurations; a figure without panels is one part without a name."""
    return figure.parts(config) if hasattr(figure, "parts") else {"": (figure, choices(config))}


def finished(study: Study, config: dict[str, Any], track: Track, store: Path | None, key: str) -> tuple[Arrays, float]:
    """The part's arrays and the seconds that they took, computed unless the store has them."""
    if store is None:
        return _timed(study, config, track, None)
    path, checkpoints = store / f"{key}.npz", store / key
    with alone(store / f"{key}.lock"):
        with suppress(OSError, ValueError):  # not there, or damaged
            return read_arrays(path)
        arrays, seconds = _timed(study, config, track, checkpoints)
        write_arrays(path, arrays, seconds)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return arrays, seconds


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait for another process that has the same part under way; one that dies leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    path.unlink(missing_ok=True)  # whoever waits for it finds the part finished


def _timed(
    study: Study, config: dict[str, Any], track: Track, folder: Path | None
) -> tuple[dict[str, np.ndarray], float]:
    start = time.perf_counter()
    arrays = study.run(config, track, folder)
    return arrays, round(time.perf_counter() - start, 2)


def digest(study: Study, config: dict[str, Any]) -> str:
    """A digest of everything that the part's arrays depend on, for a file's name."""
    name = study.__name__ if isinstance(study, ModuleType) else f"{type(study).__module__}.{type(study).__qualname__}"
    depends = json.dumps([name, config, source_digest()], sort_keys=True)
    return hashlib.sha256(depends.encode()).hexdigest()[:24]
