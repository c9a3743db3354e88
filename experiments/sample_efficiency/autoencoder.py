"""A nonlinear autoencoder of MNIST, trained by BP and PC, plain and rescaled (figures 3D, 4D and 9).

Rectifiers after the hidden layers, a sigmoid at the output, no biases (equation 12 has none), weights normal with
variance ``1/n_in`` (appendices A.3, B and J.2). The network and its training are `dlntheory.pcn`'s; PC settles by
Newton's method. The error is the mean squared error of a pixel, on every fifth test image. The runs of a curve go to a
thread per core, since a step of one image leaves most of a machine idle.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from dlntheory import SpectralRegularisation, pcn
from dlntheory.networks.initialisation import JaxSource, random_weights
from dlntheory.pcn.data.catalogue import load_dataset, telling_how_to_get
from dlntheory.pcn.data.mnist import IMAGES, Images, find, fingerprint, load_images, pixels
from dlntheory.report.words import runs_in_words

from ..kept import kept, workplace
from ..parts import Arrays, Track, gathered
from .curves import at_best, draw_best, draw_sweep, with_best
from .rules import CURVES
from .single_step import batch_in_words
from .training import QUICK_BATCH

FULL: dict[str, Any] = {
    "hidden": [128, 32, 128],
    "learning_rates": [10 ** (exponent / 2) for exponent in range(-8, 3)],
    "seeds": 3,
    "steps": 200,
    "steps_a_block": 5,
    "train_images": 60_000,
    "test_images_apart": 5,
}
QUICK: dict[str, Any] = {
    "hidden": [16, 8, 16],
    "learning_rates": [0.01, 0.1],
    "seeds": 2,
    "steps": 20,
    "steps_a_block": 5,
    "train_images": 2_000,
    "test_images_apart": 50,
}


@dataclass(frozen=True)
class Autoencoder:
    """Test error along training, and at its end by learning rate.

    Attributes:
        batch: images per step.
        curves: names in `rules.CURVES`.
    """

    batch: int
    curves: tuple[str, ...]
    needs_data = True
    has_digits = True

    def configure(self, quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
        """Sizes, seeds and rates, the regularisation of the paper's deepest networks, and where inference ends."""
        sizes: dict[str, Any] = {**(QUICK if quick else FULL)}
        return {
            **sizes,
            "batch": min(self.batch, QUICK_BATCH) if quick else self.batch,
            "curves": list(self.curves),
            "seeds": list(range(seed, seed + sizes["seeds"])),
            "init": "lecun_normal",
            "regularisation": 1e-4,
            "inference": {"tolerance": 1e-3, "steps": 30},
            "dtype": "float32",
            **data_in(data_dir),
        }

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """The test error; by curve, learning rate and seed, every step's residual, and the mean of Newton steps."""
        images = load_images(Path(config["data_dir"])) if "data_dir" in config else digits()
        with workplace(folder) as place:
            found = gathered([
                kept(place, name, lambda _, name=name: self._curve(config, name, images, track))
                for name in config["curves"]
            ])  # fmt: skip
        return {
            "steps": np.arange(0, config["steps"] + 1, config["steps_a_block"]),
            "learning_rates": np.array(config["learning_rates"]),
            **found,
            **with_best(found["errors"]),
        }

    def _curve(self, config: dict[str, Any], name: str, images: Images, track: Track) -> Arrays:
        """The runs of a curve."""
        runs = [(rate, seed) for rate in config["learning_rates"] for seed in config["seeds"]]
        threads = ThreadPoolExecutor(os.cpu_count() or 1)
        try:
            waiting = [threads.submit(train_once, config, name, images, *run) for run in runs]
            histories = [each.result() for each in track(waiting)]
        finally:
            threads.shutdown(cancel_futures=True)  # an error or an interruption ends what has not begun
        shape = (len(config["learning_rates"]), len(config["seeds"]), -1)
        columns = [np.array(column).reshape(shape) for column in zip(*histories, strict=True)]
        return dict(zip(("errors", "residuals", "newton_steps"), columns, strict=True))

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Each curve at its best learning rate: the error at the end, and the share of steps short of equilibrium."""
        rows = []
        for (best, row), residuals in zip(at_best(config, arrays), arrays["residuals"], strict=True):
            unsettled = ~(residuals[best] <= config["inference"]["tolerance"])
            rows.append({**row, "unsettled": float(unsettled.mean())})
        return rows

    def note(self, config: dict[str, Any]) -> list[str]:
        """Batch, seeds, and what stands in for MNIST."""
        stand_in = [] if "data_dir" in config else ["scikit-learn's digits in place of MNIST"]
        return [batch_in_words(config["batch"]), runs_in_words(len(config["seeds"])), *stand_in]

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """The test error along training, of each curve at its best learning rate."""
        draw_best(axes, config, arrays)
        axes.set(ylabel="mean squared test error")

    def draw_sweep(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """The test error at the end, by learning rate; runs that ended in NaN are left out."""
        draw_sweep(axes, config, arrays)
        axes.set(ylabel=f"test error after {config['steps']} steps")


ONLINE = Autoencoder(1, ("bp", "pc", "bp_adaptive", "pc_adaptive"))
BATCH = Autoencoder(64, ("bp", "pc", "bp_decorrelated", "pc_decorrelated"))


def data_in(folder: Path | None) -> dict[str, str]:
    """Which data: a digest of MNIST's files in the folder, or digits; files that are damaged are refused now."""
    if folder is None:
        return {"data": "digits"}
    with telling_how_to_get("mnist", folder):
        load_images(folder)
    return {"data": fingerprint(find(folder, parts=IMAGES).files), "data_dir": str(folder)}


