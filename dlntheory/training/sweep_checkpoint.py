"""The checkpoint of a sweep: which sweep it is of, and where that stands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental.multihost_utils import sync_global_devices

from ..files.arrays import digest, read_arrays, write_arrays
from ..numerics.kinds import leaves, map_leaves
from .sweep_runs import Runs

FORMAT = 4
"""The version of checkpoints."""


class Checkpoint(NamedTuple):
    """A file, which may not be there yet, and the fingerprint of the only sweep that may go on from it."""

    path: Path
    fingerprint: str

    def load(self, runs: Sequence[Runs]) -> int:
        """Bring the runs to where the file stands; return the number of steps that are done."""
        if jax.process_count() > 1:
            sync_global_devices("dlntheory.sweep")  # the first process may still be writing the sweep before this one
        if not self.path.exists():
            return 0
        arrays, note = read_arrays(self.path)
        if not isinstance(note, dict) or note.get("sweep") != self.fingerprint:
            raise ValueError(
                f"`checkpoint` is {self.path}, which is not of this sweep: another configuration or data, or no "
                "checkpoint. Name another file, or delete it."
            )
        for name, array in _by_name(runs).items():
            array[...] = arrays[name]
        return int(note["done"])

    def save(self, done: int, runs: Sequence[Runs]) -> None:
        """Write where the sweep stands, whole or not at all; the first of several processes does."""
        if jax.process_index() == 0:
            write_arrays(self.path, _by_name(runs), {"sweep": self.fingerprint, "done": done})


def fingerprint(*parts: Any) -> str:
    """A digest of records and tuples: structure, static fields, and every number."""
    arrays = {str(index): np.asarray(leaf) for index, leaf in enumerate(leaves(parts))}
    return digest(arrays, [FORMAT, repr(map_leaves(lambda _: "array", parts))])


def _by_name(runs: Sequence[Runs]) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint, which are the runs' own."""
    return {f"{index}/{place}": each for index, own in enumerate(runs) for place, each in enumerate(own.state())}
