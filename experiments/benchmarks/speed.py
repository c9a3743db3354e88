"""Time of the equilibrium by every route, against the bare products that the covariance route is made of.

Each network is timed in processes of its own (``python -m experiments.benchmarks.speed NAME``), so that first
calls include all compilation: one with LAPACK's threads as found, one with a single thread.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln

from . import timing
from .processes import IN_64_BITS, answer, in_fresh_process
from .report import number, outcome, table

BARE = "bare products"
RATIO_BARS = {"covariance": 1.6, "auto": 1.6, "hessian": 4.0, "square_root": 12.0}
THREADS = {"as found": {}, "one": {"OPENBLAS_NUM_THREADS": "1"}}
BATCH = 64

NETWORKS: dict[str, tuple[int, ...]] = {
    "8 hidden layers of 512, square": (512,) * 10,
    "32 hidden layers of 128, square": (128,) * 34,
    "784, 8 hidden layers of 512, 10": (784, *(512,) * 8, 10),
    "autoencoder 784, 32, 784": (784, 32, 784),
}
TIME_BARS = {"784, 8 hidden layers of 512, 10": {"auto": 12.0}}
QUICK = {"2 hidden layers of 8, square": (8,) * 4}

Rows = list[dict[str, Any]]


def run(quick: bool = False) -> Rows:
    """One row for each network, setting of threads and candidate."""
    settings = {"as found": THREADS["as found"]} if quick else THREADS
    networks = QUICK if quick else NETWORKS
    return [row for name in networks for threads in settings for row in _rows(name, threads, quick)]


def _rows(name: str, threads: str, quick: bool) -> Rows:
    found = in_fresh_process(__name__, name, quick, **IN_64_BITS, **THREADS[threads])
    return [{"network": name, "threads": threads, **row} for row in found]


def measure(name: str, quick: bool) -> Rows:
    """Time every candidate interleaved with the others, and in stretches of its own."""
    rounds, widths = 3 if quick else 21, (NETWORKS | QUICK)[name]
    chosen = candidates(widths)
    first = timing.first_calls(chosen)
    baseline = BARE if BARE in chosen else None
    mixed = timing.summary(timing.interleaved(chosen, rounds), baseline)
    alone = timing.summary(timing.in_stretches(chosen, rounds), baseline)
    return [
        judged(name, {"candidate": each, "first_call_s": first[each], "interleaved": mixed[each], "alone": alone[each]})
        for each in chosen
    ]


def candidates(widths: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """The functions that are timed: the public ones, on a Kaiming network and normal data."""
    net = dln.LinearNetwork.random(widths, key=jax.random.key(0), dtype=jnp.float64)
    random = np.random.default_rng(1)
    x, y = (jnp.asarray(random.normal(size=(BATCH, width))) for width in (widths[0], widths[-1]))

    def solve(solver: str) -> Callable[[], Any]:
        def call() -> Any:
            result = dln.equilibrium(net, x, y, solver=solver)
            return result.activities, result.errors

        return call

    bare = {BARE: lambda: bare_products(net.weights, x.T, y.T)} if len(set(widths)) == 1 else {}
    return bare | {solver: solve(solver) for solver in RATIO_BARS} | {
        "weight_updates, bp": lambda: dln.weight_updates(net, x, y, rule="bp"),
        "weight_updates, pc": lambda: dln.weight_updates(net, x, y, rule="pc"),
        "target_alignment, bp": lambda: dln.target_alignment(net, x, y, rule="bp"),
        "target_alignment, pc": lambda: dln.target_alignment(net, x, y, rule="pc"),
    }  # fmt: skip


@jax.jit
def bare_products(weights: tuple[jax.Array, ...], x: jax.Array, y: jax.Array) -> Any:
    """The products of the covariance route, and nothing else: no factorisation, no check."""
    predicted = x
    for weight in weights:
        predicted = weight @ predicted
    covariance = weights[1] @ weights[1].T
    for weight in weights[2:]:
        covariance = weight @ covariance @ weight.T
    errors = [y - predicted]
    for weight in reversed(weights[1:]):
        errors.append(weight.T @ errors[-1])
    activities = [x]
    for weight, error in zip(weights, reversed(errors), strict=True):
        activities.append(weight @ activities[-1] + error)
    return covariance, errors, activities


def judged(network: str, row: dict[str, Any]) -> dict[str, Any]:
    """Add the bar and whether both ways of timing keep it; most rows have none."""
    time_bar = TIME_BARS.get(network, {}).get(row["candidate"])
    ratio_bar = RATIO_BARS.get(row["candidate"]) if row["alone"]["ratio"] else None
    key, bar = ("median_ms", time_bar) if time_bar else ("ratio", ratio_bar)
    passes = all(row[way][key] <= bar for way in ("interleaved", "alone")) if bar else None
    return row | {"bar": {key: bar} if bar else None, "passes": passes}


def markdown(rows: Rows) -> str:
    """A table for each setting of the threads."""
    header = ["network", "candidate", "alone, ms", "ratio", "interleaved, ms", "ratio", "first call, s", "bar", ""]
    parts = []
    for threads in dict.fromkeys(row["threads"] for row in rows):
        lines = [_line(row) for row in rows if row["threads"] == threads]
        parts.append(f"LAPACK's threads: {threads}.\n\n{table(header, lines)}")
    return "\n".join(parts)


def digest(rows: Rows) -> str:
    """Each solver's median alone and its ratio to the bare products; and what the company costs these."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        groups.setdefault((row["network"], row["threads"]), {})[row["candidate"]] = row
    header = ["network", "LAPACK's threads", BARE, *RATIO_BARS, f"{BARE}, interleaved"]
    return table(header, [_digest_line(*key, found) for key, found in groups.items()])


def _digest_line(network: str, threads: str, found: dict[str, Any]) -> list[str]:
    cells = [_cell(found[name]["alone"]) if name in found else "—" for name in (BARE, *RATIO_BARS)]
    mixed = f"{number(found[BARE]['interleaved']['median_ms'])} ms" if BARE in found else "—"
    return [network, threads, *cells, mixed]


def _cell(timed: dict[str, Any]) -> str:
    ratio = f" ({timed['ratio']:.2f} ×)" if timed["ratio"] else ""
    return f"{number(timed['median_ms'])} ms{ratio}"


def _line(row: dict[str, Any]) -> list[str]:
    times = [number(row[way][key]) for way in ("alone", "interleaved") for key in ("median_ms", "ratio")]
    bar = {"ratio": "{} ×", "median_ms": "{} ms"}
    limit = "".join(bar[key].format(value) for key, value in (row["bar"] or {}).items())
    return [row["network"], row["candidate"], *times, number(row["first_call_s"]), limit, outcome(row["passes"])]


if __name__ == "__main__":
    answer(measure)
