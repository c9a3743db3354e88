"""Inference: simulated against its bare products, the closed form against the simulation, and relaxations by products.

All ratios are between times of one run, or between numbers of products of a weight matrix with a batch.
"""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln
from dlntheory.equilibria.problem import as_problem
from dlntheory.inference.energy import COORDINATES
from dlntheory.inference.relaxation import free_chain, reference_norm, relative_norm

from . import timing
from .report import number, relative_error, table, verdict

STEPS = 10_000
"""The papers' number of inference steps."""
STEP_SIZE = 0.1
TIMED = 200
"""Steps of a run that is timed against its products, several times over."""
TOLERANCE = 1e-10
BARS = {
    "simulation / bare products": ("at most", 1.3),
    "simulation / closed form": ("at least", 20.0),
    "simulation / closed form, another T": ("at least", 500.0),
    "products, gradient descent / conjugate gradients": ("at least", 25.0),
    "relative error of the closed form": ("at most", 1e-10),
}

Row = dict[str, Any]


def run(quick: bool = False) -> list[Row]:
    """A row for each bar."""
    widths, deep = ((16,) * 5, (16,) * 10) if quick else ((512,) * 5, (256,) * 10)
    rows = [*closed_form(widths, 8 if quick else 64, quick), *relaxations(deep, 8 if quick else 64), accuracy(quick)]
    return [judged(row, quick) for row in rows]


def problem(widths: tuple[int, ...], batch: int, init: str) -> tuple[dln.LinearNetwork, jax.Array, jax.Array]:
    """A network with normal data."""
    net = dln.LinearNetwork.random(widths, init, key=jax.random.key(0), dtype=jnp.float64)
    x, y = np.random.default_rng(1).normal(size=(2, batch, widths[0]))
    return net, jnp.asarray(x), jnp.asarray(y)


def closed_form(widths: tuple[int, ...], batch: int, quick: bool) -> list[Row]:
    """Times of simulations and closed forms; bare products repeat on orthogonal weights, and so stay of one size."""
    tame, x, y = problem(widths, batch, "orthogonal")
    candidates: dict[str, Callable[[], Any]] = {
        "bare products": lambda: bare_products(tame.weights[1:], x.T, TIMED),
        "simulation": lambda: dln.simulate_inference(tame, x, y, TIMED, STEP_SIZE).activities,
    }
    timing.first_calls(candidates)
    short = timing.interleaved(candidates, 3 if quick else 9)
    net, x, y = problem(widths, batch, "norm_preserving")
    modes = dln.InferenceModes(net, x, y, STEP_SIZE)
    again = {
        "closed form": lambda: dln.finite_time_activities(net, x, y, STEPS, STEP_SIZE, solver="modes").activities,
        "another T": lambda: modes.at(STEPS + 1).activities,
    }
    timing.first_calls(again)
    closed = timing.interleaved(again, 3 if quick else 7)
    whole = timing.seconds(lambda: dln.simulate_inference(net, x, y, STEPS, STEP_SIZE).activities)
    per_step = {name: statistics.median(times) / TIMED for name, times in short.items()}
    once, further = (statistics.median(closed[name]) for name in again)
    name = f"{len(widths) - 2} hidden layers of {widths[0]}, batch {batch}, T = {STEPS}"
    return [
        row("simulation / bare products", name, per_step["simulation"] / per_step["bare products"],
            {"simulated_step_s": per_step["simulation"], "bare_step_s": per_step["bare products"]}),
        row("simulation / closed form", name, whole / once, {"simulation_s": whole, "closed_form_s": once}),
        row("simulation / closed form, another T", name, whole / further,
            {"simulation_s": whole, "another_s": further}),
    ]  # fmt: skip


@partial(jax.jit, static_argnums=2)
def bare_products(weights: tuple[jax.Array, ...], x: jax.Array, steps: int) -> list[jax.Array]:
    """The products of as many steps and nothing else: with every weight but the first, and with its transpose."""

    def step(_: Any, hidden: list[jax.Array]) -> list[jax.Array]:
        return [weight.T @ (weight @ each) for weight, each in zip(weights, hidden, strict=True)]

    return jax.lax.fori_loop(0, steps, step, [x] * len(weights))


