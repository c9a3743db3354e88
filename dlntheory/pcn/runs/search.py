"""Search for hyperparameters: Optuna's TPE over a paper's space, resumable and shared through its storage."""

import random
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...numerics.extras import require
from ..data.dataset import Dataset
from .config import TrainingConfig
from .divergence import DivergedError
from .folder import CHECKPOINTS, read_epochs
from .run import read_data, run_training
from .spaces import Choice, Dimension, search_space

HEARTBEAT = 30
"""Seconds between two signs of life of a process; the trial of one that has died is taken up by another."""
TRIALS, STORAGE = "trials", "study.db"
CONTINUED = "continued"
"""The number of the interrupted trial that a trial goes on with."""
LITTLE = -1e3
"""The explained variance that a diverged trial counts as."""
PATIENCE = 30.0
"""Seconds for which processes that begin the same database wait for each other."""


class Search:
    """A study: a paper's space for the model and the algorithm of a configuration.

    Args:
        config: everything that is not searched.
        paper: a space's name from `SPACES`.
        folder: the folder of the trials' runs, and of the storage if none is given.
        storage: a database's URL, which several machines may share; ``None`` for a file in the folder.
        seed: the seed of the sampler; ``None`` to draw one, so that processes side by side differ.

    Raises:
        ValueError: for a configuration that cannot be run, a storage that cannot be opened, or a study of another one
            in it.
        ImportError: without Optuna.
    """

    def __init__(
        self, config: TrainingConfig, paper: str, folder: Path, storage: str | None = None, seed: int | None = None
    ):
        optuna = require("optuna", "search")
        config.check()
        self.config, self.folder, self.space = config, folder, search_space(paper, config)
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna = optuna
        self.study = optuna.create_study(
            storage=open_storage(optuna, folder / STORAGE if storage is None else storage),
            study_name=f"{config.data} {config.model} {config.algorithm} {paper}",
            sampler=optuna.samplers.TPESampler(seed=seed),
            direction="maximize",
            load_if_exists=True,
        )
        _check_same_study(self.study, config)

    def run(self, trials: int, data: Dataset | None = None) -> Iterator[dict[str, Any]]:
        """Do trials until so many have been completed, by this process and by others.

        The objective is the best accuracy in validation; without one in the test, as in the papers. A trial that
        diverges counts as zero, or as `LITTLE` where reconstructions are judged.

        Yields:
            A record of each trial of this process: its number, accuracy and hyperparameters.
        """
        data = read_data(self.config) if data is None else data
        while self.completed() < trials:
            yield self._trial(data)

    def completed(self) -> int:
        """The number of trials that have been completed, by any process."""
        return len(self.study.get_trials(deepcopy=False, states=(self.optuna.trial.TrialState.COMPLETE,)))

    def best(self) -> dict[str, Any]:
        """The record of the best trial."""
        return as_record(self.study.best_trial)

    def importances(self) -> dict[str, float]:
        """The share of the objective that each hyperparameter explains, by Optuna's own measure; their sum is one.

        Empty where all trials have the same value, or there are fewer than two.
        """
        values = {trial.value for trial in self.study.trials if trial.value is not None}
        if len(values) < 2:
            return {}
        require("sklearn", "data")
        return dict(self.optuna.importance.get_param_importances(self.study))

    def _trial(self, data: Dataset) -> dict[str, Any]:
        done: list[dict[str, Any]] = []
        self.study.optimize(
            lambda trial: self._objective(trial, data),
            n_trials=1,
            callbacks=[lambda _, trial: done.append(as_record(trial))],
        )
        return done[0]

    def _objective(self, trial: Any, data: Dataset) -> float:
        chosen = {name: suggest(trial, name, dimension) for name, dimension in self.space.items()}
        folder = self.folder / TRIALS / f"{trial.user_attrs.get(CONTINUED, trial.number):05}"
        config = replace(self.config, **chosen)
        try:
            with closing(run_training(config, folder, resume=True, data=data)) as records:
                for _ in records:
                    pass
        except DivergedError as error:
            trial.set_user_attr("diverged", str(error))
            return self._worst
        except KeyboardInterrupt:
            take_up(self.study, trial)
            raise
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        judged = f"{config.judge}_accuracy"
        best = max(read_epochs(folder), key=lambda each: each[judged])
        trial.set_user_attr("test", best["test_accuracy"])
        return max(self._worst, best[judged])

    @property
    def _worst(self) -> float:
        """The value of a trial that diverged: no accuracy is lower, and no variance explained worth telling apart."""
        return LITTLE if self.config.reconstructs else 0.0


