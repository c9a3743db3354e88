r"""Eigenvalues of the output covariance ``S`` of a random network, at large width.

With ``ζ`` added to the output's covariance, the first-order recursion gives the Stieltjes transform
``tr(ζ + S)⁻¹ = a_L``. Read from the first layer on, it is explicit: ``a_1`` gives all others, and

``ζ = (n_L − N_{L-1})/a_L − c_L``,

so that ``a_1`` is found by Newton's method, for all points of the grid at once, followed from far above the real axis
down to it. The density at ``x = −ζ`` is ``Im a_L/(π n_L)``. Real ``a_1`` trace the real axis outside the spectrum, and
its outer edges are where ``ζ(a_1)`` turns.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..numerics.checks import as_array
from ..numerics.precision import PrecisionError
from .arguments import RandomInit, as_layers, as_per_layer
from .layer_kinds import LayerKind

_SHRINK = 0.75  # of the distance from the real axis, per step
_NEGLIGIBLE = 1e-60
"""The share of the output's own covariance that no digit shows."""


@dataclass(frozen=True, repr=False)
class ExpectedSpectrum:
    """Density of eigenvalues of ``S`` at large width, from `expected_spectrum`.

    Attributes:
        grid: where the density is given, ``(K,)``.
        density: per unit of the eigenvalue, ``(K,)``; without the atom.
        edges: smallest and largest eigenvalue, in the limit; the atom's place apart.
        atom: share of the eigenvalues that equal the output's own covariance, one: ``max(0, 1 − n_{L-1}/n_L)``.
    """

    grid: np.ndarray
    density: np.ndarray
    edges: tuple[float, float]
    atom: float

    def __repr__(self) -> str:
        low, high = self.edges
        return f"ExpectedSpectrum(from {low:.4g} to {high:.4g}, atom={self.atom:.3g})"


def expected_spectrum(
    widths: Any, init: RandomInit = "kaiming_uniform", grid: Any = None, variances: Any = None, covariances: Any = None
) -> ExpectedSpectrum:
    r"""Predict the spectrum of the output covariance ``S = Σ_l c_l D_l D_lᵀ`` of a dense random network.

    Args:
        widths: ``(n_0, …, n_L)``.
        init: as in `expected_alignment`, but not ``"orthogonal"``, whose spectra may have atoms anywhere.
        grid: where to give the density, ``(K,)``; 400 points between the edges, denser near them, if left out.
        variances: variance of the weights of each layer, ``(L,)``; in place of ``init``'s.
        covariances: scalar covariances ``c_l``, ``(L,)``; ones if left out.

    Returns:
        The `ExpectedSpectrum`.

    Raises:
        ValueError: for a network of one layer, orthogonal layers, or a grid that is not a vector of finite numbers.
        PrecisionError: where eigenvalues are out of range.

    Source:
        docs/random-networks.md.

    Example:
        >>> spectrum = expected_spectrum([64, 64, 64], "norm_preserving")  # one plus a Marchenko-Pastur law on [0, 4]
        >>> spectrum
        ExpectedSpectrum(from 1 to 5, atom=0)
    """
    layers = as_layers(widths, init, variances, None)
    if init == "orthogonal":
        raise ValueError("`init` is 'orthogonal', whose spectra may have atoms anywhere; wanted dense weights.")
    depth = len(layers)
    if depth < 2:
        raise ValueError(f"`widths` is {tuple(widths)}, a network of one layer, where S is the identity; wanted two.")
    if any(np.ndim(layer.variance) for layer in layers):
        raise ValueError("`variances` is a grid; wanted one number per layer.")
    c = np.ones(depth) if covariances is None else np.stack(as_per_layer("covariances", covariances, depth))
    if c.ndim > 1:
        raise ValueError(f"`covariances` has shape {c.shape[::-1]}; wanted ({depth},).")
    points = None if grid is None else _as_grid(grid)
    with np.errstate(all="ignore"):  # the results say it
        return _spectrum(_Chain(layers, c), points, max(0.0, 1 - layers[-1].n_in / layers[-1].n_out))


def _spectrum(chain: "_Chain", points: np.ndarray | None, atom: float) -> ExpectedSpectrum:
    _refuse_out_of_range(chain.mean() < _NEGLIGIBLE / np.finfo(np.float64).tiny)
    edges = chain.edges()
    _refuse_out_of_range(*np.isfinite(edges))
    if points is None:
        points = _default_grid(edges)
    inside = (points > edges[0]) & (points < edges[1])
    density = np.zeros_like(points)
    if inside.any():
        density[inside] = np.maximum(chain.transform(points[inside]).imag, 0) / (np.pi * chain.n_L)
    _refuse_out_of_range(*np.isfinite(density))
    return ExpectedSpectrum(points, density, edges, atom)


