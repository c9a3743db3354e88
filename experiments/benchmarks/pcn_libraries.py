"""A training step and the first call beside PCX and FabricPC: one graph, the same weights, data, rates and steps.

Each library runs in an environment of its own, whose interpreter ``PCX_PYTHON`` or ``FABRICPC_PYTHON`` names (``python
-m venv fabric && fabric/bin/pip install fabricpc``); without one, its columns are empty. All three run one after the
other, for each network. Processor time is compared, which other work on the machine hardly touches.
"""

import os
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dlntheory import pcn

from .pcn_elsewhere import SCRIPTS, run_elsewhere
from .report import number, outcome, relative_error, table

VARIABLES = {"PCX": "PCX_PYTHON", "FabricPC": "FABRICPC_PYTHON"}
STEP_SIZE, RATE = 0.05, 1e-4
SETTINGS = {"MLP": (128, 5, 50), "VGG-5": (16, 5, 4), "VGG-9": (8, 6, 2), "ResNet-18": (4, 6, 3)}
"""Batch, inference steps, and calls after the first."""
BAR = 0.5
"""Our step may take so much of the other's time."""
MARGIN = 0.1
"""The distance from the bar within which so few calls decide nothing."""

Row = dict[str, Any]


def run(quick: bool = False) -> list[Row]:
    """A row for every network and library."""
    if quick:
        return compare("MLP", 8, 3, 2, judged=False)
    return [row for name, sizes in SETTINGS.items() for row in compare(name, *sizes)]


def compare(name: str, batch: int, steps: int, rounds: int, judged: bool = True) -> list[Row]:
    """Our step beside each library's."""
    network, x, y = problem(name, batch)
    settings = {"steps": steps, "rounds": rounds, "rules": ["pc"], "rate": RATE}
    settings |= {"step_size": STEP_SIZE, "momentum": 0.0}
    states, (first, *others) = ours(network, x, y, steps, rounds)
    own, rows = statistics.median(others), []
    for library in SCRIPTS:
        python = os.environ.get(VARIABLES[library])
        found = run_elsewhere(library, python, network, x, y, settings) if python else None
        theirs = None if found is None else float(np.median(found["pc"][1:, 1]))
        rows.append({
            "setting": f"{name}, batch {batch}, T = {steps}", "library": library, "ours_s": own, "theirs_s": theirs,
            "value": theirs and own / theirs, "first_ours_s": first,
            "first_theirs_s": None if found is None else float(found["pc"][0, 1]),
            "distance_of_states": None if found is None
            else relative_error(states, [found[f"state{k}"] for k in range(len(states))]),
            "bar": BAR, "verdict": decided(theirs and own / theirs) if judged else None,
        })  # fmt: skip
    return rows


def decided(ratio: float | None) -> bool | None:
    """Whether a ratio keeps the bar; ``None`` near it."""
    return None if ratio is None or abs(ratio - BAR) < MARGIN else ratio < BAR


def problem(name: str, batch: int) -> tuple[pcn.Network, jax.Array, jax.Array]:
    """A network in float32 without batch normalisation, with normal inputs and one-hot targets."""
    if name == "MLP":
        network = pcn.mlp((784, 128, 128, 128, 10))
    else:
        network = pcn.build(name, input_shape=(3, 32, 32), classes=10, norm="none")
    x = jax.random.normal(jax.random.key(1), (batch, *network.input_shape), jnp.float32)
    return network, x, jax.nn.one_hot(np.arange(batch) % 10, 10, dtype=jnp.float32)


def ours(
    network: pcn.Network, x: jax.Array, y: jax.Array, steps: int, rounds: int
) -> tuple[tuple[jax.Array, ...], list[float]]:
    """The states after inference, and the processor time of every call of the training step."""
    algorithm = pcn.algorithm("PC-SE", steps=steps, step_size=STEP_SIZE, momentum=0.0)
    optimiser = optax.adamw(RATE, weight_decay=1e-4)
    state, times = pcn.start_training(network, algorithm, optimiser), []
    for _ in range(rounds + 1):
        start = time.process_time()
        state, _ = jax.block_until_ready(pcn.train_step(state, x, y, algorithm, optimiser))
        times.append(time.process_time() - start)
    return pcn.relax(network, x, y, algorithm).states, times


def markdown(rows: list[Row]) -> str:
    """A table of processor times and ratios."""
    header = ["network", "library", "step, ours (s)", "step, theirs (s)", "ratio", "at most", "",
              "first call, ours (s)", "first call, theirs (s)", "states differ by"]  # fmt: skip
    return table(header, [
        [each["setting"], each["library"], *map(number, (each["ours_s"], each["theirs_s"], each["value"], each["bar"])),
         outcome(each["verdict"]),
         *map(number, (each["first_ours_s"], each["first_theirs_s"], each["distance_of_states"]))]
        for each in rows
    ])  # fmt: skip
