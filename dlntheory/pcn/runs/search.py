"""Search for hyperparameters: Optuna's TPE over a paper's space, resumable and shared through its storage."""

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...numerics.extras import require
from ..data.dataset import Dataset
from .config import TrainingConfig
from .divergence import DivergedError
from .folder import CHECKPOINTS
from .run import read_data, run_training
from .spaces import Choice, Dimension, search_space

HEARTBEAT = 30
"""Seconds between two signs of life of a process; the trial of one that has died is taken up by another."""
TRIALS, STORAGE = "trials", "study.db"
CONTINUED = "continued"
"""Of a trial that goes on with one whose process has died, that one's number."""


class Search:
    """A study: a paper's space for the model and the algorithm of a configuration.

    Args:
        config: everything that is not searched.
        paper: ``"benchmarking"`` or ``"deeper"``.
        folder: of the trials' runs, and of the storage if none is given.
        storage: a database's URL, which several machines may share; ``None`` for a file in the folder.
        seed: of the sampler; ``None`` to draw one, so that processes side by side differ.

    Raises:
        ValueError: for a configuration that cannot be run, or a study of another one in the same storage.
        ImportError: without Optuna.
    """

    def __init__(
        self, config: TrainingConfig, paper: str, folder: Path, storage: str | None = None, seed: int | None = None
    ):
        optuna = require("optuna", "search")
        config.check()
        self.config, self.folder, self.space = config, folder, search_space(paper, config)
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.optuna = optuna
        self.study = optuna.create_study(
            storage=open_storage(optuna, storage or f"sqlite:///{folder / STORAGE}"),
            study_name=f"{config.data} {config.model} {config.algorithm} {paper}",
            sampler=optuna.samplers.TPESampler(seed=seed),
            direction="maximize",
            load_if_exists=True,
        )
        _check_same_study(self.study, config)

    def run(self, trials: int, data: Dataset | None = None) -> Iterator[dict[str, Any]]:
        """Do trials until so many have been completed, by this process and by others.

        The objective is the best test accuracy, as in the papers. A trial that diverges counts as zero.

        Yields:
            A record of each trial of this process: its number, accuracy and hyperparameters.
        """
        data = read_data(self.config) if data is None else data
        while self.completed() < trials:
            yield self._trial(data)

    def completed(self) -> int:
        """How many trials have been completed, by any process."""
        return len(self.study.get_trials(deepcopy=False, states=(self.optuna.trial.TrialState.COMPLETE,)))

    def best(self) -> dict[str, Any]:
        """The record of the best trial."""
        return as_record(self.study.best_trial)

    def importances(self) -> dict[str, float]:
        """How much of the objective each hyperparameter explains, by fANOVA's random forest; they add up to one.

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
        best = 0.0
        try:
            for record in run_training(replace(self.config, **chosen), folder, resume=True, data=data):
                if record["kind"] == "epoch":
                    best = max(best, record["test_accuracy"])
        except DivergedError as error:
            trial.set_user_attr("diverged", str(error))
            best = 0.0
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return best


def open_storage(optuna: Any, url: str) -> Any:
    """The database of a study, in which processes leave signs of life."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.storages.RDBStorage(url, heartbeat_interval=HEARTBEAT, heartbeat_stale_trial_callback=take_up)


def take_up(study: Any, trial: Any) -> None:
    """Queue the trial of a process that has died, so that the next process goes on with its run."""
    study.enqueue_trial(trial.params, user_attrs={CONTINUED: trial.user_attrs.get(CONTINUED, trial.number)})


def suggest(trial: Any, name: str, dimension: Dimension) -> Any:
    """A value of a dimension."""
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(name, dimension.values)
    return trial.suggest_float(name, dimension.low, dimension.high, step=dimension.step, log=dimension.log)


def as_record(trial: Any) -> dict[str, Any]:
    """A trial as a record."""
    return {"trial": trial.number, "accuracy": trial.value, "diverged": "diverged" in trial.user_attrs, **trial.params}


def _check_same_study(study: Any, config: TrainingConfig) -> None:
    known = study.user_attrs.get("config")
    if known is None:
        study.set_user_attr("config", config.as_json())
        return
    if differing := TrainingConfig.from_json(known).differences(config):
        raise ValueError(f"the study was begun with other options: {', '.join(differing)}; wanted the same.")
