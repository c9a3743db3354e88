"""The loop of a run: epochs of steps, metrics, tests, early stopping and checkpoints."""

import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.catalogue import load_dataset
from ..data.dataset import Dataset
from ..engine.training import TrainingState
from .config import TrainingConfig
from .divergence import DivergedError, first_bad
from .folder import RunFolder, check_folder, read_config
from .interruptions import held_back
from .trainer import Metrics, Trainer

Record = dict[str, Any]
OF_DATA = ("data", "data_dir", "train_samples", "test_samples", "resize", "outputs", "validation")
"""The options that `read_data` depends on."""
SUMMED = ("loss", "accuracy", "energy")


@dataclass(frozen=True)
class Progress:
    """The progress of a run, apart from the arrays of its state: the epoch and the batch in it that come next."""

    epoch: int = 0
    batch: int = 0
    sums: dict[str, Any] = field(default_factory=dict)
    best_accuracy: float = -1.0
    """The test accuracy of the best epoch."""
    best_epoch: int = 0
    best_validation: float | None = None
    """The validation accuracy by which the best epoch was chosen, if there was one."""
    finished: bool = False

    def after_steps(self, metrics: Metrics) -> "Progress":
        """The progress after some steps of the epoch, whose metrics are added up."""
        added = {name: metrics[name].astype(float).sum(axis=0) for name in SUMMED}
        sums = {name: (np.asarray(self.sums.get(name, 0.0)) + each).tolist() for name, each in added.items()}
        return replace(self, batch=self.batch + len(metrics["loss"]), sums=sums)

    def after_epoch(self, accuracy: float, config: TrainingConfig, validation: float | None = None) -> "Progress":
        """The progress after an epoch, with this test accuracy, and this one in validation."""
        epoch = self.epoch + 1
        own, others = (accuracy, self.best_accuracy) if validation is None else (validation, self.best_validation)
        if others is None or not self.best_epoch or own > others:
            best = accuracy, epoch, validation
        else:
            best = self.best_accuracy, self.best_epoch, self.best_validation
        stale = config.patience is not None and epoch - best[1] >= config.patience
        return Progress(epoch, 0, {}, *best, finished=stale or epoch == config.epochs)


def run_training(
    config: TrainingConfig, path: Path | str, resume: bool = False, data: Dataset | None = None
) -> Generator[Record, None, None]:
    """Train, and yield a record after every few steps and after every epoch, once it is in the folder's files.

    A run that is killed at any moment and resumed gives the same numbers as one that was not, on the same platform:
    a step depends on the state, on its number and on the seed, and on nothing else. An interruption (Ctrl-C, or the
    end of the loop over the records) leaves a checkpoint of what has been done.

    Args:
        config: the configuration of the run.
        path: the folder of the run: configuration, metrics, checkpoints and summary.
        resume: go on with the run in the folder, if there is one.
        data: the data set, if it has been read already.

    Yields:
        Records as in ``metrics.jsonl``. ``kind`` is ``"steps"`` (``step``, ``epoch``, ``loss``, ``accuracy``,
        ``energy`` and ``update`` by layer, and ``alignment`` if it is measured, all of the last of these steps), or
        ``"epoch"`` (their means over the epoch, ``test_loss``, ``test_accuracy``, ``test_top5`` where there are more
        than five classes, the same of ``validation`` if there is one, ``seconds``, and the sequential
        ``multiplications`` since the start, which `sequential_multiplications` counts). The accuracy of an autoencoder
        is the share of the samples' variance that its reconstruction explains, and ``test_mse`` the mean squared error
        of a pixel between 0 and 1. A decoder finds its latents by inference, in tests too; its loss in training is the
        output's energy when inference has ended. With ``test_steps`` the test's numbers are of the most steps, and
        ``by_test_steps`` has them for each.

    Raises:
        ValueError: for a configuration that cannot be run, or a folder that holds another run.
        DivergedError: if a number is not finite, or beyond all bounds. The last checkpoint is from before.

    Example:
        >>> config = TrainingConfig(data="iris", hidden=(8,), algorithm="BP-SE", batch_size=40, epochs=2)
        >>> [record["kind"] for record in run_training(config, "run")]
        ['steps', 'epoch', 'steps', 'epoch']
        >>> read_run("run")[1].input_shape
        (4,)
    """
    config.check()
    check_folder(Path(path), config, resume)
    trainer = Trainer(config, read_data(config) if data is None else data)
    run = Run(trainer, RunFolder(Path(path), config))
    try:
        while not run.now.progress.finished:
            yield from run.epoch()
    except (KeyboardInterrupt, GeneratorExit):
        if not sys.is_finalizing():
            run.save()
        raise
    run.finish()


