"""The derivative under JAX of inference by modes, which equal eigenvalues do not trouble."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .responses import Responses, by_squaring, product, propagate, read, responses, step_matrix, units

propagate_differentiably = jax.custom_jvp(propagate)


@propagate_differentiably.defjvp
def _differential(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
    """Daleckii and Krein: in the eigenvectors' basis a change of ``H`` is multiplied by divided differences."""
    primals = jax.tree.map(jnp.asarray, primals)  # outside of a compiled program they may be NumPy's
    bits, eigenvalues, V, _, forces, start, step_size, momentum = primals
    hessian_dot, forces_dot, start_dot, step_dot, momentum_dot = tangents[3:]

    def by_rule(step_size: jax.Array, momentum: jax.Array) -> Any:
        return responses(eigenvalues, step_size, momentum, bits)

    (left, gained), (left_dot, gained_dot) = jax.jvp(by_rule, (step_size, momentum), (step_dot, momentum_dot))
    across = divided_differences(eigenvalues, step_size, momentum, bits)
    turned = V.T @ hessian_dot @ V
    pushed = V.T @ forces
    moved = gained[:, None] * pushed
    change = gained[:, None] * (V.T @ forces_dot) + gained_dot[:, None] * pushed + (across.gained * turned) @ pushed
    if start is not None:
        begun = V.T @ start
        moved = moved + left[:, None] * begun
        change = change + left[:, None] * (V.T @ start_dot) + left_dot[:, None] * begun + (across.left * turned) @ begun
    return V @ moved, V @ change


def divided_differences(
    eigenvalues: Float[Array, " N"], step_size: jax.Array, momentum: jax.Array, bits: Any
) -> Responses:
    r"""``(p(λ_i) − p(λ_j)) / (λ_i − λ_j)`` and the same of ``q``, for every pair; derivatives where the two are equal.

    Without a division: the matrices ``M_i`` and ``M_j`` differ by ``(λ_i − λ_j) E`` with a constant ``E``, and the
    corner of a power of ``[[M_i, E], [0, M_j]]`` is the divided difference of the powers.
    """
    size = len(eigenvalues)
    matrices = step_matrix(eigenvalues, step_size, momentum)
    shape = (3, 3, size, size)
    left, right = jnp.broadcast_to(matrices[..., None], shape), jnp.broadcast_to(matrices[:, :, None], shape)
    difference = jnp.zeros(shape, matrices.dtype).at[0, 0].set(-step_size)
    unit = units(left)

    def times(one: Any, other: Any) -> Any:
        (a, c, b), (d, f, e) = one, other
        return product(a, d), product(a, f) + product(c, e), product(b, e)

    return read(by_squaring(times, (left, difference, right), (unit, jnp.zeros_like(unit), unit), bits)[1])
