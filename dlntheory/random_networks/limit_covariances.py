r"""Covariances that remove predictive coding's interference, in the limit of large width, and when there are any.

Interference is gone where ``c_l ∝ x*_{l-1}ᵀx̂_{l-1} → e T_l``. Then ``c_l a_l ∝ a_l T_l = (n_l − N_{l-1})/R_l``, which
for dense layers is ``1/v_l``. So ``N_l = n_L V_l/V_L`` with ``V_l = Σ_{k≤l} 1/v_k``, and

``c_{l+1}/c_l = T_{l+1}/T_l = v_l (n_l − n_L V_l/V_L)``:

covariances exist if and only if ``n_l > n_L V_l/V_L`` for all ``l < L``, always in square networks. Where they do not,
the fluctuation of the target may still give single draws a solution.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..numerics.kinds import namespace
from .arguments import RandomInit, as_layers
from .expected import as_setting
from .layer_kinds import LayerKind


@dataclass(frozen=True, repr=False)
class ExpectedCovariances:
    """Interference-free covariances of random networks at large width, from `expected_covariances`.

    Attributes:
        covariances: ``c_1 … c_L`` with ``c_1 = 1``, shape ``(…, L)``; NaN where there are none.
        exists: whether there are any, one truth value per point of the grid.
        free: ``n_l − N_l`` for ``l < L``, shape ``(…, L−1)``: all positive where covariances exist.
    """

    covariances: Any
    exists: Any
    free: Any

    def __repr__(self) -> str:
        shape = getattr(self.exists, "shape", ())
        content = f"exists={bool(self.exists)}" if shape == () else f"grid={shape}"
        return f"ExpectedCovariances(depth={self.covariances.shape[-1]}, {content})"


def expected_covariances(
    widths: Any = None, init: RandomInit = "kaiming_uniform", variances: Any = None, layers: Any = None
) -> ExpectedCovariances:
    r"""Find the scalar covariances with which plain PC is aligned in random networks, at large width.

    They have ``c_l ∝ x*_{l-1}ᵀx̂_{l-1}`` self-consistently, and do not depend on input or target. The alignment at a
    given width is another matter: deep covariances shrink so fast that the target's fluctuation wins.

    Args:
        widths: ``(n_0, …, n_L)``; may be left out if ``layers`` are given.
        init: as in `expected_alignment`.
        variances: as in `expected_alignment`.
        layers: as in `expected_alignment`.

    Returns:
        The `ExpectedCovariances`.

    Raises:
        ValueError: as `expected_alignment` does.

    Source:
        docs/random-networks.md.

    Example:
        >>> expected_covariances([8, 8, 8, 8], "norm_preserving").covariances
        array([1.        , 0.66666667, 0.22222222])
        >>> expected_covariances([100, 5, 100], "lecun_normal").exists
        False
    """
    setting = as_setting(as_layers(widths, init, variances, layers), None, None, None)
    kinds, like = setting.layers, setting.log_input
    xp = namespace(like)
    occupied = _occupied(kinds, _shares_factor(kinds, like, xp))
    free = [layer.n_out - taken for layer, taken in zip(kinds[:-1], occupied[1:-1], strict=True)]
    exists, logarithms = like == like, [0 * like]
    for index, room in enumerate(free):
        exists = exists & (room > 0)
        step = xp.where(room > 0, room, 1.0) / kinds[index].room(occupied[index])
        logarithms.append(logarithms[-1] + xp.log(step))
    covariances = xp.exp(xp.stack(logarithms, axis=-1))
    covariances = xp.where(exists[..., None], covariances, xp.nan)
    free_stack = xp.stack(free, axis=-1) if free else xp.zeros((*like.shape, 0), dtype=like.dtype)
    return ExpectedCovariances(covariances, bool(exists) if xp is np and exists.ndim == 0 else exists, free_stack)


def _occupied(kinds: tuple[LayerKind, ...], factor: Any) -> list[Any]:
    """``N_0 … N_L`` where ``c_l a_l = factor · a_l T_l``."""
    occupied = [0 * factor]
    for layer in kinds:
        occupied.append(occupied[-1] + factor * layer.room(_at_most(occupied[-1], layer.n_in)))
    return occupied


def _at_most(value: Any, limit: int) -> Any:
    """The smaller of the two; beyond the limit there is no solution, and no square root."""
    return namespace(value).minimum(value, float(limit))


def _shares_factor(kinds: tuple[LayerKind, ...], like: Any, xp: Any) -> Any:
    """The factor with which ``N_L = n_L``; dense layers give ``n_L/V_L`` at once, others by bisection."""
    n_L = kinds[-1].n_out
    low, high = 0 * like, n_L / kinds[0].room(0 * like)
    for _ in range(60):
        middle = (low + high) / 2
        too_large = _occupied(kinds, middle)[-1] > n_L
        low, high = xp.where(too_large, low, middle), xp.where(too_large, middle, high)
    # The secant through the ends of the bracket; it carries derivatives, and is exact for dense layers.
    below, above = _occupied(kinds, low)[-1], _occupied(kinds, 2 * low)[-1]
    return low + low * (n_L - below) / (above - below)
