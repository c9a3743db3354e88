"""Out of distribution: does a classifier's energy tell strangers from its own kind better than softmax (figure 20)?

A perceptron learns MNIST by predictive coding with cross-entropy. Then its predicted class is clamped, and inference
runs. At the start the energy is ``−log`` of the largest softmax, so both order samples alike; afterwards they may
differ. The area under the ROC curve is taken over all samples, and over the quarter that the measure itself finds
strangest, of own and strange samples together; its intervals, and the difference's, are from a bootstrap over samples.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlntheory import pcn
from dlntheory.pcn.data.batches import Augmentation, Preparation
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data

from ..kept import data_in, kept, trained, workplace
from ..parts import Track, gathered
from ..results import deviation
from .areas import MEASURES, areas, bootstrap, compared, names
from .outliers_picture import draw_outliers
from .strangers import strangers

SETTINGS = ("cpu", "paper")
DTYPE = "float32"
needs_data = True
TRAINING = {"algorithm": "PC-CE", "activation": "gelu", "inference_steps": 10, "step_size": 0.01, "momentum": 0.0,
            "optimiser": "sgd", "weight_momentum": 0.9, "learning_rate": 0.01, "rate": "constant", "weight_decay": 0.0,
            "batch_size": 128}  # fmt: skip
FASTER = {"optimiser": "adam", "weight_momentum": 0.0, "learning_rate": 1e-3}
"""For fewer epochs: after eight, gradient descent has 82 % of the test digits right."""
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"hidden": [32] * 3, "train_samples": 1000, "epochs": 10, "test_samples": 200, "seeds": 1},
    "cpu": {"hidden": [512] * 3, "train_samples": None, "epochs": 5, "test_samples": 2000, "seeds": 6},
    "paper": {"hidden": [512] * 3, "train_samples": None, "epochs": 75, "test_samples": None, "seeds": 3},
}
STEPS = 100
"""Steps of inference in the test."""
RESAMPLES = 1000
PUBLISHED = {
    "fashion-mnist": {"softmax": (0.8215, 0.5752), "energy": (0.8224, 0.5886)},
    "emnist-letters": {"softmax": (0.8365, 0.5681), "energy": (0.8408, 0.6188)},
    "notmnist": {"softmax": (0.9128, 0.5922), "energy": (0.9245, 0.7419)},
    "kmnist": {"softmax": (0.8967, 0.5877), "energy": (0.9033, 0.6456)},
}
"""MNIST's areas over all samples and over the lowest quarter: figure 20c, and figure 26.

Figure 26 has lost its titles; its panels are taken to have the order of figures 22 to 24: EMNIST, notMNIST,
Fashion-MNIST, whose areas there are those of figure 20c but for 0.004 and 0.016, and KMNIST.
"""


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """Sizes, and MNIST's folder, beside or in which those of its relatives are; scikit-learn's digits without one."""
    scale = "quick" if quick else setting
    sizes = dict(SIZES[scale])
    seeds = list(range(seed, seed + sizes.pop("seeds")))
    training = TRAINING if scale == "paper" else TRAINING | FASTER
    return {**sizes, **data_in(data_dir), "seeds": seeds, "training": training, "test_steps": STEPS}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By data set, scores ``(seed, measure, sample)`` and energies before and after; the accuracy by seed."""
    with workplace(folder) as place:
        found = [kept(place, f"seed-{seed}", partial(measure, config, seed)) for seed in track(config["seeds"])]
    return gathered(found)


def measure(config: Mapping[str, Any], seed: int, folder: Path) -> dict[str, np.ndarray]:
    """Train one classifier, and score its own test set and strangers."""
    training = TrainingConfig(
        data=config["data"], data_dir=config.get("data_dir"), train_samples=config["train_samples"],
        test_samples=config["test_samples"], hidden=tuple(config["hidden"]), epochs=config["epochs"], seed=seed,
        **config["training"],
    )  # fmt: skip
    network, records = trained(training, folder)
    data = read_data(training)
    preparation = Preparation.of(data, Augmentation(), network.input_shape)
    steps = pcn.algorithm("PC-CE", steps=config["test_steps"], step_size=config["training"]["step_size"], momentum=0.0)
    found = {"accuracy": np.asarray(records[-1]["test_accuracy"])}
    own = data.test.samples
    for name, samples in {"own": own, **strangers(own, data.normalisation.maximum, config.get("data_dir"))}.items():
        energies, softmax = scored(network, preparation.inputs(jnp.asarray(samples)), steps)
        found |= {f"{name}/energy": energies, f"{name}/softmax": softmax}
    return found


def scored(network: Any, x: jax.Array, algorithm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's energy before and after inference at its predicted class, and its largest softmax."""
    energies, softmax = [], []
    for start in range(0, len(x), 500):
        part = x[start : start + 500]
        logits = network(part)
        y = jax.nn.one_hot(logits.argmax(axis=-1), logits.shape[-1], dtype=logits.dtype)
        energies.append(np.asarray(pcn.relax(network, part, y, algorithm).energy_by_sample.sum(axis=-1)))
        softmax.append(np.asarray(jax.nn.softmax(logits, axis=-1).max(axis=-1)))
    return np.concatenate(energies, axis=1), np.concatenate(softmax)


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By strangers and measure, areas with the central 95 % of their mean over resampled pictures; mean energies."""
    rows = []
    for name in names(arrays):
        runs = [compared(arrays, name, seed) for seed in range(len(config["seeds"]))]
        found, interval = np.stack([areas(each) for each in runs]), bootstrap(runs, RESAMPLES)
        for k, what in enumerate((*MEASURES, "energy − softmax")):
            row: dict[str, Any] = {"strangers": name, "measure": what}
            for part, label in enumerate(("all", "lowest_quarter")):
                row[label] = float(found[:, k, part].mean())
                row[f"{label}_deviation"] = float(deviation(found[:, k, part]))
                row[f"{label}_interval"] = interval[:, k, part].tolist()
                if what in (printed := published(config, name)):
                    row[f"{label}_published"] = printed[what][part]
            rows.append(row)
        before, after = arrays[f"{name}/energy"].mean(axis=(0, 2), dtype=float)
        rows[-2] |= {"energy_before": float(before), "energy_after": float(after)}
    before, after = arrays["own/energy"].mean(axis=(0, 2), dtype=float)
    own = {"strangers": "none: own samples", "energy_before": float(before), "energy_after": float(after)}
    return [*rows, {**own, "accuracy": float(arrays["accuracy"].mean())}]


def published(config: Mapping[str, Any], name: str) -> Mapping[str, tuple[float, float]]:
    """By measure, the paper's areas for these strangers, if there are any."""
    return PUBLISHED.get(name, {}) if config["data"] == "mnist" else {}


def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    """Energies and areas of all data sets; by strangers distributions, energy against softmax, and ROC curves."""
    return draw_outliers(config, arrays, {name: published(config, name) for name in names(arrays)})