def open_storage(optuna: Any, place: str | Path) -> Any:
    """The database of a study, in which processes leave signs of life: at a URL, or in an SQLite file.

    Raises:
        ValueError: if it cannot be opened.
    """
    from sqlalchemy.exc import SQLAlchemyError

    limit = time.monotonic() + PATIENCE
    while True:
        try:
            return _storage(optuna, place)
        except (SQLAlchemyError, RuntimeError) as error:  # the latter of another version of Optuna
            if not _is_being_made(error) or time.monotonic() > limit:
                hint = "; wanted a database's URL, such as sqlite:///study.db" if isinstance(place, str) else ""
                reason = str(error).partition("\n")[0].rstrip(".")
                raise ValueError(f"`storage` is {str(place)!r}, which cannot be opened: {reason}{hint}.") from error
            time.sleep(random.uniform(0.01, 0.2))  # another process is making its tables


def _storage(optuna: Any, place: str | Path) -> Any:
    options: dict[str, Any] = {"heartbeat_interval": HEARTBEAT, "heartbeat_stale_trial_callback": take_up}
    url = str(place).replace("{", "{{").replace("}", "}}")  # Optuna fills in what stands in braces
    if isinstance(place, Path):
        url = "sqlite://"
        options["engine_kwargs"] = file_options(place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.storages.RDBStorage(url, **options)


def file_options(path: Path) -> dict[str, Any]:
    """The options with which SQLAlchemy opens a file of any name, which a URL would have to escape."""
    import sqlite3.dbapi2

    from sqlalchemy.pool import QueuePool

    where = str(path.absolute())

    def connect() -> Any:
        return sqlite3.dbapi2.connect(where, timeout=PATIENCE, check_same_thread=False)

    return {"creator": connect, "poolclass": QueuePool}


def _is_being_made(error: Exception) -> bool:
    """Whether a database may be open to the next try: another process makes the same tables, or writes."""
    words = ("already exists", "locked", "UNIQUE constraint", "duplicate", "no such table", "does not exist")
    return any(word in str(error) for word in words)


def take_up(study: Any, trial: Any) -> None:
    """Queue a trial that was interrupted, or whose process has died, so that the next one goes on with its run."""
    study.enqueue_trial(trial.params, user_attrs={CONTINUED: trial.user_attrs.get(CONTINUED, trial.number)})


def suggest(trial: Any, name: str, dimension: Dimension) -> Any:
    """A value of a dimension."""
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(name, dimension.values)
    return trial.suggest_float(name, dimension.low, dimension.high, step=dimension.step, log=dimension.log)


def as_record(trial: Any) -> dict[str, Any]:
    """A trial as a record."""
    return {
        "trial": trial.number, "accuracy": trial.value, "test": trial.user_attrs.get("test"),
        "diverged": "diverged" in trial.user_attrs, **trial.params,
    }  # fmt: skip


def _check_same_study(study: Any, config: TrainingConfig) -> None:
    known = study.user_attrs.get("config")
    if known is None:
        study.set_user_attr("config", config.as_json())
        return
    if differing := TrainingConfig.from_json(known).differences(config):
        raise ValueError(f"the study was begun with other options: {', '.join(differing)}; wanted the same.")
