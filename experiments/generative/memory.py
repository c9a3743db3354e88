"""Associative memory: pictures recalled from noisy and from masked keys, by size and number (Table 3, figure 5).

A decoder ``[latent, d, d, pixels]`` memorises ``n`` pictures by predictive coding. Then every picture is a key: with
noise on all pixels, from which all of them relax, or without its lower half, which relaxes while the upper stays.
Beside it stands the linear memory, for which nothing is simulated: the network of one layer that is most likely, in
closed form (probabilistic principal components), and `dlntheory.recall` and `dlntheory.posterior` of it.
"""

from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import dlntheory as dln
from dlntheory import pcn
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data
from dlntheory.report.style import PAGE, PAPER, entitle, head, legend_below, show_pictures, styled
from dlntheory.report.training_pictures import ramp
from dlntheory.report.words import data_title, mean_over

from ..kept import data_in, kept, trained, workplace
from ..parts import Track
from ..results import deviation

SETTINGS = ("cpu", "wide", "paper")
DTYPE = "float32"
needs_data = True
KEYS = ("noise", "mask")
NOISE = 0.2
FLOOR = 1e-6
"""The least variance of a pixel that the linear memory leaves to chance."""
TRAINING = {"model": "Decoder", "algorithm": "PC-SE", "activation": "tanh", "batch_size": 50, "normalise": False,
            "optimiser": "adamw", "rate": "constant", "weight_decay": 0.0, "step_size": 0.1, "momentum": 0.0,
            "learning_rate": 2e-3, "test_samples": 10, "log_every": 1000}  # fmt: skip
