"""Out of distribution: does a classifier's energy tell strangers from its own kind better than softmax (figure 20)?

A perceptron learns MNIST by predictive coding with cross-entropy. Then its predicted class is clamped, and inference
runs. At the start the energy is ``−log`` of the largest softmax, so both order samples alike; afterwards they may
differ. The area under the ROC curve is taken over all samples, and over the quarter that the measure itself finds
strangest, of own and strange samples together; its intervals, and the difference's, are from a bootstrap over samples.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory import pcn
from dlntheory.pcn.data.batches import Augmentation, Preparation
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data
from dlntheory.report.style import SERIES, entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import data_title, hidden_layers, mean_over

from ..kept import data_in, kept, trained
from ..parts import Track
from ..results import deviation
from .strangers import strangers

SETTINGS = ("cpu", "paper")
DTYPE = "float32"
needs_data = True
MEASURES = ("softmax", "energy")
HUES = {"softmax": SERIES[0], "energy": SERIES[2]}
TRAINING = {"algorithm": "PC-CE", "activation": "gelu", "inference_steps": 10, "step_size": 0.01, "momentum": 0.0,
            "optimiser": "sgd", "weight_momentum": 0.9, "learning_rate": 0.01, "rate": "constant", "weight_decay": 0.0,
            "batch_size": 128}  # fmt: skip
FASTER = {"optimiser": "adam", "weight_momentum": 0.0, "learning_rate": 1e-3}
"""At small sizes, whose few updates by gradient descent would leave a network as it was."""
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"hidden": [32] * 3, "train_samples": 1000, "epochs": 10, "test_samples": 200, "seeds": 1},
    "cpu": {"hidden": [128] * 3, "train_samples": 10_000, "epochs": 8, "test_samples": 1000, "seeds": 2},
    "paper": {"hidden": [512] * 3, "train_samples": None, "epochs": 75, "test_samples": None, "seeds": 3},
}
STEPS = 100
"""Steps of inference in the test."""
RESAMPLES = 1000
Scores = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""By measure, those of own and of strange samples."""
QUARTER = 0.25
PUBLISHED = {"softmax": (0.8215, 0.5752), "energy": (0.8224, 0.5886)}
"""Areas over all samples and over the lowest quarter, MNIST against Fashion-MNIST."""


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """Sizes, and MNIST's folder, beside or in which those of its relatives are; scikit-learn's digits without one."""
    scale = "quick" if quick else setting
    sizes = dict(SIZES[scale])
    seeds = list(range(seed, seed + sizes.pop("seeds")))
    training = TRAINING if scale == "paper" else TRAINING | FASTER
    return {**sizes, **data_in(data_dir), "seeds": seeds, "training": training, "test_steps": STEPS}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By data set, scores ``(seed, measure, sample)`` and energies before and after; the accuracy by seed."""
    with tempfile.TemporaryDirectory() as scratch:
        found = [
            kept(folder or Path(scratch), f"seed-{seed}", lambda place, seed=seed: measure(config, seed, place))
            for seed in track(config["seeds"])
        ]
    return {name: np.stack([each[name] for each in found]) for name in found[0]}


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
        energies.append(np.asarray(pcn.relax(network, part, y, algorithm).energy_by_sample.sum(axis=-1), float))
        softmax.append(np.asarray(jax.nn.softmax(logits, axis=-1).max(axis=-1), float))
    return np.concatenate(energies, axis=1), np.concatenate(softmax)


def familiarity(arrays: Mapping[str, np.ndarray], name: str, measure: str, seed: int) -> np.ndarray:
    """A measure that is high for samples of the training's kind."""
    if measure == "softmax":
        return np.asarray(arrays[f"{name}/softmax"][seed])
    return np.asarray(-arrays[f"{name}/energy"][seed, 1])


def area(own: np.ndarray, strange: np.ndarray) -> float:
    """The area under the ROC curve: how often an own sample ranks above a strange one, ties half."""
    ordered = np.sort(strange)
    below, not_above = np.searchsorted(ordered, own, "left"), np.searchsorted(ordered, own, "right")
    return float((below + not_above).sum() / (2 * len(own) * len(strange))) if len(own) and len(strange) else np.nan


