"""Depth of the order of the width: alignments of drawn networks, and what averages over random norms say.

The layers' gains along one sample are random: ``|x̂_l|²/|x̂_{l-1}|²`` is ``g χ²_n/n``, and ``|ŷ|²`` lognormal in deep
networks. Predictions for PC, each with more of that: the limit; the limit averaged over ``|ŷ|²``; with the fluctuation
that the target adds to the activities ``β_l = x*_{l-1}ᵀx̂_{l-1}``; and with the activities' own, which given the gains
``ξ`` obey ``β_{l+1} = (gξ_l − v N_{l-1})β_l − e``, ``β_{L+1} = 0``. Traces of the weights are at their limits.
"""

from typing import Any

import numpy as np

from dlntheory.random_networks import predictive_coding
from dlntheory.random_networks.arguments import as_layers
from dlntheory.random_networks.expected import Setting, as_setting, expected_alignment

from . import drawn

CELLS = [(32, 4), (32, 8), (32, 16), (32, 32), (64, 8), (64, 32)]
DRAWS, SAMPLES, PATHS = 150, 4, 4000


def measured(n: int, depth: int, draws: int = DRAWS, samples: int = SAMPLES) -> dict[str, list[float]]:
    """Mean, its standard error and the standard deviation of one sample's alignment, at gain one."""
    layers = [("dense", n, n, 1 / n)] * depth
    found = [drawn.single(np.random.default_rng((n, depth, seed)), layers, samples) for seed in range(draws)]
    rows = {}
    for rule in ("bp", "pc"):
        values = np.stack([each[rule] for each in found])
        error = values.mean(axis=1).std(ddof=1) / np.sqrt(draws)
        rows[rule] = [float(values.mean()), float(error), float(values.std(ddof=1))]
    return rows


def predicted(n: int, depth: int, paths: int = PATHS, seed: int = 0) -> dict[str, list[float]]:
    """Mean and standard deviation by every prediction: BP's limit and average, PC's limit and two averages."""
    setting = as_setting(as_layers([n] * (depth + 1), "norm_preserving", None, None), None, None, None)
    rng = np.random.default_rng(seed)
    gains = rng.chisquare(n, (paths, depth)) / n
    s = gains.prod(axis=1)  # |ŷ|²/|y|²
    bp = (1 + s * (depth + 1) / 2) / np.sqrt((1 + s) * (1 + s * depth))
    bp = bp * np.sqrt(6 * depth / ((depth + 1) * (2 * depth + 1)))
    relative = _activities(setting, gains)
    still = np.ones_like(relative)
    law = setting.fluctuation
    noise = rng.multivariate_normal(np.zeros(depth), law.covariance, paths, method="eigh")
    limit = float(expected_alignment([n] * (depth + 1), "norm_preserving", "pc").limit)
    return {
        "bp_average": _moments(bp),
        "pc_limit": [limit, 0.0],
        "pc_norms": _moments(_cosines(setting, s, still)),
        "pc_norms_and_target": _moments(_cosines(setting, s, still + noise)),
        "pc_activities": _moments(_cosines(setting, s, relative + noise)),
    }


def _activities(setting: Setting, gains: np.ndarray) -> np.ndarray:
    """``β/β_∞`` of every path: linear in ``q_0`` and ``e``, which the end of the recursion fixes."""
    occupied, variance = setting.equilibrium.occupied, setting.layers[0].variance
    inputs, energy, rows = np.ones(len(gains)), np.zeros(len(gains)), []
    for gain, taken in zip(gains.T, occupied, strict=False):
        rows.append((inputs, energy))
        factor = gain - variance * taken
        inputs, energy = factor * inputs, factor * energy - 1
    ratio = -inputs / energy
    beta = np.stack([a + ratio * b for a, b in rows], axis=1)
    limits = np.array([float(each) for each in predictive_coding.natural_activities(setting.equilibrium)])
    # In the units of the layers β_l/e is T_l/T_{l+1}: products of these are T_1/T_l.
    return beta * np.concatenate([[1.0], np.cumprod(limits[:-1])])


def _cosines(setting: Setting, s: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """``cos(β)`` of every path, with the norm of its own prediction."""
    equilibrium, n = setting.equilibrium, setting.layers[-1].n_out
    result = predictive_coding.second_order(equilibrium, predictive_coding.unit_directions(equilibrium))
    shares = predictive_coding.shares(equilibrium, setting.log_input, setting.log_target)
    growth = shares.target_grown / shares.target
    beta = relative * np.array([float(each) for each in predictive_coding.relative_activities(equilibrium)])
    target = 1 / (1 + s)
    top = target * (beta @ result.traces) / n + (1 - target) * (beta @ result.forms)

    def form(matrix: Any) -> np.ndarray:
        return np.einsum("pi,ij,pj->p", beta, matrix, beta, optimize=True)

    return top / np.sqrt(target * growth * form(result.products) / n + (1 - target) * form(result.product_forms))


def _moments(values: np.ndarray) -> list[float]:
    return [float(values.mean()), float(values.std(ddof=1))]
