r"""Two dense layers trained by backpropagation in continuous time, in closed form from any balanced start.

With white inputs, ``mean(x xᵀ) = v I``, ``M = mean(y xᵀ)`` and ``W_2ᵀW_2 − W_1W_1ᵀ = λI``, which the flow conserves,
the stack ``Q = [W_1ᵀ; W_2]`` obeys ``dQ/dt = FQ − ½ v QQᵀQ``, ``F = [[−½vλ, Mᵀ], [M, ½vλ]]``. So ``P = QQᵀ`` follows
a Riccati equation, whose solution is

``P(t) = E Q_0 (I + v Q_0ᵀ G Q_0)⁻¹ Q_0ᵀ E``,  ``E = e^{tF}``,  ``G = ∫_0^t e^{2sF} ds``.

Predictive coding has no such form. Its residual is divided by ``S = I + W_2W_2ᵀ``, so that its flow is rational in the
weights rather than cubic; and it does not conserve the balance, so that ``QᵀQ`` says nothing of one layer alone.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from ..equilibria.problem import as_problem
from ..networks.layer import Dense, Layer
from ..numerics.algebra import Array, epsilon
from ..numerics.kinds import holds_jax, to_jax
from ..numerics.precision import PrecisionError
from ..numerics.record import Record
from .flow import as_times

_LARGEST = 300.0
"""The largest ``t f``, with an eigenvalue ``f`` of ``F``, for which ``e^{2tf}`` is a number."""


class TwoLayerTrajectories(Record):
    r"""Two layers in time, by their products; the weights themselves follow up to a rotation of the hidden units.

    Attributes:
        times: ``(T,)``.
        maps: ``W_2W_1``, ``(T, n_2, n_0)``.
        first: ``W_1ᵀW_1``, ``(T, n_0, n_0)``.
        second: ``W_2W_2ᵀ``, ``(T, n_2, n_2)``.
    """

    times: Float[Array, " T"]
    maps: Float[Array, "T n_2 n_0"]
    first: Float[Array, "T n_0 n_0"]
    second: Float[Array, "T n_2 n_2"]


def two_layer_dynamics(net: Any, x: Any, y: Any, times: Any) -> TwoLayerTrajectories:
    r"""The gradient flow of backpropagation through two dense layers, without integration.

    The tangent kernel of two samples is ``(xᵀ W_1ᵀW_1 x') I + (xᵀx') W_2W_2ᵀ``. Computed on the host in float64.

    Args:
        net: two dense layers without biases, balanced: ``W_2ᵀW_2 − W_1W_1ᵀ = λI`` for a number ``λ``.
        x: inputs, ``(B, n_0)``, white: ``mean(x xᵀ) = v I``.
        y: targets, ``(B, n_2)``.
        times: ``(T,)``, not negative, in order; in units of steps × learning rate.

    Returns:
        The `TwoLayerTrajectories`.

    Raises:
        ValueError: for another network, inputs that are not white, or weights that are not balanced; `gradient_flow`
            integrates those.
        TypeError: for something that does not hold real numbers.
        PrecisionError: for times beyond the range of floating point.

    Source:
        Fukumizu 1998 and Braun et al. 2022 for ``λ = 0``, Dominé et al. 2025 for others; docs/dynamics.md.

    Example:
        >>> from dlntheory import LinearNetwork
        >>> net = LinearNetwork.from_weights([[[0.3]], [[0.3]]])
        >>> two_layer_dynamics(net, [[1.0]], [[3.0]], [0.0, 0.5]).maps.ravel().round(3).tolist()
        [0.09, 1.15]
    """
    problem = as_problem(net, x, y, None, None)
    inputs, targets = (np.atleast_2d(np.asarray(each, np.float64)) for each in (problem.x, problem.y))
    moments, (first, second) = as_times("times", times), _as_layers(problem.layers)
    stack = np.concatenate([first.T, second])
    variance, imbalance = _as_white(inputs), _as_balanced(first, second)
    target, shift = targets.T @ inputs / len(inputs), variance * imbalance / 2
    size = inputs.shape[1]
    generator = np.block([[-shift * np.eye(size), target.T], [target, shift * np.eye(len(target))]])
    found = np.stack([_gram(generator, stack, variance, time) for time in moments])
    result = TwoLayerTrajectories(moments, found[:, size:, :size], found[:, :size, :size], found[:, size:, size:])
    return to_jax(result) if holds_jax(net, x, y, times) else result


def _gram(generator: np.ndarray, stack: np.ndarray, variance: float, time: float) -> np.ndarray:
    """``P(t)``."""
    if time == 0:
        return stack @ stack.T
    rates, basis = np.linalg.eigh(generator)
    if rates[-1] * time > _LARGEST:
        raise PrecisionError(f"`times` holds {time:g}; wanted at most {_LARGEST / rates[-1]:g}, or numbers overflow.")
    # In the eigenvectors' basis, B = √(vG) Q_0 and E Q_0 = DB with bounded D: P = D B(I + BᵀB)⁻¹Bᵀ D.
    exponents = 2 * rates * time
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        grown = np.where(exponents == 0, time, np.expm1(exponents) / (2 * rates))
        decayed = np.where(exponents == 0, 1 / time, 2 * rates / -np.expm1(-exponents))
    rows = np.sqrt(variance * grown)[:, None] * (basis.T @ stack)
    half = basis @ (np.sqrt(decayed / variance)[:, None] * _orthonormal(rows))
    return half @ half.T


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    """``BR⁻¹`` with ``RᵀR = I + BᵀB``, each row to its own precision though rows differ by many orders."""
    from scipy.linalg import qr

    stacked = np.concatenate([rows, np.eye(rows.shape[1])])
    order = np.argsort(-np.abs(stacked).max(axis=1), kind="stable")  # pivoting then errs row by row
    factor = np.empty((len(stacked), rows.shape[1]))
    factor[order] = qr(stacked[order], mode="economic", pivoting=True)[0]
    return factor[: len(rows)]


def _as_layers(layers: tuple[Layer, ...]) -> tuple[np.ndarray, np.ndarray]:
    if len(layers) != 2 or not all(isinstance(layer, Dense) and layer.bias is None for layer in layers):
        raise ValueError(f"`net` has layers {layers}; wanted two dense layers without biases.")
    first, second = (np.asarray(layer.weight, np.float64) for layer in layers)
    return first, second


def _as_white(inputs: np.ndarray) -> float:
    """``v``, of inputs whose second moments are ``v I`` to rounding."""
    return _multiple("x", "mean(x xᵀ)", inputs.T @ inputs / len(inputs), np.mean(inputs**2), len(inputs))


def _as_balanced(first: np.ndarray, second: np.ndarray) -> float:
    """``λ``, of weights that are balanced to rounding."""
    size = max(np.mean(first**2) * first.shape[1], np.mean(second**2) * len(second))
    return _multiple("net", "W_2ᵀW_2 − W_1W_1ᵀ", second.T @ second - first @ first.T, size, first.shape[1])


def _multiple(name: str, what: str, matrix: np.ndarray, size: float, terms: int) -> float:
    """The number of which a matrix is a multiple of the identity, up to the rounding of ``terms`` sums."""
    number = float(np.mean(np.diagonal(matrix)))
    off = float(np.abs(matrix - number * np.eye(len(matrix))).max())
    if not off <= 16 * terms * epsilon(np.float64) * size:
        raise ValueError(
            f"`{name}` has {what} off a multiple of the identity by {off / size if size else off:.1e} relative to its "
            "size; wanted a multiple, where there is a closed form. `gradient_flow` integrates any other."
        )
    if name == "x" and number == 0:
        raise ValueError("`x` is zero; wanted inputs with a variance.")
    return number
