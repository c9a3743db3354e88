r"""The response of one mode of the Hessian to ``T`` steps of gradient descent with momentum, in closed form.

In an eigenvector's direction inference is the scalar recurrence ``u_{t+1} = (1 + μ − γλ) u_t − μ u_{t−1} + γ b`` from
``u_{−1} = u_0``. After ``T`` steps ``u_T = p_T(λ) u_0 + q_T(λ) b``: ``p_T`` is what is left of the start, ``(1 − γλ)ᵀ``
without momentum, and ``q_T = (1 − p_T)/λ`` what has been gained. Both are entries of the ``T``-th power of a 3 × 3
matrix, taken by squaring: any ``T`` costs as much, no digit is lost to ``1 − p_T``, and double roots are no exception.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..numerics.algebra import Array
from ..numerics.kinds import holds_jax, map_leaves, namespace

BITS = 64


class Responses(NamedTuple):
    """The share of a start that is left, and the gain from a drive."""

    left: Array
    gained: Array


def binary(steps: int) -> np.ndarray:
    """The binary digits of a number of steps, the highest first; at least `BITS` of them, so that one program fits."""
    digits = bin(steps)[2:].zfill(BITS)
    return np.array([digit == "1" for digit in digits])


def responses(eigenvalues: Array, step_size: Array, momentum: Array, bits: Array) -> Responses:
    """``p_T`` and ``q_T`` of every eigenvalue."""
    return read(power(step_matrix(eigenvalues, step_size, momentum), bits))


def step_matrix(eigenvalues: Array, step_size: Array, momentum: Array) -> Float[Array, "3 3 *N"]:
    """One step of ``(u_t, u_{t−1}, b)``."""
    xp = namespace(eigenvalues)
    zero, one = xp.zeros_like(eigenvalues), xp.ones_like(eigenvalues)
    rows = [
        [one + momentum - step_size * eigenvalues, -momentum * one, step_size * one],
        [one, zero, zero],
        [zero, zero, one],
    ]
    return xp.stack([xp.stack(row) for row in rows])


def power(matrices: Float[Array, "3 3 *N"], bits: Array) -> Float[Array, "3 3 *N"]:
    """The ``T``-th powers."""
    return by_squaring(product, matrices, units(matrices), bits)


def units(matrices: Float[Array, "3 3 *N"]) -> Float[Array, "3 3 *N"]:
    """A unit matrix for each of the matrices."""
    xp = namespace(matrices)
    unit = xp.eye(3, dtype=matrices.dtype).reshape(3, 3, *(1,) * (matrices.ndim - 2))
    return xp.broadcast_to(unit, matrices.shape)


def by_squaring(times: Callable[[Any, Any], Any], base: Any, unit: Any, bits: Array) -> Any:
    """The power of ``base`` whose binary digits are given, the highest first; ``unit`` is the zeroth power."""
    if not holds_jax(base):
        result = unit
        for bit in bits[np.argmax(bits) :] if bits.any() else ():
            result = times(result, result)
            result = times(result, base) if bit else result
        return result
    import jax

    def square(result: Any, bit: Array) -> tuple[Any, None]:
        squared = times(result, result)
        return map_leaves(lambda one, other: jax.numpy.where(bit, one, other), times(squared, base), squared), None

    return jax.lax.scan(square, unit, jax.numpy.asarray(bits))[0]


def product(left: Array, right: Array) -> Array:
    """Products of many small matrices, without a library call for each."""
    return (left[:, :, None] * right[None]).sum(axis=1)


def read(powers: Float[Array, "3 3 *N"]) -> Responses:
    """The responses, from the powers: as ``u_{−1} = u_0``, the first two columns are added."""
    return Responses(powers[0, 0] + powers[0, 1], powers[0, 2])


def propagate(
    bits: Array,
    eigenvalues: Array,
    eigenvectors: Array,
    hessian: Array,
    forces: Array,
    start: Array | None,
    step_size: Array,
    momentum: Array,
) -> Array:
    """``u_T = V (p_T(Λ) Vᵀ u_0 + q_T(Λ) Vᵀ b)``; the Hessian itself is of use to the derivative only."""
    left, gained = responses(eigenvalues, step_size, momentum, bits)
    moved = gained[:, None] * (eigenvectors.T @ forces)
    if start is not None:
        moved = moved + left[:, None] * (eigenvectors.T @ start)
    return eigenvectors @ moved
