"""Areas under ROC curves of own samples against strangers, by softmax and by energy, and how sure they are.

Scores are arrays by data set: ``own/softmax`` ``(seed, sample)`` and ``own/energy`` ``(seed, 2, sample)``, before and
after inference; so for every kind of strangers.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

MEASURES = ("softmax", "energy")
Scores = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""By measure, those of own and of strange samples."""
QUARTER = 0.25


def familiarity(arrays: Mapping[str, np.ndarray], name: str, measure: str, seed: int) -> np.ndarray:
    """A measure that is high for samples of the training's kind."""
    if measure == "softmax":
        return np.asarray(arrays[f"{name}/softmax"][seed])
    return np.asarray(-arrays[f"{name}/energy"][seed, 1])


def area(own: np.ndarray, strange: np.ndarray) -> float:
    """The area under the ROC curve: how often an own sample ranks above a strange one, ties half."""
    ordered = np.sort(strange)
    below, not_above = np.searchsorted(ordered, own, "left"), np.searchsorted(ordered, own, "right")
    return float((below + not_above).sum() / (2 * len(own) * len(strange))) if len(own) and len(strange) else np.nan


def lowest(own: np.ndarray, strange: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The samples of both kinds that are in the lowest quarter of all."""
    limit = np.quantile(np.concatenate([own, strange]), QUARTER)
    return own[own <= limit], strange[strange <= limit]


def areas(scores: Scores) -> np.ndarray:
    """By measure, and for the difference of energy from softmax: the area over all and over the lowest quarter."""
    found = np.array([[area(*pair), area(*lowest(*pair))] for pair in (scores[each] for each in MEASURES)])
    return np.concatenate([found, found[1:] - found[:1]])


def bootstrap(runs: Sequence[Scores], count: int, seed: int = 0) -> np.ndarray:
    """The central 95 % of the mean of `areas` over runs; samples are drawn again, the same in every run."""
    rng, sizes = np.random.default_rng(seed), [len(each) for each in runs[0][MEASURES[0]]]
    drawn = []
    for _ in range(count):
        own, strange = (rng.integers(size, size=size) for size in sizes)
        again = [{name: (pair[0][own], pair[1][strange]) for name, pair in scores.items()} for scores in runs]
        drawn.append(np.mean([areas(scores) for scores in again], axis=0))
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # where no quarter has both kinds
        return np.asarray(np.nanquantile(drawn, [0.025, 0.975], axis=0))


def names(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """The strangers."""
    return [name.partition("/")[0] for name in arrays if name.endswith("/softmax") and not name.startswith("own")]


def compared(arrays: Mapping[str, np.ndarray], name: str, seed: int) -> Scores:
    """By measure, the scores of own and of strange samples."""
    return {each: (familiarity(arrays, "own", each, seed), familiarity(arrays, name, each, seed)) for each in MEASURES}
