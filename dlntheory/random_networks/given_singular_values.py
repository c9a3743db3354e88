r"""Random layers with given singular values, and singular vectors that are uniformly distributed.

Let ``m`` be an eigenvalue of ``M = JᵀJ`` over the gain, drawn at random among all ``n``, so that ``E m = 1``, and
``e_f(t) = E f/(1 + t m)``. The Stieltjes transform of ``M`` at ``−1/t`` gives

``C = −t e_m``,  ``R = k_1 e_m/e_1``,  ``d = e_{(m−1)²}/((1 + t) e_1 e_m)``,

with the slope ``d`` of `layer_kinds`; ``t`` is found by Newton's method, from below, where ``−C`` is a concave function
of it. ``e_m``, ``e_1`` and ``d`` are sums of positive terms.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..numerics.kinds import namespace

_FULL = 1 - 2.0**-52
_STEPS = 60  # of Newton's method; far below the solution each multiplies t by two or more


@dataclass(frozen=True)
class SingularValuesKind:
    """A layer with given singular values; ``squares`` are theirs over the mean of all ``n_in``, of which it is one."""

    n_in: int
    n_out: int
    variance: Any
    squares: np.ndarray = field(compare=False)

    @property
    def gain(self) -> Any:
        """``k_1 = v n_out``, the mean eigenvalue."""
        return self.variance * self.n_out

    def cumulants(self) -> tuple[Any, Any]:
        """``k_2/k_1²`` and ``k_3/k_1³``: central moments."""
        second = float(self._mean((self.squares - 1) ** 2)) + self._zeros
        return second, float(self._mean((self.squares - 1) ** 3)) - self._zeros

    def slope(self, C: Any) -> tuple[Any, Any]:
        """``d`` and its derivative, where ``R = k_1 (1 + C d)``."""
        t, spread = self._point(-C), (self.squares - 1) ** 2
        one, first, square = (self._over(t, each) for each in (1.0, self.squares, spread))
        one, square = one + self._zeros, square + self._zeros
        fall, fall_of_first, fall_of_square = (
            self._over_squared(t, each) for each in (self.squares, self.squares**2, spread * self.squares)
        )
        d = square / ((1 + t) * one * first)
        fall_of_d = fall_of_square / ((1 + t) * one * first) + d * (1 / (1 + t) - fall / one - fall_of_first / first)
        return d, fall_of_d / fall

    def room(self, occupied: Any) -> Any:
        """``(n_out − N)/R``, which is ``a T``."""
        t = self._point(occupied / self.n_in)
        one = self._over(t, 1.0)
        return self._free(one) * (one + self._zeros) / (self._over(t, self.squares) * self.gain)

    def log_room_slope(self, occupied: Any) -> Any:
        """The derivative of ``log room`` by ``N``."""
        t = self._point(occupied / self.n_in)
        one, first = self._over(t, 1.0), self._over(t, self.squares)
        falls = self._over_squared(t, self.squares**2) / self._over_squared(t, self.squares)  # of e_m over that of e_1
        return -1 / self._free(one) - (1 / (one + self._zeros) - falls / first) / self.n_in

    @property
    def _zeros(self) -> float:
        """The share of the input's dimensions that the layer maps to zero."""
        return max(0.0, 1 - self.squares.size / self.n_in)

    def _free(self, one: Any) -> Any:
        """``n_out − N``, from ``e_1`` over the eigenvalues that are not zero."""
        return self.n_in * one + max(0, self.n_out - self.n_in)

    def _mean(self, entries: Any) -> Any:
        """The mean over all ``n_in`` eigenvalues, from the entries of the eigenvalues other than zero."""
        return entries.sum(axis=-1) / self.n_in

    def _over(self, t: Any, weights: Any) -> Any:
        """``E f/(1 + t m)`` over the eigenvalues that are not zero."""
        return self._mean(weights / (1 + t[..., None] * self.squares))

    def _over_squared(self, t: Any, weights: Any) -> Any:
        """``E f/(1 + t m)²`` over the eigenvalues that are not zero."""
        return self._mean(weights / (1 + t[..., None] * self.squares) ** 2)

    def _point(self, taken: Any) -> Any:
        """``t`` with ``t e_m = taken``; Jensen's inequality gives the start, below it. A full layer is nearly so."""
        xp, kept = namespace(taken, self.variance), 1 - self._zeros
        taken = xp.minimum(xp.asarray(taken), kept * _FULL)
        t = taken * kept / (kept - taken)
        for _ in range(_STEPS):
            step = (taken - t * self._over(t, self.squares)) / self._over_squared(t, self.squares)
            t = t + xp.maximum(step, 0.0)
            if xp is np and not (step > 1e-15 * t).any():
                break
        return t
