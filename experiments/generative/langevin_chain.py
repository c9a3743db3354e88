"""One long Langevin chain of a linear network, against the law that it is predicted to sample.

The chain is the trainers' dynamics (`dlntheory.pcn`), of first and of second order, with steps so long that their bias
is plain. The law, bias included, is `dlntheory.langevin_law`. How far a chain's covariance may stray from it follows
from the predicted autocorrelation, ``ρ(t + 1) = (1 + m − γh) ρ(t) − m ρ(t − 1)`` in an eigendirection of the Hessian:
its entries have the variance ``Σ_t (C_ii(t) C_jj(t) + C_ij(t)²) / n``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import dlntheory as dln
from dlntheory.pcn.choices.relaxations import Langevin
from dlntheory.report.style import SERIES, entitle, head, legend_below, new_figure, styled
from dlntheory.report.words import hidden_layers

from ..parts import Track, gathered

SETTINGS = ("norm_preserving",)
WIDTHS = [3, 5, 4, 3]
CHAINS = [{"order": 1, "step_size": 0.35, "momentum": None}, {"order": 2, "step_size": 0.5, "momentum": 0.2}]
"""As `Langevin` takes them; far from their stability limits, and not near zero."""
STEPS = {"quick": 50_000, "full": 1_000_000}
CHUNK = 10_000
LAGS = 40
BURN_IN = 1_000
FORGOTTEN = 1e-12
"""A correlation that counts as none."""


def configure(quick: bool, setting: str, seed: int) -> dict[str, Any]:
    """The network, the chains, and how many steps each takes."""
    return {"widths": WIDTHS, "init": setting, "chains": CHAINS, "steps": STEPS["quick" if quick else "full"],
            "run_seed": seed}  # fmt: skip


def run(config: dict[str, Any], track: Track = iter, folder: Path | None = None) -> dict[str, np.ndarray]:
    """By chain: mean, covariance and autocorrelations as measured and predicted, and their standard errors."""
    return gathered([measure(config, chain) for chain in track(config["chains"])])


def measure(config: dict[str, Any], chain: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Run one chain."""
    net = dln.LinearNetwork.random(config["widths"], init=config["init"], key=config["run_seed"])
    rng = np.random.default_rng(config["run_seed"])
    x, y = rng.normal(size=config["widths"][0]), rng.normal(size=config["widths"][-1])
    settled = np.concatenate([np.asarray(each) for each in dln.equilibrium(net, x, y).activities[1:-1]])
    hessian = np.asarray(jax.hessian(hidden_energy(net, x, y))(jnp.asarray(settled)))
    step, momentum = heavy_ball(chain)
    law = dln.langevin_law(net, step, momentum)
    values, vectors = np.linalg.eigh(hessian)
    lags = autocorrelations(values, step, momentum)
    spread = 1 / (values * (1 - step / (2 * (1 + momentum)) * values))
    mean, second, lagged = moments(net, x, y, settled, vectors, chain, config)
    same_layer = np.repeat(range(len(config["widths"]) - 2), config["widths"][1:-1])
    within = np.tril(same_layer[:, None] == same_layer[None, :])
    return {
        "mean": mean - settled,
        "mean_error": np.sqrt(np.einsum("ik,k->i", vectors**2, spread * two_sided(lags)) / config["steps"]),
        "covariance": second[within],
        "law": block_diagonal(law.covariances)[within],
        "posterior": block_diagonal([a - b for a, b in zip(law.covariances, law.bias, strict=True)])[within],
        "covariance_error": np.sqrt(entry_variances(vectors, spread, lags) / config["steps"])[within],
        "autocorrelation": lagged[[0, -1]] / lagged[[0, -1], :1],
        "predicted_autocorrelation": lags[[0, -1], : LAGS + 1],
    }


