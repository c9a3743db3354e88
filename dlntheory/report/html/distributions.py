"""The distribution of alignment by rule and batch size, and how far its mean is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...networks.network import LinearNetwork
from ..comparison import BATCHES, REPEATS, as_rule, batch_alignments, draw_batches
from ..words import rule_name

SHOWN_RULES = ("bp", "bp:decorrelated", "pc", "pc:adaptive_positive", "pc:decorrelated", "natural")
SINGLES = 40
"""The fewest samples that the batches of one size have together, if there are enough samples."""
RESAMPLES = 1000
INTERVAL = (0.025, 0.975)


def alignment_records(net: LinearNetwork, x: np.ndarray, y: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """Alignment by rule, rescaling and batch size: every sample's, quartiles, and the mean with its interval.

    The interval of 95 % is the percentile bootstrap's, over batches; where there is one batch, over its samples.
    A rule that the network or the data do not allow has a record with the reason in ``refused``.
    """
    sizes = (len(x) if isinstance(each, str) else each for each in BATCHES)
    draws = {
        size: draw_batches(len(x), [size], seed, max(REPEATS, SINGLES // size))[size]
        for size in sorted({size for size in sizes if size <= len(x)})
    }
    return [record for name in SHOWN_RULES for record in _of_rule(net, x, y, name, draws, seed)]


def _of_rule(
    net: LinearNetwork, x: np.ndarray, y: np.ndarray, name: str, draws: dict[int, list[np.ndarray]], seed: int
) -> list[dict[str, Any]]:
    rule, rescaling = as_rule(name)
    own = {"rule": rule, "rescaling": rescaling, "label": rule_name(rule, rescaling)}
    try:
        found = {
            size: batch_alignments(net, x, y, batches, rule=rule, rescaling=rescaling)
            for size, batches in draws.items()
        }
    except (ValueError, ArithmeticError) as error:
        return [{**own, "refused": str(error)}]
    return [{**own, "batch": size, **summary(each, seed)} for size, each in found.items()]


def summary(batches: Sequence[np.ndarray], seed: int) -> dict[str, Any]:
    """Quartiles of the samples' alignments, and the mean over batches with its bootstrap interval.

    Example:
        >>> found = summary([np.array([0.0, 0.5]), np.array([1.0, np.nan])], seed=0)
        >>> found["mean"], found["median"], found["undefined"], found["interval"], found["over"]
        (0.625, 0.5, 1, (0.25, 1.0), 'batches')
    """
    values = np.concatenate(batches)
    defined = values[np.isfinite(values)]
    means = np.array([each[np.isfinite(each)].mean() for each in batches if np.isfinite(each).any()])
    spread = means if len(batches) > 1 else defined
    quartiles = np.quantile(defined, (0.25, 0.5, 0.75)) if defined.size else [None] * 3
    return {
        "batches": len(batches),
        "mean": float(means.mean()) if means.size else None,
        "interval": bootstrap_interval(spread, seed),
        "over": "batches" if len(batches) > 1 else "samples",
        **dict(zip(("lower", "median", "upper"), map(_plain, quartiles), strict=True)),
        "smallest": _plain(defined.min()) if defined.size else None,
        "undefined": values.size - defined.size,
        "values": defined.tolist(),
    }


def bootstrap_interval(values: np.ndarray, seed: int) -> tuple[float, float] | None:
    """The middle 95 % of the means of resampled values; ``None`` for fewer than two."""
    if len(values) < 2:
        return None
    drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), INTERVAL)
    return float(low), float(high)


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)
