"""Conjugate gradients against factorisations, and what equilibria of convolutional networks cost.

All ratios are between times of one run.
"""

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln
from dlntheory.equilibria.equilibrium import cheapest_route
from dlntheory.equilibria.problem import as_problem
from dlntheory.equilibria.settling import settle_by

from . import convolutions, timing
from .report import number, relative_error, table, verdict

ROUTES = ("covariance", "cg")
INITIALISERS = ("kaiming_uniform", "norm_preserving")
DETOUR = 1.5
"""The longest time of the route that ``"auto"`` takes, as a multiple of the faster route's."""
BARS = {"VGG-10": 8.0, "autoencoder": 60.0}
"""The longest time, as a multiple of a forward and backward pass."""
MEMORY = 12.0
"""The largest memory, as a multiple of the activities."""
ACCURACY = 1e-6
"""The accuracy to be reached in single precision."""
STEPS = 30
EXACT = 1e-10
"""The error up to which conjugate gradients agree with orthogonal elimination, unless they say that they failed."""

Row = dict[str, Any]


def run(quick: bool = False) -> list[Row]:
    """A row for each measured quantity."""
    return [*images(quick), steps(quick), *growing(quick), *crossover(quick)]


def crossover(quick: bool) -> Iterator[Row]:
    """Both routes over widths, depths, samples and initialisations, and the time of the one that ``"auto"`` takes."""
    widths, depths, samples = ((8,), (2,), (1, 4)) if quick else ((256, 512, 1024), (2, 8), (1, 16, 64))
    for width in widths:
        for depth in depths:
            for init in INITIALISERS[:1] if quick else INITIALISERS:
                net = dln.LinearNetwork.random([width] * (depth + 2), init, key=jax.random.key(0), dtype=jnp.float64)
                for count in samples:
                    name = f"{init}, {depth} hidden layers of {width}, {count} samples"
                    yield compared(name, net, *normal(net, count), 2 if quick else 5, quick)
    for count in () if quick else (1, 32):
        net = convolutions.autoencoder(quick).network()
        x, y = (each.astype(jnp.float32) for each in normal(net, count))
        yield compared(f"convolutional autoencoder, {count} samples", net, x, y, 3, quick)