def hidden_energy(net: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """The energy as a function of all hidden activities, one row."""
    ends = np.cumsum([shape[0] for shape in net.shapes[1:-1]])[:-1]

    def energy(hidden: jax.Array) -> jax.Array:
        value: jax.Array = dln.energy(net, [jnp.asarray(x), *jnp.split(hidden, ends), jnp.asarray(y)])
        return value

    return energy


def heavy_ball(chain: Mapping[str, Any]) -> tuple[float, float]:
    """The step and the momentum that the law knows a chain by (docs/generative.md, "In nonlinear networks")."""
    size, momentum = chain["step_size"], chain["momentum"]
    return (size, 0.0) if momentum is None else (size**2, 1 - size * (1 - momentum))


def autocorrelations(values: np.ndarray, step: float, momentum: float) -> np.ndarray:
    """By eigenvalue of the Hessian and lag, until all are forgotten; more than `LAGS` in any case."""
    ahead = 1 + momentum - step * values
    found = [np.ones_like(values), ahead / (1 + momentum)]
    while len(found) <= LAGS or max(abs(found[-1]).max(), abs(found[-2]).max()) > FORGOTTEN:
        found.append(ahead * found[-1] - momentum * found[-2])
    return np.stack(found, axis=1)


def two_sided(lags: np.ndarray) -> np.ndarray:
    """The sum over all lags, negative ones too."""
    return np.asarray(2 * lags.sum(axis=-1) - lags[..., 0])


def entry_variances(vectors: np.ndarray, spread: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """``Σ_t (C_ii(t) C_jj(t) + C_ij(t)²)``."""
    pairs = np.outer(spread, spread) * two_sided(lags[:, None] * lags[None, :])
    first = np.einsum("ik,jl,kl->ij", vectors**2, vectors**2, pairs)
    return np.asarray(first + np.einsum("ik,jk,il,jl,kl->ij", *4 * [vectors], pairs, optimize=True))


def moments(
    net: Any, x: np.ndarray, y: np.ndarray, settled: np.ndarray, vectors: np.ndarray, chain: Mapping[str, Any],
    config: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The chain's mean, its second moments about the equilibrium, and products at all lags in eigendirections."""
    rule, slope = Langevin(chain["step_size"], chain["momentum"]), jax.grad(hidden_energy(net, x, y))
    key = jax.random.key(config["run_seed"])

    @jax.jit
    def advance(carry: Any, times: jax.Array) -> tuple[Any, jax.Array]:
        def step(carry: Any, time: jax.Array) -> tuple[Any, jax.Array]:
            (state,), memory = carry
            (change,), memory = rule.step((slope(state),), memory, time, jax.random.fold_in(key, time))
            return ((state + change,), memory), state

        return jax.lax.scan(step, carry, times)

    start = (jnp.asarray(settled),)
    carry, _ = advance((start, rule.start(start)), jnp.arange(BURN_IN))
    total, second, lagged = np.zeros_like(settled), np.zeros((len(settled),) * 2), np.zeros((len(settled), LAGS + 1))
    chunk = min(CHUNK, config["steps"])
    for first in range(BURN_IN, BURN_IN + config["steps"], chunk):
        carry, states = advance(carry, jnp.arange(first, first + chunk))
        centred = np.asarray(states) - settled
        modes = centred @ vectors
        total += centred.sum(axis=0)
        second += centred.T @ centred
        early, ends = modes[: chunk - LAGS], range(chunk - LAGS, chunk + 1)
        lagged += np.stack([(early * modes[end - len(early) : end]).sum(axis=0) for end in ends], axis=1)
    return settled + total / config["steps"], second / config["steps"], lagged


def block_diagonal(blocks: Any) -> np.ndarray:
    """The blocks of all layers in one matrix."""
    ends = np.cumsum([0, *(len(each) for each in blocks)])
    whole = np.zeros((ends[-1],) * 2)
    for start, end, block in zip(ends, ends[1:], blocks, strict=False):
        whole[start:end, start:end] = block
    return whole


def scores(arrays: Mapping[str, np.ndarray], law: str = "law") -> np.ndarray:
    """By chain, how many standard errors each entry of the covariance is off."""
    return np.asarray((arrays["covariance"] - arrays[law]) / arrays["covariance_error"])


def summarise(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """By chain, the largest deviations in standard errors: from the law, from the law without bias, of the mean."""
    return [
        {
            **chain,
            "steps": config["steps"],
            "entries": int(arrays["covariance"].shape[1]),
            "from_the_law": float(abs(scores(arrays)[k]).max()),
            "from_the_posterior": float(abs(scores(arrays, "posterior")[k]).max()),
            "of_the_mean": float(abs(arrays["mean"][k] / arrays["mean_error"][k]).max()),
        }
        for k, chain in enumerate(config["chains"])
    ]


@styled()
def draw(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """By chain: covariance measured against predicted, and autocorrelation of the slowest and the fastest mode."""
    figure: Figure = new_figure(2, 2)
    for row, (panels, chain) in enumerate(zip(figure.subplots(2, 2), config["chains"], strict=True)):
        order = f"{('first', 'second')[chain['order'] - 1]} order"
        draw_covariance(panels[0], arrays, row)
        head(panels[0], f"Covariances, {order}", "AC"[row])
        draw_autocorrelation(panels[1], arrays, row)
        head(panels[1], f"Autocorrelations, {order}", "BD"[row])
    note = "A, C: grey within four standard errors; B, D: dots measured, lines predicted"
    entitle(figure, f"Langevin chains of {config['steps']:,} steps, {hidden_layers(config['widths'][1:-1])}", note)
    legend_below(figure)
    return figure


def draw_covariance(axes: Axes, arrays: Mapping[str, np.ndarray], row: int) -> None:
    """Deviations in standard errors, from the law with bias and without."""
    laws = (("posterior", "x", "posterior, no bias"), ("law", "o", "law with bias"))
    for colour, (law, marker, label) in zip(SERIES[1::-1], laws, strict=True):
        values = scores(arrays, law)[row]
        axes.plot(np.arange(1, len(values) + 1), values, marker, color=colour, label=label)
    axes.axhspan(-4, 4, color="0.9", zorder=0)
    axes.set(yscale="symlog", xlabel="entry of a layer's covariance", ylabel="difference, standard errors")


def draw_autocorrelation(axes: Axes, arrays: Mapping[str, np.ndarray], row: int) -> None:
    """Dots measured, lines predicted."""
    for mode, (name, colour) in enumerate(zip(("slowest", "fastest"), SERIES[2:4], strict=True)):
        axes.plot(arrays["autocorrelation"][row, mode], "o", color=colour, label=f"{name} mode")
        axes.plot(arrays["predicted_autocorrelation"][row, mode], "-", color=colour)
    axes.set(xlabel="steps", ylabel="autocorrelation")