def digits() -> Images:
    """scikit-learn's digits in the place of MNIST, brightness 0 to 255."""
    data = load_dataset("digits")
    return Images(*(
        np.round(each.samples.reshape(len(each), -1) * (255 / data.normalisation.maximum)).astype(np.uint8)
        for each in (data.train, data.test)
    ))  # fmt: skip


def train_once(config: dict[str, Any], name: str, images: Images, rate: float, seed: int) -> list[np.ndarray]:
    """The history of one run; every curve has the same weights and images for a seed."""
    dtype, width = config["dtype"], images.train.shape[1]
    order = np.random.default_rng(seed).permutation(min(config["train_images"], len(images.train)))
    blocks = (config["steps"] // config["steps_a_block"], config["steps_a_block"], config["batch"])
    batches = pixels(images.train[np.resize(order, np.prod(blocks))], dtype).reshape(*blocks, width)
    test = jnp.asarray(pixels(images.test[:: config["test_images_apart"]], dtype))
    learning = algorithm(config, name)
    optimiser = pcn.Descent(rate)
    state = pcn.start_training(network(config, width, seed), learning, optimiser, batch_size=config["batch"])
    errors, residuals, steps = [test_error(state.network, test)], [], []
    for block in batches:
        state, found = pcn.train_steps(state, block, block, learning, optimiser)
        errors.append(test_error(state.network, test))
        residuals.append(found.get("residual", np.zeros(len(block), dtype)))
        steps.append(found.get("newton_steps", np.zeros(len(block), int)))
    return [np.asarray(errors), np.concatenate(residuals), np.mean(steps, keepdims=True).ravel()]


def network(config: dict[str, Any], width: int, seed: int) -> pcn.Network:
    """Dense layers without biases, rectifiers behind the hidden ones, a sigmoid behind the last."""
    widths, dtype = (width, *config["hidden"], width), jnp.dtype(config["dtype"])
    key = jax.random.key(seed)
    activations = ["relu"] * len(config["hidden"]) + ["sigmoid"]
    blocks = []
    weights = random_weights(widths, config["init"], JaxSource(key, dtype))
    for weight, activation in zip(weights, activations, strict=True):
        layer = pcn.Dense(weight.shape[1], weight.shape[0], key, dtype, bias=False)
        blocks.append(pcn.Block(eqx.tree_at(lambda it: it.weight, layer, weight), activation=activation))
    return pcn.Network(blocks, (width,))


def algorithm(config: dict[str, Any], name: str) -> pcn.Algorithm:
    """The algorithm of a curve."""
    curve = CURVES[name]
    kind = pcn.Backpropagation if curve.rule == "bp" else pcn.AtEquilibrium
    regularisation = SpectralRegularisation(config["regularisation"])
    newton = pcn.Newton(config["inference"]["tolerance"])
    update = kind(curve.rescaling, regularisation if curve.rescaling == "decorrelated" else None)
    return pcn.Algorithm(relaxation=newton, update=update, steps=config["inference"]["steps"])


@eqx.filter_jit
def test_error(network: pcn.Network, test: jax.Array) -> jax.Array:
    """The mean squared error of a pixel."""
    return jnp.mean((network(test) - test) ** 2)
