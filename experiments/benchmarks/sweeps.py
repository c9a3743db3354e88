"""Sweeps against a loop over single runs: both compiled before, both of the same library code, timed in turn.

Each case runs in a process of its own (``python -m experiments.benchmarks.sweeps CASE``), which gives JAX a device a
core.
"""

import os
import statistics
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln
from dlntheory.training.algorithm import Learner
from dlntheory.training.train import Feed, trained

from . import timing
from .processes import IN_64_BITS, answer, in_fresh_process
from .report import number, table, verdict

WIDTH, STEPS, RATES, SEEDS = 20, 500, 100, 10
QUICK = (4, 10, 4, 2)
LOOPED = 20
"""The loop takes one run in so many; its runs take the same time."""
ERROR_EVERY = 5
"""As in the figures."""
BARS = {1: 5.0, 64: 1.5}
"""The least throughput as a multiple of the loop's, by batch."""
REGULARISATION = 1e-5
RESCALED = {1: "adaptive", 64: "decorrelated"}
ALL = "all four"
Rules = list[tuple[str, str | None]]
"""Rules with their rescalings."""


def algorithms_of(rescaled: str) -> dict[str, Rules]:
    """All of them, and each."""
    named: dict[str, Rules] = {
        f"{rule.upper()}{', rescaled' if rescaling else ''}": [(rule, rescaling)]
        for rescaling in (None, rescaled)
        for rule in ("bp", "pc")
    }
    return {ALL: [each for rules in named.values() for each in rules], **named}


CASES: dict[str, tuple[int, Rules, int]] = {
    f"{name}, batch {batch}": (batch, rules, ERROR_EVERY)
    for batch, rescaled in RESCALED.items()
    for name, rules in algorithms_of(rescaled).items()
} | {f"{rule}, batch 1, error at every step": (1, [(rule.lower(), None)], 1) for rule in ("BP", "PC")}
"""The batch, the algorithms, and after every how-manieth step the error is measured."""

Row = dict[str, Any]


def run(quick: bool = False) -> list[Row]:
    """A row for all algorithms and for each, by batch."""
    cases = list(CASES)[::5] if quick else CASES
    return [in_fresh_process(__name__, case, quick, **IN_64_BITS, OPENBLAS_NUM_THREADS="1") for case in cases]


def measure(case: str, quick: bool) -> Row:
    """Steps of all runs in a second, by sweep and by loop, and how many times more the sweep makes."""
    batch, names, error_every = CASES[case]
    width, steps, rates, seeds = QUICK if quick else (WIDTH, STEPS, RATES, SEEDS)
    looped = 2 if quick else rates * seeds // LOOPED
    algorithms = [algorithm(*each) for each in names]
    candidates = {
        "sweep": sweep_of(algorithms, width, steps, rates, seeds, batch, error_every),
        "loop": loop_of(algorithms, width, steps, looped, batch, error_every),
    }
    runs = {"sweep": rates * seeds * len(algorithms), "loop": looped * len(algorithms)}
    first = timing.first_calls(candidates)
    samples = timing.interleaved(candidates, 2 if quick else 5)
    throughput = {name: runs[name] * steps / statistics.median(times) for name, times in samples.items()}
    ratio = throughput["sweep"] / throughput["loop"]
    return {
        "case": case,
        "devices": len(jax.devices()),
        "steps_a_second": throughput,
        "first_call_s": first,
        "ratio": ratio,
        "bar": BARS[batch],
        "verdict": verdict(ratio >= BARS[batch], judged=not quick),
    }


def algorithm(rule: str, rescaling: str | None) -> dln.Algorithm:
    """With the paper's regularisation where there is any."""
    if rescaling != "decorrelated":
        return dln.Algorithm(rule, rescaling)
    return dln.Algorithm(rule, rescaling, regularisation=REGULARISATION)


def data(width: int, steps: int, seeds: int, batch: int) -> tuple[list[dln.LinearNetwork], np.ndarray, np.ndarray]:
    """Networks with one hidden layer, minibatches, and the maps that made their targets."""
    draw = np.random.default_rng(0)
    nets = [dln.LinearNetwork.random([width] * 3, "norm_preserving", key=jax.random.key(seed)) for seed in range(seeds)]
    return nets, draw.normal(size=(seeds, steps, batch, width)), draw.normal(size=(seeds, width, width)) / width**0.5


def sweep_of(
    algorithms: list[dln.Algorithm],
    width: int,
    steps: int,
    rates: int,
    seeds: int,
    batch: int,
    error_every: int = ERROR_EVERY,
) -> Callable[[], Any]:
    """The whole sweep, its checks included, at rates where no run diverges."""
    nets, x, maps = data(width, steps, seeds, batch)
    y, chosen = np.einsum("stbi,soi->stbo", x, maps), np.logspace(-3.5, -1.5, rates)
    return lambda: dln.sweep(nets, x, y, chosen, algorithms, targets=maps, error_every=error_every).loss


def loop_of(
    algorithms: list[dln.Algorithm], width: int, steps: int, runs: int, batch: int, error_every: int = ERROR_EVERY
) -> Callable[[], Any]:
    """Run after run, each a call of one compiled program whose curves are fetched, with arguments checked before."""
    nets, x, maps = data(width, steps, 1, batch)
    learners, target = [each.learner(nets[0]) for each in algorithms], jnp.asarray(maps[0])
    feed = Feed(jnp.asarray(x[0]), jnp.asarray(x[0] @ maps[0].T), None)
    chosen = [jnp.asarray(rate) for rate in np.logspace(-3.5, -1.5, runs)]

    def curves(learner: Learner, rate: jax.Array) -> list[np.ndarray]:
        found = trained(nets[0], learner, feed, rate, target, steps, None, error_every)
        return [np.asarray(found.error), np.asarray(found.loss)]

    return lambda: [curves(learner, rate) for learner in learners for rate in chosen]


def markdown(rows: list[Row]) -> str:
    """A row for each case."""
    header = ["algorithm", "devices", "sweep, steps/s", "loop, steps/s", "sweep / loop", "bar", ""]
    return table(header, [_line(row) for row in rows])


def _line(row: Row) -> list[Any]:
    throughputs = [f"{row['steps_a_second'][name]:,.0f}" for name in ("sweep", "loop")]
    ratio, bar = number(row["ratio"]), f"at least {row['bar']:g}"
    return [row["case"], row["devices"], *throughputs, ratio, bar, row["verdict"]]


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    answer(measure)
