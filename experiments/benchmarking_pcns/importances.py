"""Importance of hyperparameters for the test accuracy: four searches, and a random forest of each (figure 18).

PC and iPC, with AdamW and with SGD, are searched over Table 7. Then a random forest regresses the best test accuracy of
a trial on its hyperparameters; a hyperparameter's importance is its share of the variance that the splits explain. Its
spread is the standard deviation over forests of resampled trials. A trial that diverges counts as zero.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.search import Search
from dlntheory.pcn.runs.spaces import Choice, Dimension, Range, search_space
from dlntheory.report.style import SERIES, entitle, head, new_figure, styled
from dlntheory.report.words import count, data_title, hidden_layers

from ..kept import data_in, kept, workplace
from ..parts import Track

SETTINGS = ("cpu", "paper")
DTYPE = "float32"
needs_data = True
SEARCHES = {
    "PC-SE, AdamW": ("PC-SE", "adamw"), "iPC, AdamW": ("iPC", "adamw"),
    "PC-SE, SGD": ("PC-SE", "sgd"), "iPC, SGD": ("iPC", "sgd"),
}  # fmt: skip
"""By title, the algorithm and the weights' optimiser."""
SPACE = "benchmarking"
OF_OPTIMISER: Mapping[str, Mapping[str, Dimension]] = {
    "adamw": {},
    "sgd": {"learning_rate": Range(1e-3, 0.3, log=True), "weight_momentum": Choice((0.0, 0.5, 0.9))},
}
"""Dimensions that an optimiser adds to the space; for SGD the paper's text has no ranges."""
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "model": "MLP", "hidden": [8], "train_samples": 200, "test_samples": 100, "batch_size": 50, "epochs": 1,
        "trials": 3,
    },
    "cpu": {
        "model": "MLP", "hidden": [64] * 3, "train_samples": 2000, "test_samples": 1000, "batch_size": 128, "epochs": 5,
        "trials": 40,
    },
    "paper": {
        "model": "ResNet-18", "flip": True, "crop": 32, "padding": 4, "train_samples": None, "test_samples": None,
        "batch_size": 128, "epochs": 50, "trials": 100,
    },
}  # fmt: skip
"""The number of trials is not in the text."""
ON_DIGITS = {"train_samples": None, "test_samples": None}
FORESTS, TREES, TREES_A_TRIAL = 10, 50, 4
"""The forests of resampled trials, and the most trees of one; fewer where trials are few."""


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """Sizes, and the data set that a folder is named after; digits without one, for the paper's network enlarged."""
    scale = "quick" if quick else setting
    training = dict(SIZES[scale]) | (ON_DIGITS if scale == "cpu" and data_dir is None else {})
    enlarged = scale == "paper" and data_dir is None
    data = {"data": "digits-32"} if enlarged else data_in(data_dir)
    return {**data, "trials": training.pop("trials"), "training": {**training, "seed": seed}}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By search, hyperparameters ``(trial, hyperparameter)``, words by their numbers, and accuracies ``(trial,)``."""
    with workplace(folder) as place:
        found = {
            name: kept(place, name.replace(", ", "-"), partial(searched, config, name))
            for name in track(list(SEARCHES))
        }
    return {f"{name}/{what}": array for name, arrays in found.items() for what, array in arrays.items()}


def searched(config: Mapping[str, Any], name: str, folder: Path) -> dict[str, np.ndarray]:
    """Do a search, or go on with the one in the folder."""
    search = Search(training(config, name), SPACE, folder, seed=config["training"]["seed"])
    search.space = space(config, name)
    for _ in search.run(config["trials"]):
        pass
    done = [each for each in search.study.trials if each.value is not None]
    values = [[as_number(each.params[what], search.space[what]) for what in search.space] for each in done]
    return {"values": np.array(values, float), "accuracy": np.array([each.value for each in done])}


def training(config: Mapping[str, Any], name: str) -> TrainingConfig:
    """Everything that a search does not choose."""
    algorithm, optimiser = SEARCHES[name]
    own = {"data": config["data"], "data_dir": config.get("data_dir"), "algorithm": algorithm, "optimiser": optimiser}
    return TrainingConfig.from_json({**config["training"], **own})


def space(config: Mapping[str, Any], name: str) -> dict[str, Dimension]:
    """The dimensions of a search, in the order of the arrays' columns."""
    return {**search_space(SPACE, training(config, name)), **OF_OPTIMISER[SEARCHES[name][1]]}


def as_number(value: Any, dimension: Dimension) -> float:
    """A number, or a word's place among those to choose from."""
    return float(dimension.values.index(value)) if isinstance(dimension, Choice) and isinstance(value, str) else value


def importances(values: np.ndarray, accuracy: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The share of each hyperparameter, and its standard deviation over forests of resampled trials."""
    from sklearn.ensemble import RandomForestRegressor

    rng, trees = np.random.default_rng(seed), min(TREES, TREES_A_TRIAL * len(accuracy))

    def fitted(trials: Any) -> np.ndarray:
        forest = RandomForestRegressor(trees, random_state=seed).fit(values[trials], accuracy[trials])
        return np.asarray(forest.feature_importances_)

    again = [fitted(rng.integers(len(accuracy), size=len(accuracy))) for _ in range(FORESTS)]
    return fitted(slice(None)), np.std(again, axis=0, ddof=1)


def ranked(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray], name: str) -> dict[str, tuple[float, float]]:
    """By hyperparameter of a search, the share and its deviation, from the largest share on."""
    shares, spread = importances(arrays[f"{name}/values"], arrays[f"{name}/accuracy"])
    names = list(space(config, name))
    return {names[k]: (float(shares[k]), float(spread[k])) for k in np.argsort(-shares, kind="stable")}


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By search, the best accuracy and how many trials diverged; then each hyperparameter's share."""
    rows: list[dict[str, Any]] = []
    for name in SEARCHES:
        accuracy = arrays[f"{name}/accuracy"]
        rows.append({"search": name, "best": float(accuracy.max()), "diverged": int((accuracy == 0).sum())})
        for what, (share, spread) in ranked(config, arrays, name).items():
            rows.append(
                {"search": name, "hyperparameter": what, "share": share, "spread_over_resampled_trials": spread}
            )
    return rows


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A panel for each search: hyperparameters from the most important one down, and the best accuracy."""
    figure: Figure = new_figure(2, 2, height=2.2)
    for number, (axes, name) in enumerate(zip(figure.subplots(2, 2, sharex=True).flat, SEARCHES, strict=True)):
        _draw_shares(axes, ranked(config, arrays, name))
        best = 100 * arrays[f"{name}/accuracy"].max()
        head(axes, f"Best {best:.1f} %: {name}", chr(ord("A") + number))
    axes.set_xlim(left=-0.02)  # of all, which share it
    own = config["training"]
    model = hidden_layers(own["hidden"]) if "hidden" in own else own["model"]
    what = f"Importance of hyperparameters: {data_title(config['data'])}, {model}"
    entitle(figure, what, f"{count(config['trials'], 'trial')} a search; bars: deviation over resampled trials")
    return figure


def _draw_shares(axes: Axes, shares: Mapping[str, tuple[float, float]]) -> None:
    places, (middle, spread) = range(len(shares)), zip(*shares.values(), strict=True)
    axes.errorbar(middle, places, xerr=spread, fmt="o", color=SERIES[0], markersize=3)
    axes.set_yticks(places, [name.replace("_", " ") for name in shares])
    axes.invert_yaxis()
    axes.set(xlabel="share of the explained variance")
    axes.grid(axis="x", linewidth=0.4)
