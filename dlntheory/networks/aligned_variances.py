r"""Variances for which plain predictive coding is aligned from the start: an initialisation, ``pc_aligned``.

Predictive coding's activities obey ``x*_{l-1}ᵀx̂_{l-1} → e T_l`` at large width. Where all ``T_l`` are equal, these
products are the same in every layer, which is what Theorem 1's rates would make them: the alignment of one sample is
then one, at any depth. With growth ``T``,

``a_l = (n_l − N_{l-1})/(1 + T)`` for ``l < L``,  ``a_L = n_L − N_{L-1}``,  ``N_l = Σ_{k≤l} a_k``,  ``v_l = 1/(T a_l)``.

Equal widths have ``n v_l = (1 + 1/T)ˡ`` and ``n v_L = (1 + 1/T)^{L−1}/T``.
"""

from collections.abc import Sequence
from typing import Any

from ..numerics.checks import as_number, as_widths


def aligned_variances(widths: Sequence[int], growth: Any = 3.0) -> list[float]:
    r"""Find the variances of dense weights for which all ``T_l`` equal ``growth``.

    A small growth aligns better at finite width and takes larger variances.

    Args:
        widths: ``(n_0, …, n_L)``.
        growth: ``T``, positive.

    Returns:
        ``v_1 … v_L``, the variance of a weight in each layer.

    Raises:
        ValueError: for widths or a growth that are not positive, or a growth too small for these widths: a layer that
            is narrower than what the layers below it take has no positive variance. The message says from which growth
            on there are some.
        TypeError: for widths that are not whole numbers, or a growth that is not a number.

    Source:
        docs/random-networks.md.

    Example:
        >>> [round(4 * variance, 6) for variance in aligned_variances([4, 4, 4, 4], growth=1.0)]
        [2.0, 4.0, 4.0]
    """
    widths = as_widths("widths", widths)
    growth = as_number("growth", growth, positive=True)
    traces = _traces(widths, growth)
    if min(traces) <= 0:
        least = _least_growth(widths)
        raise ValueError(
            f"`growth` is {growth} for widths {tuple(widths)}, where no variances make predictive coding aligned: the "
            f"layers below layer {next(l for l, a in enumerate(traces, 1) if a <= 0)} take more than its width. Wanted "
            f"a growth above {least:.4g}."
        )
    return [1 / (growth * trace) for trace in traces]


def _traces(widths: Sequence[Any], growth: Any) -> list[Any]:
    """``a_1 … a_L``."""
    traces: list[Any] = []
    for width in widths[1:-1]:
        traces.append((width - sum(traces)) / (1 + growth))
    return [*traces, widths[-1] - sum(traces)]


def _least_growth(widths: Sequence[int]) -> float:
    """The growth above which all traces are positive, for they fall as it grows; by bisection."""
    low, high = 0.0, float(sum(widths[1:]))  # there every layer takes less than one unit
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if min(_traces(widths, middle)) > 0 else (middle, high)
    return high
