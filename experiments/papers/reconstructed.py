"""Test pictures and what a trained network makes of them, kept with a training's numbers."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from dlntheory import pcn
from dlntheory.pcn.data.batches import Preparation
from dlntheory.pcn.data.dataset import Dataset
from dlntheory.pcn.runs.run import restored

PICTURE = "picture"
WHITE = 255
"""The whole number of white: pictures are kept as whole numbers, from 0 for black."""


def reconstructed(count: int, folder: Path, data: Dataset) -> dict[str, Any]:
    """The first test pictures of a run, and by steps of inference their reconstructions; nothing for a count of zero.

    Args:
        count: how many pictures.
        folder: of the run of a decoder or an autoencoder.
        data: its data.

    Returns:
        Lists ``(count, channels, height, width)`` of whole numbers: the pictures themselves, under `PICTURE`, and the
        reconstructions after so many steps, under the number of steps; an autoencoder's, which takes none, under the
        one number that its algorithm has.
    """
    if not count:
        return {}
    trainer, state = restored(folder, data)
    samples, labels = (each[:count] for each in trainer.tested["test"])
    inputs, targets = trainer.preparation.pair(samples, labels)
    found = {PICTURE: targets}
    for steps, algorithm in trainer.testing.items():
        if state.network.free_input:
            found[str(steps)] = pcn.reconstruct(state.network, targets, algorithm, memory=state.memory)
        else:
            found[str(steps)] = pcn.predict(state.network, inputs)
    return {name: as_grey(each, trainer.preparation) for name, each in found.items()}


def as_grey(outputs: jnp.ndarray, preparation: Preparation) -> Any:
    """Outputs of a network as pictures of whole numbers, without the normalisation."""
    light = (outputs - preparation.shift[None]) * preparation.deviation[None]
    return np.rint(WHITE * np.clip(np.asarray(light), 0, 1)).astype(int).tolist()
