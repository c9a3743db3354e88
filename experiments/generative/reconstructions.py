"""Reconstructions: pictures, and what decoders by PC and iPC and an autoencoder by BP make of them (figure 3).

The networks are those of Table 2, with its hyperparameters; the decoders find their latents by inference.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from dlntheory import pcn
from dlntheory.pcn.data.batches import Augmentation, Preparation
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data
from dlntheory.report.style import COLUMN, entitle, show_pictures, styled

from ..papers.cells import configured
from ..papers.rows import registry
from ..parts import Track
from .kept import data_in, kept, trained

SETTINGS = ("cpu", "paper")
DTYPE = "float32"
needs_data = True
TABLE = "002-table-2"
NETWORKS = {"PC-SE": "Decoder", "iPC": "Decoder", "BP-SE": "AE"}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"train_samples": 400, "test_samples": 50, "epochs": dict.fromkeys(NETWORKS, 2)},
    "cpu": {"train_samples": 10_000, "test_samples": 500, "epochs": {"PC-SE": 12, "iPC": 3, "BP-SE": 12}},
    "paper": {"train_samples": None, "test_samples": None, "epochs": dict.fromkeys(NETWORKS, 30)},
}
SHOWN = 10


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """The trainings of Table 2, shorter; on scikit-learn's digits without a folder, and else on what is in it."""
    sizes = SIZES["quick" if quick else setting]
    data = data_in(data_dir)
    return {"runs": {each: options(each, data, sizes, seed) for each in NETWORKS}, "data": data["data"]}


def options(algorithm: str, data: Mapping[str, str], sizes: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The options of one training that are not the defaults."""
    row = registry()[TABLE]
    place = {"data": "mnist", "model": NETWORKS[algorithm], "algorithm": algorithm}
    own = {name: sizes[name] for name in ("train_samples", "test_samples")}
    chosen = {**row.options_of(place), **data, **own, "epochs": sizes["epochs"][algorithm], "seed": seed}
    return configured(chosen).as_json()


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """The pictures, their reconstructions by algorithm, and the mean squared errors of all test pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        found = {
            name: kept(place, name, lambda own, name=name: reconstructed(config["runs"][name], own))
            for name in track(list(config["runs"]))
        }
    pictures = next(iter(found.values()))["pictures"]
    return {"pictures": pictures, **{f"{name}/{what}": each[what] for name, each in found.items()
                                     for what in ("reconstructions", "error")}}  # fmt: skip


def reconstructed(options: Mapping[str, Any], folder: Path) -> dict[str, np.ndarray]:
    """Train one network, and reconstruct test pictures."""
    training = TrainingConfig.from_json(options)
    network, records = trained(training, folder)
    data = read_data(training)
    prepared = Preparation.of(data, Augmentation(), network.output_shape, normalise=training.normalise)
    pictures = prepared.inputs(jnp.asarray(data.test.samples[:SHOWN]))
    decodes = network.free_input
    found = pcn.reconstruct(network, pictures, training.make_algorithm()) if decodes else pcn.predict(network, pictures)
    return {
        "pictures": np.asarray(pictures),
        "reconstructions": np.asarray(found),
        "error": np.asarray(records[-1]["test_mse"]),
    }


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By algorithm, the mean squared error of a pixel, ×10⁻³, over all test pictures after the last epoch."""
    return [{"algorithm": name, "error": 1e3 * float(arrays[f"{name}/error"])} for name in config["runs"]]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A row of pictures, and one of reconstructions by each algorithm."""
    rows = {"picture": arrays["pictures"]}
    for name in config["runs"]:
        rows[f"{name}\n{1e3 * float(arrays[f'{name}/error']):.1f}"] = arrays[f"{name}/reconstructions"]
    figure = Figure(figsize=(COLUMN, 0.55 * len(rows) + 0.5), layout="constrained")
    for line, (name, pictures) in zip(figure.subplots(len(rows), SHOWN), rows.items(), strict=True):
        show_pictures(line, pictures, name)
    entitle(figure, f"{config['data'].replace('_', ' ')}: reconstructions, and mean squared errors × 1000")
    return figure
