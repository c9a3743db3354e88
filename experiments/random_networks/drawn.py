"""Networks of drawn weights: the alignment of single samples and of batches, for comparison with the formulas.

Oracle of the formulas: matrices are multiplied out. Several samples share a draw of the weights; errors are between
draws.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Layer = tuple[Any, ...]
"""``(kind, n_in, n_out, variance)``, as `expected_alignment` takes it."""


def draw(rng: np.random.Generator, layer: Layer) -> np.ndarray:
    """The map of one layer."""
    kind, n_in, n_out, variance = layer
    if kind == "orthogonal":
        size = max(n_in, n_out)
        return np.sqrt(variance * size) * _directions(rng, size)[:n_out, :n_in]
    if kind == "singular_values":
        left, right = _directions(rng, n_out), _directions(rng, n_in)
        return (left[:, : len(variance)] * variance) @ right[: len(variance)]
    weight = np.sqrt(variance) * rng.standard_normal((n_out, n_in))
    return weight + np.eye(n_in) if kind == "residual" else weight


def _directions(rng: np.random.Generator, size: int) -> np.ndarray:
    """An orthogonal matrix, uniformly distributed."""
    basis, triangle = np.linalg.qr(rng.standard_normal((size, size)))
    return basis * np.sign(np.diagonal(triangle))


def single(rng: np.random.Generator, layers: Sequence[Layer], samples: int) -> dict[str, np.ndarray]:
    """Cosines of BP and PC with single samples, ``|x|² = n_0`` and ``|y|² = n_L``, and whether rates are negative."""
    maps, downs = _network(rng, layers)
    x, y = (_of_norm(rng, size, samples) for size in (layers[0][1], layers[-1][2]))
    forward = _forward(maps, x)
    residual = y - forward[-1]
    multiplier = np.linalg.solve(_covariance(downs), residual)
    activity, products, bp, pc = x, [], 0 * y, 0 * y
    for each, down, predicted in zip(maps, downs, forward[:-1], strict=True):
        products.append((activity * predicted).sum(axis=0))
        error = down.T @ multiplier
        bp += (predicted**2).sum(axis=0) * (down @ (down.T @ residual))
        pc += products[-1] * (down @ error)
        activity = each @ activity + error
    negative = (np.array(products) < 0).mean(axis=0)
    return {"bp": _cosines(residual, bp), "pc": _cosines(residual, pc), "negative": negative}


def batch(rng: np.random.Generator, layers: Sequence[Layer], size: int, linear: bool) -> dict[str, np.ndarray]:
    """Mean cosine of BP and PC with the samples of one batch of normal inputs."""
    maps, downs = _network(rng, layers)
    n_0, n_L = layers[0][1], layers[-1][2]
    x = rng.standard_normal((n_0, size))
    y = rng.standard_normal((n_L, n_0)) @ x / np.sqrt(n_0) if linear else rng.standard_normal((n_L, size))
    forward = _forward(maps, x)
    residual = y - forward[-1]
    multiplier = np.linalg.solve(_covariance(downs), residual)
    activity, bp, pc = x, 0 * y, 0 * y
    for each, down, predicted in zip(maps, downs, forward[:-1], strict=True):
        error = down.T @ multiplier
        bp += down @ (((down.T @ residual) @ predicted.T) @ predicted)
        pc += down @ ((error @ activity.T) @ predicted)
        activity = each @ activity + error
    return {rule: _cosines(residual, moved).mean(keepdims=True) for rule, moved in (("bp", bp), ("pc", pc))}


def _network(rng: np.random.Generator, layers: Sequence[Layer]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The maps, and ``D_1 … D_L``."""
    maps = [draw(rng, layer) for layer in layers]
    downs = [np.eye(layers[-1][2])]
    for each in reversed(maps[1:]):
        downs.insert(0, downs[0] @ each)
    return maps, downs


def _covariance(downs: Sequence[np.ndarray]) -> np.ndarray:
    """``S``."""
    total = downs[0] @ downs[0].T
    for down in downs[1:]:
        total += down @ down.T
    return total


def _forward(maps: Sequence[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """``x̂_0 … x̂_L``."""
    forward = [x]
    for each in maps:
        forward.append(each @ forward[-1])
    return forward


def _of_norm(rng: np.random.Generator, size: int, samples: int) -> np.ndarray:
    """Random directions, of length ``√size``."""
    vectors = rng.standard_normal((size, samples))
    return vectors * np.sqrt(size) / np.linalg.norm(vectors, axis=0)


def _cosines(residual: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The cosine of each pair of columns."""
    lengths = np.linalg.norm(residual, axis=0) * np.linalg.norm(moved, axis=0)
    return (residual * moved).sum(axis=0) / lengths
