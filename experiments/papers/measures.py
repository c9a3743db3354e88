"""Measures of a training: numbers from the records of its epochs."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

STEADY = 4
"""Epochs before the clock counts, as in appendix A.1 of Deeper PCNs; all but one, of a run that is as short."""
CHOSEN = "which is chosen on the validation set, without one on the test set"


class Measure(NamedTuple):
    """A number from what a training came to; NaN where there is none."""

    value: Callable[[Mapping[str, Any]], float]
    unit: str
    label: str
    """In pictures."""
    meaning: str


def _best(outcome: Mapping[str, Any]) -> float:
    return 100 * _of_best_epoch(outcome, "accuracy")


def _last(outcome: Mapping[str, Any]) -> float:
    return 100 * outcome["epochs"][-1]["test_accuracy"] if outcome["epochs"] else math.nan


def _top5(outcome: Mapping[str, Any]) -> float:
    return 100 * _of_best_epoch(outcome, "top5")


def _error(outcome: Mapping[str, Any]) -> float:
    return 1000 * _of_best_epoch(outcome, "mse", sign=-1)


def _of_best_epoch(outcome: Mapping[str, Any], name: str, sign: int = 1) -> float:
    """A number of the test in the best epoch, which is chosen by the same of the validation if there is one."""
    epochs = [each for each in outcome["epochs"] if f"test_{name}" in each]
    if not epochs:
        return math.nan
    best = max(epochs, key=lambda each: sign * each.get(f"validation_{name}", each[f"test_{name}"]))
    return float(best[f"test_{name}"])


def as_tested(outcome: Mapping[str, Any], steps: str | None) -> Mapping[str, Any]:
    """The outcome of a training, tested with so many steps of inference; ``None`` for its only test."""
    if steps is None:
        return outcome
    return {**outcome, "epochs": [{**each, **each["by_test_steps"][steps]} for each in outcome["epochs"]]}


def judged(outcome: Mapping[str, Any]) -> float:
    """The accuracy by which the best epoch is chosen: in validation, or without one in the test."""
    found = (each.get("validation_accuracy", each["test_accuracy"]) for each in outcome["epochs"])
    return max(found, default=-math.inf)


def _seconds(outcome: Mapping[str, Any]) -> float:
    seconds = [each["seconds"] for each in outcome["epochs"]]
    steady = seconds[STEADY:] or seconds[-1:]
    return float(np.mean(steady)) if steady else math.nan


def _multiplications(outcome: Mapping[str, Any]) -> float:
    counted = [each.get("multiplications") for each in outcome["epochs"]]
    return float(counted[-1]) if counted and counted[-1] is not None else math.nan


def _energy(layer: int) -> Callable[[Mapping[str, Any]], float]:
    """The energy of a layer, relative to the next, in the last epoch."""

    def ratio(outcome: Mapping[str, Any]) -> float:
        energy = outcome["epochs"][-1]["energy"] if outcome["epochs"] else []
        return energy[layer - 1] / energy[layer] if len(energy) > layer and energy[layer] else math.nan

    return ratio


def _by_theory(outcome: Mapping[str, Any]) -> float:
    """Nothing that is measured: the linear theory alone has it."""
    return math.nan


def _share(outcome: Mapping[str, Any]) -> float:
    energy = outcome["epochs"][-1]["energy"] if outcome["epochs"] else []
    return energy[0] / energy[-1] if energy and energy[-1] else math.nan


MEASURES: dict[str, Measure] = {
    "best": Measure(_best, "%", "test accuracy of the best epoch", f"the test accuracy of the best epoch, {CHOSEN}"),
    "last": Measure(_last, "%", "test accuracy of the last epoch", "the test accuracy of the last epoch"),
    "top5": Measure(
        _top5,
        "%",
        "test accuracy by five guesses",
        f"the share of test samples whose class is among the five largest outputs in the best epoch, {CHOSEN}",
    ),
    "error": Measure(
        _error,
        "10⁻³",
        "mean squared error",
        f"the mean squared error of a test pixel between 0 and 1 in the best epoch, {CHOSEN}",
    ),
    "seconds": Measure(_seconds, "s", "an epoch with its test", "seconds of an epoch with its test, from the fifth on"),
    "multiplications": Measure(
        _multiplications,
        "SMM",
        "matrix multiplications in sequence",
        "sequential matrix multiplications of the training",
    ),
    "first_ratio": Measure(
        _energy(1), "1", "energy of layer 1 / layer 2", "energy of the first layer over the second's, in the last epoch"
    ),
    "second_ratio": Measure(
        _energy(2), "1", "energy of layer 2 / layer 3", "energy of the second layer over the third's, in the last epoch"
    ),
    "first_to_last": Measure(
        _share, "1", "energy of layer 1 / last layer", "energy of the first layer over the last's, in the last epoch"
    ),
    "rate_by_limit": Measure(
        _by_theory,
        "1",
        "the states' rate / the largest stable",
        "the states' rate over the largest that is stable, 2/λ_max of the energy's Hessian in the states, the least of "
        "eight training samples in the trained network; none of a training that diverged",
    ),
}
"""By name."""
COLUMNS = (
    "measure", "unit", "seeds", "mean", "deviation", "published", "published_deviation", "difference", "diverged",
    "theory", "theory_seeds",
)  # fmt: skip
"""The columns of a table after those of its axes."""
