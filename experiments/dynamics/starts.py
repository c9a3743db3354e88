"""Which weights should training start from? Linear networks, by BP and PC, from seven starts.

A, B: the error along training in batches and online, each curve at its best learning rate; medians and quartiles over
the seeds. C: target alignment of the steps, in batches. D: how many powers of ten of the error are lost, against the
condition number of the kernel that training ends with. Every start has the same learning rates, data
and seeds; the best rate has the lowest mean error at the end, or reaches rounding first.

The kernel is that of a network without residual at white inputs: ``K = Σ_l P_{l-1}ᵀP_{l-1} ⊗ G_l S⁻¹`` for PC, and
without ``S⁻¹`` for BP, where ``P_l = W_l … W_1``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import wilcoxon

from dlntheory import LinearNetwork, sweep, train
from dlntheory.report.style import draw_band, entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import hidden_layers
from dlntheory.training.comparison import best_rate

from ..parts import Track, gathered

SETTINGS = ("square",)
RULES = ("bp", "pc")
BATCHES = (64, 1)
LIFT = 2.0
STARTS = {
    "kaiming": "Kaiming",
    "norm_preserving": "norm-preserving",
    "aligned_9": "aligned, $T = 9$",
    "aligned_3": "aligned, $T = 3$",
    "orthogonal": "orthogonal",
    "lifted": "lifted normal",
    "lifted_orthogonal": "lifted orthogonal",
}
"""The starts. A lifted one multiplies all weights but the first by `LIFT`, and divides the first by all of that."""
FULL: dict[str, Any] = {"square": 20, "hidden": 4, "steps": 400, "seeds": 10, "rates": 21}
QUICK: dict[str, Any] = {"square": 4, "hidden": 2, "steps": 20, "seeds": 3, "rates": 6}
RATES = (-4.25, 0.75)
"""Powers of ten of the lowest and the highest learning rate."""
EVERY = 10
"""Steps between two points of a curve."""
GOAL = 1e-2
"""The share of the target's squared norm at which the error counts as learned."""
COLOURS = dict(zip(STARTS, ("#666666", "#000000", "#56B4E9", "#CC79A7", "#E69F00", "#F0E442", "#009E73"), strict=True))
LOOKS = {name: {"label": STARTS[name], "color": COLOURS[name]} for name in STARTS}
LOOKS["aligned"] = {"label": "aligned", "color": COLOURS["aligned_9"]}
"""The label and the colour of a start's curves; perceptrons have one aligned start."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, seeds and learning rates."""
    sizes = {**(QUICK if quick else FULL)}
    seeds, rates = sizes.pop("seeds"), np.logspace(*RATES, sizes.pop("rates")).tolist()
    chosen = {"starts": list(STARTS), "batches": list(BATCHES), "lift": LIFT, "every": EVERY}
    return {**sizes, **chosen, "learning_rates": rates, "seeds": list(range(seed, seed + seeds))}


def weights(start: str, widths: list[int], seed: int, lift: float) -> list[np.ndarray]:
    """A start's weights; lifted ones are the norm-preserving or the orthogonal ones of the seed, multiplied."""
    name, _, growth = start.partition("_")
    if name == "aligned":
        return LinearNetwork.random(widths, "pc_aligned", key=seed, growth=float(growth)).weights
    if name == "lifted":
        first, *others = LinearNetwork.random(widths, growth or "norm_preserving", key=seed).weights
        return [first * lift ** -len(others), *(lift * each for each in others)]
    return LinearNetwork.random(widths, "kaiming_uniform" if name == "kaiming" else start, key=seed).weights