def relaxations(widths: tuple[int, ...], batch: int) -> list[Row]:
    """Products that it takes to a stationarity residual, both measured in the activities."""
    net, x, y = problem(widths, batch, "norm_preserving")
    spectrum, errors = dln.inference_spectrum(net), dln.inference_spectrum(net, coordinates="errors")
    step, check = products_of_a_step(net, x, y)
    options: dict[str, dict[str, Any]] = {
        "gradient descent": {"step_size": spectrum.best_step},
        "heavy ball": {"step_size": spectrum.momentum_step, "momentum": spectrum.best_momentum},
        "error coordinates": {"step_size": errors.best_step, "method": "error_coordinates"},
        "conjugate gradients": {"method": "cg"},
    }
    runs, products = {}, {}
    for name, chosen in options.items():
        runs[name] = found = dln.simulate_inference(net, x, y, 10**6, **chosen, tolerance=TOLERANCE)
        products[name] = (found.steps + 1) * step
        if "method" in chosen:
            products[name] += check * checks(found, net, x, y, **chosen)
    details = {
        "condition_number": float(spectrum.condition_number),
        "condition_number_in_errors": float(errors.condition_number),
        "steps": {name: found.steps for name, found in runs.items()},
        "products": products,
        "residuals": {name: float(found.residual_norm) for name, found in runs.items()},
        "predicted_steps": spectrum.steps_to(TOLERANCE),
    }
    ratio = products["gradient descent"] / products["conjugate gradients"]
    name = f"{len(widths) - 2} hidden layers of {widths[0]}, batch {batch}, to {TOLERANCE:.0e}"
    return [row("products, gradient descent / conjugate gradients", name, ratio, details)]


def products_of_a_step(net: dln.LinearNetwork, x: jax.Array, y: jax.Array) -> tuple[int, int]:
    """Matrix products in a gradient, the same in both coordinates; and in bringing it from errors to activities."""
    chain = free_chain(as_problem(net, x, y, None, None))
    hidden = list(chain.predicted[1:-1])
    counts = [
        str(
            jax.make_jaxpr(coordinates.gradient, static_argnums=1)(chain.layers, chain.precisions, hidden, chain.output)
        ).count("dot_general")
        for coordinates in COORDINATES.values()
    ]
    assert counts[0] == counts[1]
    in_activities = COORDINATES["errors"].in_activities
    return counts[0], str(jax.make_jaxpr(in_activities)(chain.layers, hidden)).count("dot_general")


def checks(found: dln.Relaxation, net: dln.LinearNetwork, x: jax.Array, y: jax.Array, **options: Any) -> int:
    """The times that a run in error coordinates evaluated the activities' gradient: only once its own was small."""
    chain = free_chain(as_problem(net, x, y, None, None))
    reference, own = reference_norm(chain), COORDINATES["errors"].gradient
    for steps in range(found.steps, -1, -1):
        earlier = dln.simulate_inference(net, x, y, steps, **options)
        errors = [each.T for each in earlier.errors[:-1]]
        gradient = own(chain.layers, chain.precisions, errors, chain.output)
        if relative_norm(gradient, reference) > TOLERANCE:
            return found.steps - steps
    return found.steps


def accuracy(quick: bool) -> Row:
    """The worst relative error of activities and errors after few and many steps, by both closed forms."""
    net, x, y = problem((12, 16, 16, 16, 12), 8, "norm_preserving")
    limit, worst = float(dln.inference_spectrum(net).stability_limit), {}
    for steps in (10, 1000, 1000 if quick else 100_000):
        for momentum in (0.0, 0.5):
            for share in (0.05, 0.99):
                options = (steps, share * (1 + momentum) * limit, momentum)
                expected = dln.simulate_inference(net, x, y, *options)
                for solver in ("modes", "series"):
                    found = dln.finite_time_activities(net, x, y, *options, solver=solver)
                    error = max(
                        relative_error(found.activities, expected.activities),
                        relative_error(found.errors, expected.errors),
                    )
                    worst[f"{solver}, {steps} steps"] = max(error, worst.get(f"{solver}, {steps} steps", 0.0))
    return row("relative error of the closed form", "3 hidden layers of 16, batch 8", max(worst.values()), worst)


def row(quantity: str, setting: str, value: float, details: dict[str, Any]) -> Row:
    """A measured quantity."""
    return {"quantity": quantity, "setting": setting, "value": value, "details": details}


def judged(found: Row, quick: bool) -> Row:
    """Add the bar; sizes of toys have none but accuracy's."""
    sense, bar = BARS[found["quantity"]]
    kept = found["value"] <= bar if sense == "at most" else found["value"] >= bar
    counts = not quick or "error" in found["quantity"]
    return found | {"bar": f"{sense} {bar:g}", "verdict": verdict(kept, counts)}


def markdown(rows: list[Row]) -> str:
    """A table of the bars, and one of what they are made of."""
    header = ["quantity", "setting", "value", "bar", ""]
    lines = [[each["quantity"], each["setting"], number(each["value"]), each["bar"], each["verdict"]] for each in rows]
    details = [
        [
            each["quantity"],
            name,
            ", ".join(f"{key}: {number(part)}" for key, part in value.items())
            if isinstance(value, dict)
            else number(value),
        ]
        for each in rows
        for name, value in each["details"].items()
    ]
    return f"{table(header, lines)}\n{table(['of', 'what', 'value'], details)}"


def digest(rows: list[Row]) -> str:
    """The bars."""
    return markdown(rows).partition("\n\n")[0] + "\n"