def read_data(config: TrainingConfig) -> Dataset:
    """The data set of a configuration."""
    data = load_dataset(config.data, config.data_dir).subset(config.train_samples, config.test_samples)
    return data.resized(config.resize).padded(config.outputs).with_validation(config.validation)


def read_run(path: Path | str, data: Dataset | None = None) -> tuple[TrainingConfig, Any]:
    """The configuration of a run, and its network as in the last checkpoint.

    Args:
        path: the folder of the run.
        data: the data set, if it has been read already.

    Raises:
        FileNotFoundError: if the folder has no run, or no checkpoint yet.
        ValueError: if its files are damaged.
    """
    trainer, state = restored(path, data)
    return trainer.config, state.network


def restored(path: Path | str, data: Dataset | None = None) -> tuple[Trainer, TrainingState]:
    """The trainer of a run, and its state as in the last checkpoint; arguments and errors as for `read_run`."""
    config = read_config(Path(path))
    trainer = Trainer(config, read_data(config) if data is None else data)
    found = RunFolder(Path(path), config).checkpoints.restore(trainer.start())
    if found is None:
        raise FileNotFoundError(f"{path} has no checkpoint.")
    return trainer, found[0]


class Standing(NamedTuple):
    """The state of a run: of its training, and of its progress, which a resumed run needs too."""

    state: Any
    progress: Progress


class Run:
    """A run under way, from the last checkpoint of its folder or from the start."""

    def __init__(self, trainer: Trainer, folder: RunFolder):
        self.trainer, self.folder, self.config = trainer, folder, trainer.config
        self.now = Standing(trainer.start(), Progress())
        if restored := folder.checkpoints.restore(self.now.state):
            state, note = restored
            self.now = Standing(state, Progress(**note))
        folder.checkpoints.delete_after(self.step)
        folder.metrics.cut(self.step)
        self.saved = time.monotonic()

    @property
    def step(self) -> int:
        """Steps done."""
        return self.now.progress.epoch * self.trainer.steps_per_epoch + self.now.progress.batch

    def epoch(self) -> Iterator[Record]:
        """Do what is left of an epoch, a few steps at a time; the last of them with the epoch's end."""
        start = time.monotonic()
        epoch = self.now.progress.epoch
        batches = self.trainer.batches(epoch)
        while self.now.progress.epoch == epoch:
            with held_back():
                now, record = self._steps(batches[self.now.progress.batch :][: self.trainer.stride])
                records = [record]
                if now.progress.batch == len(batches):
                    now, record = self._end_epoch(now, record["step"], start)
                    records.append(record)
                for record in records:
                    self.folder.metrics.append(record)
                self.now = now
            yield from records
            self.save(0.0 if self.now.progress.finished else self.config.checkpoint_seconds)

    def finish(self) -> None:
        """Write the summary."""
        summary = {**asdict(self.now.progress), "step": self.step}
        self.folder.write_summary({name: each for name, each in summary.items() if name not in ("batch", "sums")})

    def save(self, seconds: float = 0.0) -> None:
        """Make a checkpoint, if the last one is old enough."""
        if time.monotonic() - self.saved >= seconds:
            with held_back():
                self.folder.checkpoints.save(self.step, self.now.state, asdict(self.now.progress))
            self.saved = time.monotonic()

    def _steps(self, batches: np.ndarray) -> tuple[Standing, Record]:
        epoch, first = self.now.progress.epoch, self.step
        state, metrics = self.trainer.train(self.now.state, epoch, first, batches)
        if (bad := first_bad(metrics, self.config.diverged_above)) is not None:
            self.save()
            explanation = self.trainer.diagnose(self.now.state, epoch, first, batches, metrics, bad)
            raise DivergedError(f"{explanation}\nThe last good checkpoint is of step {first}, in {self.folder.path}.")
        record: Record = {"kind": "steps", "step": first + len(batches), "epoch": epoch + 1}
        record |= {name: metrics[name][-1].tolist() for name in (*SUMMED, "update")}
        if self.config.alignment:
            record["alignment"] = self.trainer.alignment(state, epoch, first + len(batches), batches[-1])
        return Standing(state, self.now.progress.after_steps(metrics)), record

    def _end_epoch(self, now: Standing, step: int, start: float) -> tuple[Standing, Record]:
        means = {name: (np.asarray(each) / now.progress.batch).tolist() for name, each in now.progress.sums.items()}
        test, each = self.trainer.test(now.state.network, now.state.memory), self.trainer.multiplications
        progress = now.progress.after_epoch(test["test_accuracy"], self.config, test.get("validation_accuracy"))
        record = {
            "kind": "epoch", "step": step, "epoch": progress.epoch, **means, **test,
            "multiplications": None if each is None else each * step, "seconds": round(time.monotonic() - start, 3),
        }  # fmt: skip
        return Standing(now.state, progress), record
