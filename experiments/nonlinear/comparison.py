"""Target alignment of single samples in a nonlinear network: measured, and predicted by the linear theory.

Every sample is a batch of its own. Measured: the update at the equilibrium that Newton's method finds, and its effect
by a derivative of the network. Predicted: the closed forms of the network linearised at the sample's feedforward pass.
Undefined alignments are NaN, and counted: of samples whose inference does not converge, and with rates that are
infinite.
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from dlntheory import LinearNetwork, NonlinearNetwork, nonlinear_equilibrium, target_alignment
from dlntheory.learning.problem import Options
from dlntheory.nonlinear.equilibrium import NonlinearEquilibrium
from dlntheory.nonlinear.tangent import linearised
from dlntheory.nonlinear.updates import Traces, at_equilibrium, backpropagated, change_and_alignment
from dlntheory.report.style import draw_band, draw_runs, positive
from dlntheory.report.words import mean_over

from ..parts import gathered
from ..results import deviation
from ..sample_efficiency.rules import CURVES as ALL_CURVES
from ..sample_efficiency.rules import colour_of
from ..sample_efficiency.single_step import limits

CURVES = {name: ALL_CURVES[name] for name in ("bp", "pc", "pc_adaptive")}
MARKS = {"bp": "o", "pc": "o", "pc_adaptive": "s"}
ACTIVATIONS = {"tanh": "tanh", "relu": "ReLU"}
GAINS = {"tanh": 1.0, "relu": 2**0.5}
"""The factors of weights behind an activation, which keep the size of activities (He et al. 2015)."""


def activated(net: LinearNetwork, activation: str) -> NonlinearNetwork:
    """A linear network of LeCun's weights with activations, and their gain in the weights behind them."""
    gain = GAINS[activation]
    behind = lambda it: [layer.weight for layer in it.layers[1:]]  # noqa: E731
    return NonlinearNetwork.from_linear(eqx.tree_at(behind, net, replace_fn=lambda weight: gain * weight), activation)


def compare(net: NonlinearNetwork, x: Any, y: Any) -> dict[str, np.ndarray]:
    """Alignments by curve and sample, two ways; and the share of units that rest on a kink, by sample."""
    settled = nonlinear_equilibrium(net, x, y)
    found = {"measured": measured(net, x, y, settled), "predicted": predicted(net, x, y), "pinned": settled.pinned}
    return {name: np.asarray(each) for name, each in found.items()}


@eqx.filter_jit
def measured(net: NonlinearNetwork, x: jax.Array, y: jax.Array, settled: NonlinearEquilibrium) -> jax.Array:
    """Alignments of the nonlinear network, ``(curve, sample)``; NaN where inference has not converged."""

    def alone(traces: Traces, rescaling: str | None) -> jax.Array:
        """Every sample as a batch of its own."""

        def sample(one: Traces) -> jax.Array:
            batch = jax.tree.map(lambda each: each[None], one)
            return change_and_alignment(net, batch, rescaling, Options(), None)[1][0]

        return jax.vmap(sample)(traces)

    at_rest, ended = at_equilibrium(net, settled), settled.status == 0
    traces = {"bp": backpropagated(net, x, y), "pc": at_rest}
    rows = [alone(traces[curve.rule], curve.rescaling) for curve in CURVES.values()]
    return jnp.where(ended, jnp.stack(rows), jnp.nan)


@eqx.filter_jit
def predicted(net: NonlinearNetwork, x: jax.Array, y: jax.Array) -> jax.Array:
    """Alignments of each sample's linearised network, ``(curve, sample)``."""

    def theory(x: jax.Array, y: jax.Array) -> jax.Array:
        linear = linearised(net, x)
        found = [target_alignment(linear, x, y, c.rule, c.rescaling, solver="covariance") for c in CURVES.values()]
        return jnp.stack(found)

    return jax.vmap(theory)(x, y).T


