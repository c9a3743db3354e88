"""From BP to PC: target alignment along the strength β of a soft output, an output precision, and a nudged clamp.

A soft output leads from backpropagation (β → 0) to predictive coding (β → ∞). An output precision of β is a soft output
of strength β/(1 − β): the same way in other steps, predictive coding at β = 1, and beyond it for more. A nudged clamp
meets predictive coding at β = 1 and leads elsewhere, to centred nudging's errors D_lᵀS⁻¹r with feedforward activities.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from dlntheory import LinearNetwork, SoftOutput, prediction_change, target_alignment
from dlntheory.files.builtin import normal_data
from dlntheory.learning.alignment import cosine
from dlntheory.report.style import COLOURS, SERIES, draw_runs, entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import hidden_layers, runs_in_words

from ..parts import Track
from ..sample_efficiency.single_step import INITIALISATIONS

SETTINGS = ("norm_preserving", "kaiming_uniform")
FULL = {"width": 128, "hidden": [1, 4, 8], "batch": 1, "seeds": 10, "points": 41}
QUICK = {"width": 16, "hidden": [1, 2], "batch": 1, "seeds": 3, "points": 9}
RANGE = (-4.0, 4.0)
"""Powers of ten of β."""
CURVES = {"soft": "soft output", "precision": "output precision", "nudged": "nudged clamp"}
STYLES = {"soft": "-", "precision": "--", "nudged": "-."}
ENDS = {"BP": COLOURS["bp"], "PC": COLOURS["pc"], "centred nudging": COLOURS["aside"]}


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """Sizes, seeds, and the strengths."""
    sizes: dict[str, Any] = {**(QUICK if quick else FULL)}
    seeds = list(range(seed, seed + sizes.pop("seeds")))
    strengths = np.logspace(*RANGE, sizes.pop("points")).tolist()
    return {**sizes, "seeds": seeds, "initialisation": setting, "strengths": strengths}


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Alignments by number of hidden layers, seed, curve and strength; and of BP, PC and centred nudging."""
    cases = [(hidden, seed) for hidden in config["hidden"] for seed in config["seeds"]]
    found = {case: alignments(config, *case) for case in track(cases)}
    ends = [[found[hidden, seed][1] for seed in config["seeds"]] for hidden in config["hidden"]]
    curves = [[found[hidden, seed][0] for seed in config["seeds"]] for hidden in config["hidden"]]
    return {"strengths": np.array(config["strengths"]), "alignment": np.array(curves), "ends": np.array(ends)}


def alignments(config: dict[str, Any], hidden: int, seed: int) -> tuple[list[list[float]], list[float]]:
    """Alignments along every curve, and at the ends that they may lead to."""
    net = LinearNetwork.random([config["width"]] * (hidden + 2), config["initialisation"], key=jax.random.key(seed))
    x, y = normal_data(net, config["batch"], seed)
    ones = [1.0] * hidden

    def mean(**options: Any) -> float:
        return float(np.mean(target_alignment(net, x, y, **options)))

    curves = [
        [mean(nudge=SoftOutput(beta)) for beta in config["strengths"]],
        [mean(covariances=[*ones, 1 / beta]) for beta in config["strengths"]],
        [mean(nudge=beta) for beta in config["strengths"]],
    ]
    centred = prediction_change(net, x, y, nudge=1.0) + prediction_change(net, x, y, nudge=-1.0)
    ends = [mean(rule="bp"), mean(rule="pc"), float(np.mean(cosine((y - net(x)).T, centred.T)))]
    return curves, ends


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Means over the seeds, at both ends of each curve, and of the rules at these ends."""
    alignment, ends = arrays["alignment"].mean(axis=1), arrays["ends"].mean(axis=1)
    return [
        {
            "hidden_layers": hidden,
            **dict(zip(("bp", "pc", "centred"), map(float, ends[row]), strict=True)),
            **{name: [float(alignment[row, k, 0]), float(alignment[row, k, -1])] for k, name in enumerate(CURVES)},
        }
        for row, hidden in enumerate(config["hidden"])
    ]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A panel for each depth."""
    count = len(config["hidden"])
    figure: Figure = new_figure(count, height=2.0)
    panels = np.atleast_1d(figure.subplots(1, count, sharey=True))
    for index, (axes, hidden) in enumerate(zip(panels, config["hidden"], strict=True)):
        curves, ends = arrays["alignment"][index], np.median(arrays["ends"][index], axis=0)
        for value, (label, colour) in zip(ends, ENDS.items(), strict=True):
            axes.axhline(value, color=colour, linewidth=0.8, linestyle=":", zorder=0, label=label)
        for k, (name, label) in enumerate(CURVES.items()):
            draw_runs(axes, arrays["strengths"], curves[:, k], STYLES[name], color=SERIES[k], label=label)
        axes.set(xscale="log", xlabel=r"strength $\beta$ of the output")
        head(axes, hidden_layers([config["width"]] * hidden), "ABC"[index])
    panels[0].set_ylabel("target alignment")
    seeds = runs_in_words(len(config["seeds"]))
    entitle(figure, f"From BP to PC: {INITIALISATIONS[config['initialisation']]} weights; {seeds}")
    legend_below(figure)
    return figure
