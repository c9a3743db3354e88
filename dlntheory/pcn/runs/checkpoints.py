"""Checkpoints of a run: every array of its state and a note, by Orbax, with a digest that finds damage."""

import logging
import warnings
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...files.arrays import digest
from ...numerics.extras import require

State = TypeVar("State")
KEPT = 2
"""The newest checkpoint, and one before it should the newest be damaged."""
ARRAYS, NOTE, DIGEST = "arrays", "note", "digest"


class Checkpoints:
    """The checkpoints in a folder, numbered by step.

    Orbax writes a checkpoint beside its place and moves it there when it is complete, so a process that is killed
    leaves none behind that is not.

    Raises:
        ImportError: without Orbax.
    """

    def __init__(self, folder: Path):
        self.orbax = require("orbax.checkpoint", "training")
        logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax tells of every file
        options = self.orbax.CheckpointManagerOptions(max_to_keep=KEPT, enable_async_checkpointing=False, create=True)
        self.folder = folder
        self.manager = self.orbax.CheckpointManager(folder.resolve(), options=options)

    def save(self, step: int, state: Any, note: dict[str, Any]) -> None:
        """Write the state and the note, which JSON can hold; nothing if that step has a checkpoint."""
        arrays = named_arrays(state)
        save = self.orbax.args
        parts = {ARRAYS: save.StandardSave(arrays), NOTE: save.JsonSave({**note, DIGEST: digest(arrays, note)})}
        if step not in self.manager.all_steps():
            self.manager.save(step, args=save.Composite(**parts))

    def restore(self, like: State) -> tuple[State, dict[str, Any]] | None:
        """The state and the note of the newest checkpoint that is whole, ``None`` if there is none at all.

        Args:
            like: a state with the same structure.

        Returns:
            The state, with the arrays of the checkpoint, and the note.

        Raises:
            ValueError: if there are checkpoints and every one is damaged, or of another network.

        Warns:
            UserWarning: for each damaged checkpoint that is passed over.
        """
        steps = sorted(self.manager.all_steps(), reverse=True)
        for step in steps:
            try:
                return self._restore(step, like)
            except Exception as error:  # a damaged file makes its parser raise anything
                reason = str(error).partition("\n")[0]
                warnings.warn(f"the checkpoint of step {step} is damaged, and passed over: {reason}", stacklevel=2)
        if steps:
            raise ValueError(f"no checkpoint in {self.folder} can be read; of steps {steps}.")
        return None

    def _restore(self, step: int, like: State) -> tuple[State, dict[str, Any]]:
        restore, wanted = self.orbax.args, named_arrays(like)
        read = restore.Composite(**{ARRAYS: restore.StandardRestore(wanted), NOTE: restore.JsonRestore()})
        restored = self.manager.restore(step, args=read)
        arrays, note = restored[ARRAYS], dict(restored[NOTE])
        expected = note.pop(DIGEST, None)
        for name, array in wanted.items():
            if arrays[name].shape != array.shape or arrays[name].dtype != array.dtype:
                raise ValueError(f"{name} has shape {arrays[name].shape}; wanted {array.shape}")
        if digest(arrays, note) != expected:
            raise ValueError("its contents do not match their digest")
        return with_arrays(like, arrays), note

    def delete_after(self, step: int) -> None:
        """Delete the checkpoints of later steps, which were passed over."""
        for later in [each for each in self.manager.all_steps() if each > step]:
            self.manager.delete(later)


def named_arrays(state: Any) -> dict[str, np.ndarray]:
    """Every array of a state by its path; random keys as whole numbers."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(state, eqx.is_array))
    return {jax.tree_util.keystr(path): np.asarray(_plain(leaf)) for path, leaf in leaves}


def with_arrays(state: State, arrays: dict[str, np.ndarray]) -> State:
    """The state with other arrays, placed as its own are."""
    own, rest = eqx.partition(state, eqx.is_array)

    def replaced(path: Any, leaf: jax.Array) -> jax.Array:
        array = jnp.asarray(arrays[jax.tree_util.keystr(path)])
        made = jax.random.wrap_key_data(array, impl=jax.random.key_impl(leaf)) if _is_key(leaf) else array
        return jax.device_put(made, leaf.sharding)

    return eqx.combine(jax.tree_util.tree_map_with_path(replaced, own), rest)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf
