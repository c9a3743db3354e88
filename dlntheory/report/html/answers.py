"""The explorer's answers: a random network by its settings, and how alignment and energies depend on each of them.

Inputs and outputs are 32 wide; inputs are normal, and targets independent of them. One draw per network, the same for
the same settings, so that a point of a curve moves only if it must.
"""

import math
import warnings
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...equilibria.equilibrium import equilibrium
from ...equilibria.nudging import SoftOutput
from ...files.builtin import normal_data
from ...inference.eigenmodes import InferenceModes
from ...inference.propagation import energy_propagation
from ...inference.spectrum import Spectrum
from ...learning.alignment import target_alignment
from ...learning.before_equilibrium import relaxed_alignment
from ...networks.network import LinearNetwork
from ...numerics.presentation import plain
from ..comparison import as_rule
from ..words import rule_name

ENDS = 32
"""Width of the inputs and of the outputs."""
INITS = ("kaiming_uniform", "norm_preserving", "lecun_normal", "orthogonal", "pc_aligned")
BOUNDS: dict[str, tuple[float, float]] = {
    "depth": (1, 6), "width": (4, 40), "batch": (1, 64), "beta": (0, 1000), "step_size": (0.001, 2),
    "steps": (0, 10_000), "seed": (0, 2**31 - 1),
}  # fmt: skip
"""The bounds of the settings that are numbers; others are refused."""
CURVES: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "depth": ((1, 2, 4, 6), ("bp", "pc")),
    "width": ((4, 8, 16, 32, 40), ("bp", "pc")),
    "batch": ((1, 4, 16, 32, 64), ("bp", "pc", "pc:decorrelated")),
}
"""By setting, the values at which alignment is shown, besides the setting's own, and the rules."""


@dataclass(frozen=True)
class Settings:
    """The sliders' settings: ``depth`` counts hidden layers; a ``beta`` of zero clamps the output."""

    depth: int = 3
    width: int = 32
    init: str = "kaiming_uniform"
    batch: int = 8
    beta: float = 0.0
    step_size: float = 0.1
    steps: int = 20
    seed: int = 0

    @property
    def nudge(self) -> SoftOutput | None:
        """The soft output."""
        return SoftOutput(self.beta) if self.beta else None

    @property
    def problem(self) -> tuple[LinearNetwork, np.ndarray, np.ndarray]:
        """The network with its inputs and targets."""
        net = network(self.depth, self.width, self.init, self.seed)
        x, y = normal_data(net, int(BOUNDS["batch"][1]), self.seed, linear=False)
        return net, x[: self.batch], y[: self.batch]


def as_settings(given: dict[str, str]) -> Settings:
    """Read settings, those left out at their defaults.

    Raises:
        ValueError: for an unknown name, something that is no number, or a number out of its bounds.

    Example:
        >>> as_settings({"depth": "2"}).depth
        2
    """
    kinds = {each.name: each.type for each in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in kinds:
            raise ValueError(f"`{name}` is no setting; wanted one of {', '.join(kinds)}.")
        if name == "init":
            if text not in INITS:
                raise ValueError(f"`init` is {text!r}; wanted one of {', '.join(INITS)}.")
            values[name] = text
            continue
        low, high = BOUNDS[name]
        try:
            number = float(text) if kinds[name] is float else int(text)
        except ValueError:
            raise ValueError(f"`{name}` is {text!r}; wanted a number.") from None
        if not low <= number <= high:
            raise ValueError(f"`{name}` is {text}; wanted {low} to {high}.")
        values[name] = number
    return Settings(**values)


def answer(settings: Settings) -> dict[str, Any]:
    """Everything that the page shows for these settings, as plain numbers."""
    found = {
        "settings": asdict(settings),
        "curves": {name: _curve(settings, name, *each) for name, each in CURVES.items()},
        **_inference(settings),
    }
    return plain(found, finite=True)


def _curve(settings: Settings, name: str, values: tuple[int, ...], rules: tuple[str, ...]) -> list[dict[str, Any]]:
    """Alignment of each rule at these values of one setting, and at its own."""
    own = getattr(settings, name)
    return [
        {
            "value": value,
            "label": rule_name(*as_rule(rule)),
            "alignment": alignment(_without_inference(replace(settings, **{name: value})), rule),
            "own": value == own,
        }
        for value in sorted({*values, own})
        for rule in rules
    ]


def _without_inference(settings: Settings) -> Settings:
    """The settings, with the ones that leave the alignment at equilibrium unchanged at their defaults."""
    return replace(settings, step_size=Settings.step_size, steps=Settings.steps)


@lru_cache(4096)
def alignment(settings: Settings, name: str) -> float | None:
    """The mean alignment of a batch at equilibrium; backpropagation knows no soft output."""
    rule, rescaling = as_rule(name)
    nudge = settings.nudge if rule == "pc" else None
    found = target_alignment(*settings.problem, rule, rescaling, nudge=nudge)
    return _mean(found)


def _mean(found: np.ndarray) -> float | None:
    """The mean over the samples that define an alignment, ``None`` without any."""
    return float(np.nanmean(found)) if np.isfinite(found).any() else None


@lru_cache(64)
def network(depth: int, width: int, init: Any, seed: int) -> LinearNetwork:
    """The network of so many hidden layers."""
    return LinearNetwork.random([ENDS, *[width] * depth, ENDS], init, key=seed)


def _inference(settings: Settings) -> dict[str, Any]:
    """Energies by layer and alignment after so many steps, and at equilibrium."""
    net, x, y = settings.problem
    modes = _modes(replace(settings, steps=Settings.steps))
    spectrum = Spectrum(modes.eigenvalues[0], modes.eigenvalues[-1])
    diverges = bool(settings.step_size > spectrum.stability_limit)
    settled = equilibrium(net, x, y, nudge=settings.nudge)
    relaxed = modes.at(settings.steps)
    with np.errstate(all="ignore"):
        energies = {
            "after T steps": np.mean(relaxed.energy_by_layer, axis=0),
            "at equilibrium": [float(np.mean(np.sum(np.square(each), axis=1))) / 2 for each in settled.errors],
        }
        if settings.nudge is None:
            leading = energy_propagation(net, x, y, settings.steps, settings.step_size)
            energies["leading order"] = np.mean(leading, axis=0)
        found = relaxed_alignment(net, relaxed) if not diverges else np.full(len(x), np.nan)
    rows = [
        {"layer": layer, "what": what, "energy": float(energy)}
        for what, each in energies.items()
        for layer, energy in enumerate(each, start=1)
        if energy > 0 and math.isfinite(energy)
    ]
    return {
        "energies": rows,
        "stability_limit": float(spectrum.stability_limit),
        "diverges": diverges,
        "steps_to": spectrum.steps_to(1e-3),
        "relaxed": _mean(found),
    }


@lru_cache(16)
def _modes(settings: Settings) -> InferenceModes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the page says when inference diverges
        return InferenceModes(*settings.problem, settings.step_size, nudge=settings.nudge)
