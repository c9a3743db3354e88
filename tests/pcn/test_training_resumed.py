"""A run that was interrupted or killed at any point goes on to the same numbers.

Oracle: an undisturbed run.
"""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.divergence import DivergedError
from dlntheory.pcn.runs.folder import METRICS
from dlntheory.pcn.runs.interruptions import SIGNALS, held_back
from dlntheory.pcn.runs.metrics import read_metrics
from dlntheory.pcn.runs.run import run_training
from dlntheory.pcn.runs.trainer import Trainer
from tests.checkpointing import LEFTOVERS
from tests.training_runs import CONFIG, assert_same_run, cut_off, train, whole_run, without_seconds

pytestmark = LEFTOVERS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(tmp_path_factory)


@pytest.mark.parametrize(
    ("records", "interrupted"),
    [
        (1, False),
        (4, False),
        (7, True),
        *(
            pytest.param(*each, marks=pytest.mark.daily)
            for each in ((3, False), (7, False), (1, True), (3, True), (4, True))
        ),
    ],
)
def test_a_run_that_is_cut_off_resumes_to_the_same_numbers(records, interrupted, whole, tmp_path):
    """A run that was interrupted goes on with the next step."""
    folder = tmp_path / "cut"
    run = run_training(CONFIG, folder)
    if interrupted:
        last = [next(run) for _ in range(records)][-1]
        run.close()
        again = run_training(CONFIG, folder, resume=True)
        assert next(again)["step"] > last["step"]
        again.close()
    else:
        cut_off(run, records)
    with (folder / METRICS).open("a") as file:
        file.write('{"kind": "steps", "step": 99}\n{"kind": "ste')
    train(folder, resume=True)
    assert_same_run(whole, folder)


PLACES = {"train": signal.SIGINT, "test": signal.SIGTERM, "alignment": signal.SIGHUP}


@pytest.mark.parametrize(
    ("place", "ask"),
    [
        pytest.param(place, ask, marks=[] if ask == by_default else pytest.mark.daily)
        for place, by_default in PLACES.items()
        for ask in PLACES.values()
    ],
)
def test_a_run_that_is_interrupted_loses_nothing(place, ask, whole, tmp_path, monkeypatch):
    """In the midst of its third piece of work: what is under way is finished, kept, and not done again."""
    folder, original, calls = tmp_path / "cut", getattr(Trainer, place), []
    config = replace(CONFIG, checkpoint_seconds=1e6, alignment=place == "alignment")

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == (3 if place != "test" else 1):
            signal.raise_signal(ask)
        return original(*arguments)

    monkeypatch.setattr(Trainer, place, interrupted)
    handlers = {each: signal.signal(each, signal.default_int_handler) for each in SIGNALS}
    try:
        with pytest.raises(KeyboardInterrupt):
            train(folder, config)
        assert all(signal.getsignal(each) is signal.default_int_handler for each in SIGNALS)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    assert [record["step"] for record in read_metrics(folder / METRICS)] == [2, 4, 6, 6]
    assert train(folder, config, resume=True)[0]["step"] == 8
    if place != "alignment":
        assert_same_run(whole, folder)


def test_only_what_would_be_answered_is_held_back():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with held_back():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_second_interruption_counts_at_once():
    came = []

    def impatient():
        with held_back():
            for number in range(3):
                came.append(number)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        impatient()
    assert came == [0, 1]


def test_an_interruption_is_not_lost_where_the_block_fails():
    """A study goes on after a run that diverges, and must not after one that was also interrupted."""

    def interrupted():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            raise DivergedError("too large")

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_other_threads_hold_nothing_back():
    def work():
        with held_back():
            return 3

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == 3


def test_a_finished_run_is_not_trained_again(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "copy")
    assert train(folder, resume=True) == []
    assert_same_run(whole, folder)


@pytest.mark.parametrize(
    "algorithm", ["CN", *(pytest.param(each, marks=pytest.mark.daily) for each in ("BP-CE", "iPC", "MCPC"))]
)
def test_every_kind_of_algorithm_resumes(algorithm, tmp_path):
    config = TrainingConfig(data="iris", hidden=(4,), algorithm=algorithm, batch_size=40, epochs=2, log_every=2)
    train(tmp_path / "whole", config)
    run = run_training(replace(config, checkpoint_seconds=0.0), tmp_path / "cut")
    cut_off(run, 3)
    train(tmp_path / "cut", config, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_memory_of_the_initial_state_resumes(tmp_path):
    config = replace(CONFIG, initial="class_average", order="aligned", epochs=2, alignment=True)
    train(tmp_path / "whole", config)
    run = run_training(config, tmp_path / "cut")
    cut_off(run, 4)
    train(tmp_path / "cut", config, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")
    assert all(-1 <= each["alignment"] <= 1 for each in without_seconds(tmp_path / "cut") if each["kind"] == "steps")
