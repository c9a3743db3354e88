"""Test accuracies of perceptrons of three hidden layers on MNIST and Fashion-MNIST (the first rows of Table 1).

    python -m experiments.benchmarking_pcns.table1 --mnist DIR --fashion-mnist DIR --seeds 3 --out DIR

trains every algorithm with every seed, resumes what was interrupted, and writes README.md and table1.json. The paper's
numbers are means over five seeds, with hyperparameters of a search; ours are in `HYPERPARAMETERS`.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlntheory.pcn.data.dataset import Dataset
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.folder import METRICS
from dlntheory.pcn.runs.metrics import read_metrics
from dlntheory.pcn.runs.run import read_data, run_training

from ..provenance import configuration
from ..results import deviation, save_files

PAPER = {
    "mnist": {"PC-CE": 98.11, "PC-SE": 98.26, "PN": 98.36, "NN": 98.26, "CN": 98.23, "iPC": 98.45, "BP-CE": 98.07,
              "BP-SE": 98.29},
    "fashion-mnist": {"PC-CE": 89.16, "PC-SE": 89.58, "PN": 89.57, "NN": 89.46, "CN": 89.56, "iPC": 89.90,
                      "BP-CE": 89.04, "BP-SE": 89.48},
}  # fmt: skip
"""Percent."""
ALGORITHMS = ("BP-SE", "PC-SE", "iPC", "PN", "NN", "CN")
BASE: dict[str, Any] = {"hidden": (128, 128, 128), "batch_size": 128, "activation": "gelu", "log_every": 50,
                        "learning_rate": 1e-3, "weight_decay": 1e-3}  # fmt: skip
_PC: dict[str, Any] = {"inference_steps": 4, "step_size": 0.05, "momentum": 0.0, "learning_rate": 3e-4}
_NUDGED: dict[str, Any] = {**_PC, "beta": 0.5, "beta_rate": 0.02}
HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "BP-SE": {},
    "PC-SE": _PC,
    "iPC": {"inference_steps": 10, "step_size": 0.5, "learning_rate": 2e-4, "weight_decay": 1e-2},
    "PN": _NUDGED,
    "NN": _NUDGED,
    "CN": _NUDGED,
}
"""By algorithm, what differs from `BASE`."""


def configure(data: str, folder: Path, algorithm: str, seed: int, epochs: int) -> TrainingConfig:
    """One run."""
    return TrainingConfig(
        data=data, data_dir=str(folder), algorithm=algorithm, seed=seed, epochs=epochs,
        **{**BASE, **HYPERPARAMETERS[algorithm]},
    )  # fmt: skip


def train(config: TrainingConfig, folder: Path, data: Dataset) -> dict[str, Any]:
    """The accuracies of a run, which is resumed, and its seconds."""
    for record in run_training(config, folder, resume=True, data=data):
        if record["kind"] == "epoch":
            print(f"{folder.name}: epoch {record['epoch']}, test {record['test_accuracy']:.2%}", flush=True)
    epochs = [record for record in read_metrics(folder / METRICS) if record["kind"] == "epoch"]
    accuracies = [100 * record["test_accuracy"] for record in epochs]
    return {"last": accuracies[-1], "best": max(accuracies), "seconds": sum(record["seconds"] for record in epochs)}


def measure(
    folders: dict[str, Path], algorithms: Sequence[str], seeds: int, epochs: int, out: Path
) -> list[dict[str, Any]]:
    """A row for each data set and algorithm."""
    rows = []
    for name, folder in folders.items():
        data: Dataset | None = None
        for algorithm in algorithms:
            runs = []
            for seed in range(seeds):
                config = configure(name, folder, algorithm, seed, epochs)
                data = read_data(config) if data is None else data
                runs.append(train(config, out / "runs" / f"{name}-{algorithm}-{seed}", data))
            rows.append({"data": name, "algorithm": algorithm, "paper": PAPER[name][algorithm], "runs": runs,
                         "config": config.as_json()})  # fmt: skip
    return rows


def page(rows: Sequence[dict[str, Any]], command: str, epochs: int) -> str:
    """The table in Markdown."""
    lines = [
        "# Perceptrons of 3 × 128 on MNIST and Fashion-MNIST", "", f"`{command}`", "",
        f"Test accuracy in percent after {epochs} epochs, mean ± sample standard deviation (n − 1) over seeds; beside "
        "it the mean of the best epochs, which is chosen on the test set, and Table 1 of *Benchmarking PCNs*. Seconds "
        "are those that passed, whatever else the machine did.", "",
        "| data | algorithm | seeds | last epoch | best epoch | paper | seconds a run |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        last, best, seconds = (np.array([each[name] for each in row["runs"]]) for name in ("last", "best", "seconds"))
        lines.append(
            f"| {row['data']} | {row['algorithm']} | {len(last)} | {last.mean():.2f} ± {deviation(last):.2f} "
            f"| {best.mean():.2f} | {row['paper']:.2f} | {seconds.mean():.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in PAPER:
        parser.add_argument(f"--{name}", type=Path, help="folder of its IDX files; left out without it")
    parser.add_argument("--algorithms", nargs="+", default=ALGORITHMS, choices=ALGORITHMS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    folders = {name: folder for name in PAPER if (folder := getattr(given, name.replace("-", "_"))) is not None}
    if not folders:
        parser.error("wanted --mnist or --fashion-mnist")
    command = f"python -m experiments.benchmarking_pcns.table1 --seeds {given.seeds} --epochs {given.epochs}"
    rows = measure(folders, given.algorithms, given.seeds, given.epochs, given.out)
    record = configuration(command, rows=rows)
    text = page(rows, command, given.epochs)
    save_files(given.out, {"README.md": text.encode(), "table1.json": f"{json.dumps(record, indent=2)}\n".encode()})
    print(text)


if __name__ == "__main__":
    main()
