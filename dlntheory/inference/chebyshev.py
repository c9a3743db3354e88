r"""Chebyshev series of the responses ``p_T`` and ``q_T`` on an interval that holds the Hessian's spectrum.

They take products with ``H`` alone, a few times ``√κ`` or ``√T``, whichever is less. A step close to the stability
limit leaves a spike ``1/T`` wide at the end of the interval, and takes ``√T``. The nodes include both ends; between
them the series is compared with the responses themselves.
"""

from typing import Any, NamedTuple

import numpy as np

from ..numerics.algebra import Array
from ..numerics.kinds import compiled, namespace, to_numpy
from .eigenmodes import Descent
from .energy import energy_gradient
from .methods import repeat
from .relaxation import FreeChain
from .responses import binary, responses

ROUNDING = 64
"""Coefficients below so many machine epsilons of the largest value are noise."""
FEWEST, MOST = 64, 2**16
"""Coefficients of the shortest series tried, and of the longest."""
BETWEEN = np.concatenate(
    [np.geomspace(1e-9, 0.1, 60), np.pi - np.geomspace(1e-9, 0.1, 60), np.pi * (np.arange(120) * (5**0.5 - 1) / 2 % 1)]
)
"""Angles at which a series is compared with its function: some near both ends, some anywhere."""


class Series(NamedTuple):
    """The Chebyshev coefficients that matter, the error of their sum, and whether more of them would not help."""

    coefficients: np.ndarray
    lost: float
    ended: bool


def series(descent: Descent, steps: int, interval: tuple[float, float]) -> tuple[Series, Series]:
    """The series of ``p_T`` and ``q_T``, as long as they need to be, or as long as they may."""
    step_size, momentum = to_numpy((descent.step_size, descent.momentum))
    bits, dtype = binary(steps), step_size.dtype
    middle, half = sum(interval) / 2, (interval[1] - interval[0]) / 2

    def at(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = np.clip(middle + half * np.cos(angles), *interval).astype(dtype)
        with np.errstate(all="ignore"):
            return responses(points, step_size, momentum, bits)

    (left_between, gained_between), length = at(BETWEEN), FEWEST
    while True:
        left_values, gained_values = at(np.pi * np.arange(length + 1) / length)
        sizes = np.abs(left_values)  # a power loses one digit of its base per step, and a coefficient is a mean
        magnified = 2 * steps * float(sizes.mean() / max(1.0, sizes.max()))
        epsilon = (ROUNDING + magnified) * float(np.finfo(dtype).eps)
        left = truncated(left_values, left_between, epsilon, 1.0)
        gained = truncated(gained_values, gained_between, epsilon, 0.0)
        if (left.ended and gained.ended) or length == MOST:
            return left, gained
        length *= 2


def truncated(values: np.ndarray, between: np.ndarray, epsilon: float, unit: float) -> Series:
    """A series from values at the nodes, ends included; its error is measured between the nodes too."""
    from scipy.fft import dct

    if not np.isfinite(values).all():
        return Series(np.full(1, np.nan, values.dtype), np.nan, ended=True)
    coefficients = dct(values, type=1) / (len(values) - 1)
    coefficients[[0, -1]] /= 2
    sizes = np.abs(coefficients)
    noise = epsilon * max(unit, np.abs(values).max())
    counting = np.flatnonzero(sizes > noise)
    kept = int(counting[-1]) + 1 if len(counting) else 1
    tail = float(sizes[kept:].sum())
    off = np.abs(np.cos(np.outer(BETWEEN, np.arange(kept))) @ coefficients[:kept] - between).max()
    resolved = kept <= 3 * len(values) // 4 and off <= tail + ROUNDING * noise
    return Series(coefficients[:kept], tail + float(off), bool(resolved))


def padded(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zeros up to a power of two, so that few programs are compiled; and how many coefficients there are."""
    length = len(coefficients)
    filled = np.zeros(max(FEWEST, 1 << (length - 1).bit_length()), coefficients.dtype)
    filled[:length] = coefficients
    return filled, np.asarray(length)


@compiled
def apply_series(
    chain: FreeChain,
    interval: Array,
    coefficients: Array,
    length: Array,
    columns: list[Array],
) -> list[Array]:
    """``Σ_k c_k T_k(H̃)`` times columns, with ``H̃`` the Hessian moved from the interval to ``[−1, 1]``."""
    middle, half = (interval[0] + interval[1]) / 2, (interval[1] - interval[0]) / 2

    def multiply(hidden: list[Array]) -> list[Array]:
        products = energy_gradient(chain.layers, chain.precisions, hidden, None)
        return [(product - middle * each) / half for product, each in zip(products, hidden, strict=True)]

    def add(index: Any, state: tuple[list[Array], ...]) -> tuple[list[Array], ...]:
        total, now, following = state
        total = [whole + coefficients[index] * each for whole, each in zip(total, now, strict=True)]
        after = [2 * product - each for product, each in zip(multiply(following), now, strict=True)]
        return total, following, after

    zeros = [namespace(each).zeros_like(each) for each in columns]
    return repeat(length, add, (zeros, columns, multiply(columns)), columns[0])[0]
