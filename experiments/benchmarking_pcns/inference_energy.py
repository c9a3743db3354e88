"""Energy by layer over inference, and the ratio between layers against the states' learning rate (figures 6, 14, 15).

A network of three layers is trained at each learning rate of its states, from several seeds. Then inference is
followed on a batch of test samples. Beside the ratios of energies stands the linear theory's prediction: each sample's
network is linearised at its forward pass, and its inference is solved in closed form.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory.pcn import relax
from dlntheory.pcn.data.batches import Augmentation, Preparation
from dlntheory.pcn.data.catalogue import telling_how_to_get
from dlntheory.pcn.data.mnist import find_any, fingerprint
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.divergence import DivergedError
from dlntheory.pcn.runs.folder import read_epochs
from dlntheory.pcn.runs.run import read_data, read_run, run_training
from dlntheory.report.style import entitle, head, legend_below, new_figure, positive, styled, whole_ticks
from dlntheory.report.training_pictures import ramp
from dlntheory.report.words import data_title, hidden_layers, mean_over

from ..kept import workplace
from ..papers.theory import linear_energies
from ..parts import Track, gathered
from ..results import deviation

ACTIVATIONS = {"leaky_relu": "leaky ReLU", "hard_tanh": "hard tanh"}
POINTS = ("moons", "circles")
SETTINGS = (*ACTIVATIONS, *POINTS)
"""Activations, on pictures; and points in the plane, with leaky ReLU (figures 14a and 15a)."""
DTYPE = "float64"
needs_data = True
FULL = {"width": 512, "epochs": 8, "rates": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], "samples": 8, "seeds": 3}
QUICK = {"width": 32, "epochs": 2, "rates": [0.01, 0.1, 1.0], "samples": 4, "seeds": 2}
OF_POINTS = {"width": 128, "seeds": 10}
"""Sizes of the full run with points, where they differ."""
FORMAT = "mnist"
"""The format and the normalisation of a folder's data, in which the relatives of MNIST agree."""
STEPS, BATCH = 8, 128
WEIGHTS = {"learning_rate": 1e-3, "rate": "cosine"}
RATE_OF_POINTS = {"moons": 1e-2, "circles": 1e-3}
"""The weights' constant rate; studies 002-figure-14 and -15 choose it in validation up to a states' rate of 0.1."""


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """The data set in the files of MNIST or of a relative if its folder is given, and scikit-learn's digits if not.

    Raises:
        ValueError: for a folder with points, which are drawn and not read.
    """
    points = setting in POINTS
    if points and data_dir is not None:
        raise ValueError(f"{setting} are drawn, and not read from {data_dir}; wanted no folder.")
    sizes = QUICK if quick else {**FULL, **(OF_POINTS if points else {})}
    weights = {"learning_rate": RATE_OF_POINTS[setting], "rate": "constant"} if points else WEIGHTS
    training = {"steps": STEPS, "batch": BATCH, **weights}
    runs = {"run_seeds": list(range(seed, seed + sizes["seeds"])), "precision": DTYPE}
    data = {"data": setting if points else "digits"} if data_dir is None else found(data_dir)
    return {**sizes, **training, **runs, "activation": "leaky_relu" if points else setting, **data}


def found(folder: Path) -> dict[str, Any]:
    """The data in the folder: the data set's name, by which the figure is labelled, where it is, and a digest."""
    with telling_how_to_get("fashion-mnist", folder):
        place = find_any(folder)
    return {"data": place.name, "files": fingerprint(place.files), "data_dir": str(place.folder)}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By seed and learning rate: energies ``(T + 1, N)``, the linear theory's ``(N,)``, and the test accuracy."""
    seeds, rates = config["run_seeds"], config["rates"]
    with workplace(folder) as place:
        found = [measure(config, *each, place) for each in track(list(product(seeds, rates)))]
    return gathered(found, len(seeds), len(rates))


def measure(config: dict[str, Any], seed: int, rate: float, place: Path) -> dict[str, Any]:
    """Train from a seed at a learning rate, or take the run from its folder in ``place``, and follow inference.

    A training that diverges has the best accuracy of the epochs before, and NaN for energies.
    """
    folder = place / f"{seed}-{rate:g}"
    training = TrainingConfig(
        data=FORMAT if "data_dir" in config else config["data"], data_dir=config.get("data_dir"),
        hidden=(config["width"],) * 2, algorithm="PC-SE",
        activation=config["activation"], inference_steps=config["steps"], step_size=rate, momentum=0.0,
        epochs=config["epochs"], batch_size=config["batch"], learning_rate=config["learning_rate"],
        rate=config["rate"], seed=seed, precision=config["precision"],
    )  # fmt: skip
    try:
        for _ in run_training(training, folder, resume=True):
            pass
        energies = follow(config, training, read_run(folder)[1])
    except DivergedError as error:
        print(error)
        lost = np.full((config["steps"] + 1, len(training.hidden) + 1), np.nan)
        energies = {"energy": lost, "energy_of_samples": lost[-1], "linear": lost[-1]}
    return {**energies, "accuracy": max((each["test_accuracy"] for each in read_epochs(folder)), default=np.nan)}


