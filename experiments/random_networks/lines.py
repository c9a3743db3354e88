"""Lines that the theory of random networks gives for a figure: from its configuration alone, no weights are drawn.

Where there is no formula there is no line: for predictive coding in batches, and for decorrelated updates. Rescaled PC
with single samples needs none, since Theorem 1 makes its alignment one.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dlntheory.random_networks import backpropagation
from dlntheory.random_networks.arguments import INITIAL_VARIANCES, as_layers
from dlntheory.random_networks.covariance_spectrum import expected_spectrum
from dlntheory.random_networks.expected import as_setting, expected_alignment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOK: dict[str, Any] = {"color": "black", "linestyle": (0, (2, 2)), "linewidth": 1.0, "zorder": 5}
POINTS = 40
"""The number of points of a line along a property that is not counted."""


def draw_lines(axes: "Axes", lines: Sequence[tuple[np.ndarray, np.ndarray]], label: str = "theory") -> None:
    """All lines alike, with one entry in the legend."""
    for index, line in enumerate(lines):
        axes.plot(*line, label="_" if index else label, **LOOK)


def positions(axis: str, values: Sequence[float]) -> np.ndarray:
    """The positions of a line's points: every depth, or points between the ends of the other properties."""
    low, high = min(values), max(values)
    if axis == "depth":
        return np.arange(low, high + 1)
    points = np.geomspace(low, high, POINTS)
    return points if axis == "condition_number" else np.unique(np.round(points).astype(int))


def random_layers(
    widths: Sequence[int], init: str, condition: float | None = None, residual: bool = False
) -> list[tuple[Any, ...]]:
    """The layers of `LinearNetwork.random`, as `expected_alignment` takes them."""
    layers: list[tuple[Any, ...]] = []
    for n_in, n_out in pairwise(widths):
        variance = INITIAL_VARIANCES[init](n_in, n_out)
        if condition is None:
            layers.append(("residual" if residual else "dense", n_in, n_out, variance))
        else:
            spaced = np.linspace(1, 1 / condition, min(n_in, n_out))
            spaced = spaced * np.sqrt(variance * n_in * n_out / (spaced @ spaced))
            layers.append(("singular_values", n_in, n_out, spaced))
    return layers


def expected(
    layers: Sequence[tuple[Any, ...]], rule: str, rescaling: str | None = None, batch: int = 1, linear: bool = False
) -> float | None:
    """The alignment to expect after an infinitesimal step, or ``None`` without a formula."""
    if rescaling == "adaptive" and rule == "bp" and batch == 1:
        setting = as_setting(as_layers(None, "kaiming_uniform", None, layers), None, None, None)
        return float(backpropagation.limit(setting.layers, setting.share_of_target, adaptive=True))
    if rescaling or (rule == "pc" and batch > 1):
        return None
    target: Any = "linear" if linear else "independent"
    return float(expected_alignment(layers=layers, rule=rule, batch=batch, target=target).mean)  # type: ignore[arg-type]


def kernel_spectrum(widths: Sequence[int], init: str) -> np.ndarray:
    """The singular values to expect of BP's kernel, from the largest, over the upper edge of their density.

    The kernel ``Σ_l |x̂_{l-1}|² G_l`` is the output covariance of a network with covariances ``|x̂_{l-1}|²``.
    """
    spectrum, count = _kernel(widths, init), widths[-1]
    grid, density = spectrum.grid, spectrum.density
    steps = np.diff(grid) * (density[1:] + density[:-1]) / 2
    below = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    quantiles = (np.arange(count, 0, -1) - 0.5) / count
    return np.interp(quantiles, below, grid) / spectrum.edges[1]


def kernel_condition(widths: Sequence[int], init: str) -> float:
    """The condition number to expect of BP's kernel: between the edges of its spectrum."""
    low, high = _kernel(widths, init).edges
    return high / low


def _kernel(widths: Sequence[int], init: str) -> Any:
    gains = [INITIAL_VARIANCES[init](*pair) * pair[1] for pair in pairwise(widths)]
    norms = np.concatenate([[1.0], np.cumprod(gains[:-1])])
    return expected_spectrum(widths, init, covariances=norms / norms[-1])  # type: ignore[arg-type]


def energy_by_layer(widths: Sequence[int], init: str) -> np.ndarray:
    """The energy to expect of each layer at equilibrium, of a sample as long as its target and ``√n``."""
    return np.asarray(expected_alignment(widths, init).energy_by_layer)  # type: ignore[arg-type]
