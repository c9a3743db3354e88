"""Reconstructions: pictures, and what decoders by PC and iPC and autoencoders by BP make of them (figure 3).

The networks are those of Table 2, with its hyperparameters; the decoders find their latents by inference. Beside them
stand principal components, which nothing linear outdoes.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
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
from dlntheory.report.words import data_title

from ..kept import data_in, kept, trained, workplace
from ..papers.cells import make_cells
from ..papers.rows import registry
from ..parts import Track

SETTINGS = ("paper",)
DTYPE = "float32"
needs_data = True
TABLE = "002-table-2"
NETWORKS = {"PC-SE": "mnist,Decoder,PC-SE", "iPC": "mnist,Decoder,iPC", "BP-SE": "mnist,AE,BP-SE",
            (LINEAR := "linear, by BP"): "mnist,Linear-AE,BP-SE"}  # fmt: skip
COMPONENTS = "components"
SHOWN = 10
TEST_BATCH = 1000
RESAMPLES = 2000


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """The trainings of Table 2 at a scale; on scikit-learn's digits without a folder, and else on what is in it."""
    data, row, scale = data_in(data_dir), registry()[TABLE], "quick" if quick else setting
    cells = {name: make_cells(row, scale, [words])[0] for name, words in NETWORKS.items()}
    runs = {name: replace(cell.config, **data, seed=seed).as_json() for name, cell in cells.items()}
    return {"runs": runs, "data": data["data"]}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Pictures, and by network their reconstructions and the mean squared error of every test picture."""
    with workplace(folder) as place:
        found = {
            name: kept(place, name, partial(by_training, config["runs"][name])) for name in track(list(config["runs"]))
        }
        found[COMPONENTS] = kept(place, COMPONENTS, lambda _: by_components(config["runs"][LINEAR]))
    pictures = next(iter(found.values()))["pictures"]
    return {"pictures": pictures, **{f"{name}/{what}": each[what] for name, each in found.items()
                                     for what in ("reconstructions", "errors")}}  # fmt: skip


def by_training(options: Mapping[str, Any], folder: Path) -> dict[str, np.ndarray]:
    """Train one network, and reconstruct the test pictures."""
    training = TrainingConfig.from_json(options)
    network, _ = trained(training, folder)
    data = read_data(training)
    prepared = Preparation.of(data, Augmentation(), network.output_shape, normalise=training.normalise)
    pictures = np.asarray(prepared.inputs(jnp.asarray(data.test.samples)))
    parts = [pictures[start : start + TEST_BATCH] for start in range(0, len(pictures), TEST_BATCH)]
    if network.free_input:
        found = [pcn.reconstruct(network, part, training.make_algorithm()) for part in parts]
    else:
        found = [pcn.predict(network, part) for part in parts]
    return judged(pictures, np.concatenate(found))


def by_components(options: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Project the test pictures onto the training set's leading principal components, as many as a latent has units.

    No linear autoencoder reconstructs the training set with a smaller error (Baldi and Hornik 1989).
    """
    training = TrainingConfig.from_json(options)
    data = read_data(training)
    rows, pictures = (each.samples.astype(float) / data.normalisation.maximum for each in (data.train, data.test))
    mean, flat = rows.mean(axis=0), (rows - rows.mean(axis=0)).reshape(len(rows), -1)
    width = (training.hidden or ())[-1]
    directions = np.linalg.eigh(flat.T @ flat)[1][:, -width:]
    left = (pictures - mean).reshape(len(pictures), -1)
    return judged(pictures, mean + (left @ directions @ directions.T).reshape(pictures.shape))


def judged(pictures: np.ndarray, found: np.ndarray) -> dict[str, np.ndarray]:
    """The first pictures with their reconstructions, and the mean squared error of every picture."""
    errors = np.square(found.astype(float) - pictures).mean(axis=tuple(range(1, pictures.ndim)))
    return {"pictures": pictures[:SHOWN], "reconstructions": found[:SHOWN], "errors": errors}


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By network, the mean squared error of a test pixel after the last epoch, ×10⁻³, with its interval."""
    rows = []
    for name in (*config["runs"], COMPONENTS):
        errors = 1e3 * arrays[f"{name}/errors"]
        rows.append({"network": name, "error": float(errors.mean()), "interval": interval(errors)})
    return rows


def interval(values: np.ndarray) -> list[float]:
    """The central 95 % of the mean over resampled pictures."""
    from scipy.stats import bootstrap

    found = bootstrap((values,), np.mean, n_resamples=RESAMPLES, batch=100, method="percentile", rng=0)
    return [float(found.confidence_interval.low), float(found.confidence_interval.high)]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A row of pictures, and one of reconstructions by each algorithm."""
    rows = {"picture": arrays["pictures"]}
    for name in (*config["runs"], COMPONENTS):
        rows[f"{name}\n{1e3 * arrays[f'{name}/errors'].mean():.1f}"] = arrays[f"{name}/reconstructions"]
    figure = Figure(figsize=(COLUMN, 0.55 * len(rows) + 0.5), layout="constrained")
    for line, (name, pictures) in zip(figure.subplots(len(rows), SHOWN), rows.items(), strict=True):
        show_pictures(line, pictures, name)
    entitle(figure, f"{data_title(config['data'])}: reconstructions, and mean squared errors × 1000")
    return figure
