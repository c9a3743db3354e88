r"""The hypotheses of the theorems, each decided on a network's activities by a number and a threshold.

Every function returns the hypotheses by name, and the conditioning of what its statement inverts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..equilibria.covariance import Covariances
from ..learning.rules import Signals
from ..networks.layer import Layer
from ..numerics.algebra import Array, default_rcond, epsilon
from ..numerics.precision import PrecisionError
from .interference_free import InterferenceFree, search_tolerance

DECIDABLE = 1e-3
"""A question is decided only where the threshold that rounding asks for is smaller."""


class Hypothesis(NamedTuple):
    """A hypothesis: whether it holds, the number that decided it, and the number it was compared with."""

    holds: bool
    value: float
    threshold: float


Hypotheses: TypeAlias = dict[str, Hypothesis]
Check: TypeAlias = Callable[[Sequence[Layer], Signals, float | None], tuple[Hypotheses, float]]


def failed(hypotheses: Hypotheses) -> Hypotheses:
    """The hypotheses that do not hold."""
    return {name: each for name, each in hypotheses.items() if not each.holds}


def by_layer(hypotheses: Hypotheses, kind: str) -> Iterator[tuple[int, Hypothesis]]:
    """The hypotheses whose names begin with ``layer l: kind``, with ``l``."""
    for name, each in hypotheses.items():
        if found := re.match(rf"layer (\d+): {re.escape(kind)}", name):
            yield int(found.group(1)), each


def nonzero_products(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> tuple[Hypotheses, float]:
    """``x*_{l-1}ᵀ x̂_{l-1} ≠ 0`` for every sample (Theorem 1); reported for the sample nearest to zero."""
    hypotheses, condition = {}, 1.0
    for index, own, plain in _features(layers, signals):
        products, sizes = np.sum(own * plain, axis=0), _product_sizes(own, plain)
        nearest = int(np.argmin(np.abs(products) / nonzero(sizes)))
        product, size = float(products[nearest]), float(sizes[nearest])
        hypotheses[_product_name(index)] = _beyond(product, _noise(layers, own, rcond) * size)
        condition = max(condition, _ratio(size, abs(product)))
    return hypotheses | single_uses(layers, signals), condition


def single_uses(layers: Sequence[Layer], signals: Signals) -> Hypotheses:
    """Each weight meets one column of features per sample; reported for the layers where it meets more."""
    hypotheses = {}
    for index, layer in enumerate(layers):
        features = layer.features(signals.feedforward[index])
        uses = features.size // features.shape[-2] // signals.residual.shape[1]
        if uses > 1:
            hypotheses[f"layer {index + 1}: one patch per sample"] = Hypothesis(False, uses, 1)
    return hypotheses


def crowded_layers(layers: Sequence[Layer], signals: Signals) -> list[int]:
    """The layers, counted from 1, whose weights meet more patches than a patch has numbers."""
    shapes = [layer.features(plain).shape for layer, plain in zip(layers, signals.feedforward, strict=False)]
    samples = signals.residual.shape[1]
    return [index for index, shape in enumerate(shapes, 1) if shape[-1] > max(shape[-2], samples)]


def negative_layers(layers: Sequence[Layer], signals: Signals) -> list[int]:
    """The layers, counted from 1, with ``x*_{l-1}ᵀ x̂_{l-1} < 0`` for some sample."""
    return [index + 1 for index, own, plain in _features(layers, signals) if np.sum(own * plain, axis=0).min() < 0]


def nonzero_means(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> tuple[Hypotheses, float]:
    """``mean_b(x*_{l-1}ᵀ x̂_{l-1}) ≠ 0``, all that equation 24 asks for."""
    hypotheses, condition = {}, 1.0
    for index, own, plain in _features(layers, signals):
        product = float(np.mean(np.sum(own * plain, axis=0)))
        size = float(np.mean(_product_sizes(own, plain)))
        hypotheses[f"mean of {_product_name(index)}"] = _beyond(product, _noise(layers, own, rcond) * size)
        condition = max(condition, _ratio(size, abs(product)))
    return hypotheses, condition


def ranks_and_rows(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> tuple[Hypotheses, float]:
    """``rank(X̂ X*ᵀ) = rank X̂`` and the rows of ``R`` in the row space of ``X̂``, in every layer (Theorem 2, sharp).

    Where a weight meets several patches per sample, ``X̂`` and ``X*`` are those patches, and the rows of ``R`` are
    replaced by the rows of the layer's own errors: one error at every position.
    """
    hypotheses, condition = {}, 1.0
    noise = _noise(layers, np.asarray(signals.residual), rcond)
    for index, layer in enumerate(layers):
        own, plain = (_grouped(layer.features(each[index])) for each in (signals.activities, signals.feedforward))
        shared = plain.shape[0] * plain.shape[2] > signals.residual.shape[1]
        _refuse_out_of_range(own, plain)
        rows = np.asarray(signals.errors[index] if shared else signals.residual)
        rows = rows.reshape(len(plain), -1, plain.shape[2])
        met = [_rank_and_rows(*group, rcond, noise) for group in zip(own, plain, rows, strict=True)]
        activity, learned = (f"φ(X̂_{index})", f"ε_{index + 1}") if shared else (f"X̂_{index}", "R")
        found, wanted = sum(each.found for each in met), sum(each.wanted for each in met)
        hypotheses[f"layer {index + 1}: rank({activity} {activity.replace('X̂', 'X*')}ᵀ) = rank {activity}"] = (
            Hypothesis(all(each.found == each.wanted for each in met), found, wanted)
        )
        farthest = max(met, key=lambda each: each.distance / (each.threshold or 1))
        hypotheses[f"layer {index + 1}: rows of {learned} in those of {activity}"] = Hypothesis(
            farthest.distance <= farthest.threshold, farthest.distance, farthest.threshold
        )
        condition = max(condition, *(each.condition for each in met))
    return hypotheses, condition


class _Met(NamedTuple):
    found: int  # the rank of the product
    wanted: int  # the rank of the feedforward features
    distance: float
    threshold: float
    condition: float


def _rank_and_rows(own: np.ndarray, plain: np.ndarray, rows: np.ndarray, rcond: float | None, noise: float) -> _Met:
    """Theorem 2's hypotheses of one layer, or of one group of it."""
    spectrum = _spectrum(plain, rcond)
    size = spectrum.largest * (spectrum.largest + _spectrum(own, rcond).largest)
    product = _product_spectrum(plain, own, rcond, floor=noise * size)
    threshold = min(8 * default_rcond(plain) * _ratio(spectrum.largest, spectrum.smallest), DECIDABLE)
    condition = _ratio(size, product.smallest)
    return _Met(product.rank, spectrum.rank, _distance(rows, spectrum.rows), threshold, condition)


