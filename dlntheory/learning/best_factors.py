r"""The best target alignment that matrices on the right of the weight updates can reach, Theorem 2's among them.

With ``ΔW_l A_l`` in the place of ``ΔW_l`` the prediction change is ``Σ_l D_l ΔW_l A_l φ_l(X̂_{l-1})``, linear in the
``A_l``. Alignment does not depend on the change's size. So over all ``A_l`` the cosine with the batch's residual is
largest at the projection of the residual onto the changes that can be reached: a problem of least squares.
"""

import math
from typing import Any, Literal, TypedDict, Unpack, get_args

import numpy as np
from jaxtyping import Bool, Float

from ..equilibria.equilibrium import Solver
from ..networks.network import LinearNetwork
from ..networks.passes import backward_sweep, first_order_change
from ..numerics.algebra import Array, Matrix, column_norms, default_rcond, epsilon, ratio
from ..numerics.checks import one_of
from ..numerics.kinds import compiled, each_of, is_concrete, namespace
from ..numerics.options import takes
from ..numerics.precision import refuse_overflow
from ..numerics.record import Record, with_fields
from .alignment import cosine, resized_signals
from .problem import OPTIONS, Learning, as_learning, changes_of, settled, signals_of
from .rescaling import rescale
from .rules import RULES

Method = Literal["auto", "dense", "lsqr"]
METHODS: tuple[str, ...] = get_args(Method)
DENSE = 2**23
"""Up to so many numbers ``"auto"`` decomposes the matrix of the least-squares problem."""
PASSES = 10_000
"""Products with it, and with its transpose, after which LSQR gives up."""


class BestAlignment(Record):
    r"""The best alignment that matrices on the right of the updates can reach.

    Attributes:
        alignment: the cosine between the whole batch's residual and its prediction change, the largest possible.
        sample_alignment: the cosine of each sample there, ``(B,)``. Their mean is not what is maximised.
        factors: the ``A_l`` of least norm that reach it; shaped like `decorrelation_matrices`.
        exact: whether the alignment is one to the precision of the arithmetic: what is left of the residual is at
            most the root of machine epsilon of it.
        converged: whether the least-squares problem was solved; if not, ``alignment`` is a lower bound.
    """

    alignment: Float[Array, ""]
    sample_alignment: Float[Array, "*B"]
    factors: tuple[Float[Array, "..."], ...]
    exact: Bool[Array, ""]
    converged: Bool[Array, ""]


class FactorOptions(TypedDict, total=False):
    """The options of `best_alignment`."""

    covariances: Any
    nudge: Any
    solver: Solver
    rcond: float | None


@takes(FactorOptions, OPTIONS)
def best_alignment(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Literal["pc", "bp"] = "pc",
    method: Method = "auto",
    **options: Unpack[FactorOptions],
) -> BestAlignment:
    r"""The best target alignment of a batch over all factors ``A_l`` in ``ΔW_l A_l``, one per layer.

    Theorem 2's own factors never reach more. An alignment of one is reached if and only if the residual lies in the
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
        docs/theory.md, statement 5.14; beyond Sample Efficiency, Theorem 2.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]]])
        >>> x, y = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]
        >>> best = best_alignment(net, x, y)
        >>> round(float(best.alignment), 3), bool(best.exact)
        (0.991, False)
    """
    one_of("rule", rule, ("pc", "bp"))
    one_of("method", method, METHODS)
    learning = settled(as_learning(net, x, y, rule, None, options, RULES))
    if not all(layer.has_features for layer in learning.problem.layers):
        raise ValueError("`net` has a chain of weights that share an error; wanted layers of one weight each.")
    span = _factor_map(learning)
    if method == "auto":
        method = "dense" if span.residual.size * span.parameters <= DENSE else "lsqr"
    factors, converged = _dense(span, learning.options.rcond) if method == "dense" else _lsqr(span)
    found = _judged(span, factors, converged)
    refuse_overflow("factors", found.factors)
    return with_fields(found, sample_alignment=found.sample_alignment[0]) if learning.problem.x.ndim == 1 else found