WIDE = {"learning_rate": 5e-4, "step_size": 0.05}
"""From 512 units on, where training diverges at the rates above."""
RECALL = {"noise": {"step_size": 0.05, "momentum": 0.0}, "mask": {"step_size": 0.05, "momentum": 0.9}}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"latent": 16, "widths": [16, 32], "counts": [10, 20], "epochs": 40, "train_steps": 20,
              "recall_steps": {"noise": 50, "mask": 300}, "seeds": 1},
    "cpu": {"latent": 64, "widths": [64, 128, 256], "counts": [10, 25, 50, 100, 200], "epochs": 300, "train_steps": 20,
            "recall_steps": {"noise": 500, "mask": 3000}, "seeds": 3},
    "wide": {"latent": 512, "widths": [512], "counts": [50, 100], "epochs": 500, "train_steps": 20,
             "recall_steps": {"noise": 500, "mask": 3000}, "seeds": 1, "training": WIDE},
    "paper": {"latent": 512, "widths": [512, 1024, 2048], "counts": [50, 100, 250], "epochs": 500, "train_steps": 50,
              "recall_steps": {"noise": 2000, "mask": 50_000}, "seeds": 5, "training": WIDE},
}  # fmt: skip
PUBLISHED = {
    "noise": {
        50: ((6.06, 0.11), (5.91, 0.14), (5.95, 0.06)),
        100: ((6.99, 0.19), (6.76, 0.23), (6.16, 0.07)),
        250: ((9.95, 0.05), (10.14, 0.06), (8.90, 0.06)),
    },
    "mask": {
        50: ((0.06, 0.02), (0.01, 0.00), (0.00, 0.00)),
        100: ((1.15, 0.78), (1.01, 0.79), (0.11, 0.03)),
        250: ((39.1, 10.8), (3.74, 0.73), (0.22, 0.06)),
    },
}
"""Table 3, means and deviations ×10⁻⁴, by number of pictures of Tiny ImageNet and width."""
PUBLISHED_WIDTHS = (512, 1024, 2048)
PUBLISHED_COUNTS = tuple(PUBLISHED["noise"])
SHOWN = 5
"""Pictures that are drawn."""


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """Sizes, and the data set: the folder's, scikit-learn's digits without one."""
    sizes = SIZES["quick" if quick else setting]
    seeds = list(range(seed, seed + sizes["seeds"]))
    training = TRAINING | sizes.get("training", {})
    return {**sizes, **data_in(data_dir), "seeds": seeds, "noise": NOISE, "training": training, "recall": RECALL}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Mean squared errors by key, width, number and seed, of the trained network and of the linear one; pictures."""
    counts = (len(config["widths"]), len(config["counts"]), len(config["seeds"]))
    errors = {name: np.full((len(KEYS), *counts), np.nan) for name in ("trained", "linear")}
    cells = [(s, w, n) for s in range(counts[2]) for w in range(counts[0]) for n in range(counts[1])]
    with workplace(folder) as place:
        for s, w, n in track(cells):
            chosen = config["widths"][w], config["counts"][n], config["seeds"][s]
            cell = kept(place, "-".join(map(str, chosen)), partial(measure, config, *chosen))
            for name, found in errors.items():
                found[:, w, n, s] = cell[name]
            if (s, w, n) == (0, counts[0] - 1, 0):
                shown = {name: cell[name] for name in ("pictures", "keys", "recalled", "recalled_linearly")}
    return {**errors, **shown}


def options(config: Mapping[str, Any], width: int, count: int, seed: int) -> TrainingConfig:
    """The training of one memory."""
    chosen = {**config["training"], "batch_size": min(count, config["training"]["batch_size"])}
    return TrainingConfig(
        data=config["data"], data_dir=config.get("data_dir"), train_samples=count, seed=seed, epochs=config["epochs"],
        inference_steps=config["train_steps"], hidden=(width, width, config["latent"]), **chosen,
    )  # fmt: skip


def measure(config: Mapping[str, Any], width: int, count: int, seed: int, folder: Path) -> dict[str, np.ndarray]:
    """Memorise pictures, and recall them from both keys."""
    training = options(config, width, count, seed)
    network, _ = trained(training, folder)
    data = read_data(training)
    pictures = np.asarray(data.train.samples, np.float32) / np.float32(data.normalisation.maximum)
    noise = np.random.default_rng([seed, 1]).normal(size=pictures.shape)
    noisy = (pictures + config["noise"] * noise).astype(np.float32)
    upper = upper_half(pictures.shape[1:])
    keys = [noisy, pictures * upper]
    recalled, linearly = [], []
    for name, key, observed in zip(KEYS, keys, (None, upper), strict=True):
        algorithm = pcn.algorithm("PC-SE", steps=config["recall_steps"][name], **config["recall"][name])
        recalled.append(np.clip(np.asarray(pcn.recall(network, key, observed, algorithm)), 0, 1))
        linearly.append(np.clip(recall_linearly(pictures, key, observed, width, config["noise"]), 0, 1))
    return {
        "trained": mean_squares(np.stack(recalled), pictures),
        "linear": mean_squares(np.stack(linearly), pictures),
        "pictures": pictures[:SHOWN], "keys": np.stack(keys)[:, :SHOWN],
        "recalled": np.stack(recalled)[:, :SHOWN], "recalled_linearly": np.stack(linearly)[:, :SHOWN],
    }  # fmt: skip


def upper_half(shape: tuple[int, ...]) -> np.ndarray:
    """The mask of known pixels."""
    known = np.zeros(shape, bool)
    known[:, : shape[1] // 2] = True
    return known


def mean_squares(recalled: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """The mean squared error of a pixel, by key."""
    return np.asarray(np.square(recalled.astype(float) - pictures).mean(axis=tuple(range(1, recalled.ndim))))


def linear_memory(rows: np.ndarray, width: int) -> tuple[Any, float]:
    """The most likely linear network of one layer with so many latents ``N(0, 1)``, and its output's variance.

    Source:
        Tipping and Bishop 1999: the largest eigenvectors of the covariance, and the mean of the eigenvalues left over.
    """
    mean = rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
    values = np.square(singular) / len(rows)
    kept_values, left = values[:width], values[width:]
    variance = max(float(left.sum()) / max(rows.shape[1] - width, 1), FLOOR)
    weights = directions[:width].T * np.sqrt(np.maximum(kept_values - variance, 0))
    return dln.LinearNetwork.from_weights([weights], [mean]), variance


def recall_linearly(
    pictures: np.ndarray, key: np.ndarray, observed: np.ndarray | None, width: int, noise: float
) -> np.ndarray:
    """The most likely linear memory's recollection: the expected pixels given the known ones, or all with noise."""
    rows, given, prior = *(each.reshape(len(each), -1).astype(float) for each in (pictures, key)), dln.Prior(0.0, 1.0)
    net, variance = linear_memory(rows, width)
    if observed is not None:
        found = dln.recall(net, given, observed.ravel(), prior=prior, covariances=[variance]).outputs
    else:
        found = net(dln.posterior(net, None, given, [variance + noise**2], prior=prior).mean[0])
    return np.asarray(found).reshape(pictures.shape)


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By key, width and number of pictures, mean squared errors ×10⁻⁴; at the end the paper's other cells."""
    rows: list[dict[str, Any]] = []
    for k, key in enumerate(KEYS):
        for w, width in enumerate(config["widths"]):
            for n, number in enumerate(config["counts"]):
                row: dict[str, Any] = {"key": key, "width": width, "pictures": number, "seeds": len(config["seeds"])}
                for name in ("trained", "linear"):
                    values = 1e4 * arrays[name][k, w, n]
                    row |= {name: float(values.mean()), f"{name}_deviation": float(deviation(values))}
                rows.append(row | beside(key, width, number))
    run = {(row["key"], row["width"], row["pictures"]) for row in rows}
    others = (place for place in product(KEYS, PUBLISHED_WIDTHS, PUBLISHED_COUNTS) if place not in run)
    return rows + [
        {"key": key, "width": width, "pictures": number, **beside(key, width, number)} for key, width, number in others
    ]


