r"""The best target alignment that matrices on the right of the weight updates can reach, Theorem 2's among them.

With ``ΔW_l A_l`` in the place of ``ΔW_l`` the prediction change is ``Σ_l D_l ΔW_l A_l φ_l(X̂_{l-1})``, linear in the
``A_l``. Alignment does not depend on the change's size. So over all ``A_l`` the cosine with the batch's residual is
largest at the projection of the residual on what can be reached, which is a problem of least squares.
"""

import math
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..networks.network import LinearNetwork
from ..networks.passes import first_order_change
from ..numerics.algebra import Matrix, default_rcond, is_concrete
from ..numerics.checks import one_of
from .alignment import cosine
from .rescaling import rescale
from .rules import Signals
from .updates import Learning, changes_of, prepare, refuse_overflow, signals_of

METHODS = ("auto", "dense", "lsqr")
DENSE = 2**23
"""Up to so many numbers ``"auto"`` decomposes the matrix of the least-squares problem."""
PASSES = 10_000
"""Products with it, and with its transpose, after which LSQR gives up."""


class BestAlignment(eqx.Module):
    r"""The best that matrices on the right of the updates can do.

    Attributes:
        alignment: the cosine between the whole batch's residual and its prediction change, the largest possible.
        sample_alignment: the cosine of each sample there, ``(B,)``. Their mean is not what is maximised.
        factors: the ``A_l``, of all that reach it those of least norm; shaped like `decorrelation_matrices`.
        exact: whether the alignment is one to the precision of the arithmetic: what is left of the residual is at
            most the root of machine epsilon of it.
        converged: whether the least-squares problem was solved; if not, ``alignment`` is a lower bound.
    """

    alignment: Float[Array, ""]
    sample_alignment: Float[Array, "*B"]
    factors: tuple[Float[Array, "..."], ...]
    exact: Bool[Array, ""]
    converged: Bool[Array, ""]


def best_alignment(
    net: LinearNetwork, x: Any, y: Any, rule: str = "pc", method: str = "auto", **options: Any
) -> BestAlignment:
    r"""The best target alignment of a batch over all factors ``A_l`` in ``ΔW_l A_l``, one a layer.

    What Theorem 2 reaches with its own factors is never better. One is reached if and only if the residual lies in the
    sum over layers of ``{D_l ΔW_l A φ_l(X̂_{l-1})}``; Theorem 2 needs more, a share of the residual from every layer.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"pc"`` or ``"bp"``, whose updates the factors multiply.
        method: ``"dense"``, a singular value decomposition; ``"lsqr"``, iterations that form no matrix; ``"auto"``
            takes the first where the matrix is small.
        **options: ``covariances=``, ``nudge=``, ``solver=`` and ``rcond=`` as in `weight_updates`; singular values
            below ``rcond`` times the largest count as zero.

    Returns:
        `BestAlignment`. Without residual, NaN.

    Raises:
        ValueError: as `weight_updates`; also for ``rule="natural"``, an unknown method, or a network with a chain of
            weights that share an error.
        TypeError: as `weight_updates`; also for LSQR under a JAX transformation.
        PrecisionError: as `weight_updates`.

    Source:
        THEORY section 4; beyond Sample Efficiency, Theorem 2.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]]])
        >>> x, y = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]
        >>> best = best_alignment(net, x, y)
        >>> round(float(best.alignment), 3), bool(best.exact)
        (0.991, False)
    """
    one_of("rule", rule, ("pc", "bp"))
    one_of("method", method, METHODS)
    learning = prepare(net, x, y, rule, None, options)
    if not all(layer.has_features for layer in learning.problem.layers):
        raise ValueError("`net` has a chain of weights that share an error; wanted layers of one weight each.")
    span = _span(learning)
    if method == "auto":
        method = "dense" if span.residual.size * span.parameters <= DENSE else "lsqr"
    factors, converged = _dense(span, learning.options.rcond) if method == "dense" else _lsqr(span)
    found = _judged(span, factors, converged)
    refuse_overflow("factors", found.factors)
    return eqx.tree_at(lambda it: it.sample_alignment, found, found.sample_alignment[0]) if _single(learning) else found


