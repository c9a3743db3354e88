"""Target alignment in training, of every algorithm of the table."""

import numpy as np
import optax
import pytest

from dlntheory import pcn
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data
from dlntheory.pcn.runs.trainer import Trainer
from tests.pcn_lessons import presets

RATE = 1e-7


@pytest.mark.parametrize(
    "name", presets("BP-CE", "PC-SE", "CN", "S+F", "ePC", "Z-IL", "MCPC", "S", "F", "PN", "NN", "D+F")
)
def test_alignment_is_where_predictions_go(name):
    check(name, {} if name.startswith("BP") else {"inference_steps": 3})


def test_alignment_starts_at_what_an_empty_memory_will_recall():
    """Two patterns are too few to recall a forward pass."""
    check("PC-SE", {"inference_steps": 3, "initial": "hopfield", "patterns": 2})


def check(name, options):
    """Against one step of gradient descent at a tiny rate, and the predictions before and after it."""
    config = TrainingConfig(
        data="iris", hidden=(5,), activation="tanh", algorithm=name, batch_size=6, precision="float64", **options
    )  # fmt: skip
    trainer = Trainer(config, read_data(config))
    state, batch = trainer.start(), trainer.batches(0)[0]
    x, y = trainer._batch(0, batch)
    start = pcn.start_training(state.network, trainer.algorithm, optax.sgd(RATE), key=state.key)
    after, _ = pcn.train_step(start, x, y, trainer.algorithm, optax.sgd(RATE))
    mean = trainer.algorithm.loss.mean
    before, later = (np.asarray(mean(pcn.predict(each.network, x))) for each in (start, after))
    moved, wanted = later - before, np.asarray(y) - before
    lengths = np.linalg.norm(moved, axis=1) * np.linalg.norm(wanted, axis=1)
    cosines = (moved * wanted).sum(axis=1) / lengths
    assert trainer.alignment(start, 0, 0, batch) == pytest.approx(cosines.mean(), abs=1e-5)