def task(config: dict[str, Any], batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Figure 2's: normal inputs, and a random map of them; by seed and step."""
    square, shape = config["square"], (config["steps"], batch, config["square"])
    draws = [np.random.default_rng(seed) for seed in config["seeds"]]
    maps = np.stack([draw.standard_normal((square, square)) / np.sqrt(square) for draw in draws])
    x = np.stack([draw.standard_normal(shape) for draw in draws])
    return x, np.einsum("stbi,soi->stbo", x, maps), maps


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Curves and kernels, each with the axes batch, start, rule, and then seed."""
    cases = [(batch, start) for batch in config["batches"] for start in config["starts"]]
    found = [study(config, *case, folder) for case in track(cases)]
    arrays = gathered(found, len(config["batches"]), len(config["starts"]))
    return arrays | {"steps": np.arange(0, config["steps"] + 1, config["every"])}


def study(config: dict[str, Any], batch: int, start: str, folder: Path | None) -> dict[str, np.ndarray]:
    """One start and batch size, by rule: the ends of the sweep; at the best rate curves, alignments, and kernels."""
    widths, every = [config["square"]] * (config["hidden"] + 2), config["every"]
    nets = [LinearNetwork.from_weights(weights(start, widths, seed, config["lift"])) for seed in config["seeds"]]
    x, y, maps = task(config, batch)
    rates = np.array(config["learning_rates"])
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    path = None if folder is None else folder / f"{batch}-{start}.npz"
    found = sweep(nets, x, y, rates, list(RULES), maps, checkpoint=path, error_every=every)
    best = [best_rate(each) for each in np.asarray(found.error)]
    curves: dict[str, list[Any]] = {"errors": [], "alignment": [], "kernel": []}
    for rule, rate in zip(RULES, best, strict=True):
        options: dict[str, Any] = {"rule": rule, "alignment_every": every, "error_every": every}
        runs = [train(*each, rates[rate], target=w, **options) for *each, w in zip(nets, x, y, maps, strict=True)]
        curves["errors"].append([np.asarray(each.error) for each in runs])
        curves["alignment"].append([np.asarray(each.alignment) for each in runs])
        ends = [each.net for each in runs]
        curves["kernel"].append([[edges(a, rule), edges(b, rule)] for a, b in zip(nets, ends, strict=True)])
    return {"final": np.asarray(found.final), "best": np.array(best)} | {
        n: np.array(each) for n, each in curves.items()
    }


def edges(net: LinearNetwork, rule: str) -> np.ndarray:
    """The least and the largest eigenvalue of the kernel without residual; NaN for weights that are not finite.

    They are those of ``Σ_l P_{l-1}ᵀP_{l-1} ⊗ S^{-½}G_l S^{-½}``, which is symmetric.
    """
    weights = [np.asarray(each) for each in net.weights]
    if not all(np.isfinite(each).all() for each in weights):
        return np.full(2, np.nan)
    before, after = [np.eye(net.widths[0])], [np.eye(net.widths[-1])]
    for first, last in zip(weights[:-1], weights[:0:-1], strict=True):
        before.append(first @ before[-1])
        after.append(after[-1] @ last)
    outputs = [each @ each.T for each in reversed(after)]
    values, vectors = np.linalg.eigh(np.sum(outputs, axis=0))
    root = (vectors / np.sqrt(values)) @ vectors.T if rule == "pc" else np.eye(len(values))
    kernel = sum(np.kron(p.T @ p, root @ each @ root) for p, each in zip(before, outputs, strict=True))
    return np.linalg.eigvalsh(kernel)[[0, -1]]


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Medians, and quartiles of the error at the end."""
    rows = []
    for (b, s, r), best in np.ndenumerate(arrays["best"]):
        low, middle, high = quartiles(np.log10(arrays["errors"][b, s, r, :, -1]))
        conditions = arrays["kernel"][b, s, r, ..., 1] / arrays["kernel"][b, s, r, ..., 0]
        rows.append(
            {
                "batch": config["batches"][b], "start": config["starts"][s], "rule": RULES[r],
                "learning_rate": config["learning_rates"][best],
                "log10_error": float(middle), "quartiles": [float(low), float(high)],
                "steps_to_goal": steps_to_goal(config, arrays["errors"][b, s, r]),
                "first_alignment": float(np.median(arrays["alignment"][b, s, r, :, 0])),
                "last_alignment": float(np.median(arrays["alignment"][b, s, r, :, -1])),
                "condition_at_start": float(np.median(conditions[:, 0])),
                "condition_at_end": float(np.median(conditions[:, 1])),
            }
        )  # fmt: skip
    return rows


def quartiles(values: np.ndarray) -> np.ndarray:
    """Over the seeds, the first axis; each the nearest value, as some may be infinite."""
    return np.percentile(values, (25, 50, 75), axis=0, method="closest_observation")


def paired(one: np.ndarray, other: np.ndarray) -> float:
    """Wilcoxon's two-sided ``p``, seed by seed; one where no seed differs. Two infinities do not differ."""
    differ = np.isfinite(one) | np.isfinite(other)
    differences = np.clip(one[differ].astype(float) - other[differ], -1e300, 1e300)
    return float(wilcoxon(differences).pvalue) if differences.any() else 1.0


def steps_to_goal(config: dict[str, Any], errors: np.ndarray) -> float:
    """The median over seeds; infinity where it is not reached."""
    there = errors <= GOAL * config["square"]
    return float(np.median(np.where(there.any(axis=-1), there.argmax(axis=-1) * config["every"], np.inf)))


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """Curves above, alignment and conditioning below."""
    figure: Figure = new_figure(2, 2, height=2.2)
    panels = list(figure.subplots(2, 2).flat)
    sizes = [f"batches of {batch}" if batch > 1 else "single samples" for batch in config["batches"]]
    for b, axes in enumerate(panels[: len(sizes)]):
        draw_curves(axes, config, arrays["steps"], arrays["errors"][b])
        axes.set(ylabel="squared error of the map", yscale="log", ylim=(1e-29 if b == 0 else 1e-8, 1e3))
        head(axes, f"Error, {sizes[b]}", "AB"[b])
    draw_curves(panels[2], config, arrays["steps"][:-1], arrays["alignment"][0])
    panels[2].set(ylabel="target alignment", ylim=(-0.05, 1.05))
    head(panels[2], f"Alignment, {sizes[0]}", "C")
    draw_conditions(panels[3], config, arrays)
    head(panels[3], f"Conditioning, {sizes[0]}", "D")
    title = f"Starts of linear networks: {hidden_layers([config['square']] * config['hidden'])}"
    spread = f"median and quartiles of {len(config['seeds'])} seeds; D: every seed"
    note = f"whole lines and dots PC, dashed and rings BP; {spread}"
    entitle(figure, title, note)
    legend_below(figure)
    return figure


def draw_curves(axes: Axes, config: dict[str, Any], steps: np.ndarray, curves: np.ndarray) -> None:
    """Medians and quartiles over the seeds; PC as lines, BP dashed."""
    for name, rules in zip(config["starts"], curves, strict=True):
        for rule, style in (("pc", "-"), ("bp", "--")):
            low, middle, high = quartiles(rules[RULES.index(rule)])
            look = LOOKS[name] if rule == "pc" else {"color": LOOKS[name]["color"]}
            draw_band(axes, steps, middle, low, high, style, **look)
    axes.set_xlabel("training step")


def draw_conditions(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """In batches, every seed a mark: filled by PC, open by BP."""
    ends = np.where(np.isfinite(arrays["errors"][0, ..., -1]), arrays["errors"][0, ..., -1], np.nan)
    lost = np.log10(arrays["errors"][0, ..., 0] / ends)
    condition = arrays["kernel"][0, ..., 1, 1] / arrays["kernel"][0, ..., 1, 0]
    for s, name in enumerate(config["starts"]):
        for r, rule in enumerate(RULES):
            face = COLOURS[name] if rule == "pc" else "none"
            axes.plot(condition[s, r], lost[s, r], "o", color=COLOURS[name], markerfacecolor=face)
    axes.set(xlabel="condition number of the kernel at the end", ylabel="powers of ten lost", xscale="log")