class FactorMap(Record):
    """The linear map from factors to prediction changes, and the residual to be reached.

    The changes are those of signals of size one: the updates over their ``size``.
    """

    layers: tuple[Any, ...]
    changes: tuple[Matrix, ...]
    predicted: tuple[Matrix, ...]
    residual: Matrix
    size: Any

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each factor: square, with a row per column of the extended weight, and one factor per group."""
        return [(*change.shape[:-2], change.shape[-1], change.shape[-1]) for change in self.changes]

    @property
    def parameters(self) -> int:
        """Numbers in all factors."""
        return sum(map(math.prod, self.shapes))

    def change(self, flat: Array) -> Matrix:
        """The prediction change, from the factors' numbers one after another."""
        return first_order_change(self.layers, rescale(self.changes, self.factors(flat)), self.predicted)

    def factors(self, flat: Array) -> tuple[Array, ...]:
        """The numbers in their places."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        parts = zip(namespace(flat).split(flat, ends), self.shapes, strict=True)
        return tuple(part.reshape(shape) for part, shape in parts)

    def pulled(self, columns: Matrix) -> Array:
        """The transposed map."""
        parts = zip(self.layers, self.changes, backward_sweep(self.layers, columns), self.predicted, strict=False)
        pulled = [
            (change.swapaxes(-1, -2) @ layer.weight_update(error, activity)).ravel()
            for layer, change, error, activity in parts
        ]
        return namespace(columns).concatenate(pulled)


@compiled
def _factor_map(learning: Learning) -> FactorMap:
    signals = signals_of(learning)
    resized, size = resized_signals(learning)
    changes = changes_of(learning, resized)
    return FactorMap(learning.problem.layers, tuple(changes), tuple(signals.feedforward), signals.residual, size)


@compiled
def _dense(span: FactorMap, rcond: float | None) -> tuple[Array, Array]:
    """The factors of least norm, from the matrix of the map."""
    residual = span.residual
    xp = namespace(residual)
    units = xp.eye(residual.size, dtype=residual.dtype).reshape(-1, *residual.shape)
    rows = refuse_overflow("derivatives of the prediction change", each_of(span.pulled, units))
    left, values, right = xp.linalg.svd(rows, full_matrices=False)
    smallest = (default_rcond(rows) if rcond is None else rcond) * values[0]
    kept = xp.where(values > smallest, values, xp.zeros_like(values))
    return right.T @ ratio(left.T @ residual.ravel(), kept), xp.asarray(True)


def _lsqr(span: FactorMap) -> tuple[Array, Array]:
    """The same by Golub and Kahan's bidiagonalisation."""
    from scipy.sparse.linalg import LinearOperator, lsqr

    if not is_concrete(span):
        raise TypeError("`method` is 'lsqr' under a JAX transformation; wanted 'dense' there.")
    xp, dtype = namespace(span.residual), span.residual.dtype
    forward = LinearOperator(
        (span.residual.size, span.parameters),
        matvec=lambda flat: np.asarray(_pushed(span, xp.asarray(flat, dtype))).ravel(),
        rmatvec=lambda flat: np.asarray(_pulled(span, xp.asarray(flat, dtype).reshape(span.residual.shape))),
        dtype=dtype,
    )
    tolerance = epsilon(dtype)
    target = np.asarray(span.residual, np.float64).ravel()
    solution, status, *_ = lsqr(forward, target, atol=tolerance, btol=tolerance, conlim=0, iter_lim=PASSES)
    return xp.asarray(solution, dtype), xp.asarray(status != 7)


_pushed = compiled(FactorMap.change)
_pulled = compiled(FactorMap.pulled)


@compiled
def _judged(span: FactorMap, flat: Array, converged: Array) -> BestAlignment:
    """The alignment that the factors reach."""
    moved, residual = span.change(flat), span.residual
    whole, own = residual.reshape(-1, 1), moved.reshape(-1, 1)
    left = column_norms(whole - own) <= math.sqrt(epsilon(moved.dtype)) * column_norms(whole)
    factors = tuple(factor / span.size for factor in span.factors(flat))
    return BestAlignment(cosine(whole, own)[0], cosine(residual, moved), factors, left[0], converged)
