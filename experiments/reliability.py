"""Kill a small run again and again, resume it, and compare what it ends with to a run that was left alone.

    python -m experiments.reliability --kills 20 --out docs/results/reliability

starts ``dlntheory train`` in a process of its own, ends it with SIGKILL after a random time, which may fall into its
start, a step, a checkpoint or the end, and starts it again with ``--resume``. After so many kills it may finish. Then
every number must be as in the undisturbed run: each array of the last checkpoint bit by bit, and every record of the
metrics but the seconds. Ends with exit code 1 if not.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlntheory.pcn.runs.checkpoints import Checkpoints, named_arrays
from dlntheory.pcn.runs.folder import CHECKPOINTS, METRICS, read_config
from dlntheory.pcn.runs.metrics import read_metrics
from dlntheory.pcn.runs.run import read_data
from dlntheory.pcn.runs.trainer import Trainer

from .provenance import configuration
from .results import save_files

RUN = (
    "--data", "digits", "--flip", "--crop", "8", "--padding", "1", "--hidden", "32,32", "--algorithm", "iPC",
    "--inference-steps", "3", "--batch-size", "32", "--log-every", "5", "--checkpoint-seconds", "0", "--patience", "99",
    "--alignment",
)  # fmt: skip
"""A run that uses what a state is made of: an optimiser, random numbers, and metrics that are added up."""


class Kill(NamedTuple):
    """The time at which a process is killed: so many seconds after its start, or after its first new step."""

    seconds: float
    after: str


def train(folder: Path, options: Sequence[str], kill: Kill | None = None) -> bool:
    """Run the command; return whether it ended well, by itself, before it was killed."""
    command = [sys.executable, "-m", "dlntheory", "train", *options, "--out", str(folder), "--resume"]
    compiled = {"JAX_COMPILATION_CACHE_DIR": str(folder.parent / "compiled"), **os.environ}
    before = last_step(folder)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=compiled)
    try:
        while kill is not None and kill.after == "step" and process.poll() is None and last_step(folder) <= before:
            time.sleep(0.02)
        _, errors = process.communicate(timeout=None if kill is None else kill.seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}\nended with exit code {process.returncode}\n{errors}")
    return True


def disturb(folder: Path, options: Sequence[str], kills: Sequence[Kill]) -> list[dict[str, Any]]:
    """Kill the run again and again, then let it finish; return the step that had been logged, for each kill."""
    log: list[dict[str, Any]] = []
    for kill in kills:
        if train(folder, options, kill):
            raise RuntimeError(f"the run finished after {len(log)} kills; give it more --epochs.")
        log.append({**kill._asdict(), "step": last_step(folder)})
        print(f"killed {kill.seconds} s after {kill.after}, at step {log[-1]['step']}", file=sys.stderr)
    train(folder, options)
    return log


def draw_kills(count: int, longest: float, seed: int) -> list[Kill]:
    """Moments of kills; every fourth is counted from the start of the process, which takes some seconds."""
    draw = random.Random(seed)
    return [Kill(round(draw.uniform(0, longest), 3), "step" if number % 4 else "start") for number in range(count)]


def last_step(folder: Path) -> int:
    """The last step in the metrics."""
    return max((record["step"] for record in read_metrics(folder / METRICS)), default=0)


def outcome(folder: Path) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Every array of the last checkpoint, and the metrics without the seconds."""
    config = read_config(folder)
    restored = Checkpoints(folder / CHECKPOINTS).restore(Trainer(config, read_data(config)).start())
    if restored is None:
        raise RuntimeError(f"{folder} has no checkpoint.")
    records = [{**record, "seconds": None} for record in read_metrics(folder / METRICS)]
    return named_arrays(restored[0]), records


def compare(left: Path, right: Path) -> dict[str, Any]:
    """The agreement of two runs, to the bit."""
    (arrays, records), (others, other_records) = outcome(left), outcome(right)
    same = [arrays.keys() == others.keys() and arrays[name].tobytes() == others[name].tobytes() for name in arrays]
    return {"arrays": len(arrays), "equal_arrays": sum(same), "records": len(records),
            "equal_records": records == other_records}  # fmt: skip


def measure(kills: int, longest: float, epochs: int, seed: int, work: Path) -> dict[str, Any]:
    """Run both, and compare."""
    options = [*RUN, "--epochs", str(epochs)]
    start = time.perf_counter()
    train(work / "undisturbed", options)
    seconds = round(time.perf_counter() - start, 2)
    log = disturb(work / "disturbed", options, draw_kills(kills, longest, seed))
    compared = compare(work / "undisturbed", work / "disturbed")
    held = compared["equal_arrays"] == compared["arrays"] and compared["equal_records"]
    return {"held": held, "kills": log, "seconds_undisturbed": seconds, **compared}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=3.0, help="seconds until a kill at most")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--out", type=Path, help="folder for reliability.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        found = measure(given.kills, given.longest, given.epochs, given.seed, Path(work))
    options = " ".join(f"--{name} {value}" for name, value in vars(given).items() if name != "out")
    command = f"python -m experiments.reliability {options}"
    record = configuration(command, run=" ".join(RUN), **found)
    print(json.dumps(record, indent=2))
    if given.out is not None:
        save_files(given.out, {"reliability.json": f"{json.dumps(record, indent=2)}\n".encode()})
    sys.exit(0 if found["held"] else 1)


if __name__ == "__main__":
    main()
