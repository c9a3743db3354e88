"""Energy by layer over training, with accuracies, for BP and variants of PC (figures 2, 5 and 6).

As a figure it is drawn for a deep perceptron on scikit-learn's digits. For the paper's networks and data,

    python -m experiments.deeper_pcns.training_energy --model VGG-5 --data cifar10-jpeg --data-dir DIR --out DIR

trains them, resumes what was interrupted, and writes the same data and picture; `--samples` keeps so many training
samples.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlntheory.pcn.choices.updates import Backpropagation
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.divergence import DivergedError
from dlntheory.pcn.runs.folder import read_epochs
from dlntheory.pcn.runs.run import read_data, run_training
from dlntheory.report.style import COLOURS, entitle, head, legend_below, new_figure, styled, whole_ticks
from dlntheory.report.training_pictures import draw_energies
from dlntheory.report.words import hidden_layers

from ..kept import workplace
from ..parts import Track
from ..provenance import choices
from ..results import Result, configuration, pictures, save

SETTINGS = ("digits",)
DTYPE = "float64"
ALGORITHMS = ["BP-SE", "PC-SE", "F", "D+F", "S+F"]
HUES = {"BP-SE": "bp", "PC-SE": "pc", "F": "pc", "D+F": "decaying", "S+F": "spiking"}
LEARNING_RATE = {"BP-SE": 1e-3}
FULL: dict[str, Any] = {"hidden": [64] * 7, "epochs": 40}
QUICK: dict[str, Any] = {"hidden": [16] * 4, "epochs": 2}
BASE: dict[str, Any] = {"data": "digits", "model": "MLP", "activation": "gelu", "batch_size": 64,
                        "learning_rate": 1e-3, "precision": DTYPE}  # fmt: skip


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """A perceptron on digits; inference has as many steps as there are layers."""
    sizes = QUICK if quick else FULL
    runs = {name: options(name, len(sizes["hidden"]) + 1, {**BASE, **sizes}, seed) for name in ALGORITHMS}
    return {"runs": runs, "title": f"digits, {hidden_layers(sizes['hidden'])}"}


def options(name: str, steps: int, base: dict[str, Any], seed: int) -> dict[str, Any]:
    """The options of one algorithm's run."""
    inference = {} if name.startswith("BP") else {"inference_steps": steps}
    return {**base, "algorithm": name, **inference, "seed": seed}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By algorithm, epoch by epoch: energies ``(epochs, N)``, and the accuracies ``(epochs, 2)``."""
    arrays: dict[str, np.ndarray] = {}
    with workplace(folder) as place:
        for name in track(list(config["runs"])):
            epochs = train(TrainingConfig.from_json(config["runs"][name]), place / name)
            arrays[f"{name}/energy"] = np.array([each["energy"] for each in epochs])
            arrays[f"{name}/accuracy"] = np.array([[each["accuracy"], each["test_accuracy"]] for each in epochs])
            arrays[f"{name}/seconds"] = np.array([each["seconds"] for each in epochs])
    return arrays


def train(config: TrainingConfig, folder: Path) -> list[dict[str, Any]]:
    """The records of the epochs; those before it diverged, if it does."""
    try:
        for _ in run_training(config, folder, resume=True, data=read_data(config)):
            pass
    except DivergedError as error:
        print(error)
    return read_epochs(folder)


def meaning(options: Mapping[str, Any]) -> str:
    """The errors whose energy a run records: algorithms with different ones do not compare."""
    update = TrainingConfig.from_json(options).make_algorithm().update
    if isinstance(update, Backpropagation):
        return "backpropagated errors"
    return f"errors against {'forward' if update.at_forward or update.at_arrival else 'their own'} predictions"


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """For each algorithm, the best test accuracy, and in the last epoch the energy of layer 1 relative to the last."""
    return [
        {
            "algorithm": name,
            "energy": meaning(config["runs"][name]),
            "epochs": len(arrays[f"{name}/accuracy"]),
            "best_test_accuracy": float(arrays[f"{name}/accuracy"][:, 1].max()),
            "first_to_last_energy": float(np.divide(*arrays[f"{name}/energy"][-1, [0, -1]])),
        }
        for name in config["runs"]
        if len(arrays[f"{name}/accuracy"])
    ]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Draw a panel of energies by layer per algorithm, and one with the test accuracies of all."""
    names = list(config["runs"])
    columns = 3 if len(names) > 3 else 2
    figure: Figure = new_figure(columns, -(-(len(names) + 1) // columns))
    *panels, last = figure.subplots(-(-(len(names) + 1) // columns), columns).flat[: len(names) + 1]
    for letter, name, axes in zip("ABCDEFGH", names, panels, strict=False):
        energies = arrays[f"{name}/energy"]
        draw_energies(axes, range(1, 1 + len(energies)), energies)
        head(axes, f"{name}: {meaning(config['runs'][name])}", letter)
    draw_accuracies(last, {name: arrays[f"{name}/accuracy"] for name in names})
    head(last, "Accuracy (dotted: training)", "ABCDEFGH"[len(names)])
    entitle(figure, f"Energy by layer over training: {config['title']}; one seed")
    legend_below(figure)
    return figure


def draw_accuracies(axes: Axes, accuracies: Mapping[str, np.ndarray]) -> None:
    """Test accuracy of every algorithm, ``(epoch, 2)``, and on the training set as a thin dotted line."""
    for name, values in accuracies.items():
        colour, style, epochs = COLOURS[HUES[name]], "--" if "F" in name else "-", range(1, 1 + len(values))
        axes.plot(epochs, 100 * values[:, 0], ":", color=colour, linewidth=0.7)
        axes.plot(epochs, 100 * values[:, 1], style, color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="accuracy, %")
    whole_ticks(axes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="VGG-5")
    parser.add_argument("--data", default="cifar10-jpeg")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--samples", type=int, help="keep so many training samples")
    parser.add_argument("--test-samples", type=int)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--inference-steps", type=int, help="by default as many as layers")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--algorithms", nargs="+", default=ALGORITHMS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    base = {
        "data": given.data, "data_dir": given.data_dir, "train_samples": given.samples, "test_samples":
        given.test_samples, "flip": True, "crop": 32, "padding": 4, "model": given.model, "epochs": given.epochs,
        "learning_rate": given.learning_rate,
    }  # fmt: skip
    steps = given.inference_steps or int(given.model.partition("-")[2])
    runs = {name: options(name, steps, base, given.seed) for name in given.algorithms}
    texts = {key: " ".join(value) if isinstance(value, list) else value for key, value in vars(given).items()}
    shown = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in texts.items() if value is not None)
    config = configuration(f"python -m experiments.deeper_pcns.training_energy {shown}", runs=runs,
                           title=f"{given.model} on {given.data}")  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    arrays = run(choices(config), iter, given.out / "runs")
    for line in summarise(config, arrays):
        print(line)
    save(given.out, Result(config, arrays), pictures("training-energy", draw(config, arrays)))


if __name__ == "__main__":
    main()
