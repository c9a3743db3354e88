"""A network's alignment beside the alignments of random networks on the same samples, and the formula's."""

from typing import Any

import numpy as np

from ...learning.alignment import target_alignment
from ...networks.layer import Dense
from ...networks.network import LinearNetwork
from ...random_networks.arguments import RandomInit
from ..diagnosis import RULES, random_alignments
from ..words import rule_name

INIT: RandomInit = "kaiming_uniform"
DRAWS = 39
"""The number of random networks: of 40 with the network itself, the two outermost have a probability of 1/20."""
SINGLES = 4
LARGEST = 256
"""Samples of the batch that the networks are compared on, at most."""


def against_random(net: LinearNetwork, x: np.ndarray, y: np.ndarray, seed: int) -> dict[str, Any]:
    """The alignment of BP and PC, here and in random networks of the same widths, on the same samples.

    The formula stands beside single samples: in batches it would need the directions of the data.

    Returns:
        ``rows``, one for each rule and batch; or, where the layers have no random counterpart, ``refused``.
    """
    if any(type(layer) is not Dense or layer.bias is not None for layer in net.layers):
        return {"refused": "Formulas and draws are of dense layers without biases; this network has others."}
    generator = np.random.default_rng(seed)
    networks = [LinearNetwork.random(net.widths, INIT, key=generator) for _ in range(DRAWS)]
    batches = list(dict.fromkeys((1, min(len(x), LARGEST))))
    expected = {each["rule"]: each["alignment"] for each in random_alignments(net, x, y, [1], seed)}
    rows = [
        _compare(net, networks, x, y, rule, batch) | {"expected": expected.get(rule) if batch == 1 else None}
        for batch in batches
        for rule in RULES
    ]
    return {"init": INIT, "draws": DRAWS, "rows": rows}


def _compare(
    net: LinearNetwork, networks: list[LinearNetwork], x: np.ndarray, y: np.ndarray, rule: str, batch: int
) -> dict[str, Any]:
    own, *drawn = (_mean_alignment(each, x, y, rule, batch) for each in (net, *networks))
    share = probability(own, drawn)
    return {
        "label": rule_name(rule, None),
        "batch": batch,
        "value": own,
        "drawn": drawn,
        "low": min(drawn),
        "high": max(drawn),
        "probability": share,
        "differs": share <= 0.05,
    }


def _mean_alignment(net: LinearNetwork, x: np.ndarray, y: np.ndarray, rule: Any, batch: int) -> float:
    """The mean over a batch, or over single samples, one after another."""
    samples = [slice(batch)] if batch > 1 else [slice(index, index + 1) for index in range(min(len(x), SINGLES))]
    found = np.concatenate([target_alignment(net, x[each], y[each], rule) for each in samples])
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def probability(own: float, drawn: list[float]) -> float:
    """The chance that one of so many equal networks lies as far out, on either side.

    Example:
        >>> probability(2.0, [0.0, 1.0, 1.5]), probability(1.2, [0.0, 1.0, 1.5, 2.0])
        (0.5, 1.0)
    """
    below, above = sum(each <= own for each in drawn), sum(each >= own for each in drawn)
    return min(1.0, 2 * (1 + min(below, above)) / (len(drawn) + 1))
