"""Pictures from networks that learn their law: Monte Carlo PC, a VAE, and the most likely linear network (figure 12).

A decoder ``[latent, h, h, h, pixels]`` learns by Langevin dynamics; conditionally, its input is the parity of the digit
and is clamped. VAEs have the same decoder, and as many updates or ten times as many. The linear network has as many
latents, needs no training (probabilistic principal components), and is sampled exactly. A classifier that is trained
here gives the features and the probabilities in which quality is measured, so no number compares with the paper's.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from dlntheory import pcn
from dlntheory.pcn.runs.checkpoints import named_arrays, with_arrays
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import read_data
from dlntheory.report.style import PAGE, entitle, show_pictures, styled
from dlntheory.report.words import data_title, mean_over

from ..kept import data_in, kept, trained, workplace
from ..parts import Track
from ..results import deviation
from . import vae
from .memory import linear_memory
from .quality import frechet_distance, inception_score, precision_and_recall

SETTINGS = ("cpu", "paper")
DTYPE = "float32"
needs_data = True
BY_PARITY = "MCPC by parity"
LONGER = {"VAE": 1, "VAE longer": 10}
"""Updates of a VAE per update of MCPC, which takes many steps of inference."""
MODELS = ("training pictures", "linear", *LONGER, "MCPC", BY_PARITY)
MEASURES = ("frechet", "inception", "precision", "recall", "parity")
JUDGE = {"algorithm": "BP-CE", "activation": "relu", "hidden": (128, 64), "normalise": False, "batch_size": 100,
         "learning_rate": 1e-3}  # fmt: skip
LEARNING = {"activation": "relu", "variance": 0.1, "step_size": 0.1, "momentum": 0.0,
            "learning_rate": {"MCPC": 3e-3, "VAE": 1e-3}}  # fmt: skip
"""Step size and momentum are those of the authors' code for iris: a heavy-ball step of 0.01, momentum 0.9."""
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"hidden": [32] * 3, "latent": 8, "updates": 200, "batch": 50, "steps": 20, "seeds": 1,
              "train_samples": 1000, "test_samples": 200, "samples": 200, "judge_epochs": 15},
    "cpu": {"hidden": [256] * 3, "latent": 30, "updates": 1000, "batch": 100, "steps": 50, "seeds": 3,
            "train_samples": 10_000, "test_samples": 1000, "samples": 1000, "judge_epochs": 5},
    "paper": {"hidden": [256] * 3, "latent": 30, "updates": 20_000, "batch": 150, "steps": 1000, "seeds": 3,
              "train_samples": None, "test_samples": None, "samples": 10_000, "judge_epochs": 10},
}  # fmt: skip
PUBLISHED = {
    "VAE": {"FID": (4.19, 0.38), "inception_score": (7.91, 0.03)},
    "MCPC": {"FID": (2.53, 0.17), "inception_score": (7.13, 0.10)},
}
"""The paper's means and deviations, in the features of another network than here."""
BLOCKS = 10
"""Parts of a training, each of which is kept."""
SHOWN = 12
State = TypeVar("State")


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """Sizes, and the data set: the folder's, scikit-learn's digits without one."""
    sizes = dict(SIZES["quick" if quick else setting])
    seeds = list(range(seed, seed + sizes.pop("seeds")))
    return {**sizes, **data_in(data_dir), "seeds": seeds, "models": list(MODELS), "learning": LEARNING, "judge": JUDGE}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By model and seed, the measures; pictures of the first seed; the classifier's accuracy."""
    with workplace(folder) as place:
        study, cells = Study.of(config, place), {}
        for model, seed in track([(model, seed) for seed in config["seeds"] for model in config["models"]]):
            name = f"{model} {seed}".replace(" ", "-")
            cells[model, seed] = kept(place, name, functools.partial(study.measure, model, seed))
    found = {
        name: np.stack([[cells[model, seed][name] for seed in config["seeds"]] for model in config["models"]])
        for name in MEASURES
    }
    shown = {f"{model}/pictures": cells[model, config["seeds"][0]]["pictures"] for model in config["models"]}
    return {**found, **shown, "accuracy": study.accuracy}