def normal(net: dln.LinearNetwork, samples: int) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Inputs and targets."""
    random = np.random.default_rng(1)
    x, y = (jnp.asarray(random.normal(size=(samples, *shape))) for shape in (net.shapes[0], net.shapes[-1]))
    return x, y


def compared(name: str, net: dln.LinearNetwork, x: jnp.ndarray, y: jnp.ndarray, rounds: int, quick: bool) -> Row:
    """The time of the chosen route by that of the faster one."""
    problem = as_problem(net, x, y, None, None)
    candidates: timing.Candidates = {
        route: lambda route=route: settle_by(problem, route).activities for route in ROUTES
    }
    timing.first_calls(candidates)
    found = timing.summary(timing.interleaved(candidates, rounds))
    milliseconds = {route: found[route]["median_ms"] for route in ROUTES}
    chosen = cheapest_route(problem.layers, problem.samples)
    details = {
        **{f"{route}, ms": each for route, each in milliseconds.items()},
        "iterations": int(settle_by(problem, "cg").steps),
        "auto": chosen,
    }
    value = milliseconds[chosen] / min(milliseconds.values()) if chosen in ROUTES else math.nan
    return judged("auto / faster route", name, value, DETOUR, details, counts=not quick)


def images(quick: bool) -> Iterator[Row]:
    """Time, accuracy and memory of convolutional networks."""
    for name, bar in list(BARS.items())[-1:] if quick else BARS.items():
        found = convolutions.times(name, quick)
        setting = f"{name}, {found['outputs']} outputs, batch {found['samples']}, float32"
        details = {key: found[key] for key in ("solver", "iterations", "milliseconds")}
        yield judged("equilibrium / forward and backward pass", setting, found["ratio"], bar, details, not quick)
        details = {"estimate": found["accuracy"]}
        yield judged("relative error of an equilibrium", setting, found["error"], ACCURACY, details)
        found = convolutions.memory(name, quick)
        largest = max(found["peak"], found["planned"])
        details = {"MiB": found}
        yield judged("peak memory / activities", setting, largest / found["activities"], MEMORY, details, not quick)


def steps(quick: bool) -> Row:
    """Steps of conjugate gradients, to the residual at which they stop, which is below 1e-10."""
    width = 16 if quick else 512
    net = dln.LinearNetwork.random([width] * 10, key=jax.random.key(0), dtype=jnp.float64)
    found = dln.equilibrium(net, *normal(net, 64), solver="cg")
    details = {"accuracy": float(np.max(found.accuracy))}
    name = f"kaiming_uniform, 8 hidden layers of {width}, 64 samples, to {details['accuracy']:.0e}"
    return judged("steps of conjugate gradients", name, int(found.iterations), STEPS, details)


def growing(quick: bool) -> Iterator[Row]:
    """The worst error where conjugate gradients say that they converged, and how often they say that they did not."""
    for gain in (2, 4):
        errors, refused, declared = [0.0], 0, 0
        for width in (4,) if quick else (20, 128):
            for depth in (3,) if quick else (3, 9, 33):
                weights = gain * np.random.default_rng(depth).normal(size=(depth, width, width)) / math.sqrt(width)
                net = dln.LinearNetwork.from_weights(list(weights))
                x, y = normal(net, 3)
                exact = dln.equilibrium(net, x, y, solver="square_root")
                try:
                    found = dln.equilibrium(net, x, y, solver="cg")
                except dln.PrecisionError:
                    refused += 3
                    continue
                for sample, good in enumerate(np.asarray(found.converged)):
                    pair = ([layer[sample] for layer in each.activities] for each in (found, exact))
                    declared += not good
                    errors += [relative_error(*pair)] if good else []
        details = {"converged": len(errors) - 1, "said not": declared, "refused": refused}
        yield judged("error where converged", f"gain {gain}", max(errors), EXACT, details)


def judged(quantity: str, setting: str, value: float, bar: float, details: dict[str, Any], counts: bool = True) -> Row:
    """A measured quantity and whether it keeps its bar; times of toys are not judged."""
    return {"quantity": quantity, "setting": setting, "value": value, "bar": bar,
            "verdict": verdict(value <= bar, counts), "details": details}  # fmt: skip


def markdown(rows: list[Row]) -> str:
    """The bars with what they are made of, and the crossover."""
    return f"{digest(rows)}\n{crossover_table(rows)}"


def digest(rows: list[Row]) -> str:
    """The bars; of the crossover, its extremes."""
    header = ["quantity", "setting", "value", "at most", "", "made of"]
    chosen = [each for each in rows if "auto" not in each["details"]]
    compared = sorted((each for each in rows if "auto" in each["details"]), key=lambda row: -row["value"])
    lines = [[*_line(each), _listed(each["details"])] for each in [*chosen, *compared[:1]]]
    return table(header, lines)


def crossover_table(rows: list[Row]) -> str:
    """Every pair of times."""
    header = ["setting", "covariance, ms", "cg, ms", "steps", "auto", "auto / faster", ""]
    return table(header, [
        [each["setting"], *(number(each["details"][f"{route}, ms"]) for route in ROUTES),
         each["details"]["iterations"], each["details"]["auto"], number(each["value"]), each["verdict"]]
        for each in rows if "auto" in each["details"]
    ])  # fmt: skip


def _line(row: Row) -> list[Any]:
    return [row["quantity"], row["setting"], number(row["value"]), f"{row['bar']:g}", row["verdict"]]


def _listed(details: dict[str, Any]) -> str:
    flat = {
        name if isinstance(value, dict) is False else f"{name}, {part}": each
        for name, value in details.items()
        for part, each in (value.items() if isinstance(value, dict) else ((None, value),))
    }
    return "; ".join(f"{name} {each if isinstance(each, str | int) else number(each)}" for name, each in flat.items())
