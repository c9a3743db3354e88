"""The pseudoinverse of a product of two tall matrices in JAX, with a derivative that exists where columns depend.

The derivative of a QR factorisation does not exist where columns are zero or repeat, as with a blank sample or one that
occurs twice. The derivative of the pseudoinverse does, as long as the rank stays: with ``A = L Rᵀ`` and ``P = A⁺``,

``dP = −P dA P + P Pᵀ dAᵀ (I − A P) + (I − P A) dAᵀ Pᵀ P``

(Golub and Pereyra 1973). Each product below has the small number of columns in it.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def pinv_of_product(left: Float[Array, "n b"], right: Float[Array, "m b"], rcond: float) -> Float[Array, "m n"]:
    """``(left rightᵀ)⁺`` through the small core between orthonormal bases of the columns."""
    (left_basis, left_core), (right_basis, right_core) = jnp.linalg.qr(left), jnp.linalg.qr(right)
    return right_basis @ jnp.linalg.pinv(left_core @ right_core.T, rtol=rcond) @ left_basis.T


@pinv_of_product.defjvp
def _differential(
    rcond: float, primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Float[Array, "m n"], Float[Array, "m n"]]:
    left, right = primals
    d_left, d_right = tangents
    inverse = pinv_of_product(left, right, rcond)
    seen, made = right.T @ inverse, inverse @ left  # Rᵀ P and P L
    left_rest = left.T - (left.T @ left) @ seen
    right_rest = right - made @ (right.T @ right)
    inside = (inverse @ d_left) @ seen + made @ (d_right.T @ inverse)
    rows = seen.T @ (d_left.T - (d_left.T @ left) @ seen) + (inverse.T @ d_right) @ left_rest
    columns = right_rest @ (inverse @ d_left).T + (d_right - made @ (right.T @ d_right)) @ made.T
    return inverse, inverse @ rows + columns @ inverse - inside
