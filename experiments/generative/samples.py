"""Samples of Monte Carlo predictive coding: flowers of iris, by a nonlinear and by a linear network (figure 4).

Both learn by Langevin dynamics, from the last state as the paper does, or from the mean over states. The linear one is
a Gaussian whose law is known exactly, so its samples and its likelihood have an exact counterpart. The likelihood of
the nonlinear one is a mean over draws of its hidden states.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import dlntheory as dln
from dlntheory import pcn
from dlntheory.pcn.data.bundled import rows_and_labels
from dlntheory.report.style import entitle, head, new_figure, styled
from dlntheory.report.words import count, hidden_layers

from ..kept import kept, workplace
from ..parts import Track
from ..results import deviation

SETTINGS = ("cpu", "paper")
DTYPE = "float32"
FEATURES = (0, 2)
"""Lengths of sepals and of petals."""
MODELS = {"linear": ("identity", "last"), "tanh": ("tanh", "last"), "tanh, averaged": ("tanh", "averaged")}
"""By name, the activation, and the states from which the weights learn."""
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"width": 8, "updates": 40, "steps": 50, "seeds": 1, "chain": 200, "samples": 500},
    "cpu": {"width": 64, "updates": 300, "steps": 100, "seeds": 2, "chain": 3000, "samples": 1500},
    "paper": {"width": 64, "updates": 10_000, "steps": 500, "seeds": 3, "chain": 10_000, "samples": 4500},
}
DYNAMICS = {"step_size": 0.1, "momentum": 0.0}
"""The heavy-ball step 0.01 and momentum 0.9 of the authors' code, as equations 5 and 6 have them."""
LEARNING = {"learning_rate": 5e-3, "weight_decay": 1e-4}
VARIANCE = 0.01
DRAWS = 20_000
GRID = 120


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, the dynamics, and how the weights learn."""
    sizes = dict(SIZES["quick" if quick else setting])
    learning = LEARNING if setting == "cpu" or quick else {**LEARNING, "learning_rate": 1e-3}
    seeds = list(range(seed, seed + sizes.pop("seeds")))
    return {**sizes, "seeds": seeds, "models": list(MODELS), "variance": VARIANCE, **DYNAMICS, **learning}


def flowers() -> np.ndarray:
    """Both lengths of 150 flowers, standardised."""
    lengths = rows_and_labels("iris")[0][:, FEATURES]
    return np.asarray((lengths - lengths.mean(axis=0)) / lengths.std(axis=0), np.float32)


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By model and seed: likelihoods, distances of samples from data, covariances; samples of the first seed."""
    data = flowers()
    found: dict[str, Any] = {"data": data, "gaussian": np.float64(gaussian_likelihood(data))}
    pairs = [(name, seed) for seed in config["seeds"] for name in config["models"]]
    with workplace(folder) as place:
        cells = {pair: kept(place, f"{pair[0]}-{pair[1]}", lambda _, pair=pair: measure(config, data, *pair))
                 for pair in track(pairs)}  # fmt: skip
    for name in ("likelihood", "distance", "chain_distance", "covariance", "law"):
        found[name] = np.stack([[cells[model, seed][name] for seed in config["seeds"]] for model in config["models"]])
    for model in config["models"]:
        found[f"{model}/samples"] = cells[model, config["seeds"][0]]["samples"]
    return found


def measure(config: Mapping[str, Any], data: np.ndarray, model: str, seed: int) -> dict[str, np.ndarray]:
    """Train one network, and sample from it in both ways."""
    network, algorithm = trained(config, data, model, seed)
    samples = np.asarray(pcn.generate(network, algorithm, config["samples"], key=seed, ancestral=True), float)
    chains = dataclasses.replace(algorithm, steps=config["chain"], update=pcn.AtEquilibrium())
    moved = np.asarray(pcn.generate(network, chains, len(data), key=seed), float)
    linear = MODELS[model][0] == "identity"
    return {
        "samples": samples,
        "covariance": np.cov(samples.T),
        "law": law(network, config["variance"]) if linear else np.full((2, 2), np.nan),
        "likelihood": np.asarray(likelihood(network, algorithm, data, config["variance"], linear)),
        "distance": np.asarray(energy_distance(samples, data)),
        "chain_distance": np.asarray(energy_distance(moved, data)),
    }


