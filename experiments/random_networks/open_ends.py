"""Trials at the open ends of the theory of random networks: measured and predicted numbers, as a file.

``python -m experiments.random_networks.open_ends`` draws the networks and writes ``docs/results/open-ends/*.json``; a
name after it writes that one alone. docs/random-networks-derived.md has the tables.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dlntheory import expected_batch_alignment
from dlntheory.random_networks.activations import expected_activated_alignment

from . import convolutions, deep, drawn

FOLDER = Path("docs/results/open-ends")
DRAWS = 16
BATCHES = [(n, depth, scale, ratio) for scale in (1 / 3, 1.0) for depth in (4, 8) for ratio in (0.25, 2)
           for n in (64, 128)] + [(256, 4, 1.0, 2)]  # fmt: skip


def batches() -> list[dict[str, Any]]:
    """PC in batches: drawn networks and drawn batches beside the limit at fixed ``B/n``."""
    rows = []
    for n, depth, scale, ratio in BATCHES:
        size, layers = round(ratio * n), [("dense", n, n, scale / n)] * depth
        found = [drawn.batch(np.random.default_rng((n, depth, seed)), layers, size, False) for seed in range(DRAWS)]
        values = np.concatenate([each["pc"] for each in found])
        limit = expected_batch_alignment([n] * (depth + 1), batch=size, variances=[scale / n] * depth)
        row = {"width": n, "depth": depth, "variance": scale, "batch": size, "predicted": limit}
        rows.append(row | {"measured": float(values.mean()), "error": float(values.std(ddof=1) / np.sqrt(DRAWS))})
    return rows


def depths() -> list[dict[str, Any]]:
    """Depth of the order of the width, at gain one."""
    return [
        {"width": n, "depth": depth, "measured": deep.measured(n, depth), "predicted": deep.predicted(n, depth)}
        for n, depth in deep.CELLS
    ]


def activations() -> list[dict[str, Any]]:
    """The committed data of the figure nonlinear-alignment, by depth and width, beside the formulas."""
    rows = []
    for activation, name, gain in (("tanh", "nonlinear-alignment", 1.0), ("relu", "nonlinear-alignment-relu", 2.0)):
        with np.load(FOLDER.parent / "figures" / name / "arrays.npz") as file:
            arrays = dict(file)
        for panel, axis in (("A", "depth"), ("B", "width")):
            for index, value in enumerate(map(int, arrays[f"{panel}/values"])):
                hidden = [128] * value if axis == "depth" else [value] * 3
                widths = [128, *hidden, 128]
                variances = [1 / 128, *(gain / width for width in hidden)]
                row: dict[str, Any] = {"activation": activation, axis: value}
                for curve, rule in enumerate(("bp", "pc")):
                    formula = expected_activated_alignment(widths, activation, variances, rule=rule)  # type: ignore[arg-type]
                    kinds = {kind: _mean(arrays[f"{panel}/{kind}"][curve, index]) for kind in ("predicted", "measured")}
                    row[rule] = {"formula": formula, "linearised": kinds["predicted"], "measured": kinds["measured"]}
                rows.append(row)
    return rows


def _mean(values: np.ndarray) -> list[float]:
    """Over seeds, of the mean over samples; and its standard error."""
    seeds = np.nanmean(values, axis=-1)
    return [float(seeds.mean()), float(seeds.std(ddof=1) / np.sqrt(len(seeds)))]


def circular_convolutions() -> list[dict[str, Any]]:
    """Circular convolutions beside dense networks of the channels in batches."""
    return [
        {"channels": channels, "kernel": kernel, "gain": gain}
        | {"measured": convolutions.measured(channels, kernel, gain)}
        | {"predicted": convolutions.predicted(channels, kernel, gain)}
        for channels, kernel, gain in convolutions.CELLS
    ]


STUDIES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "batches": batches,
    "depths": depths,
    "activations": activations,
    "convolutions": circular_convolutions,
}


def main(names: list[str]) -> None:
    """Write the files of these studies, or of all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or STUDIES:
        lines = ",\n".join(json.dumps(row) for row in STUDIES[name]())
        (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
