"""Regularisation of the pseudoinverse in Theorem 2: ``ε I`` is added to a correlation matrix before it is inverted."""

from typing import Literal

from ..numerics.algebra import Array, default_rcond, identity, pinv
from ..numerics.checks import as_number, one_of
from ..numerics.kinds import namespace
from ..numerics.record import Record, static

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