def trained(config: Mapping[str, Any], data: np.ndarray, model: str, seed: int) -> tuple[Any, Any]:
    """The network after so many batches of all flowers, and the algorithm that trained it."""
    activation, states = MODELS[model]
    network = pcn.with_latent(pcn.mlp((2, config["width"], 2), activation, key=seed))
    update = pcn.AtEquilibrium() if states == "last" else pcn.Averaged(first=config["steps"] // 2)
    algorithm = pcn.Algorithm(
        loss=pcn.SquaredError(config["variance"]), steps=config["steps"], update=update,
        relaxation=pcn.Langevin(config["step_size"], config["momentum"]),
    )  # fmt: skip
    optimiser = pcn.adam(config["learning_rate"], config["weight_decay"], total_steps=None)
    state = pcn.start_training(network, algorithm, optimiser, key=seed)
    for start in range(0, config["updates"], 50):
        batches = np.broadcast_to(data, (min(50, config["updates"] - start), *data.shape))
        state, _ = pcn.train_steps(state, None, batches, algorithm, optimiser)
    return state.network, algorithm


def as_linear(network: Any) -> Any:
    """The linear network with the same weights."""
    blocks = [block.layer for block in network.blocks[1:]]
    weights, biases = ([np.asarray(getattr(each, name), float) for each in blocks] for name in ("weight", "bias"))
    return dln.LinearNetwork.from_weights(weights, biases)


def law(network: Any, variance: float) -> np.ndarray:
    """The covariance of a linear network's outputs."""
    latent, hidden = (np.asarray(each, float) for each in as_linear(network).weights)
    free = np.zeros((len(latent.T), 1))  # a free input is one more layer, with a weight of zero
    drawn = dln.LinearNetwork.from_weights([free, latent, hidden])
    return np.asarray(dln.output_covariance(drawn, [1.0, 1.0, variance]))


def likelihood(network: Any, algorithm: Any, data: np.ndarray, variance: float, linear: bool) -> float:
    """The mean log-likelihood of a flower: exact, or from draws of the output's prediction."""
    rows = data.astype(float)
    if linear:
        found = dln.log_likelihood(as_linear(network), None, rows, [1.0, variance], prior=dln.Prior(0.0, 1.0))
        return float(np.mean(found))
    without_noise = dataclasses.replace(algorithm, loss=pcn.SquaredError(1e-12))
    centres = jnp.asarray(pcn.generate(network, without_noise, DRAWS, key=1, ancestral=True), float)
    return float(np.mean(mixture(rows, centres, variance)))


def mixture(rows: Any, centres: Any, variance: float) -> np.ndarray:
    """The log-density of an equal mixture of round Gaussians, by row."""
    squares = jnp.square(jnp.asarray(rows)[:, None] - centres[None]).sum(axis=-1)
    each = jax.scipy.special.logsumexp(-squares / (2 * variance), axis=1) - np.log(len(centres))
    return np.asarray(each - rows.shape[1] / 2 * np.log(2 * np.pi * variance))


def gaussian_likelihood(data: np.ndarray) -> float:
    """The mean log-likelihood of a flower under the most likely Gaussian."""
    covariance = np.cov(data.T.astype(float), bias=True)
    return float(-0.5 * (data.shape[1] * (1 + np.log(2 * np.pi)) + np.linalg.slogdet(covariance)[1]))


def energy_distance(first: np.ndarray, second: np.ndarray) -> float:
    """``2 E‖a − b‖ − E‖a − a'‖ − E‖b − b'‖`` over pairs, zero for samples of one law, without bias.

    Source:
        Székely and Rizzo 2013.
    """

    def mean_gap(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a[:, None] - b[None], axis=-1).sum())

    within = sum(mean_gap(each, each) / (len(each) * (len(each) - 1)) for each in (first, second))
    return 2 * mean_gap(first, second) / (len(first) * len(second)) - within


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By model, means and sample deviations over seeds; and how far a linear sample's covariance is from its law."""
    rows = []
    for k, model in enumerate(config["models"]):
        row: dict[str, Any] = {"model": model, "seeds": len(config["seeds"])}
        for name in ("likelihood", "distance", "chain_distance"):
            row |= {name: float(arrays[name][k].mean()), f"{name}_deviation": float(deviation(arrays[name][k]))}
        if np.isfinite(arrays["law"][k]).all():
            row["from_the_law"] = from_the_law(arrays["covariance"][k], arrays["law"][k], config["samples"])
        rows.append(row)
    return [*rows, {"model": "most likely Gaussian", "likelihood": float(arrays["gaussian"])}]


def from_the_law(covariances: np.ndarray, exact: np.ndarray, count: int) -> float:
    """The largest deviation of the covariances of so many independent samples, in standard errors."""
    variances = np.diagonal(exact, axis1=1, axis2=2)
    errors = np.sqrt((exact**2 + variances[:, :, None] * variances[:, None]) / count)
    return float(abs((covariances - exact) / errors).max())


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """By model, the density of its samples, and the flowers."""
    figure: Figure = new_figure(len(config["models"]), height=2.45)
    panels = figure.subplots(1, len(config["models"]), sharex=True, sharey=True)
    found = arrays["likelihood"].mean(axis=1)
    for axes, model, likelihood, letter in zip(panels, config["models"], found, "ABC", strict=True):
        draw_density(axes, arrays[f"{model}/samples"], arrays["data"])
        head(axes, f"{model}: {likelihood:.2f} nats per flower".replace("-", "−"), letter)
        axes.set_xlabel("sepal length, standardised")
    panels[0].set_ylabel("petal length, standardised")
    title = f"Samples of Monte Carlo PC, {hidden_layers([config['width']])} (contours), and iris (crosses)"
    entitle(figure, title, f"contours: the first seed; nats: mean over {count(len(config['seeds']), 'seed')}")
    return figure


def draw_density(axes: Axes, samples: np.ndarray, data: np.ndarray) -> None:
    """Contours of a kernel estimate of the samples, and the data."""
    from scipy.stats import gaussian_kde

    ticks = np.linspace(-3, 3, GRID)
    across, up = np.meshgrid(ticks, ticks)
    density = gaussian_kde(samples.T)(np.stack([across.ravel(), up.ravel()])).reshape(across.shape)
    axes.contour(across, up, density, levels=8, cmap="Blues", linewidths=0.9)
    axes.plot(*data.T, "x", color="black", markersize=2.5, markeredgewidth=0.6)
    axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