def _refuse_out_of_range(*in_range: Any) -> None:
    if not all(in_range):
        raise PrecisionError("the eigenvalues are out of range in float64. Scale the variances.")


def _default_grid(edges: tuple[float, float]) -> np.ndarray:
    """Points between the edges, squeezed towards both, the lower one more."""
    low, high = edges
    return low + (high - low) * np.sin(np.pi / 2 * (np.arange(400) + 0.5) / 400) ** 4


def _as_grid(grid: Any) -> np.ndarray:
    points = np.asarray(as_array("grid", grid), np.float64)
    if points.ndim != 1 or points.size == 0:
        raise ValueError(f"`grid` has shape {points.shape}; wanted a vector of finite numbers.")
    return points


def _first_that_counts(layers: tuple[LayerKind, ...], covariances: np.ndarray) -> int:
    """The number of first layers that add nothing to ``S``: in shrinking networks their terms would underflow."""
    growth = np.log([float(layer.variance) * layer.n_in for layer in layers[1:]])
    terms = np.log(covariances) + np.append(growth[::-1].cumsum()[::-1], 0.0)
    counts = terms > np.log(covariances[-1] * _NEGLIGIBLE)
    return min(int(counts.argmax()), len(growth) - 1)


class _Chain:
    """The recursion upwards from ``a_1``, a multiple of ``b``, such that ``a_L ≈ n_L b`` for small ``b``."""

    def __init__(self, layers: tuple[LayerKind, ...], covariances: np.ndarray) -> None:
        first = _first_that_counts(layers, covariances)
        self.steps = [(float(layer.variance), layer.n_in) for layer in layers[1 + first :]]
        self.covariances, self.n_L = covariances[first:], layers[-1].n_out
        self.scale = self.n_L * math.prod(variance * n for variance, n in self.steps)

    def run(self, b: Any) -> tuple[Any, Any, Any, list[Any]]:
        """``ζ``, ``dζ/db``, ``a_L``, and ``n_l − N_l`` for all ``l < L``."""
        a, slope, occupied, turned, frees = self.scale * b, self.scale + 0 * b, 0 * b, 0 * b, []
        for (variance, n), c in zip(self.steps, self.covariances, strict=False):
            occupied, turned = occupied + c * a, turned + c * slope
            frees.append(n - occupied)
            factor = variance * (n - occupied)
            a, slope = a / factor, slope / factor + a * variance * turned / factor**2
        left = self.n_L - occupied
        return left / a - self.covariances[-1], -turned / a - left * slope / a**2, a, frees

    def transform(self, points: np.ndarray) -> np.ndarray:
        """``tr(S − x)⁻¹`` just above the real axis."""
        height = 20 * max(1.0, float(np.abs(points).max()), self.mean())
        b = 1 / (-points - 1j * height)
        while height > 1e-10:
            b = self._newton(b, -points - 1j * height)
            height *= _SHRINK
        return self.run(self._newton(b, -points))[2]

    def _newton(self, b: np.ndarray, zeta: np.ndarray) -> np.ndarray:
        """Six steps towards ``ζ(b) = zeta``."""
        for _ in range(6):
            value, slope, _, _ = self.run(b)
            b = b - (value - zeta) / slope
        return b

    def mean(self) -> float:
        """``tr S/n_L``."""
        total, product = float(self.covariances[-1]), 1.0
        for (variance, n), c in zip(reversed(self.steps), self.covariances[-2::-1], strict=True):
            product *= variance * n
            total += product * float(c)
        return total

    def edges(self) -> tuple[float, float]:
        """The outer edges of the continuous part: where ``ζ`` stops falling as ``|a_1|`` grows from zero.

        Where there is an atom, ``a_L`` passes through infinity at its place, and the lower edge comes after it.
        """
        low = self._turn(1.0, 0.0, len(self.steps))
        if self.n_L > self.steps[-1][1]:
            low = self._turn(1.0, low, len(self.steps) - 1)
        high = self._turn(-1.0, 0.0, len(self.steps))
        return float(-self.run(low)[0]), float(-self.run(-high)[0])

    def _turn(self, sign: float, start: float, layers: int) -> float:
        """``|b|`` beyond ``start`` up to which ``ζ`` moves on, and the first layers are not full."""

        def moves(b: float) -> bool:
            with np.errstate(all="ignore"):
                _, slope, _, frees = self.run(np.float64(sign * b))
            return bool(slope < 0) and all(free > 0 for free in frees[:layers])

        least = max(start, _NEGLIGIBLE / self.mean())
        low, high = start * (1 + 1e-12) if start else least, 2 * least
        while moves(high):
            low, high = high, 4 * high
        while high - low > 4e-16 * high:
            middle = math.sqrt(low * high) if high > 2 * low else (low + high) / 2
            if middle in (low, high):
                break
            low, high = (middle, high) if moves(middle) else (low, middle)
        return low
