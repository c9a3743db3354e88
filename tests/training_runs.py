"""Runs of training on iris that several tests share, cut off and compared."""

import json

import numpy as np
import pytest

from dlntheory.pcn.runs.checkpoints import Checkpoints, named_arrays
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.folder import CHECKPOINTS, METRICS, SUMMARY, read_config
from dlntheory.pcn.runs.metrics import read_metrics
from dlntheory.pcn.runs.run import read_data, run_training
from dlntheory.pcn.runs.trainer import Trainer

CONFIG = TrainingConfig(
    data="iris", hidden=(5,), algorithm="PC-SE", inference_steps=2, step_size=0.2, batch_size=20, epochs=3,
    learning_rate=1e-2, log_every=2, checkpoint_seconds=0.0,
)  # fmt: skip
"""Six steps an epoch, a line of metrics every two."""


def train(folder, config=CONFIG, **options):
    return list(run_training(config, folder, **options))


def without_seconds(folder):
    return [{**record, "seconds": None} for record in read_metrics(folder / METRICS)]


def final_arrays(folder):
    config = read_config(folder)
    state, _ = Checkpoints(folder / CHECKPOINTS).restore(Trainer(config, read_data(config)).start())
    return named_arrays(state)


def assert_same_run(folder, other):
    assert without_seconds(folder) == without_seconds(other)
    arrays, others = final_arrays(folder), final_arrays(other)
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    assert json.loads((folder / SUMMARY).read_text()) == json.loads((other / SUMMARY).read_text())


def cut_off(run, records):
    """As if the process had been killed: nothing is kept but what was kept before."""
    for _ in range(records):
        next(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", lambda *_: None)
        run.close()


def whole_run(tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(folder)
    return folder