def by_curve(found: list[dict[str, np.ndarray]], *shape: int) -> dict[str, np.ndarray]:
    """The results of `compare` for several networks, ``(*shape, sample)``, alignments with a leading axis of curves."""
    whole = gathered(found, *shape)
    return {name: np.moveaxis(each, -2, 0) if name != "pinned" else each for name, each in whole.items()}


def summarise_points(name: str, values: Any, arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """For every point of every curve, means over seeds and samples, and single samples' distance from the theory."""
    rows = []
    for curve, ours, theirs in zip(CURVES, arrays["measured"], arrays["predicted"], strict=True):
        for index, value in enumerate(values):
            difference = np.abs(ours[index] - theirs[index])
            row = {"curve": curve, name: float(value), "measured": float(np.nanmean(ours[index]))}
            row |= {"predicted": float(theirs[index].mean()), "difference": float(np.nanmean(difference))}
            row |= {"pinned": float(arrays["pinned"][index].mean())}
            rows.append(row | {"undefined": int(np.isnan(ours[index]).sum())})
    return rows


def draw_points(axes: Axes, values: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Measured as marks, predicted as lines; mean and standard deviation over seeds of the mean over samples."""
    for (name, curve), ours, theirs in zip(CURVES.items(), arrays["measured"], arrays["predicted"], strict=True):
        line, marks = theirs.mean(axis=-1), np.nanmean(ours, axis=-1)
        middle, spread = line.mean(axis=-1), deviation(line)
        draw_band(axes, values, middle, middle - spread, middle + spread, curve.style.strip("o"), color=colour_of(name))
        mark: dict[str, Any] = {"color": colour_of(name), "elinewidth": 0.8, "label": curve.label, **_mark(name)}
        axes.errorbar(values, marks.mean(axis=-1), deviation(marks), linestyle="none", **mark)
    axes.set(ylabel="target alignment", ylim=limits(np.nanmean(arrays["measured"], axis=-1)))


def draw_distances(axes: Axes, values: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """One minus alignment on a logarithmic axis: medians and quartiles over all samples of all seeds.

    The axis ends below the measured medians: a prediction that is one to rounding is below it.
    """
    lowest = 1.0
    for (name, curve), ours, theirs in zip(CURVES.items(), arrays["measured"], arrays["predicted"], strict=True):
        line, marks = (positive(1 - each.reshape(len(values), -1).T) for each in (theirs, ours))
        draw_runs(axes, values, line, curve.style.strip("o"), color=colour_of(name))
        known = np.isfinite(marks).any(axis=0)
        medians = np.nanmedian(marks[:, known], axis=0)
        axes.plot(np.asarray(values)[known], medians, linestyle="none", color=colour_of(name), **_mark(name))
        lowest = min([lowest, *medians.tolist()])
    axes.set(ylabel="1 − target alignment", yscale="log", ylim=(lowest / 3, None))


def draw_scatter(axes: Axes, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Every sample, measured against predicted."""
    for name, ours, theirs in zip(CURVES, arrays["measured"], arrays["predicted"], strict=True):
        small: dict[str, Any] = {"markersize": 1.8, "markeredgewidth": 0.4, "alpha": 0.5, "rasterized": True}
        axes.plot(theirs.ravel(), ours.ravel(), linestyle="none", color=colour_of(name), **{**_mark(name), **small})
    lowest = float(min(np.nanmin(arrays["measured"]), arrays["predicted"].min()))
    axes.plot([lowest, 1], [lowest, 1], color="0.6", linewidth=0.8, zorder=0)
    axes.set(xlabel="predicted", ylabel="measured")
    axes.set_title("Every sample")


def samples_in_words(config: dict[str, Any]) -> list[str]:
    """The activation, and what marks, lines and their bands are."""
    average = f"{mean_over(len(config['seeds']))}, {config['samples']} samples each"
    return [f"{ACTIVATIONS[config['activation']]} networks", average]


def _mark(name: str) -> dict[str, Any]:
    """The mark of a curve: open with a rescaling."""
    return {"marker": MARKS[name], "markerfacecolor": "white" if CURVES[name].rescaling else colour_of(name)}
