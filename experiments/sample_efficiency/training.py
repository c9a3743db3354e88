"""Training of linear networks (figures 2E–H, 3B–C, 4B–C, 7, 8, 10): curves, and the error at the end by learning rate.

The task is ``y = W_data x`` with normal inputs (appendices A.1 and A.3); the error is ``‖W_data − W_{L:1}‖²`` (section
3.1.3; its mean over the entries, of which A.3 speaks, is 1/400 of it). All algorithms learn the same minibatches from
the same weights. No number of steps is given for online training; it is 500, as in batches.

The paper gives some ranges of learning rates twice: in the text, and in appendix J (settings ``text`` and
``appendix``). It gives none of its own for figure 8, so these are the text's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes

from dlntheory import Algorithm, LinearNetwork, SpectralRegularisation, sweep
from dlntheory.report.words import hidden_layers, runs_in_words

from ..parts import Track
from .curves import at_best, draw_best, draw_sweep, with_best
from .rules import CURVES
from .single_step import batch_in_words

Range = tuple[float, float, int]
"""The decimal exponents of the lowest and the highest learning rate, and how many there are."""

PLAIN = ("bp", "pc")
ADAPTIVE = ("bp", "pc", "bp_adaptive", "pc_adaptive", "pc_adaptive_positive")
DECORRELATED = ("bp", "pc", "bp_decorrelated", "pc_decorrelated")
DEEP = 8
"""Hidden layers of the deep networks."""
REGULARISATION = {1: 1e-5, DEEP: 1e-4}
"""By hidden layers (section 3.3)."""

FULL: dict[str, Any] = {"square": 20, "steps": 500, "chunk": 50, "error_every": 5, "seeds": 10}
QUICK: dict[str, Any] = {"square": 6, "steps": 40, "chunk": 20, "error_every": 1, "seeds": 2}
QUICK_WIDTHS = {15: 5, 20: 6, 40: 8}
QUICK_BATCH, QUICK_DEEP, QUICK_RATES = 16, 3, 6


@dataclass(frozen=True)
class Training:
    """A learning-rate sweep.

    Attributes:
        curves: names in `rules.CURVES`.
        batch: samples per step.
        hidden: the widths of the hidden layers.
        init: the initialisation of the weights.
        ranges: the learning rates by setting.
    """

    curves: tuple[str, ...]
    batch: int
    ranges: Mapping[str, Range] = field(hash=False)
    hidden: tuple[int, ...] = (20,)
    init: str = "norm_preserving"

    def configure(self, quick: bool, setting: str, seed: int) -> dict[str, Any]:
        """Sizes, seeds and learning rates."""
        sizes = QUICK if quick else FULL
        low, high, count = self.ranges[setting if setting in self.ranges else "appendix"]
        hidden = [QUICK_WIDTHS[width] for width in self.hidden[:QUICK_DEEP]] if quick else list(self.hidden)
        return {
            "curves": list(self.curves),
            "init": self.init,
            "square": sizes["square"],
            "hidden": hidden,
            "batch": min(self.batch, QUICK_BATCH) if quick else self.batch,
            "steps": sizes["steps"],
            "chunk": sizes["chunk"],
            "error_every": sizes["error_every"],
            "seeds": list(range(seed, seed + sizes["seeds"])),
            "learning_rates": np.logspace(low, high, min(count, QUICK_RATES) if quick else count).tolist(),
            "regularisation": REGULARISATION[len(self.hidden)],
        }

    def run(self, config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
        """Errors as `with_best` keeps them, infinity where a run diverged; and the worst estimate of accuracy."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        progress = iter(track(range(-(-config["steps"] // config["chunk"]))))
        nets, x, y, maps = task(config)
        found = sweep(
            nets,
            x,
            y,
            config["learning_rates"],
            [algorithm(name, config) for name in config["curves"]],
            targets=maps,
            chunk=config["chunk"],
            checkpoint=None if folder is None else folder / "sweep.npz",
            progress=lambda *_: next(progress, None),
            error_every=config["error_every"],
        )
        for _ in progress:  # what was done before, or need not be done
            pass
        return {
            "steps": np.arange(0, config["steps"] + 1, config["error_every"]),
            "learning_rates": np.asarray(found.learning_rates),
            **with_best(np.asarray(found.error)),
            "accuracy": np.asarray(found.accuracy).max(axis=2),
        }

    def summarise(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """Each curve at its best learning rate: the error at the end; and the share of all runs that diverged."""
        diverged = np.isinf(arrays["final"]).mean(axis=(1, 2))
        pairs = zip(at_best(config, arrays), diverged, strict=True)
        return [{**row, "diverged": float(share)} for (_, row), share in pairs]

    def heading(self, config: dict[str, Any]) -> str:
        """The size of the network."""
        return hidden_layers(config["hidden"])

    def note(self, config: dict[str, Any]) -> list[str]:
        """Batch and seeds."""
        return [batch_in_words(config["batch"]), runs_in_words(len(config["seeds"]))]

    def draw(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """The error along training, of each curve at its best learning rate."""
        draw_best(axes, config, arrays)
        axes.set(ylabel="squared error of the map", yscale="log")

    def draw_sweep(self, axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """The error at the end, by learning rate, where no seed has diverged and it has not grown tenfold."""
        draw_sweep(axes, config, arrays, ceiling=10 * arrays["errors"][0, :, 0].mean())  # as every curve starts
        axes.set(ylabel=f"error after {config['steps']} steps", yscale="log")


def task(config: dict[str, Any]) -> tuple[list[LinearNetwork], np.ndarray, np.ndarray, np.ndarray]:
    """The networks, inputs, targets and maps of every seed."""
    square, shape = config["square"], (config["steps"], config["batch"], config["square"])
    widths = [square, *config["hidden"], square]
    keys = map(jax.random.key, config["seeds"])
    nets = [LinearNetwork.random(widths, config["init"], key=key).to_numpy() for key in keys]
    draws = [np.random.default_rng(seed) for seed in config["seeds"]]
    maps = np.stack([draw.standard_normal((square, square)) / np.sqrt(square) for draw in draws])
    x = np.stack([draw.standard_normal(shape) for draw in draws])
    return nets, x, np.einsum("stbi,soi->stbo", x, maps), maps


def algorithm(name: str, config: dict[str, Any]) -> Algorithm:
    """The algorithm of a curve."""
    curve = CURVES[name]
    if curve.rescaling != "decorrelated":
        return Algorithm(curve.rule, curve.rescaling)
    regularisation = SpectralRegularisation(config["regularisation"], curve.spectrum)
    return Algorithm(curve.rule, curve.rescaling, regularisation=regularisation)


def plain(hidden: tuple[int, ...], init: str) -> Training:
    """BP and PC in batches (figures 2 and 7)."""
    return Training(PLAIN, 64, {"appendix": (-3.5, 0.5, 100), "text": (-3.5, 0.3, 100)}, hidden, init)


def online(hidden: tuple[int, ...]) -> Training:
    """All four models and the positive variant, one sample per step (figures 3, 8 and 10)."""
    return Training(ADAPTIVE, 1, _ranges(hidden, (-3.5, -0.04, 100)), hidden)


def batches(hidden: tuple[int, ...]) -> Training:
    """All four models in batches (figures 4, 8 and 10)."""
    return Training(DECORRELATED, 64, _ranges(hidden, (-3.5, 0.4, 100)), hidden)


def _ranges(hidden: tuple[int, ...], text: Range) -> dict[str, Range]:
    """Appendix J.3 gives deep networks a range of their own."""
    return {"appendix": (-5.0, 0.0, 10) if len(hidden) == DEEP else text, "text": text}
