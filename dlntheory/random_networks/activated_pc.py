r"""Alignment of predictive coding in a random network with activations, at large width, linearised at the prediction.

The equilibrium is that of the network with each activation replaced by its tangent at ``x̂``: ``x_l − x̂_l`` obeys the
equations of `pencil` with slopes ``F = f'(x̂)``, and ``dŷ = Σ_l β_l G_l S⁻¹r`` with ``β_l = φ*_{l-1}ᵀφ_{l-1}``,
``φ = f(x̂)``, ``φ* = φ + F(x* − x̂)``.

The target's part of ``r`` takes traces, which `pencil` has. The prediction's part is correlated with the weights, which
know no more of it than ``W_l φ_{l-1} = x̂_l``. So ``W_l = x̂_l φ_{l-1}ᵀ/|φ_{l-1}|² + W̃_l``, where ``W̃_l`` is random and
vanishes on ``φ_{l-1}``. Signals along these directions,

``α_l = (Fφ_l)ᵀx_l``,  ``γ_l = x̂_lᵀe_l``,

are sources of the rest: ``x̂_l α_{l-1}/|φ_{l-1}|²`` and ``Fφ_l (γ_{l+1} − σ_l α_l)/|φ_l|²``, where
``σ_l = v_{l+1} tr G_ee,l+1``. They follow from all sources, unit by unit: linear equations over the layers, for every
chain of systems.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from ..numerics.precision import PrecisionError
from .pencil import BACKWARD, FORWARD, Array, FirstOrder, Pencil, System


class Units(NamedTuple):
    """Values at the kinds of units of every layer, ``(L+1, units)``, and their shares of a layer, ``(units,)``.

    Attributes:
        states: ``x̂_l``.
        features: ``φ_l``; at the output, which has no activation, ``x̂_L``.
        slopes: ``F``; one at the input and the output.
        shares: of the kinds.
    """

    states: Array
    features: Array
    slopes: Array
    shares: Array


def limit(widths: Sequence[int], variances: Sequence[float], units: Units, target: float) -> float:
    """Alignment with one sample whose target has the squared norm ``target``."""
    pencil = Pencil(widths, variances, first_order(widths, variances, units), units.slopes, units.shares)
    top, n_L = pencil.depth, widths[-1]
    features = np.array(widths) * pencil.mean(units.features**2)  # |φ|², and |ŷ|² at the output
    error = np.stack([pencil.coupling((l + 1, BACKWARD, BACKWARD, 1.0)) for l in range(top)], axis=2)
    error_k, between = error[:, :, :, None], pencil.coupling((top, BACKWARD, BACKWARD, 1.0))
    turn = pencil.coupling((top, FORWARD, FORWARD, 1.0))
    of_target = pencil.trace(["free", "settled", "free"], [-between, error], top, FORWARD)
    squares = pencil.trace(["free", "settled", "settled", "free"], [error_k, between, error], top, FORWARD)
    alone = _along_prediction(pencil, units, features, ["settled"], [])
    moved = _along_prediction(pencil, units, features, ["settled", "free"], [error])
    own_squares = _along_prediction(pencil, units, features, ["settled", "free", "free", "settled"],
                                    [error_k, turn, error])  # fmt: skip
    beta = features[:-1] - alone[FORWARD, :-1]
    numerator = beta @ (target / n_L * of_target + moved[..., FORWARD, top])
    square = beta @ (target / n_L * squares - own_squares[..., BACKWARD, top]) @ beta
    return float(numerator / np.sqrt((target + features[-1]) * square))


def first_order(widths: Sequence[int], variances: Sequence[float], units: Units) -> FirstOrder:
    """Solve first order with covariances one, by sweeps up and down until nothing changes.

    Both numbers of a layer decrease with those next to it, so that sweeps from a pull of zero alternate about the
    solution and close in on it. `PrecisionError` where they have not settled after many.
    """
    squares, depth = units.slopes**2, len(variances)
    own, pull = np.array([0.0, *np.ones(depth)]), np.zeros(depth + 1)
    for _ in range(_SWEEPS):
        before = pull.copy()
        for l in range(2, depth + 1):
            passed = squares[l - 1] * own[l - 1]
            own[l] = 1 + variances[l - 1] * widths[l - 1] * float(passed / (1 + pull[l - 1] * passed) @ units.shares)
        pull[depth - 1] = variances[-1] * widths[-1] / own[depth]
        for l in range(depth - 2, -1, -1):
            pulled = squares[l + 1] * pull[l + 1]
            pull[l] = variances[l] * widths[l + 1] * float(pulled / (1 + own[l + 1] * pulled) @ units.shares)
        if np.abs(pull - before).max() <= 1e-14 * pull.max():
            return FirstOrder(own, pull)
    raise PrecisionError(f"first order does not settle in {_SWEEPS} sweeps, at {depth} layers")


_SWEEPS = 10_000


def _along_prediction(
    pencil: Pencil, units: Units, features: Array, systems: Sequence[System], couplings: Sequence[Array]
) -> Array:
    """``α_l`` and ``γ_l`` of the last system, ``(…, 2, L+1)``, where the first settles to the target ``x̂_L``.

    At the output ``α_L`` is ``x̂_Lᵀx_L``.
    """
    found, count, layers = pencil.chain(systems, couplings), len(systems), pencil.depth + 1
    along = np.stack([units.slopes * units.features, units.states])
    shape = np.broadcast_shapes(*(block.shape[2:-2] for block in found.blocks.values()))
    answers = np.zeros((*shape, count, 2, layers, count, 2, layers))  # signals to sources
    sources = np.zeros_like(answers)  # of signals
    for (a, b), block in found.blocks.items():
        for i, j, l in product((FORWARD, BACKWARD), (FORWARD, BACKWARD), range(layers)):
            overlap = pencil.mean(along[i, l] * block[i, j, ..., l, :] * along[j, l])
            answers[..., a, i, l, b, j, l] = pencil.widths[l] * overlap
        for l in range(layers - 1):
            sources[..., a, FORWARD, l, b, FORWARD, l] = -found.connections[a, b][FORWARD, ..., l] / features[l]
    for a, l in product(range(count), range(layers - 1)):
        sources[..., a, FORWARD, l, a, BACKWARD, l + 1] = 1 / features[l]
        sources[..., a, BACKWARD, l + 1, a, FORWARD, l] = 1 / features[l]
    size = 2 * count * layers
    matrix = answers.reshape(*shape, size, size)
    target = -matrix[..., 2 * layers - 1]  # the source −x̂_L of the first system
    equations = np.eye(size) - matrix @ sources.reshape(*shape, size, size)
    signals = np.linalg.solve(equations, target[..., None])[..., 0]
    return signals.reshape(*shape, count, 2, layers)[..., -1, :, :]
