r"""Alignment in a random network with activations, at large width: ``x̂_l = W_l f(x̂_{l-1})``; here of backpropagation.

What a layer passes back is ``J = W F``, ``F = diag f'(x̂)``, and what its weights multiply is ``φ = f(x̂)``. Units of a
layer are independent and normal at large width, so that traces of ``F`` are integrals over one normal number. ``A_l``,
the sum of ``|φ_{k-1}|² D_k D_kᵀ`` down to layer ``l``, is free from ``F`` but for the direction ``x̂``: along it, it has
the value ``x̂ᵀA x̂/|x̂|²``, and ``tr A/n`` else. This is a derivation, not a proof: drawn networks check it.

A network of ReLU has the alignment of a linear one of half as many hidden units, as half of them are off. Of predictive
coding `activated_pc` has the alignment.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ..numerics.checks import as_widths, one_of
from . import activated_pc
from .arguments import as_per_layer, as_positive

Activation = Literal["tanh", "relu"]
_POINTS = 200  # even, so that none lies on the kink
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(_POINTS)


class _Sums(NamedTuple):
    """``tr A``, ``tr A²``, ``x̂ᵀA x̂``, ``x̂ᵀA²x̂`` and ``|x̂|²``."""

    s1: float
    s2: float
    p1: float
    p2: float
    q: float


def _tanh(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.tanh(x), 1 - np.tanh(x) ** 2


def _relu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(x, 0), (x > 0).astype(float)


_ACTIVATIONS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {"tanh": _tanh, "relu": _relu}


def expected_activated_alignment(
    widths: Any,
    activation: Activation,
    variances: Any,
    input_norm: Any = None,
    target_norm: Any = None,
    rule: Literal["bp", "pc"] = "bp",
) -> float:
    r"""Find the alignment with one sample at infinite width; every layer but the first takes activations.

    PC's is of the network linearised at the prediction (`linearised`). With tanh a network itself has less, as the
    equilibrium moves units along their activations.

    Args:
        widths: ``(n_0, …, n_L)``.
        activation: ``"tanh"`` or ``"relu"``.
        variances: the variance of a weight in each layer, ``(L,)``.
        input_norm: ``|x|``; ``√n_0`` if left out.
        target_norm: ``|y|`` of a target that is independent of the weights; ``√n_L`` if left out.
        rule: ``"bp"`` or ``"pc"``.

    Returns:
        The alignment.

    Raises:
        ValueError: for widths, variances or norms that are not positive, or an unknown activation or rule.
        PrecisionError: for PC where strong weights keep its equations from settling.

    Source:
        docs/random-networks-derived.md.

    Example:
        >>> round(expected_activated_alignment([128] * 4, "tanh", [1 / 128] * 3), 3)
        0.753
        >>> round(expected_activated_alignment([128] * 4, "tanh", [1 / 128] * 3, rule="pc"), 3)
        0.931
        >>> from dlntheory import expected_alignment
        >>> half = [("dense", 128, 64, 1 / 128), ("dense", 64, 128, 2 / 128)]
        >>> relu = expected_activated_alignment([128] * 3, "relu", [1 / 128, 2 / 128])
        >>> bool(np.isclose(relu, expected_alignment(layers=half, rule="bp").limit))
        True
    """
    one_of("rule", rule, ("bp", "pc"))
    sizes = as_widths("widths", widths)
    slopes = _ACTIVATIONS[one_of("activation", activation, get_args(Activation))]
    per_layer = [float(each) for each in as_per_layer("variances", variances, len(sizes) - 1)]
    squared = float(sizes[0] if input_norm is None else as_positive("input_norm", input_norm) ** 2)
    target = float(sizes[-1] if target_norm is None else as_positive("target_norm", target_norm) ** 2)
    if rule == "pc":
        return activated_pc.limit(sizes, per_layer, _units(sizes, per_layer, slopes, squared), target)
    q = per_layer[0] * sizes[1] * squared
    sums = _Sums(squared * sizes[1], squared**2 * sizes[1], squared * q, squared**2 * q, q)
    for (n_in, n_out), variance in zip(list(pairwise(sizes))[1:], per_layer[1:], strict=True):
        sums = _through(sums, n_in, n_out, variance, slopes)
    n_L = sizes[-1]
    return float((target * sums.s1 / n_L + sums.p1) / np.sqrt((target + sums.q) * (target * sums.s2 / n_L + sums.p2)))


def _units(sizes: tuple[int, ...], variances: list[float], slopes: Any, squared: float) -> activated_pc.Units:
    """States, features and slopes at the nodes, from the input's squared norm."""
    plain = (np.sqrt(squared / sizes[0]) * _NODES, np.sqrt(squared / sizes[0]) * _NODES, np.ones(_POINTS))
    rows, shares = [plain], _WEIGHTS / _WEIGHTS.sum()
    for variance, below in zip(variances, sizes[:-1], strict=True):
        states = np.sqrt(variance * below * (rows[-1][1] ** 2 @ shares)) * _NODES
        rows.append((states, *(slopes(states) if len(rows) < len(variances) else (states, np.ones(_POINTS)))))
    states, features, F = (np.array(each) for each in zip(*rows, strict=True))
    return activated_pc.Units(states, features, F, shares)


def _through(sums: _Sums, n: int, n_out: int, variance: float, slopes: Any) -> _Sums:
    """Pass an activation and a layer ``W``, whose own entry ``|φ|² I`` then comes in."""
    s1, s2, p1, p2, q = sums
    x = np.sqrt(q / n) * _NODES
    phi, F = slopes(x)
    psi, trace, along = F * phi, s1 / n, p1 / q
    slope, fourth, phi2, psi2 = (_mean(each) for each in (F**2, F**4, phi**2, psi**2))
    c = _mean(psi * x) * n / q  # ψ = F φ is c x̂ and a rest in other directions
    rest = n * psi2 - c**2 * q
    # B = F A F, by tr B/n, tr B²/n, φᵀB φ and φᵀB²φ
    b1 = slope * trace
    b2 = fourth * trace**2 + slope**2 * (s2 / n - trace**2)
    moved = c * along * x + trace * (psi - c * x)
    form = c**2 * p1 + rest * trace
    square_form = slope * (c**2 * p2 + rest * s2 / n) + n * _mean((F**2 - slope) * moved**2)
    # free cumulants of WᵀW
    k1, k2, k3 = variance * n_out, variance**2 * n_out * n, variance**3 * n_out * n**2
    own, norm = n * phi2, k1 * n * phi2
    between = k1**2 * form + k2 * b1 * n * phi2
    twice = k1**3 * square_form + k1 * k2 * (2 * b1 * form + b2 * n * phi2) + k3 * b1**2 * n * phi2
    passed, passed2 = k1 * n * b1, k1**2 * n * b2 + k2 * n * b1**2
    return _Sums(
        own * n_out + passed,
        own**2 * n_out + 2 * own * passed + passed2,
        own * norm + between,
        own**2 * norm + 2 * own * between + twice,
        norm,
    )


def _mean(values: np.ndarray) -> float:
    """The mean over a standard normal number, of values at the nodes."""
    return float((_WEIGHTS * values).sum() / _WEIGHTS.sum())
