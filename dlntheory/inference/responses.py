r"""What ``T`` steps of gradient descent with heavy-ball momentum do to one mode of the Hessian, in closed form.

In an eigenvector's direction inference is the scalar recurrence ``u_{t+1} = (1 + μ − γλ) u_t − μ u_{t−1} + γ b`` from
``u_{−1} = u_0``. After ``T`` steps ``u_T = p_T(λ) u_0 + q_T(λ) b``: ``p_T`` is what is left of the start, ``(1 − γλ)ᵀ``
without momentum, and ``q_T = (1 − p_T)/λ`` what has been gained. Both are entries of the ``T``-th power of a 3 × 3
matrix, taken by squaring: any ``T`` costs as much, no digit is lost to ``1 − p_T``, and double roots are no exception.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

BITS = 64


class Responses(NamedTuple):
    """What is left of a start, and what is gained of a drive."""

    left: jax.Array
    gained: jax.Array


def binary(steps: int) -> np.ndarray:
    """The binary digits of a number of steps, the highest first; at least `BITS` of them, so that one program fits."""
    digits = bin(steps)[2:].zfill(BITS)
    return np.array([digit == "1" for digit in digits])


def responses(eigenvalues: jax.Array, step_size: jax.Array, momentum: jax.Array, bits: Any) -> Responses:
    """``p_T`` and ``q_T`` of every eigenvalue."""
    return read(power(step_matrix(eigenvalues, step_size, momentum), bits))


def step_matrix(eigenvalues: jax.Array, step_size: jax.Array, momentum: jax.Array) -> Float[Array, "*N 3 3"]:
    """One step of ``(u_t, u_{t−1}, b)``."""
    zero, one = jnp.zeros_like(eigenvalues), jnp.ones_like(eigenvalues)
    rows = [
        [one + momentum - step_size * eigenvalues, -momentum * one, step_size * one],
        [one, zero, zero],
        [zero, zero, one],
    ]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def power(matrices: Float[Array, "*N 3 3"], bits: Any) -> Float[Array, "*N 3 3"]:
    """The ``T``-th powers."""
    unit = jnp.broadcast_to(jnp.eye(3, dtype=matrices.dtype), matrices.shape)

    def square(result: jax.Array, bit: jax.Array) -> tuple[jax.Array, None]:
        squared = product(result, result)
        return jnp.where(bit, product(squared, matrices), squared), None

    return jax.lax.scan(square, unit, jnp.asarray(bits))[0]


def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """Of many small matrices, without a call of a library for each."""
    return jnp.sum(left[..., :, :, None] * right[..., None, :, :], axis=-2)


def read(powers: Float[Array, "*N 3 3"]) -> Responses:
    """From ``u_{−1} = u_0`` the first two columns act alike."""
    return Responses(powers[..., 0, 0] + powers[..., 0, 1], powers[..., 0, 2])


def divided_differences(
    eigenvalues: Float[Array, " N"], step_size: jax.Array, momentum: jax.Array, bits: Any
) -> Responses:
    r"""``(p(λ_i) − p(λ_j)) / (λ_i − λ_j)`` and the same of ``q``, for every pair; derivatives where the two are equal.

    Without a division: the matrices ``M_i`` and ``M_j`` differ by ``(λ_i − λ_j) E`` with a constant ``E``, and the
    corner of a power of ``[[M_i, E], [0, M_j]]`` is the divided difference of the powers.
    """
    size = len(eigenvalues)
    matrices = step_matrix(eigenvalues, step_size, momentum)
    shape = (size, size, 3, 3)
    left, right = jnp.broadcast_to(matrices[:, None], shape), jnp.broadcast_to(matrices[None, :], shape)
    difference = jnp.zeros(shape, matrices.dtype).at[..., 0, 0].set(-step_size)
    unit = jnp.broadcast_to(jnp.eye(3, dtype=matrices.dtype), shape)

    def times(one: Any, other: Any) -> Any:
        (a, c, b), (d, f, e) = one, other
        return product(a, d), product(a, f) + product(c, e), product(b, e)

    def square(result: Any, bit: jax.Array) -> tuple[Any, None]:
        squared = times(result, result)
        once_more = times(squared, (left, difference, right))
        return jax.tree.map(partial(jnp.where, bit), once_more, squared), None

    return read(jax.lax.scan(square, (unit, jnp.zeros_like(unit), unit), jnp.asarray(bits))[0][1])
