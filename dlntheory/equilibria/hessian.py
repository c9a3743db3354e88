r"""The Hessian ``H`` of the energy in the hidden activities, factorised block by block.

The energy ``½ Σ_l ‖P_l (z_l − T_l z_{l-1} − c_l)‖²``, with ``Σ_l⁻¹ = P_lᵀ P_l``, is a least-squares problem
whose matrix is block-bidiagonal, so ``H`` is block-tridiagonal:

``H_ll = Σ_l⁻¹ + T_{l+1}ᵀ Σ_{l+1}⁻¹ T_{l+1}``, ``H_{l+1,l} = −Σ_{l+1}⁻¹ T_{l+1}``.

Both factorisations return ``H = C Cᵀ`` with ``C`` block lower-bidiagonal. Cholesky works on ``H`` and sees its
condition number; the orthogonal (square-root) factorisation works on the least-squares matrix and sees only the
square root of it. It is Paige and Saunders' form of the Kalman smoother.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxtyping import Float

from ..networks.layer import Layer
from ..numerics.algebra import (
    Array,
    Matrix,
    identity,
    inverse_cholesky,
    square_root,
    triangular_factor,
    triangular_inverse,
)
from ..numerics.kinds import is_symbolic, namespace
from .covariance import Covariances, is_scalar, scale


class Factor(NamedTuple):
    """``C``: the inverses of its lower-triangular blocks ``C_ll``, and the blocks ``C_{l+1,l}`` below them."""

    inverses: list[Array]
    below: list[Array]


def whiteners(layers: Sequence[Layer], covariances: Covariances) -> list[Any]:
    """``P_l`` with ``Σ_l⁻¹ = P_lᵀ P_l``: a scalar, or the inverse of the Cholesky factor."""
    return [_whitener(covariance, layer.like) for covariance, layer in zip(covariances, layers, strict=True)]


def _whitener(covariance: Any, like: Matrix) -> Any:
    if covariance is None:
        return 1 if is_symbolic(like) else namespace(like).ones((), like.dtype)[()]
    return 1 / square_root(covariance) if is_scalar(covariance) else inverse_cholesky(covariance)


def whiten(whitener: Any, columns: Matrix) -> Matrix:
    """``P @ columns``."""
    return scale(whitener, columns)


def as_square(whitener: Array, size: int) -> Float[Array, "n n"]:
    """``P`` as a matrix."""
    return whitener * identity(size, whitener) if whitener.ndim == 0 else whitener


def _precision(whitener: Any, unit: Matrix) -> Matrix:
    """``Σ⁻¹ = Pᵀ P``."""
    return whitener**2 * unit if is_scalar(whitener) else whitener.T @ whitener


def hessian_blocks(layers: Sequence[Layer], covariances: Covariances) -> tuple[list[Matrix], list[Matrix]]:
    """The blocks ``H_ll`` and ``H_{l+1,l}`` for the hidden layers ``l = 1 … L−1``; runs on SymPy matrices too."""
    whitening = whiteners(layers, covariances)
    units = [identity(layer.out_size, layer.like) for layer in layers[:-1]]
    precisions = list(map(_precision, whitening[:-1], units))
    maps = [whiten(p, layer.matrix()) for p, layer in zip(whitening, layers, strict=True)]
    diagonal = [precision + m.T @ m for precision, m in zip(precisions, maps[1:], strict=True)]
    below = [-whiten(p if is_scalar(p) else p.T, m) for p, m in zip(whitening[1:-1], maps[1:-1], strict=True)]
    return diagonal, below


def cholesky_factor(layers: Sequence[Layer], covariances: Covariances) -> Factor:
    """Block-tridiagonal Cholesky: each block's Schur complement, from the input's side."""
    return block_cholesky(*hessian_blocks(layers, covariances))


def block_cholesky(diagonal: Sequence[Array], below: Sequence[Array]) -> Factor:
    """The factor of a positive definite block-tridiagonal matrix, of its blocks on and below the diagonal."""
    factor = Factor([inverse_cholesky(diagonal[0])], [])
    for block, coupling in zip(diagonal[1:], below, strict=True):
        factor.below.append(coupling @ factor.inverses[-1].T)
        factor.inverses.append(inverse_cholesky(block - factor.below[-1] @ factor.below[-1].T))
    return factor


def orthogonal_factor(layers: Sequence[Layer], covariances: Covariances) -> Factor:
    """The same factor by QR of the least-squares matrix, block by block, without ever forming ``H``."""
    whitening = whiteners(layers, covariances)
    xp = namespace(layers[0].like)
    root = as_square(whitening[0], layers[0].out_size)
    factor = Factor([], [])
    for layer, p in zip(layers[1:-1], whitening[1:-1], strict=True):
        size = layer.in_size
        corner = xp.zeros((size, layer.out_size), root.dtype)
        stacked = xp.block([[root, corner], [-whiten(p, layer.matrix()), as_square(p, layer.out_size)]])
        upper = triangular_factor(stacked)
        factor.inverses.append(triangular_inverse(upper[:size, :size].T))
        factor.below.append(upper[:size, size:].T)
        root = upper[size:, size:]
    last = xp.concatenate([root, -whiten(whitening[-1], layers[-1].matrix())])
    factor.inverses.append(triangular_inverse(triangular_factor(last).T))
    return factor


def substitute(factor: Factor, right: Sequence[Array]) -> list[Array]:
    """Solve ``H z = right`` with ``H = C Cᵀ``: down through ``C``, up through ``Cᵀ``."""
    down = [factor.inverses[0] @ right[0]]
    for inverse, below, block in zip(factor.inverses[1:], factor.below, right[1:], strict=True):
        down.append(inverse @ (block - below @ down[-1]))
    up = [factor.inverses[-1].T @ down[-1]]
    for inverse, below, block in reversed(list(zip(factor.inverses, factor.below, down, strict=False))):
        up.append(inverse.T @ (block - below.T @ up[-1]))
    return up[::-1]


def inverse_diagonal(factor: Factor) -> list[Matrix]:
    r"""The diagonal blocks of ``H⁻¹``: the Rauch–Tung–Striebel smoother, from the output's side.

    ``C_ll⁻ᵀ C_ll⁻¹`` is the covariance of layer ``l`` given the next one, and ``G_l = C_ll⁻ᵀ C_{l+1,l}ᵀ`` the gain:
    ``(H⁻¹)_ll = C_ll⁻ᵀ C_ll⁻¹ + G_l (H⁻¹)_{l+1,l+1} G_lᵀ``. A sum of positive definite matrices; no digits cancel.
    """
    blocks = [factor.inverses[-1].T @ factor.inverses[-1]]
    for inverse, below in reversed(list(zip(factor.inverses, factor.below, strict=False))):
        gain = inverse.T @ below.T
        block = inverse.T @ inverse + gain @ blocks[-1] @ gain.T
        blocks.append((block + block.T) / 2)
    return blocks[::-1]