def small_batch(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> tuple[Hypotheses, float]:
    """``B`` smaller than the smallest width, Theorem 2's hypothesis as printed."""
    samples = signals.residual.shape[1]
    width = min(layer.in_size for layer in layers)
    _, condition = ranks_and_rows(layers, signals, rcond)
    return {"B < smallest width of layers 0 … L-1": Hypothesis(samples < width, samples, width)}, condition


def proportional_products(
    layers: Sequence[Layer], signals: Signals, covariances: np.ndarray, growth: float
) -> tuple[Hypotheses, float]:
    """``x*_{l-1}ᵀ x̂_{l-1}`` positive, and in one proportion to ``Σ_l`` in all layers (Theorem 3).

    The covariances are ``(L, B)``. The products rest on an equilibrium, in which rounding has grown by ``growth``.
    """
    hypotheses, ratios, condition, noise = {}, [], 1.0, 0.0
    for (index, own, plain), covariance in zip(_features(layers, signals), covariances, strict=True):
        products, sizes = np.sum(own * plain, axis=0), _product_sizes(own, plain)
        lowest = int(np.argmin(products / nonzero(sizes)))
        noise = _noise(layers, own, None)
        threshold = noise * float(sizes[lowest])
        product = float(products[lowest])
        hypotheses[f"layer {index + 1}: x*_{index}ᵀ x̂_{index} > 0"] = Hypothesis(
            product > threshold, product, threshold
        )
        condition = max(condition, _ratio(float(sizes[lowest]), abs(product)))
        ratios.append(products / covariance)
    threshold = min(noise * condition * growth, DECIDABLE)
    common = np.exp(np.mean(np.log(np.maximum(ratios, np.finfo(float).tiny)), axis=0))
    for index, ratio in enumerate(ratios):
        distance = float(np.max(np.abs(ratio / common - 1)))
        name = f"layer {index + 1}: Σ_{index + 1} ∝ x*_{index}ᵀ x̂_{index}"
        hypotheses[name] = Hypothesis(distance <= threshold, distance, threshold)
    return hypotheses | single_uses(layers, signals), 2 * condition * growth


def solution_found(result: InterferenceFree) -> Hypotheses:
    """Whether the search for Theorem 3's covariances converged for every sample."""
    mismatch, threshold = float(np.max(result.mismatch)), search_tolerance(result.mismatch.dtype)
    return {"a positive solution was found": Hypothesis(bool(np.all(result.found)), mismatch, threshold)}


def unit_covariances(covariances: Covariances) -> Hypotheses:
    """Every ``Σ_l`` is the identity."""
    distance = max(
        0.0 if each is None else float(np.max(np.abs(np.asarray(each) - (np.eye(len(each)) if np.ndim(each) else 1))))
        for each in covariances
    )
    return {"Σ_l = I in every layer": Hypothesis(distance == 0, distance, 0.0)}


class _Spectrum(NamedTuple):
    rank: int
    largest: float
    smallest: float  # of the singular values that count
    rows: np.ndarray  # orthonormal rows that span the row space


def _spectrum(matrix: np.ndarray, rcond: float | None, floor: float = 0.0) -> _Spectrum:
    """Singular values up to ``rcond`` times the largest, or up to ``floor``, count as zero."""
    _, values, rows = np.linalg.svd(matrix, full_matrices=False)
    rcond = default_rcond(matrix) if rcond is None else rcond
    rank = int(np.sum(values > max(rcond * float(values[0]), floor)))
    return _Spectrum(rank, float(values[0]), float(values[rank - 1]) if rank else 0.0, rows[:rank])


def _product_spectrum(left: np.ndarray, right: np.ndarray, rcond: float | None, floor: float) -> _Spectrum:
    """The spectrum of ``left @ right.T``, through the core that `pinv_product` inverts."""
    rcond = default_rcond(left) if rcond is None else rcond
    if left.shape[1] < left.shape[0]:
        left, right = (np.asarray(np.linalg.qr(each, mode="r")) for each in (left, right))
    return _spectrum(left @ right.T, rcond, floor)


def _distance(matrix: np.ndarray, rows: np.ndarray) -> float:
    """The share of ``matrix`` that lies outside the space of orthonormal ``rows``."""
    size = np.linalg.norm(matrix)
    return float(np.linalg.norm(matrix - matrix @ rows.T @ rows) / size) if size else 0.0


def _features(layers: Sequence[Layer], signals: Signals) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each layer's features of the rule's own activities and of the feedforward ones, all of a sample in one column."""
    samples = signals.residual.shape[1]
    triples = zip(layers, signals.activities, signals.feedforward, strict=False)
    for index, (layer, own, plain) in enumerate(triples):
        own, plain = (np.asarray(layer.features(each)).reshape(-1, samples) for each in (own, plain))
        _refuse_out_of_range(own, plain)
        yield index, own, plain


def _refuse_out_of_range(own: np.ndarray, plain: np.ndarray) -> None:
    """Refuse features whose products under- or overflow: no hypothesis can be judged by them."""
    size = float(np.abs(own).max()) * float(np.abs(plain).max())
    if own.any() and plain.any() and not np.finfo(own.dtype).tiny < size < np.finfo(own.dtype).max / own.size:
        raise PrecisionError(f"products of activities are out of range in {own.dtype}. Scale the weights or the data.")


def _grouped(features: Array) -> np.ndarray:
    """The features with a leading axis of groups, of length one where there are none."""
    array = np.asarray(features)
    return array[None] if array.ndim == 2 else array


def norms(columns: Array) -> np.ndarray:
    """The norm of each column, in double precision, safe from overflow."""
    columns = np.asarray(columns, np.float64)
    largest = np.abs(columns).max(axis=0, initial=0)
    usable = (largest > 0) & np.isfinite(largest)
    return np.where(usable, largest * np.linalg.norm(columns / np.where(usable, largest, 1), axis=0), largest)


def nonzero(sizes: np.ndarray, otherwise: Any = 1.0) -> np.ndarray:
    """Sizes to divide by: something else where they are zero."""
    return np.where(sizes > 0, sizes, otherwise)


def _product_sizes(own: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """The scale of the rounding of ``x*ᵀx̂``: ``x*`` is ``x̂`` plus a correction, which may cancel it."""
    return (norms(own) + norms(plain)) * norms(plain)


def _noise(layers: Sequence[Layer], matrix: np.ndarray, rcond: float | None) -> float:
    """The share of its size below which a product is rounding."""
    return 8 * len(layers) * epsilon(matrix.dtype) if rcond is None else rcond


def _product_name(index: int) -> str:
    return f"layer {index + 1}: x*_{index}ᵀ x̂_{index} ≠ 0"


def _beyond(value: float, threshold: float) -> Hypothesis:
    return Hypothesis(abs(value) > threshold, value, threshold)


def _ratio(size: float, value: float) -> float:
    return size / value if value > 0 else float("inf")
