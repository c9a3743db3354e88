"""Which weights should a perceptron start from? Pictures of digits or clothes, tanh and ReLU, by BP and PC.

PC is at equilibrium. The error is the mean of ``½‖y − ŷ‖²`` over the test pictures; at the end, its mean over the last
`LAST` times that it is measured. Learning rates lie on a grid of quarters of powers of ten. A first pass takes a few of
them with the first seeds. The best of these and its neighbours are tried with all seeds, and on from there, until the
rate with the lowest mean error at the end has been tried with both its neighbours; a seed that diverges rules a rate
out. The setting is the width of the hidden layers.

Variances carry over as follows. A network of ReLU is, linearised, one of half as many hidden units, because half of
them are off: norm-preserving and orthogonal weights behind an activation gain a factor √2, and the aligned variances
are those of the halved widths. A network of tanh takes the linear ones, its slope at zero being one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, NonlinearNetwork
from dlntheory.networks.aligned_variances import aligned_variances
from dlntheory.pcn.data.catalogue import load_dataset
from dlntheory.pcn.data.dataset import Dataset, Split
from dlntheory.report.style import entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import data_title, hidden_layers

from ..benchmarking_pcns.inference_energy import FORMAT, found
from ..dynamics.starts import LIFT, RULES, draw_curves, paired, weights
from ..kept import kept, workplace
from ..parts import Track, gathered
from ..results import deviation
from .comparison import ACTIVATIONS, activated
from .together import Samples, train_together

SETTINGS = ("32", "64")
DTYPE = "float32"
needs_data = True
FULL: dict[str, Any] = {
    "layers": 3, "steps": 100, "every": 5, "batch": 32, "seeds": 10, "rates": 17, "first_rates": [2, 5, 8, 11, 14],
    "first_seeds": 2,
}  # fmt: skip
QUICK: dict[str, Any] = {
    "layers": 2, "steps": 4, "every": 2, "batch": 8, "seeds": 2, "rates": 3, "first_rates": [0, 2], "first_seeds": 1,
}  # fmt: skip
QUICK_WIDTH = 4
PICTURES: dict[str, Any] = {"train": 2000, "test": 1000, "side": 14}
"""The samples taken of a data set in files, and the side that its pictures are resized to. Digits stay whole."""
RATES = (-3.0, 1.0)
"""Powers of ten of the lowest and the highest learning rate of the grid."""
INFERENCE = {"tolerance": 1e-3, "steps": 30}
CHOSEN = ("kaiming", "norm_preserving", "aligned", "orthogonal", "lifted_orthogonal")
GROWTHS = {4: 9.0, 32: 9.0, 64: 20.0}
"""The growth of the aligned variances by hidden width: with ten outputs, tanh has none below 7.5 and 17.3."""
LAST = 5
GOAL = 0.3
"""The error that steps are counted to; an output of 0.1 for every class has 0.45."""


def configure(quick: bool, setting: str, seed: int, data_dir: Path | None = None) -> dict[str, Any]:
    """Sizes, seeds, learning rates, and the data: scikit-learn's digits, or those in the folder."""
    sizes = {**(QUICK if quick else FULL)}
    seeds, rates = sizes.pop("seeds"), np.logspace(*RATES, sizes.pop("rates")).tolist()
    width = QUICK_WIDTH if quick else int(setting)
    data = {"data": "digits"} if data_dir is None else {**found(data_dir), **PICTURES}
    chosen = {"activations": list(ACTIVATIONS), "starts": list(CHOSEN), "lift": LIFT, "growth": GROWTHS[width]}
    return {
        **sizes, **chosen, **data, "hidden": [width] * sizes.pop("layers"), "inference": INFERENCE,
        "learning_rates": rates, "seeds": list(range(seed, seed + seeds)),
    }  # fmt: skip


def read(config: dict[str, Any]) -> tuple[Samples, Samples]:
    """Training and test pictures as vectors from 0 to 1."""
    name = FORMAT if "data_dir" in config else config["data"]
    data = load_dataset(name, config.get("data_dir")).subset(config.get("train"), config.get("test"))
    data = data.resized(config.get("side"))
    return vectors(data, data.train), vectors(data, data.test)


def vectors(data: Dataset, split: Split) -> Samples:
    """A split as rows, with one-hot targets."""
    pixels = split.samples.reshape(len(split), -1) / data.normalisation.maximum
    return Samples(jnp.asarray(pixels, DTYPE), jnp.asarray(np.eye(data.classes)[split.labels], DTYPE))


