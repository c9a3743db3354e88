r"""Alignment of backpropagation with a batch of ``B`` Gaussian inputs in a random network, at fixed ``B/n``.

``dŶ = Σ_l q_{l-1} G_l R K_l`` with ``K_l = X̂_{l-1}ᵀX̂_{l-1}``: samples interfere through the off-diagonal of ``K_l``.
Let ``H`` be the map from the input to the layer that has been reached, ``N_l = H_{l-1}ᵀH_{l-1}``, and ``C_w = H w Hᵀ``.
The alignment of a sample takes traces of ``G_l C_w`` and ``G_l C_w G_k`` for ``w = 1, N_l, N_l N_k``. A layer ``J`` of
unit gain transforms them by the rules for products with ``M = JᵀJ``, free from the rest (``φ`` normalised traces):

``φ(MX) = φ(X)``,  ``φ(MXMY) = φ(XY) + k_2 φ(X)φ(Y)``,
``φ(MXMYMZ) = φ(XYZ) + k_2 [φ(XY)φ(Z) + φ(YZ)φ(X) + φ(ZX)φ(Y)] + k_3 φ(X)φ(Y)φ(Z)``.

For random targets and negligible ``ŷ`` this gives, with ``w_l = 1/v_l`` and ``u_l = Σ_{j≥l} n_L/n_j``,

``cos = Σ w_l / √(Σ_{lk} w_l w_k u_{max(l,k)} (1 + B Σ_{j<min(l,k)} 1/n_j))``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..numerics.kinds import namespace
from .backpropagation import own_entries
from .layer_kinds import LayerKind


@dataclass(frozen=True)
class BatchMoments:
    """Traces at the layer that has been reached; ``l, k`` are layers, ``(…, L)`` or ``(…, L, L)``.

    ``c``, ``p`` and ``q`` are traces of ``C_w``, of ``G_l C_w`` and of ``G_l C_w G_k``; a suffix says which ``w``:
    none for one, ``n`` for ``N``, ``nn`` for ``N_l N_k``. In ``p_n`` the two layers are independent.
    """

    t: Any  # tr G_l
    u: Any  # tr G_l G_k
    c: Any  # tr C
    c_squared: Any  # tr C²
    c_cubed: Any  # tr C³
    c_n: Any  # tr C_{N_l}
    c_c_n: Any  # tr C C_{N_l}
    c_nn: Any  # tr C_{N_l N_k}
    p: Any  # tr G_l C
    p_c: Any  # tr G_l C²
    p_n: Any  # tr G_l C_{N_k}
    p_c_n: Any  # tr G_l C C_{N_l}
    p_nn: Any  # tr G_l C_{N_l N_k}
    q: Any  # tr G_l C G_k
    q_n: Any  # tr G_l C_{N_l} G_k
    q_nn: Any  # tr G_l C_{N_l N_k} G_k


def moments(layers: Sequence[LayerKind], like: Any) -> BatchMoments:
    """All traces at the output, every layer scaled to unit gain; ``like`` has the shape of the grid."""
    xp, depth = namespace(like), len(layers)
    rows = [xp.broadcast_to(row, (*like.shape, depth)) for row in xp.eye(depth, dtype=like.dtype)]
    vector, matrix = 0 * rows[0], 0 * _outer(rows[0], rows[0])
    n_0 = layers[0].n_in + 0 * like
    state = BatchMoments(
        t=vector, u=matrix, c=n_0, c_squared=n_0, c_cubed=n_0, c_n=vector, c_c_n=vector, c_nn=matrix, p=vector,
        p_c=vector, p_n=matrix, p_c_n=vector, p_nn=matrix, q=matrix, q_n=matrix, q_nn=matrix,
    )  # fmt: skip
    for row, layer in zip(rows, layers, strict=True):
        k2, k3 = layer.cumulants()
        state = _with_inputs(state, row)
        state = _through(state, k2 / layer.n_in + 0 * like, k3 / layer.n_in**2 + 0 * like)
        state = _with_weights(state, row, layer.n_out)
    return state


def _with_inputs(s: BatchMoments, row: Any) -> BatchMoments:
    """Let the next layer's ``N = HᵀH`` enter."""
    corner = _outer(row, row)
    return BatchMoments(
        t=s.t, u=s.u, c=s.c, c_squared=s.c_squared, c_cubed=s.c_cubed, p=s.p, p_c=s.p_c, p_c_n=s.p_c_n,
        q=s.q, q_n=s.q_n, q_nn=s.q_nn,
        c_n=s.c_n + _column(s.c_squared) * row,
        c_c_n=s.c_c_n + _column(s.c_cubed) * row,
        c_nn=s.c_nn + _outer(row, s.c_c_n) + _outer(s.c_c_n, row) + _square(s.c_cubed) * corner,
        p_n=s.p_n + _outer(s.p_c, row),
        p_nn=s.p_nn + _outer(s.p_c_n, row),
    )  # fmt: skip


