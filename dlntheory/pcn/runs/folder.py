"""The folder of a run: its configuration, checkpoints, metrics and summary."""

import json
from pathlib import Path
from typing import Any

from ...files.arrays import write_atomically
from ...files.provenance import provenance
from ...numerics.extras import require
from .checkpoints import Checkpoints
from .config import TrainingConfig
from .metrics import Metrics, read_metrics

CONFIG, METRICS, SUMMARY, CHECKPOINTS = "config.json", "metrics.jsonl", "summary.json", "checkpoints"
PACKAGES = ("optax", "orbax-checkpoint")
"""Packages that a run's numbers depend on, beside the packages that all numbers depend on."""


class RunFolder:
    """A folder of one run, which is made if it is not there.

    Raises:
        ImportError: without Orbax.
    """

    def __init__(self, path: Path, config: TrainingConfig):
        require("orbax.checkpoint", "training")  # before anything is written
        self.path = path
        if not (path / CONFIG).is_file():
            path.mkdir(parents=True, exist_ok=True)
            write_atomically(path / CONFIG, _encode({"config": config.as_json(), **provenance(*PACKAGES)}))
        self.checkpoints = Checkpoints(path / CHECKPOINTS)
        self.metrics = Metrics(path / METRICS)

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the summary of the run."""
        write_atomically(self.path / SUMMARY, _encode(summary))


def read_config(path: Path) -> TrainingConfig:
    """The configuration of the run in a folder.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the file is damaged.
    """
    try:
        return TrainingConfig.from_json(json.loads((path / CONFIG).read_text("utf-8"))["config"])
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} has no {CONFIG}; wanted the folder of a run.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path / CONFIG} is damaged: {error}") from error


def read_epochs(path: Path) -> list[dict[str, Any]]:
    """The records of a run's epochs, before an interruption and after it."""
    return [record for record in read_metrics(path / METRICS) if record["kind"] == "epoch"]


def check_folder(path: Path, config: TrainingConfig, resume: bool) -> None:
    """Refuse a folder with a run that is not to be resumed, or of other options, before data are read.

    Raises:
        ValueError: for such a folder.
    """
    if not (path / CONFIG).is_file():
        return
    if not resume:
        raise ValueError(f"{path} has a run already; resume it, or choose another folder.")
    own = read_config(path)
    if differing := own.differences(config):
        pairs = ", ".join(f"{name} ({getattr(own, name)!r}, now {getattr(config, name)!r})" for name in differing)
        raise ValueError(f"{path} has a run with other options: {pairs}; resume it with its own.")


def _encode(record: Any) -> bytes:
    return f"{json.dumps(record, indent=2)}\n".encode()
