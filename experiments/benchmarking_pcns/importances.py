"""Importance of hyperparameters for the test accuracy: four searches, and a random forest of each (figure 18).

PC and iPC, with AdamW and with SGD, are searched over Table 7. Then a random forest regresses the best test accuracy of
a trial on its hyperparameters; a hyperparameter's importance is its share of the variance that the splits explain. Its
spread is the standard deviation over forests of resampled trials. A trial that diverges counts as zero.
"""

import tempfile
from collections.abc import Mapping
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

from ..kept import data_in, kept
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
"""What is searched with an optimiser beside the space; for SGD the paper's text has no ranges."""
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"hidden": [8], "train_samples": 200, "test_samples": 100, "batch_size": 50, "epochs": 1, "trials": 3},
    "cpu": {"hidden": [64] * 3, "train_samples": 2000, "test_samples": 1000, "epochs": 5, "trials": 40},
    "paper": {"model": "ResNet-18", "epochs": 50, "flip": True, "crop": 32, "padding": 4, "trials": 100},
}
"""The number of trials is not in the text."""
ON_DIGITS = {"train_samples": None, "test_samples": None}
FORESTS, TREES = 10, 50


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """Sizes, and the data set that a folder is named after; scikit-learn's digits without one.

    Raises:
        ValueError: for the paper's network without a folder of pictures.
    """
    scale = "quick" if quick else setting
    if scale == "paper" and data_dir is None:
        raise ValueError("the paper's network learns CIFAR-10; wanted its folder.")
    training = dict(SIZES[scale]) | (ON_DIGITS if scale == "cpu" and data_dir is None else {})
    return {"trials": training.pop("trials"), "training": {**training, **data_in(data_dir), "seed": seed}}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By search, hyperparameters ``(trial, hyperparameter)``, words by their numbers, and accuracies ``(trial,)``."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        found = {
            name: kept(place, name.replace(", ", "-"), lambda own, name=name: searched(config, name, own))
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
    return TrainingConfig.from_json({**config["training"], "algorithm": algorithm, "optimiser": optimiser})


def space(config: Mapping[str, Any], name: str) -> dict[str, Dimension]:
    """The dimensions of a search, in the order of the arrays' columns."""
    return {**search_space(SPACE, training(config, name)), **OF_OPTIMISER[SEARCHES[name][1]]}


def as_number(value: Any, dimension: Dimension) -> float:
    """A number, or a word's place among those to choose from."""
    return float(dimension.values.index(value)) if isinstance(dimension, Choice) and isinstance(value, str) else value


def importances(values: np.ndarray, accuracy: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The share of each hyperparameter, and its standard deviation over forests of resampled trials."""
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(seed)

    def fitted(trials: Any) -> np.ndarray:
        forest = RandomForestRegressor(TREES, random_state=seed).fit(values[trials], accuracy[trials])
        return np.asarray(forest.feature_importances_)

    again = [fitted(rng.integers(len(accuracy), size=len(accuracy))) for _ in range(FORESTS)]
    return fitted(slice(None)), np.std(again, axis=0, ddof=1)


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By search, the best accuracy, and the shares from the largest."""
    rows = []
    for name in SEARCHES:
        accuracy = arrays[f"{name}/accuracy"]
        shares, spread = importances(arrays[f"{name}/values"], accuracy)
        names = list(space(config, name))
        rows.append({
            "search": name, "best": float(accuracy.max()), "diverged": int((accuracy == 0).sum()),
            "importances": {names[k]: float(shares[k]) for k in np.argsort(-shares, kind="stable")},
            "deviations": {names[k]: float(spread[k]) for k in np.argsort(-shares, kind="stable")},
        })  # fmt: skip
    return rows


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A panel for each search: hyperparameters from the most important one down, and the best accuracy."""
    figure: Figure = new_figure(2, 2, height=2.2)
    for number, (axes, row) in enumerate(
        zip(figure.subplots(2, 2, sharex=True).flat, summarise(config, arrays), strict=True)
    ):
        _draw_shares(axes, row["importances"], row["deviations"])
        head(axes, f"Best {100 * row['best']:.1f} %: {row['search']}", chr(ord("A") + number))
        axes.label_outer(remove_inner_ticks=False)
    own = config["training"]
    model = hidden_layers(own["hidden"]) if "hidden" in own else own["model"]
    what = f"Importance of hyperparameters: {data_title(own['data'])}, {model}"
    entitle(figure, what, f"{count(config['trials'], 'trial')} a search; bars: deviation over resampled trials")
    return figure


def _draw_shares(axes: Axes, shares: Mapping[str, float], spread: Mapping[str, float]) -> None:
    places = range(len(shares))
    axes.errorbar(list(shares.values()), places, xerr=list(spread.values()), fmt="o", color=SERIES[0], markersize=3)
    axes.set_yticks(places, [name.replace("_", " ") for name in shares])
    axes.invert_yaxis()
    axes.set(xlabel="share of the explained variance", xlim=(-0.02, None))
    axes.grid(axis="x", linewidth=0.4)
