r"""Random layers, as the theory sees them: gain, free cumulants and R-transform of ``M = JᵀJ``.

A layer maps ``n`` units to ``n_out`` by a random matrix ``J`` that is free from all others. Let
``R(z) = k_1 + k_2 z + k_3 z² + …`` be the R-transform of ``M`` under the normalised trace over the ``n`` inputs. The
recursions need it at the point where ``C = z R(z)`` is ``−N/n``, ``N`` being the share of the output's dimensions that
the layers below have taken. As a function of ``C``, and relative to the gain ``k_1 = E|Jx|²/|x|²``,

``R = k_1 (1 + C d(C))``, with the slope ``d``:

| kind | ``J`` | ``d(C)`` |
|---|---|---|
| dense | ``W``, independent entries of variance ``v`` | ``n/n_out`` |
| residual | ``I + W`` | ``(g−1)(1 + 2/h)/g``, ``g = 1 + n v``, ``h = g + √(g² + 4(g−1)C)`` |
| orthogonal | semi-orthogonal, singular values ``√(v max(n, n_out))`` | ``(1−p)/(p(1+C))``, ``p = min(1, n_out/n)`` |
| singular_values | any singular values, uniformly distributed directions | `given_singular_values` |

No form has a difference of nearly equal numbers in it, and none is 0/0 at ``C = 0``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..numerics.kinds import namespace
from .given_singular_values import SingularValuesKind


@dataclass(frozen=True)
class DenseKind:
    """A dense layer with independent entries: ``M`` is a Wishart matrix, whose free cumulants are ``vᵐ n_out nᵐ⁻¹``."""

    n_in: Any
    n_out: Any
    variance: Any

    @property
    def gain(self) -> Any:
        """``k_1 = v n_out``, the factor by which a squared norm grows."""
        return self.variance * self.n_out

    def cumulants(self) -> tuple[Any, Any]:
        """``k_2/k_1²`` and ``k_3/k_1³``."""
        ratio = self.n_in / self.n_out
        return ratio, ratio**2

    def slope(self, C: Any) -> tuple[Any, Any]:
        """``d`` and its derivative, where ``R = k_1 (1 + C d)``."""
        return self.n_in / self.n_out + 0 * C, 0 * C

    def room(self, occupied: Any) -> Any:
        """``(n_out − N)/R``, which is ``a T``."""
        return 1 / self.variance + 0 * occupied

    def log_room_slope(self, occupied: Any) -> Any:
        """The derivative of ``log room`` by ``N``."""
        return 0 * occupied


@dataclass(frozen=True)
class ResidualKind:
    """A square layer ``I + W`` with independent entries of ``W``."""

    n_in: Any
    n_out: Any
    variance: Any

    @property
    def gain(self) -> Any:
        """``k_1 = 1 + n v``."""
        return 1 + self.variance * self.n_in

    def cumulants(self) -> tuple[Any, Any]:
        """``k_2/k_1²`` and ``k_3/k_1³``, from ``g² − 1`` and ``g³ − 3g + 2``."""
        g, excess = self.gain, self.variance * self.n_in
        return excess * (g + 1) / g**2, excess**2 * (g + 2) / g**3

    def slope(self, C: Any) -> tuple[Any, Any]:
        """``d`` and its derivative, where ``R = k_1 (1 + C d)``."""
        g, excess = self.gain, self.variance * self.n_in
        root, h = self._roots(C)
        return excess * (1 + 2 / h) / g, -4 * excess**2 / (g * root * h**2)

    def _roots(self, C: Any) -> tuple[Any, Any]:
        """``ρ = √(g² + 4(g−1)C)``, written so that it exists for all ``C ≥ −1``, and ``h = g + ρ``."""
        g, excess = self.gain, self.variance * self.n_in
        root = namespace(C, g).sqrt((g - 2) ** 2 + 4 * excess * (1 + C))
        return root, g + root

    def room(self, occupied: Any) -> Any:
        """``(n_out − N)/R = n (h − 2)/((g − 1)h)``, which is ``a T``."""
        g, excess, free = self.gain, self.variance * self.n_in, self.n_in - occupied
        root, h = self._roots(-occupied / self.n_in)
        xp = namespace(root)
        large = g > 2
        above = self.n_in * xp.where(large, g - 2 + root, 1.0) / xp.where(large, excess, 1.0)
        below = 4 * free / xp.where(large, 1.0, xp.maximum(2 - g + root, 1e-30))
        return xp.where(large, above, below) / h

    def log_room_slope(self, occupied: Any) -> Any:
        """The derivative of ``log room`` by ``N``."""
        root, h = self._roots(-occupied / self.n_in)
        return -4 / (root * h**2 * self.room(occupied))


@dataclass(frozen=True)
class OrthogonalKind:
    """A layer with orthonormal rows or columns, times ``√(v max(n, n_out))``, uniformly distributed."""

    n_in: int
    n_out: int
    variance: Any

    @property
    def _kept(self) -> float:
        """``p``, the share of the input's dimensions that the layer keeps."""
        return min(1.0, self.n_out / self.n_in)

    @property
    def _square(self) -> Any:
        """``s``, the square of every singular value that is not zero."""
        return self.variance * float(max(self.n_in, self.n_out))

    @property
    def gain(self) -> Any:
        """``k_1 = s p``."""
        return self._square * self._kept

    def cumulants(self) -> tuple[Any, Any]:
        """``k_2/k_1²`` and ``k_3/k_1³``."""
        p = self._kept
        return (1 - p) / p, (1 - p) * (1 - 2 * p) / p**2

    def slope(self, C: Any) -> tuple[Any, Any]:
        """``d`` and its derivative, where ``R = k_1 (1 + C d)``."""
        lost = (1 - self._kept) / self._kept
        return lost / (1 + C), -lost / (1 + C) ** 2

    def room(self, occupied: Any) -> Any:
        """``(n_out − N)/R``, which is ``a T``."""
        return (max(self.n_in, self.n_out) - occupied) / self._square

    def log_room_slope(self, occupied: Any) -> Any:
        """The derivative of ``log room`` by ``N``."""
        return -1 / (max(self.n_in, self.n_out) - occupied)


LayerKind = DenseKind | ResidualKind | OrthogonalKind | SingularValuesKind

# Kinds that a variance describes.
KINDS: dict[str, type[DenseKind] | type[ResidualKind] | type[OrthogonalKind]] = {
    "dense": DenseKind,
    "residual": ResidualKind,
    "orthogonal": OrthogonalKind,
}


def widths_of(layers: Sequence[LayerKind]) -> tuple[Any, ...]:
    """``(n_0, …, n_L)`` of layers that chain."""
    return (layers[0].n_in, *(layer.n_out for layer in layers))