@dataclasses.dataclass(frozen=True)
class Study:
    """The common ground of all models: the pictures, as rows from 0 to 1, and the classifier that judges."""

    config: Mapping[str, Any]
    rows: np.ndarray
    parities: np.ndarray
    """``(N, 2)``, one-hot: even and odd."""
    test: np.ndarray
    shape: tuple[int, ...]
    judge: pcn.Network
    accuracy: np.ndarray

    @classmethod
    def of(cls, config: Mapping[str, Any], folder: Path) -> "Study":
        """Read the pictures, and train the classifier."""
        training = TrainingConfig(
            data=config["data"], data_dir=config.get("data_dir"), train_samples=config["train_samples"],
            test_samples=config["test_samples"], epochs=config["judge_epochs"], seed=config["seeds"][0],
            **{**config["judge"], "hidden": tuple(config["judge"]["hidden"])},
        )  # fmt: skip
        judge, records = trained(training, folder / "judge")
        data = read_data(training)
        train, test = (
            np.asarray(each.samples.reshape(len(each), -1), np.float32) / np.float32(data.normalisation.maximum)
            for each in (data.train, data.test)
        )
        parities = np.eye(2, dtype=np.float32)[np.asarray(data.train.labels) % 2]
        accuracy = np.asarray(records[-1]["test_accuracy"])
        return cls(config, train, parities, test, tuple(data.shape), judge, accuracy)

    def measure(self, model: str, seed: int, folder: Path) -> dict[str, np.ndarray]:
        """Train one model, sample from it, and judge its pictures."""
        count = self.config["samples"]
        asked = np.arange(count) % 2
        pictures = np.clip(sampler(model)(self, model, seed, folder, asked), 0, 1)
        features, probabilities = self.judged(pictures)
        real, _ = self.judged(self.test)
        precision, recall = precision_and_recall(real, features)
        right = probabilities.argmax(axis=1) % 2 == asked
        return {
            "pictures": pictures[:SHOWN].reshape(-1, *self.shape),
            "frechet": np.asarray(frechet_distance(real, features)),
            "inception": np.asarray(inception_score(probabilities)),
            "precision": np.asarray(precision),
            "recall": np.asarray(recall),
            "parity": np.asarray(right.mean() if model == BY_PARITY else np.nan),
        }

    def judged(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The activities of the classifier's last hidden layer, and its class probabilities."""
        inputs = self.judge.inside(jnp.asarray(rows.reshape(-1, *self.shape), jnp.float32))
        states, _ = self.judge.forward(inputs, training=False)
        return np.asarray(states[-2], float), np.asarray(jax.nn.softmax(states[-1].astype(float), axis=-1))

    def batches(self, seed: int, block: int, longer: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """The pictures and parities of a block of updates, ``(updates, batch, ·)``."""
        count = longer * self.config["updates"] // BLOCKS
        rng = np.random.default_rng([seed, block])
        chosen = rng.integers(len(self.rows), size=(count, self.config["batch"]))
        return self.rows[chosen], self.parities[chosen]

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the decoder of a model with latents."""
        return (self.config["latent"], *self.config["hidden"], self.rows.shape[1])


Sampler = Callable[[Study, str, int, Path, np.ndarray], np.ndarray]


def sampler(model: str) -> Sampler:
    """The function that trains the model and draws pictures from it, one for each parity that is asked for."""
    return {"training pictures": real_pictures, "linear": from_linear, **dict.fromkeys(LONGER, from_vae)}.get(
        model, from_mcpc
    )


def real_pictures(study: Study, model: str, seed: int, folder: Path, asked: np.ndarray) -> np.ndarray:
    """Pictures of the training set: what a perfect model would draw."""
    return study.rows[np.random.default_rng(seed).permutation(len(study.rows))[: len(asked)]]


def from_linear(study: Study, model: str, seed: int, folder: Path, asked: np.ndarray) -> np.ndarray:
    """The outputs, without their noise, of the most likely linear network with as many latents."""
    net, _ = linear_memory(study.rows.astype(float), study.config["latent"])
    return np.asarray(net(np.random.default_rng(seed).normal(size=(len(asked), study.config["latent"]))))


def from_vae(study: Study, model: str, seed: int, folder: Path, asked: np.ndarray) -> np.ndarray:
    """Train a VAE, and decode latents from its prior."""
    learning = study.config["learning"]
    optimiser = pcn.adam(learning["learning_rate"]["VAE"])
    fresh = vae.make_vae(study.widths, learning["activation"], learning["variance"], seed)

    def learn(state: vae.Learner, block: int) -> vae.Learner:
        return vae.learn(state, jnp.asarray(study.batches(seed, block, LONGER[model])[0]), optimiser)

    state = in_blocks(vae.start_learning(fresh, optimiser, seed), learn, folder)
    return vae.decode(state.model, len(asked), seed)


def from_mcpc(study: Study, model: str, seed: int, folder: Path, asked: np.ndarray) -> np.ndarray:
    """Train a network by Monte Carlo predictive coding, and draw its layers one after the other.

    It is what a long Langevin chain would draw, but for the error of its steps. The output is without its noise.
    """
    learning, clamped = study.config["learning"], model == BY_PARITY
    widths = (2, *study.widths[1:]) if clamped else study.widths
    network = pcn.mlp(widths, learning["activation"], key=seed)
    algorithm = pcn.Algorithm(
        loss=pcn.SquaredError(learning["variance"]), steps=study.config["steps"],
        relaxation=pcn.Langevin(learning["step_size"], learning["momentum"]),
    )  # fmt: skip
    optimiser = pcn.adam(learning["learning_rate"]["MCPC"])
    start = pcn.start_training(network if clamped else pcn.with_latent(network), algorithm, optimiser, key=seed)

    def learn(state: Any, block: int) -> Any:
        ys, xs = study.batches(seed, block)
        return pcn.train_steps(state, xs if clamped else None, ys, algorithm, optimiser)[0]

    state = in_blocks(start, learn, folder)
    without_noise = dataclasses.replace(algorithm, loss=pcn.SquaredError(1e-12))
    x = np.eye(2, dtype=np.float32)[asked] if clamped else None
    return np.asarray(pcn.generate(state.network, without_noise, len(asked), x, key=seed, ancestral=True))


def in_blocks(state: State, learn: Callable[[State, int], State], folder: Path) -> State:
    """The state after every block of updates; each that is finished is kept."""
    for block in range(BLOCKS):

        def compute(_: Path, state: State = state, block: int = block) -> Mapping[str, np.ndarray]:
            return named_arrays(learn(state, block))

        state = with_arrays(state, dict(kept(folder, f"block-{block}", compute)))
    return state


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By model, quality in the features of a classifier that is trained here, and the paper's in another network's."""
    rows: list[dict[str, Any]] = []
    for k, model in enumerate(config["models"]):
        row: dict[str, Any] = {"model": model, "seeds": len(config["seeds"])}
        for name in MEASURES:
            if np.isfinite(arrays[name][k]).all():
                row |= {name: float(arrays[name][k].mean()), f"{name}_deviation": float(deviation(arrays[name][k]))}
        for name, (mean, spread) in PUBLISHED.get(model, {}).items():
            row |= {f"{name}_published": mean, f"{name}_published_deviation": spread}
        rows.append(row)
    return [*rows, {"model": "the classifier", "accuracy": float(arrays["accuracy"])}]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A row of pictures for every model, with its Fréchet distance."""
    models = config["models"]
    figure = Figure(figsize=(PAGE, 0.55 * len(models) + 0.6), layout="constrained")
    for k, (line, model) in enumerate(zip(figure.subplots(len(models), SHOWN), models, strict=True)):
        show_pictures(line, arrays[f"{model}/pictures"], f"{model}\n{arrays['frechet'][k].mean():.1f}")
    printed = ", ".join("{} {} ± {}".format(model, *PUBLISHED[model]["FID"]) for model in PUBLISHED)
    note = f"numbers: Fréchet distances in a classifier's features, {mean_over(len(config['seeds']))}; "
    note += f"the paper's, in another network's features, do not compare: {printed}"
    entitle(figure, f"{data_title(config['data'])}: pictures drawn from what networks learned", note)
    return figure
