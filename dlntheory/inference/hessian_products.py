r"""Products with the energy's Hessian in the free activities, and with its inverse, without forming either."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..equilibria.covariance import Covariances, is_scalar, scale
from ..equilibria.routes import scale_all
from ..networks.layer import Dense, Layer
from ..networks.passes import backward_sweep
from ..numerics.kinds import namespace
from .energy import COORDINATES, Precisions, from_errors

MANY, NARROW = 16, 128
"""From so many equal layers on, of at most so many units, their weights are put into one array."""

Operator = Callable[[np.ndarray], np.ndarray]


def hessian_product(layers: Sequence[Layer], precisions: Precisions, coordinates: str, columns: Any) -> Any:
    """``H`` times columns, all hidden layers in one."""
    hidden = split([layer.in_size for layer in layers[1:]], columns)
    return namespace(columns).concatenate(COORDINATES[coordinates].gradient(layers, precisions, hidden, None))


def split(sizes: Sequence[int], columns: Any) -> list[Any]:
    """The rows of every hidden layer."""
    ends = itertools.accumulate(sizes, initial=0)
    return [columns[start:end] for start, end in itertools.pairwise(ends)]


def hessian_operator(layers: Sequence[Layer], precisions: Precisions, coordinates: str) -> Operator:
    """The products of NumPy arrays with ``H``; many equal layers are multiplied at once, from a copy of their weights.

    One product of a thousand small matrices takes less than half of the time of a thousand products. Beyond 128 units
    little is gained, and the copy is large.
    """
    between = layers[1:-1]
    if coordinates == "activities" and are_many_and_equal(between) and all(map(_is_plain, precisions[:-1])):
        return partial(_product_at_once, np.stack([layer.matrix() for layer in between]), layers[-1], precisions)
    return partial(hessian_product, layers, precisions, coordinates)


def are_many_and_equal(layers: Sequence[Layer]) -> bool:
    """Whether there are many dense layers, narrow, and all of the same square shape."""
    if len(layers) < MANY or layers[0].in_size > NARROW:
        return False
    size = layers[0].in_shape
    return all(isinstance(each, Dense) and each.in_shape == each.out_shape == size for each in layers)


def _is_plain(precision: Any) -> bool:
    return precision is None or is_scalar(precision)


def _product_at_once(weights: np.ndarray, last: Layer, precisions: Precisions, columns: np.ndarray) -> np.ndarray:
    """``g_l = Σ_l⁻¹ ε_l − T_{l+1}ᵀ Σ_{l+1}⁻¹ ε_{l+1}`` with an axis of layers; the last one may be of any kind."""
    hidden = columns.reshape(len(weights) + 1, weights.shape[-1], -1)
    scales = np.array([1.0 if each is None else each for each in precisions[:-1]])[:, None, None]
    weighted = scales * np.concatenate([hidden[:1], hidden[1:] - weights @ hidden[:-1]])
    weighted[:-1] -= weights.mT @ weighted[1:]
    weighted[-1] += last.transpose(scale(precisions[-1], last.apply(hidden[-1])))
    return weighted.reshape(columns.shape)


def inverse_operator(layers: Sequence[Layer], covariances: Covariances, S: np.ndarray, coordinates: str) -> Operator:
    """``H⁻¹``: of the errors ``Σ − Σ Dᵀ S⁻¹ D Σ``, between two sweeps where the activities are meant."""
    from scipy.linalg import cho_factor, cho_solve

    factor = cho_factor(S)

    def divide(columns: np.ndarray) -> np.ndarray:
        given = split([layer.in_size for layer in layers[1:]], columns)
        if coordinates == "activities":
            given = backward_sweep(layers[:-1], given[-1], given)
        spread = scale_all(covariances[:-1], given)
        arrived = cho_solve(factor, layers[-1].apply(from_errors(layers[:-1], spread)[-1]))
        returned = scale_all(covariances[:-1], backward_sweep(layers, arrived)[:-1])
        noises = [own - other for own, other in zip(spread, returned, strict=True)]
        return np.concatenate(from_errors(layers[:-1], noises) if coordinates == "activities" else noises)

    return divide
