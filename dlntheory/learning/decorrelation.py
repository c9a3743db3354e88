r"""Decorrelation matrices (Theorem 2), on the right of ``ΔW_l``: ``A_l = (mean_b φ_l(x̂_{l-1}) φ_l(a_{l-1})ᵀ)⁺``.

``a`` is ``x*`` for predictive coding and ``x̂`` for backpropagation. The papers print the transposed ``A_l`` for
predictive coding; with it the theorem is false (see the errata). Uses of a weight are summed, as in `adaptive_rates`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from ..networks.layer import Layer
from ..numerics.algebra import Array, Matrix, default_rcond, identity, pinv, pinv_product
from ..numerics.checks import as_number, one_of
from ..numerics.kinds import each_of, is_jax, namespace
from ..numerics.record import Record, static
from .rules import Signals

SPECTRA = ("symmetric", "singular", "eigen")


class SpectralRegularisation(Record):
    r"""Add ``ε I`` to a correlation matrix before it is inverted, ``ε = max(0, a λ_max − λ_min)``.

    The correlation of ``x̂`` with ``x*`` is not symmetric, and which spectrum ``λ`` means decides the outcome of
    training.

    Args:
        a: the smallest eigenvalue wanted, as a share of the largest, not negative.
        spectrum: ``"symmetric"``, the eigenvalues of the symmetric part; ``"singular"``, the singular values;
            ``"eigen"``, the real parts of the eigenvalues.

    Raises:
        ValueError: for a negative ``a`` or an unknown spectrum.
        TypeError: for an ``a`` that is not a number.

    Source:
        Sample Efficiency, section 3.3.

    Example:
        >>> SpectralRegularisation(1e-4).spectrum
        'symmetric'
    """

    a: float = static()
    spectrum: str = static()

    def __init__(self, a: float, spectrum: Literal["symmetric", "singular", "eigen"] = "symmetric"):
        self.a = as_number("regularisation", a, negative=False)
        self.spectrum = one_of("spectrum", spectrum, SPECTRA)

    def __call__(self, correlation: Array) -> Array:
        """``correlation + ε I``."""
        shift = self.shift(self._values(correlation))
        return correlation + shift * identity(correlation.shape[0], correlation)

    def shift(self, values: Array) -> Array:
        """``ε`` of a spectrum, or of any part of it that has its ends."""
        return namespace(values).maximum(0, self.a * values.max() - values.min())

    def inverse(self, correlation: Array, rcond: float | None = None) -> Array:
        r"""``(correlation + ε I)⁺``.

        The symmetric part's smallest eigenvalue is at least ``a λ_max``. If that is positive, ``xᵀ (Σ + ε I) x > 0``
        for every ``x ≠ 0``, so the matrix is nonsingular, and an LU factorisation does. (If it is not, the matrix may
        be singular by coincidence, and its inverse then not finite.)
        """
        if not is_jax(correlation) and not np.isfinite(correlation).all():
            return np.full_like(correlation, np.nan)
        regular = self(correlation)
        if self.spectrum != "symmetric" or self.a <= default_rcond(correlation) or rcond is not None:
            return pinv(regular, rcond)
        xp = namespace(correlation)
        zero = (correlation == 0).all()
        inverted = xp.linalg.inv(xp.where(zero, identity(len(regular), regular), regular))
        return xp.where(zero, xp.zeros_like(inverted), inverted)

    def _values(self, correlation: Array) -> Array:
        linalg = namespace(correlation).linalg
        if self.spectrum == "symmetric":
            return linalg.eigvalsh((correlation + correlation.T) / 2)
        if self.spectrum == "singular":
            return linalg.svd(correlation, compute_uv=False)
        return linalg.eigvals(correlation).real


def decorrelations(
    layers: Sequence[Layer],
    signals: Signals,
    regularise: Any = None,
    rcond: float | None = None,
) -> list[Matrix]:
    r"""``A_l = (mean_b φ_l(x̂_{l-1}) φ_l(a_{l-1})ᵀ)⁺``, of a regularised mean if asked."""
    samples = signals.residual.shape[1]
    factors = []
    for layer, plain, own in zip(layers, signals.feedforward[:-1], signals.activities, strict=True):
        left, right = layer.features(plain), layer.features(own)
        factors.append(by_group(partial(_decorrelation, samples, regularise, rcond), left, right))
    return factors


def _decorrelation(samples: Any, regularise: Any, rcond: float | None, left: Matrix, right: Matrix) -> Matrix:
    if regularise is None:
        return samples * pinv_product(left, right, rcond)
    return regularise.inverse(left @ right.T / samples, rcond)


def by_group(function: Callable[..., Matrix], *features: Matrix) -> Matrix:
    """A function of features, for each group where they have a leading axis of groups."""
    return function(*features) if len(features[0].shape) < 3 else each_of(function, *features)
