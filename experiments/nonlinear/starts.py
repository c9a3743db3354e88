"""Which weights should a perceptron start from? Handwritten digits, tanh and ReLU, by BP and PC at equilibrium.

The error is the mean of ``½‖y − ŷ‖²`` over the test images. The learning rate has the lowest median at the end over the
first seeds, which are among those shown.
Variances carry over as follows. A network of ReLU is, linearised, one of half as many hidden units, because half of
them are off: norm-preserving and orthogonal weights behind an activation gain a factor √2, and the aligned variances
are those of the halved widths. A network of tanh takes the linear ones, its slope at zero being one.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, NonlinearNetwork
from dlntheory.networks.aligned_variances import aligned_variances
from dlntheory.pcn.data.bundled import digits
from dlntheory.report.style import entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import hidden_layers

from ..dynamics.starts import LIFT, RULES, draw_curves, quartiles, weights
from ..parts import Track
from .comparison import activated
from .training import step, vectors

SETTINGS = ("digits",)
FULL: dict[str, Any] = {"hidden": [32] * 3, "steps": 100, "batch": 32, "seeds": 10, "tuned": 2, "rates": 5}
QUICK: dict[str, Any] = {"hidden": [4] * 2, "steps": 6, "batch": 8, "seeds": 2, "tuned": 1, "rates": 2}
RATES = (-2.0, 0.0)
"""Powers of ten of the lowest and the highest learning rate."""
ACTIVATIONS = ("tanh", "relu")
CHOSEN = ("kaiming", "norm_preserving", "aligned_9", "orthogonal", "lifted_orthogonal")
"""The starts; with 10 outputs and tanh there are no aligned variances below ``T = 7.5``."""
POINTS = 10
"""How often a training is looked at."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, seeds and learning rates."""
    sizes = {**(QUICK if quick else FULL)}
    seeds, rates = sizes.pop("seeds"), np.logspace(*RATES, sizes.pop("rates")).tolist()
    chosen = {"activations": list(ACTIVATIONS), "starts": list(CHOSEN), "lift": LIFT, "points": POINTS}
    return {**sizes, **chosen, "learning_rates": rates, "seeds": list(range(seed, seed + seeds))}


def network(config: dict[str, Any], start: str, activation: str, seed: int) -> NonlinearNetwork:
    """A start, carried over to an activation."""
    widths = [64, *config["hidden"], 10]
    name, _, growth = start.partition("_")
    if name == "aligned":
        active = [width // 2 if activation == "relu" else width for width in config["hidden"]]
        variances, draw = aligned_variances([64, *active, 10], float(growth)), np.random.default_rng(seed)
        shapes = zip(widths[1:], widths[:-1], strict=True)
        drawn = [np.sqrt(v) * draw.standard_normal(shape) for v, shape in zip(variances, shapes, strict=True)]
        return NonlinearNetwork.from_linear(LinearNetwork.from_weights(list(map(jnp.asarray, drawn))), activation)
    drawn = [jnp.asarray(each) for each in weights(start, widths, seed, config["lift"])]
    linear = LinearNetwork.from_weights(drawn)
    return NonlinearNetwork.from_linear(linear, activation) if name == "kaiming" else activated(linear, activation)


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Errors and accuracies with the axes activation, start, rule, seed and time; and all ends of the search."""
    cases = [(a, s, r) for a in config["activations"] for s in config["starts"] for r in RULES]
    found = [study(config, *case) for case in track(cases)]
    shape = len(config["activations"]), len(config["starts"]), len(RULES)
    stacked = {name: np.stack([each[name] for each in found]) for name in found[0]}
    return {name: each.reshape(*shape, *each.shape[1:]) for name, each in stacked.items()}


def study(config: dict[str, Any], activation: str, start: str, rule: str) -> dict[str, np.ndarray]:
    """Choose the rate on the first seeds, then train all at it."""
    rates = config["learning_rates"]
    trained = cache(lambda rate, seed: train(config, network(config, start, activation, seed), rule, rate, seed))
    final = np.array([[trained(rate, seed)[0][-1] for seed in config["seeds"][: config["tuned"]]] for rate in rates])
    best = int(np.argmin(np.median(final, axis=1)))
    runs = np.array([trained(rates[best], seed) for seed in config["seeds"]])
    return {"final": final, "best": np.array(best), "errors": runs[:, 0], "accuracy": runs[:, 1]}


def train(config: dict[str, Any], net: NonlinearNetwork, rule: str, rate: float, seed: int) -> np.ndarray:
    """Error and accuracy on the test images along training, ``(2, times)``; infinity and zero once it diverges."""
    data = digits()
    (x, y), test = vectors(data.train), vectors(data.test)
    draw, every = np.random.default_rng(seed), -(-config["steps"] // config["points"])
    found = [measure(net, *test)]
    for index in range(1, config["steps"] + 1):
        if np.isfinite(found[-1][0]):
            batch = draw.choice(len(x), config["batch"], replace=False)
            net = step(net, x[batch], y[batch], rule, jnp.asarray(rate))
        if index % every == 0:
            found.append(measure(net, *test))
    return np.array(found).T


def measure(net: NonlinearNetwork, x: jax.Array, y: jax.Array) -> tuple[float, float]:
    """Error and accuracy; infinity and zero for weights that are not finite, or an error that has grown beyond use."""
    error, right = _measured(net, x, y)
    return (float(error), float(right)) if error < 1e3 else (np.inf, 0.0)


@eqx.filter_jit
def _measured(net: NonlinearNetwork, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    predicted = jax.vmap(lambda one: net(one))(x)
    right = predicted.argmax(axis=1) == y.argmax(axis=1)
    return jnp.sum((y - predicted) ** 2) / (2 * len(x)), right.mean()


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Medians and quartiles of the error at the end, and the median accuracy."""
    rows = []
    for (a, s, r), best in np.ndenumerate(arrays["best"]):
        low, middle, high = quartiles(arrays["errors"][a, s, r, :, -1])
        rows.append(
            {
                "activation": config["activations"][a], "start": config["starts"][s], "rule": RULES[r],
                "learning_rate": config["learning_rates"][best],
                "error": float(middle), "quartiles": [float(low), float(high)],
                "accuracy": float(np.median(arrays["accuracy"][a, s, r, :, -1])),
            }
        )  # fmt: skip
    return rows


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A panel for each activation."""
    figure: Figure = new_figure(2, height=2.3)
    steps = np.linspace(0, config["steps"], arrays["errors"].shape[-1])
    panels = figure.subplots(1, len(config["activations"]), squeeze=False)[0]
    for a, (axes, activation) in enumerate(zip(panels, config["activations"], strict=True)):
        draw_curves(axes, config, steps, arrays["errors"][a])
        axes.set(ylabel="test error", yscale="log", ylim=(0.02, 5))
        head(axes, {"tanh": "tanh", "relu": "ReLU"}[activation], "AB"[a])
    title = f"Starts of perceptrons: digits, {hidden_layers(config['hidden'])}"
    entitle(figure, title, f"whole lines PC, dashed BP; median and quartiles of {len(config['seeds'])} seeds")
    legend_below(figure)
    return figure