def follow(config: dict[str, Any], training: TrainingConfig, network: Any) -> dict[str, np.ndarray]:
    """Energies by layer of a trained network, as inference goes on and as the linear theory has them at its end."""
    data = read_data(training)
    preparation = Preparation.of(data, Augmentation(), network.input_shape, config["precision"])
    x = preparation.inputs(jnp.asarray(data.test.samples[: config["batch"]]))
    y = preparation.targets(jnp.asarray(data.test.labels[: config["batch"]]))
    count = config["samples"]
    return {
        "energy": np.asarray(relax(network, x, y, training.make_algorithm()).energy),
        "energy_of_samples": np.asarray(relax(network, x[:count], y[:count], training.make_algorithm()).energy[-1]),
        "linear": linear_energies(network, x[:count], y[:count], config["steps"], training.step_size),
    }


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """For each learning rate, the mean accuracy, and by seed the energy of layer 1 relative to the last, two ways."""
    ratios = {name: arrays[name][..., 0] / arrays[name][..., -1] for name in ("energy_of_samples", "linear")}
    means, spreads = arrays["accuracy"].mean(axis=0), deviation(arrays["accuracy"], axis=0)
    return [
        {
            "step_size": rate,
            "accuracy": float(mean),
            "diverged": int(np.isnan(arrays["linear"][:, index, 0]).sum()),
            "accuracy_deviation": float(spread),
            "ratio": ratios["energy_of_samples"][:, index].tolist(),
            "linear_theory": ratios["linear"][:, index].tolist(),
        }
        for index, (rate, mean, spread) in enumerate(zip(config["rates"], means, spreads, strict=True))
    ]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Energy over inference at the best rate, of the first seed; accuracy; and ratios of neighbouring layers."""
    figure: Figure = new_figure(3, height=2.2)
    left, middle, right = figure.subplots(1, 3)
    mean, spread = arrays["accuracy"].mean(axis=0), deviation(arrays["accuracy"], axis=0)
    best = int(np.nanargmax(mean))
    draw_inference(left, arrays["energy"][0, best])
    head(left, f"Inference at rate {config['rates'][best]:g}", "A")
    middle.errorbar(config["rates"], 100 * mean, 100 * np.nan_to_num(spread), fmt="o-", color="black")
    middle.set(xscale="log", xlabel="learning rate of the states", ylabel="test accuracy, %")
    head(middle, "Accuracy by rate", "B")
    draw_ratios(right, config["rates"], arrays)
    head(right, "Energy by the next layer's", "C")
    what = f"{data_title(config['data'])}, {hidden_layers([config['width']] * 2)}, {ACTIVATIONS[config['activation']]}"
    seeds = f"A: the first seed; B: {mean_over(len(config['run_seeds']))}"
    diverged = int(np.isnan(arrays["linear"][..., 0]).sum())
    note = f"C: each seed, lines by the linear theory{f'; {diverged} diverged' if diverged else ''}"
    entitle(figure, f"Energy by layer over inference: {what}", f"{seeds}; {note}")
    legend_below(figure)
    return figure


def draw_inference(axes: Axes, energies: np.ndarray) -> None:
    """Energy by layer, step by step."""
    for layer, (values, colour) in enumerate(zip(energies.T, ramp(energies.shape[1]), strict=True), start=1):
        axes.plot(positive(values), "o-", color=colour, label=f"layer {layer}")
    axes.set(yscale="log", xlabel="inference step", ylabel="mean energy")
    whole_ticks(axes)


def draw_ratios(axes: Axes, rates: list[float], arrays: Mapping[str, np.ndarray]) -> None:
    """Energy of a layer relative to the next, by seed: marks measured, lines by the linear theory."""
    for layer, (mark, colour) in enumerate(zip("sD^", ramp(arrays["linear"].shape[-1])[:-1], strict=False)):
        for name, style in {"energy_of_samples": mark, "linear": "-"}.items():
            ratios = (arrays[name][..., layer] / arrays[name][..., layer + 1]).T
            drawn = axes.plot(rates, positive(ratios), style, color=colour, linewidth=0.8)
            if style == mark:
                drawn[0].set_label(f"layer {layer + 1} by layer {layer + 2}")
    axes.axhline(1, color="0.6", linewidth=0.8, zorder=0)
    axes.set(xscale="log", yscale="log", xlabel="learning rate of the states", ylabel="ratio of energies")