class Span(eqx.Module):
    """The linear map from factors to prediction changes, and the residual to be reached."""

    layers: tuple[Any, ...]
    changes: tuple[Matrix, ...]
    predicted: tuple[Matrix, ...]
    residual: Matrix

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of each factor: as large as the extended weight has columns, one for each group."""
        return [(*change.shape[:-2], change.shape[-1], change.shape[-1]) for change in self.changes]

    @property
    def parameters(self) -> int:
        """Numbers in all factors."""
        return sum(map(math.prod, self.shapes))

    def change(self, flat: jax.Array) -> Matrix:
        """The prediction change, from the factors' numbers one after another."""
        return first_order_change(self.layers, rescale(self.changes, self.factors(flat)), self.predicted)

    def factors(self, flat: jax.Array) -> tuple[jax.Array, ...]:
        """The numbers in their places."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        return tuple(part.reshape(shape) for part, shape in zip(jnp.split(flat, ends), self.shapes, strict=True))

    def pulled(self, columns: Matrix) -> jax.Array:
        """The transposed map."""
        return jax.vjp(self.change, jnp.zeros(self.parameters, columns.dtype))[1](columns)[0]


@eqx.filter_jit
def _span(learning: Learning) -> Span:
    signals: Signals = signals_of(learning)
    changes = changes_of(learning, signals)
    return Span(learning.problem.layers, tuple(changes), tuple(signals.feedforward), signals.residual)


@eqx.filter_jit
def _dense(span: Span, rcond: float | None) -> tuple[jax.Array, jax.Array]:
    """The factors of least norm, from the matrix of the map."""
    units = jnp.eye(span.residual.size, dtype=span.residual.dtype).reshape(-1, *span.residual.shape)
    rows = jax.vmap(span.pulled)(units)
    left, values, right = jnp.linalg.svd(rows, full_matrices=False)
    kept = values > (default_rcond(rows) if rcond is None else rcond) * values[0]
    weights = jnp.where(kept, left.T @ span.residual.ravel() / jnp.where(kept, values, 1), 0)
    return right.T @ weights, jnp.asarray(True)


def _lsqr(span: Span) -> tuple[jax.Array, jax.Array]:
    """The same by Golub and Kahan's bidiagonalisation."""
    from scipy.sparse.linalg import LinearOperator, lsqr

    if not is_concrete(span):
        raise TypeError("`method` is 'lsqr' under a JAX transformation; wanted 'dense' there.")
    dtype = span.residual.dtype
    forward = LinearOperator(
        (span.residual.size, span.parameters),
        matvec=lambda flat: np.asarray(_pushed(span, jnp.asarray(flat, dtype))).ravel(),
        rmatvec=lambda flat: np.asarray(_pulled(span, jnp.asarray(flat, dtype).reshape(span.residual.shape))),
        dtype=dtype,
    )
    tolerance = float(jnp.finfo(dtype).eps)
    target = np.asarray(span.residual, np.float64).ravel()
    solution, status, *_ = lsqr(forward, target, atol=tolerance, btol=tolerance, conlim=0, iter_lim=PASSES)
    return jnp.asarray(solution, dtype), jnp.asarray(status != 7)


_pushed = eqx.filter_jit(Span.change)
_pulled = eqx.filter_jit(Span.pulled)


@eqx.filter_jit
def _judged(span: Span, flat: jax.Array, converged: jax.Array) -> BestAlignment:
    """What the factors reach."""
    moved, residual = span.change(flat), span.residual
    left = jnp.linalg.norm(residual - moved) <= math.sqrt(jnp.finfo(moved.dtype).eps) * jnp.linalg.norm(residual)
    whole = partial(jnp.reshape, shape=(-1, 1))
    alignment = cosine(whole(residual), whole(moved))[0]
    return BestAlignment(alignment, cosine(residual, moved), span.factors(flat), left, converged)


def _single(learning: Learning) -> bool:
    return learning.problem.x.ndim == 1