def network(config: dict[str, Any], start: str, activation: str, inputs: int, seed: int) -> NonlinearNetwork:
    """A start, carried over to an activation."""
    widths = [inputs, *config["hidden"], 10]
    if start == "aligned":
        active = [width // 2 if activation == "relu" else width for width in config["hidden"]]
        variances, draw = aligned_variances([inputs, *active, 10], config["growth"]), np.random.default_rng(seed)
        shapes = zip(widths[1:], widths[:-1], strict=True)
        drawn = [np.sqrt(v) * draw.standard_normal(shape) for v, shape in zip(variances, shapes, strict=True)]
        return NonlinearNetwork.from_linear(LinearNetwork.from_weights(list(map(jnp.asarray, drawn))), activation)
    linear = LinearNetwork.from_weights([jnp.asarray(each) for each in weights(start, widths, seed, config["lift"])])
    return NonlinearNetwork.from_linear(linear, activation) if start == "kaiming" else activated(linear, activation)


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """The findings of `study` by activation, start and rule; each is kept in ``folder`` as soon as it is done."""
    data = read(config)
    cases = [(a, s, r) for a in config["activations"] for s in config["starts"] for r in RULES]
    with workplace(folder) as place:
        every = [kept(place, "-".join(case), lambda _, case=case: study(config, data, *case)) for case in track(cases)]
    return gathered(every, len(config["activations"]), len(config["starts"]), len(RULES))


def study(
    config: dict[str, Any], data: tuple[Samples, Samples], activation: str, start: str, rule: str
) -> dict[str, np.ndarray]:
    """Find the best rate, and keep the training at it; and the ends at every rate that all seeds have tried."""
    inputs, seeds = data[0].x.shape[1], config["seeds"]
    nets = {seed: network(config, start, activation, inputs, seed) for seed in seeds}
    batches = {seed: places(config, len(data[0].x), seed) for seed in seeds}

    def trained(lanes: list[tuple[int, int]]) -> dict[str, np.ndarray]:
        rates = [config["learning_rates"][rate] for rate, _ in lanes]
        chosen = [nets[seed] for _, seed in lanes]
        order = np.stack([batches[seed] for _, seed in lanes])
        return train_together(chosen, rates, *data, order, rule, config["inference"], config["every"])

    first = [(rate, seed) for rate in config["first_rates"] for seed in seeds[: config["first_seeds"]]]
    ends = at_end(trained(first)["errors"]).reshape(len(config["first_rates"]), -1).mean(axis=1)
    tried: dict[int, dict[str, np.ndarray]] = {}
    wanted = [config["first_rates"][int(np.argmin(ends))]]
    while wanted:
        for rate in wanted:
            tried[rate] = trained([(rate, seed) for seed in seeds])
        best = min(tried, key=lambda rate: (at_end(tried[rate]["errors"]).mean(), rate))
        wanted = [
            rate for rate in (best - 1, best + 1) if 0 <= rate < len(config["learning_rates"]) and rate not in tried
        ]
    final = np.full((len(config["learning_rates"]), len(seeds)), np.nan)
    for rate, each in tried.items():
        final[rate] = at_end(each["errors"])
    largest = max(float(np.var(block.layer.weight)) for net in nets.values() for block in net.blocks)
    return {"first": ends, "final": final, "best": np.array(best), "variance": np.array(largest), **tried[best]}


def at_end(errors: np.ndarray) -> np.ndarray:
    """The mean of the last times."""
    return errors[..., -LAST:].mean(axis=-1)


def places(config: dict[str, Any], count: int, seed: int) -> np.ndarray:
    """The training pictures of every step, ``(step, sample)``; the same for every start, rule and activation."""
    draw = np.random.default_rng(seed)
    return np.stack([draw.choice(count, config["batch"], replace=False) for _ in range(config["steps"])])


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Each case's error at the end with its standard error, and how it came about."""
    rows = []
    for (a, s, r), best in np.ndenumerate(arrays["best"]):
        errors, alignment = arrays["errors"][a, s, r], arrays["alignment"][a, s, r]
        ends, others = at_end(errors), zip(config["starts"], at_end(arrays["errors"][a, :, r]), strict=True)
        rows.append(
            {
                "activation": config["activations"][a], "start": config["starts"][s], "rule": RULES[r],
                "learning_rate": config["learning_rates"][best], "bracketed": bracketed(arrays["final"][a, s, r], best),
                "error": float(ends.mean()), "standard_error": float(deviation(ends) / np.sqrt(len(ends))),
                "accuracy": float(arrays["accuracy"][a, s, r, :, -1].mean()), "steps_to_goal": steps_to(config, errors),
                "error_at_start": float(errors[:, 0].mean()), "largest_variance": float(arrays["variance"][a, s, r]),
                "first_alignment": float(alignment[:, 0].mean()), "last_alignment": float(alignment[:, -1].mean()),
                "unsettled": float(arrays["unsettled"][a, s, r].mean()),
                "p": {name: paired(ends, other) for name, other in others},
            }
        )  # fmt: skip
    return rows


def bracketed(final: np.ndarray, best: int) -> bool:
    """Whether all seeds have tried the rates on both sides of the best."""
    return bool(0 < best < len(final) - 1 and not np.isnan(final[[best - 1, best + 1]]).any())


def steps_to(config: dict[str, Any], errors: np.ndarray) -> float:
    """The median over seeds of the first measured step at `GOAL` or below; infinity where it is not reached."""
    there = errors <= GOAL
    return float(np.median(np.where(there.any(axis=-1), there.argmax(axis=-1) * config["every"], np.inf)))


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Errors above, alignments below; a column for each activation."""
    figure: Figure = new_figure(2, 2, height=2.1)
    panels = figure.subplots(2, len(config["activations"]), squeeze=False)
    steps = np.arange(arrays["errors"].shape[-1]) * config["every"]
    for a, activation in enumerate(config["activations"]):
        above, below = panels[:, a]
        draw_curves(above, config, steps, arrays["errors"][a])
        above.set(ylabel="test error", yscale="log", ylim=(0.15, 1.1))
        head(above, f"Error, {ACTIVATIONS[activation]}", "AB"[a])
        draw_curves(below, config, steps[1:], arrays["alignment"][a])
        below.set(ylabel="target alignment", ylim=(-0.05, 1.05))
        head(below, f"Alignment, {ACTIVATIONS[activation]}", "CD"[a])
    title = f"Starts of perceptrons: {data_title(config['data'])}, {hidden_layers(config['hidden'])}"
    entitle(figure, title, f"whole lines PC, dashed BP; median and quartiles of {len(config['seeds'])} seeds")
    legend_below(figure)
    return figure