def lowest(own: np.ndarray, strange: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The samples of both kinds that are in the lowest quarter of all."""
    limit = np.quantile(np.concatenate([own, strange]), QUARTER)
    return own[own <= limit], strange[strange <= limit]


def areas(scores: Scores) -> np.ndarray:
    """By measure, and for the difference of energy from softmax: the area over all and over the lowest quarter."""
    found = np.array([[area(*pair), area(*lowest(*pair))] for pair in (scores[each] for each in MEASURES)])
    return np.concatenate([found, found[1:] - found[:1]])


def bootstrap(runs: Sequence[Scores], count: int, seed: int = 0) -> np.ndarray:
    """The central 95 % of the mean of `areas` over runs; samples are drawn again, the same in every run."""
    rng, sizes = np.random.default_rng(seed), [len(each) for each in runs[0][MEASURES[0]]]
    drawn = []
    for _ in range(count):
        own, strange = (rng.integers(size, size=size) for size in sizes)
        again = [{name: (pair[0][own], pair[1][strange]) for name, pair in scores.items()} for scores in runs]
        drawn.append(np.mean([areas(scores) for scores in again], axis=0))
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # where no quarter has both kinds
        return np.asarray(np.nanquantile(drawn, [0.025, 0.975], axis=0))


def names(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """The strangers."""
    return [name.partition("/")[0] for name in arrays if name.endswith("/softmax") and not name.startswith("own")]


def compared(arrays: Mapping[str, np.ndarray], name: str, seed: int) -> Scores:
    """By measure, the scores of own and of strange samples."""
    return {each: (familiarity(arrays, "own", each, seed), familiarity(arrays, name, each, seed)) for each in MEASURES}


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By strangers and measure: areas with deviations over seeds, the interval of their mean, and mean energies."""
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
                if name == "fashion-mnist" and what in PUBLISHED:
                    row[f"{label}_published"] = PUBLISHED[what][part]
            rows.append(row)
        before, after = arrays[f"{name}/energy"].mean(axis=(0, 2))
        rows[-1] |= {"energy_before": float(before), "energy_after": float(after)}
    before, after = arrays["own/energy"].mean(axis=(0, 2))
    own = {"accuracy": float(arrays["accuracy"].mean()), "energy_before": float(before), "energy_after": float(after)}
    return [own, *rows]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """ROC curves of the first strangers; energies by data set; energy against softmax; areas of all strangers."""
    figure: Figure = new_figure(2, 2, height=2.2)
    (roc, boxes), (scatter, points) = figure.subplots(2, 2)
    first = names(arrays)[0]
    draw_roc(roc, compared(arrays, first, 0), data_title(first))
    head(roc, f"Own samples against {data_title(first)}", "A")
    draw_energies(boxes, arrays)
    head(boxes, "Energies (light: before inference)", "B")
    for (name, mark), colour in zip((("own", "own samples"), (first, data_title(first))), SERIES[1::2], strict=False):
        softmax, energy = arrays[f"{name}/softmax"][0], arrays[f"{name}/energy"][0, 1]
        scatter.plot(softmax, energy, ".", color=colour, markersize=1.5, alpha=0.5, rasterized=True)
        scatter.plot([], [], "o", color=colour, label=f"C: {mark}")
    scatter.set(xlabel="largest softmax", ylabel="energy after inference", yscale="log")
    head(scatter, "Energy against softmax", "C")
    draw_areas(points, config, arrays)
    head(points, "Area under the curve", "D")
    accuracy = f"{100 * arrays['accuracy'].mean():.1f} % right"
    what = f"{data_title(config['data'])}, {hidden_layers(config['hidden'])}, {accuracy}"
    entitle(figure, f"Out of distribution: {what}", f"D: {mean_over(len(config['seeds']))}; A–C: the first")
    legend_below(figure)
    return figure


def draw_roc(axes: Axes, scores: Scores, name: str) -> None:
    """The share of own samples that pass against the share of strangers, over all and over the lowest quarter."""
    for measure, pair in scores.items():
        for (own, strange), style, part in ((pair, "-", "all"), (lowest(*pair), "--", "lowest quarter")):
            limits = np.sort(np.concatenate([own, strange]))[::-1]
            passed = [(np.searchsorted(np.sort(each), limits, "left")) for each in (strange, own)]
            rates = [1 - each / len(kind) for each, kind in zip(passed, (strange, own), strict=True)]
            axes.plot(*rates, style, color=HUES[measure], label=f"{measure}, {part}")
    axes.set(xlabel=f"share of {name} let in", ylabel="share of own let in")


def draw_energies(axes: Axes, arrays: Mapping[str, np.ndarray]) -> None:
    """Boxes of the energies before and after inference, by data set."""
    every = ["own", *names(arrays)]
    for k, colour in enumerate(("0.9", "0.5")):
        boxes = axes.boxplot(
            [np.maximum(arrays[f"{name}/energy"][0, k], 1e-12) for name in every], patch_artist=True, showfliers=False,
            positions=np.arange(len(every)) + 0.35 * (k - 0.5), widths=0.3, medianprops={"color": "black"},
        )  # fmt: skip
        for box in boxes["boxes"]:
            box.set_facecolor(colour)
    axes.set(yscale="log", ylabel="energy of a sample")
    axes.set_xticks(range(len(every)), [data_title(name).replace("-", "-\n") for name in every])


def draw_areas(axes: Axes, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """The areas of both measures by strangers, filled over all samples and hollow over the lowest quarter."""
    every = names(arrays)
    for j, name in enumerate(every):
        found = np.stack([areas(compared(arrays, name, seed)) for seed in range(len(config["seeds"]))])
        for k, measure in enumerate(MEASURES):
            for part, face in enumerate((HUES[measure], "white")):
                spread = np.nan_to_num(deviation(found[:, k, part]))
                point = {"fmt": "o", "color": HUES[measure], "mfc": face}
                axes.errorbar(j + 0.16 * (k - 0.5), found[:, k, part].mean(), spread, **point)
    axes.axhline(0.5, color="0.7", linewidth=0.8)
    axes.set_xticks(range(len(every)), [data_title(name).replace("-", "-\n") for name in every])
    axes.set_ylabel("area (open: lowest quarter)")