def beside(key: str, width: int, number: int) -> dict[str, float]:
    """The paper's number for a cell and its deviation, as columns; none where it has none."""
    found = published(key, width, number)
    return {} if found is None else {"trained_published": found[0], "trained_published_deviation": found[1]}


def published(key: str, width: int, number: int) -> tuple[float, float] | None:
    """The paper's number for a cell and its deviation, ×10⁻⁴."""
    row = PUBLISHED[key].get(number)
    return row[PUBLISHED_WIDTHS.index(width)] if row and width in PUBLISHED_WIDTHS else None


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Capacity curves by key; pictures, keys and recalls."""
    figure = Figure(figsize=(PAGE, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.15))
    for k, (axes, key) in enumerate(zip(left.subplots(2, 1, sharex=True), KEYS, strict=True)):
        draw_capacity(axes, config, arrays, k)
        head(axes, {"noise": f"Noise of {config['noise']:g}", "mask": "Lower half masked"}[key], "AB"[k])
    draw_pictures(right.subplots(7, SHOWN), arrays)
    right.suptitle(rf"$\bf{{C}}$  {config['counts'][0]} pictures, width {config['widths'][-1]}")
    note = f"full: trained network of that width; dashed: best linear memory; {mean_over(len(config['seeds']))}"
    entitle(figure, f"Recall of {data_title(config['data'])} from {config['latent']} latent units", note)
    legend_below(figure)
    return figure


def draw_capacity(axes: Axes, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray], key: int) -> None:
    """Errors along the number of pictures; full lines the trained networks', dashed the linear memories'.

    Diamonds are the paper's, where the sizes are.
    """
    for w, (width, colour) in enumerate(zip(config["widths"], ramp(len(config["widths"])), strict=True)):
        for name, style in (("trained", "o-"), ("linear", "s--")):
            values = arrays[name][key, w]
            spread = np.nan_to_num(deviation(values))
            label = f"width {width}" if name == "trained" else None
            axes.errorbar(config["counts"], values.mean(axis=-1), spread, fmt=style, color=colour, label=label)
        printed = [(number, published(KEYS[key], width, number)) for number in config["counts"]]
        if points := [(number, 1e-4 * found[0]) for number, found in printed if found is not None]:
            look = PAPER | {"markeredgecolor": colour, "label": "the paper's, of Tiny ImageNet"}
            axes.plot(*zip(*points, strict=True), **look)
    axes.set(yscale="log", xlabel="number of pictures" if key else "", ylabel="mean squared error")


def draw_pictures(panels: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
    """A row each: the pictures, and by key the key and both recalls."""
    rows = [arrays["pictures"]]
    names = ["picture"]
    for k, key in enumerate(KEYS):
        rows += [arrays["keys"][k], arrays["recalled"][k], arrays["recalled_linearly"][k]]
        names += [key, "recalled", "linear"]
    for line, row, name in zip(panels, rows, names, strict=True):
        show_pictures(line, row, name)
