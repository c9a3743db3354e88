"""Fair timing: compiled first, waited for, interleaved in a random order, and compared within one run."""

import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import jax

Candidates: TypeAlias = Mapping[str, Callable[[], Any]]
Samples: TypeAlias = dict[str, list[float]]

REST = 0.3
"""Seconds between stretches: the threads of the last candidate stop spinning."""


def seconds(call: Callable[[], Any]) -> float:
    """The wall time of one call, until its arrays are there."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def first_calls(candidates: Candidates) -> dict[str, float]:
    """Compile everything, and tell how long each first call took."""
    return {name: seconds(call) for name, call in candidates.items()}


def interleaved(candidates: Candidates, rounds: int, seed: int = 0) -> Samples:
    """One call of each candidate a round, in a new random order, so that none always follows the same one."""
    samples: Samples = {name: [] for name in candidates}
    order, shuffler = list(candidates), random.Random(seed)
    for _ in range(rounds):
        shuffler.shuffle(order)
        for name in order:
            samples[name].append(seconds(candidates[name]))
    return samples


def in_stretches(candidates: Candidates, rounds: int, stretches: int = 3) -> Samples:
    """Every candidate alone for a while, several times over; a call to warm up is not counted."""
    samples: Samples = {name: [] for name in candidates}
    for _ in range(stretches):
        for name, call in candidates.items():
            time.sleep(REST)
            seconds(call)
            samples[name] += [seconds(call) for _ in range(-(-rounds // stretches))]
    return samples


def summary(samples: Samples, baseline: str | None = None) -> dict[str, dict[str, Any]]:
    """Medians and quartiles in milliseconds, and the ratio of the median to that of the baseline."""
    unit = statistics.median(samples[baseline]) if baseline else None
    return {name: _statistics(values, unit) for name, values in samples.items()}


def _statistics(values: Iterable[float], unit: float | None) -> dict[str, Any]:
    values = list(values)
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    low, middle, high = (1e3 * value for value in quartiles)
    return {"median_ms": middle, "quartiles_ms": [low, high], "ratio": middle / unit / 1e3 if unit else None}
