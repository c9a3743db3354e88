"""Inference in nonlinear networks: Newton's method against the papers' gradient descent, to the same residual.

A pass goes once through the network, forward or backward: a step of gradient descent takes two. All ratios are between
counts and times of one run.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln
from dlntheory.nonlinear.chains import forward
from dlntheory.nonlinear.clamped import Clamped, Hidden, norm
from dlntheory.nonlinear.equilibrium import clamp

from . import timing
from .report import number, table, verdict

STEP_SIZE = 0.05
LIMIT = 10_000
"""Steps of gradient descent at most, as in the papers."""
TOLERANCE = 1e-8
SAMPLES = 64
BARS = {"passes": 10.0, "time": 5.0}
ACTIVATIONS = ("tanh", "relu")

Row = dict[str, Any]


class Descent(NamedTuple):
    """The state of gradient descent: its activities, the residual of every sample, and its steps."""

    hidden: Hidden
    residual: jax.Array
    steps: jax.Array


def run(quick: bool = False) -> list[Row]:
    """Two rows an activation: passes and time."""
    return [row for activation in ACTIVATIONS for row in compare(activation, quick)]


def compare(activation: str, quick: bool) -> list[Row]:
    """Both methods on the same network and samples."""
    width, samples = (8, 4) if quick else (256, SAMPLES)
    net = dln.NonlinearNetwork.from_linear(
        dln.LinearNetwork.random([width] * 5, "norm_preserving", key=jax.random.key(0), dtype=jnp.float64), activation
    )
    x, y = (jnp.asarray(each) for each in np.random.default_rng(1).normal(size=(2, samples, width)))
    limit = 200 if quick else LIMIT
    candidates: timing.Candidates = {
        "descent": lambda: descend(net, x, y, limit),
        "newton": lambda: dln.nonlinear_equilibrium(net, x, y, tolerance=TOLERANCE),
    }
    timing.first_calls(candidates)
    times = timing.summary(timing.interleaved(candidates, 2 if quick else 3))
    descent, newton = (candidates[name]() for name in candidates)
    ratios = {
        "passes": 2 * int(descent.steps) / int(newton.passes),
        "time": times["descent"]["median_ms"] / times["newton"]["median_ms"],
    }
    converged = descent.residual <= TOLERANCE
    details = {
        "newton": {"outcome": newton.outcome, "residual": float(newton.residual_norm.max()),
                   "steps": int(newton.steps), "passes": int(newton.passes), "ms": times["newton"]["median_ms"],
                   "pinned": float(newton.pinned.mean())},
        "descent": {"outcome": "converged" if converged.all() else "step limit",
                    "residual": float(descent.residual.max()), "unfinished": int((~converged).sum()),
                    "steps": int(descent.steps), "passes": 2 * int(descent.steps),
                    "ms": times["descent"]["median_ms"]},
    }  # fmt: skip
    setting = f"{activation}, 3 hidden layers of {width}, batch {samples}, to {TOLERANCE:.0e}"
    reached = newton.outcome == "converged"
    return [judged(quantity, setting, value, details, quick, reached) for quantity, value in ratios.items()]


@partial(jax.jit, static_argnums=3)
def descend(net: dln.NonlinearNetwork, x: jax.Array, y: jax.Array, limit: int) -> Descent:
    """Gradient descent with a fixed step from the feedforward pass, until every sample's gradient is small enough."""
    predicted = forward(net.blocks, x)
    clamped: Clamped = clamp(net.blocks, predicted[1], predicted[1:-1], y)[0]
    reference = norm(clamped.gradient(predicted[1:-1]))

    def advance(now: tuple[Hidden, Hidden, jax.Array]) -> tuple[Hidden, Hidden, jax.Array]:
        hidden, slope, steps = now
        hidden = [each - STEP_SIZE * move for each, move in zip(hidden, slope, strict=True)]
        return hidden, clamped.gradient(hidden), steps + 1

    def unfinished(now: tuple[Hidden, Hidden, jax.Array]) -> jax.Array:
        return (now[2] < limit) & jnp.any(norm(now[1]) > TOLERANCE * reference)

    start = predicted[1:-1]
    hidden, slope, steps = jax.lax.while_loop(unfinished, advance, (start, clamped.gradient(start), jnp.asarray(0)))
    return Descent(hidden, norm(slope) / reference, steps)


def judged(quantity: str, setting: str, value: float, details: dict[str, Any], quick: bool, reached: bool) -> Row:
    """A ratio, and whether it keeps its bar."""
    kept = reached and value >= BARS[quantity]
    return {
        "quantity": f"{quantity}, gradient descent / Newton",
        "setting": setting,
        "value": value,
        "bar": BARS[quantity],
        "verdict": verdict(kept, judged=not quick),
        "details": details,
    }


def markdown(rows: list[Row]) -> str:
    """The ratios, and how both methods ended."""
    header = ["quantity", "setting", "value", "at least", ""]
    lines = [[each["quantity"], each["setting"], number(each["value"]), f"{each['bar']:g}", each["verdict"]]
             for each in rows]  # fmt: skip
    outcomes = [
        [method, each["setting"], *(_shown(found.get(key)) for key in ("outcome", "residual", "unfinished", "steps",
                                                                        "passes", "ms", "pinned"))]
        for each in rows[::2]
        for method, found in each["details"].items()
    ]  # fmt: skip
    names = ["method", "setting", "outcome", "largest residual", "unfinished samples", "steps", "passes", "ms",
             "share of units on kinks"]  # fmt: skip
    return f"{table(header, lines)}\n{table(names, outcomes)}"


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) or value is None else str(value)
