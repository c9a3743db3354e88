"""Checkpoints and metrics that were damaged are found, and the ones before them used.

Oracle: an undisturbed run.
"""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlntheory.pcn.runs.checkpoints import Checkpoints
from dlntheory.pcn.runs.folder import CHECKPOINTS, METRICS
from dlntheory.pcn.runs.metrics import Metrics, read_metrics
from tests.checkpointing import LEFTOVERS
from tests.training_runs import assert_same_run, train, whole_run

pytestmark = LEFTOVERS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(tmp_path_factory)


def damage(folder):
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name == "d":
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(bytes(data))


def test_a_damaged_checkpoint_is_found_and_the_one_before_it_used(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "copy")
    newest, before = sorted((folder / CHECKPOINTS).iterdir(), key=lambda path: -int(path.name))
    damage(newest)
    with pytest.warns(UserWarning, match=f"checkpoint of step {newest.name} is damaged"):
        train(folder, resume=True)
    assert_same_run(whole, folder)
    for path in (folder / CHECKPOINTS).iterdir():
        damage(path)
    with pytest.warns(UserWarning, match="passed over"), pytest.raises(ValueError, match="no checkpoint in"):
        train(folder, resume=True)
    assert int(before.name) < int(newest.name)


def test_a_changed_number_is_found_by_the_digest(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": jnp.ones(3)}, {"note": 0.1})
    state, note = checkpoints.restore({"a": jnp.zeros(3)})
    assert note == {"note": 0.1}
    np.testing.assert_array_equal(state["a"], np.ones(3))
    [path] = tmp_path.rglob("note/metadata")
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.warns(UserWarning, match="digest"), pytest.raises(ValueError, match="of steps"):
        checkpoints.restore({"a": jnp.zeros(3)})


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": jnp.ones(3)}, {})
    with pytest.warns(UserWarning, match="passed over"), pytest.raises(ValueError, match="no checkpoint"):
        checkpoints.restore({"a": jnp.zeros(4)})


def test_random_keys_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"key": jax.random.key(7)}, {})
    state, _ = checkpoints.restore({"key": jax.random.key(0)})
    assert (jax.random.normal(state["key"]) == jax.random.normal(jax.random.key(7))).all()


def test_metrics_end_at_a_damaged_line(tmp_path):
    path = tmp_path / METRICS
    metrics = Metrics(path)
    for step in (1, 2, 3):
        metrics.append({"step": step})
    path.write_bytes(path.read_bytes()[:-3])
    assert [record["step"] for record in read_metrics(path)] == [1, 2]
    metrics.cut(1)
    metrics.append({"step": 2})
    assert [record["step"] for record in read_metrics(path)] == [1, 2]