def _through(s: BatchMoments, k2: Any, k3: Any) -> BatchMoments:
    """Multiply by a layer of unit gain with free cumulants ``k_2 n`` and ``k_3 n²``."""
    tt, c, own = _outer(s.t, s.t), _column(s.c), _diagonal(s.p_n)
    k2_vector, k3_vector, k2_matrix, k3_matrix = _column(k2), _column(k3), _square(k2), _square(k3)
    across = _outer(s.p, s.t)
    across_n = own[..., :, None] * s.t[..., None, :] + s.p_n.swapaxes(-1, -2) * s.t[..., :, None]
    across_nn = s.p_nn * s.t[..., None, :]
    return BatchMoments(
        t=s.t,
        u=s.u + k2_matrix * tt,
        c=s.c,
        c_squared=s.c_squared + k2 * s.c**2,
        c_cubed=s.c_cubed + 3 * k2 * s.c * s.c_squared + k3 * s.c**3,
        c_n=s.c_n,
        c_c_n=s.c_c_n + k2_vector * c * s.c_n,
        c_nn=s.c_nn,
        p=s.p + k2_vector * s.t * c,
        p_c=s.p_c + k2_vector * (2 * s.p * c + _column(s.c_squared) * s.t) + k3_vector * s.t * c**2,
        p_n=s.p_n + k2_matrix * _outer(s.t, s.c_n),
        p_c_n=s.p_c_n + k2_vector * (s.p * s.c_n + own * c + s.c_c_n * s.t) + k3_vector * s.t * c * s.c_n,
        p_nn=s.p_nn + k2_matrix * s.t[..., :, None] * s.c_nn,
        q=s.q + k2_matrix * (across + across.swapaxes(-1, -2) + s.u * _square(s.c)) + k3_matrix * tt * _square(s.c),
        q_n=s.q_n + k2_matrix * (across_n + s.u * s.c_n[..., :, None]) + k3_matrix * tt * s.c_n[..., :, None],
        q_nn=s.q_nn + k2_matrix * (across_nn + across_nn.swapaxes(-1, -2) + s.u * s.c_nn) + k3_matrix * tt * s.c_nn,
    )


def _with_weights(s: BatchMoments, row: Any, n_out: int) -> BatchMoments:
    """Let the layer's own ``G = I`` enter."""
    corner, own = _outer(row, row), _diagonal(s.p_n)
    picked_c_n, picked_c_c_n = (row * s.c_n).sum(axis=-1), (row * s.c_c_n).sum(axis=-1)
    picked_c_nn = (row[..., :, None] * s.c_nn).sum(axis=-2)
    picked_p_n = (s.p_n * row[..., None, :]).sum(axis=-1)
    picked_p_nn = (s.p_nn * row[..., None, :]).sum(axis=-1)
    return BatchMoments(
        c=s.c, c_squared=s.c_squared, c_cubed=s.c_cubed, c_n=s.c_n, c_c_n=s.c_c_n, c_nn=s.c_nn,
        t=s.t + n_out * row,
        u=s.u + _outer(row, s.t) + _outer(s.t, row) + n_out * corner,
        p=s.p + _column(s.c) * row,
        p_c=s.p_c + _column(s.c_squared) * row,
        p_n=s.p_n + _outer(row, s.c_n),
        p_c_n=s.p_c_n + _column(picked_c_c_n) * row,
        p_nn=s.p_nn + _outer(row, picked_c_nn),
        q=s.q + _outer(row, s.p) + _outer(s.p, row) + _square(s.c) * corner,
        q_n=s.q_n + _outer(row, picked_p_n) + _outer(own, row) + _square(picked_c_n) * corner,
        q_nn=s.q_nn + _outer(row, picked_p_nn) + _outer(picked_p_nn, row)
        + _square((row * picked_c_nn).sum(axis=-1)) * corner,
    )  # fmt: skip


def limit(layers: Sequence[LayerKind], share_of_target: Any, batch: int, target: str) -> Any:
    """Alignment of BP with the samples of a batch, at infinite width and a fixed ratio ``B/n``.

    Args:
        layers: kinds of the layers.
        share_of_target: ``Y/(Y + q_L)``, the share of the target in the squared norm of a residual.
        batch: ``B``.
        target: ``"independent"`` of the inputs, or a random ``"linear"`` map of them.
    """
    xp, n_0, n_L = namespace(share_of_target), layers[0].n_in, layers[-1].n_out
    yes, own = share_of_target, 1 - share_of_target
    s = moments(layers, share_of_target)
    w = xp.stack(own_entries(layers), axis=-1)
    ratio = batch / n_0
    # tr(N_l N_k) is set by the lower of the two layers, and c_n increases with it.
    overlap = xp.minimum(s.c_n[..., :, None], s.c_n[..., None, :]) * batch / n_0**2
    if target == "linear":
        gain, noise = 1 + ratio, 1 + 2 * ratio + (1 + ratio) * overlap
    else:
        gain, noise = 1.0, 1 + overlap
    numerator = yes / n_L * gain * (w * s.t).sum(axis=-1)
    numerator = numerator + own / n_0 * (w * (s.p + ratio * _diagonal(s.p_n))).sum(axis=-1)
    theirs = s.q * (1 + overlap) + ratio * (s.q_n + s.q_n.swapaxes(-1, -2)) + ratio**2 * s.q_nn
    square = _square(yes / n_L) * s.u * noise + _square(own / n_0) * theirs
    return numerator / xp.sqrt((_outer(w, w) * square).sum(axis=(-2, -1)))


def _outer(u: Any, w: Any) -> Any:
    return u[..., :, None] * w[..., None, :]


def _diagonal(matrix: Any) -> Any:
    return namespace(matrix).diagonal(matrix, axis1=-2, axis2=-1)


def _column(scalar: Any) -> Any:
    return scalar[..., None]


def _square(scalar: Any) -> Any:
    return scalar[..., None, None]
