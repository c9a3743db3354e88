r"""The theorems as checks: each hypothesis evaluated on a network and data, the conclusion's error, and a verdict.

A verdict is about numbers, so every question is decided by a threshold that rounding explains: the machine
epsilon times the conditioning of the matrices that the statement inverts. The forms that the papers print wrongly
are here too, and fail.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .alignment import cosine, first_order_change
from .checks import one_of
from .covariance import downstream_maps
from .hypotheses import (
    DECIDABLE,
    Check,
    Hypotheses,
    Hypothesis,
    negative_layers,
    nonzero_means,
    nonzero_products,
    norms,
    ranks_and_rows,
    small_batch,
)
from .layers import Layer
from .learning_rules import Signals, local_updates
from .network import LinearNetwork
from .rescaling import decorrelations, learning_rates, rescale
from .system import scale_all
from .updates import Learning, prepare, signals_of


class Verdict(NamedTuple):
    """What `verify` found.

    Attributes:
        theorem: which statement.
        statement: the statement in one line, with its source.
        holds: whether the conclusion holds within the tolerance, on this network and data.
        applicable: whether every hypothesis holds here.
        hypotheses: name → (holds, value, threshold).
        error: the largest ``‖dŷ − r‖ / ‖r‖`` over the samples.
        tolerance: what rounding explains: a small constant × epsilon × conditioning.
        alignment: the target alignment of every sample, ``(B,)``.
        detail: one plain-language paragraph.
    """

    theorem: int | str
    statement: str
    holds: bool
    applicable: bool
    hypotheses: Hypotheses
    error: float
    tolerance: float
    alignment: np.ndarray
    detail: str


class Statement(NamedTuple):
    """How a statement rescales each layer's update, and when its conclusion ``dŷ = r`` is said to follow."""

    text: str
    factors: Callable[[Sequence[Layer], Signals, float | None], list[Any]]
    hypotheses: Check
    one_by_one: bool


def verify(net: LinearNetwork, x: Any, y: Any, theorem: int | str = 1, **options: Any) -> Verdict:
    r"""Check a theorem on a network and data: its hypotheses, its conclusion, and what decided each.

    - ``1``: with the adaptive learning rates, a predictive-coding update of one sample moves its prediction by
      exactly the residual, if ``x*_{l-1}ᵀ x̂_{l-1} ≠ 0`` in every layer. Every sample of the batch is taken on its own.
    - ``2``: with the decorrelation matrices, an update of the batch moves every prediction by exactly its residual, if
      in every layer ``rank(X̂_{l-1} X*_{l-1}ᵀ) = rank X̂_{l-1}`` and the rows of ``R`` lie in those of ``X̂_{l-1}``.
    - ``"printed-1"``: Theorem 1 for a batch with the rates of equation 24 as printed (false for more than one sample).
    - ``"printed-2"``: Theorem 2 with the factor of equations 27 and 50 as printed, which is transposed (false).
    - ``"printed-residual"``: appendix I's rates ``1/(x*_{l-1}ᵀ x*_{l-1})`` for residual networks as printed (false).

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        theorem: which statement.
        **options: ``covariances=`` (scalars), ``solver=`` and ``rcond=`` as in `weight_updates`.

    Returns:
        The verdict. Where the tolerance exceeds 1e-3, the precision does not decide the conclusion, and a
        hypothesis says so.

    Raises:
        ValueError: for an unknown theorem, or as `weight_updates`.
        TypeError: as `weight_updates`.
        PrecisionError: as `equilibrium`.

    Source:
        Sample Efficiency, Theorems 1 and 2; the sharp hypotheses of Theorem 2: THEORY, erratum 2.

    Example:
        >>> net = LinearNetwork.random([4, 3, 4], key=0)
        >>> verdict = verify(net, [1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0], theorem=1)
        >>> verdict.holds, verdict.applicable
        (True, True)
    """
    key = {str(each): each for each in STATEMENTS}[one_of("theorem", str(theorem), map(str, STATEMENTS))]
    unknown = set(options) - {"covariances", "solver", "rcond"}
    if unknown:
        raise ValueError(f"`verify` got the options {sorted(unknown)}; wanted covariances, solver or rcond.")
    learning = prepare(net, x, y, "pc", "adaptive", **options)
    statement, signals = STATEMENTS[key], signals_of(learning)
    moved = _moved(learning, signals, statement)
    hypotheses, condition = statement.hypotheses(net.layers, signals, learning.options.rcond)
    condition *= _amplification(learning, signals, statement.one_by_one)
    tolerance = 8 * net.depth * float(jnp.finfo(moved.dtype).eps) * condition
    hypotheses["precision: tolerance ≤ 1e-3"] = Hypothesis(tolerance <= DECIDABLE, tolerance, DECIDABLE)
    error = _relative_error(moved, signals.residual)
    verdict = Verdict(
        theorem=key,
        statement=statement.text,
        holds=bool(error <= min(tolerance, DECIDABLE)),
        applicable=all(each.holds for each in hypotheses.values()),
        hypotheses=hypotheses,
        error=error,
        tolerance=tolerance,
        alignment=np.asarray(cosine(signals.residual, moved)),
        detail="",
    )
    climbing = negative_layers(net.layers, signals) if statement.one_by_one else []
    return verdict._replace(detail=_explain(verdict, climbing))


@eqx.filter_jit
def _moved(learning: Learning, signals: Signals, statement: Statement) -> jax.Array:
    """The prediction change, of the batch's update or of each sample's own."""
    problem, rcond = learning.problem, learning.options.rcond

    def change(some: Signals) -> jax.Array:
        factors = statement.factors(problem.layers, some, rcond)
        factors = [
            factor if covariance is None else covariance * factor
            for covariance, factor in zip(problem.covariances, factors, strict=True)
        ]
        changes = rescale(local_updates(problem.layers, some), factors)
        return first_order_change(problem.layers, changes, some.feedforward)

    if not statement.one_by_one:
        return change(signals)

    def change_one(sample: Signals) -> jax.Array:
        return change(jax.tree.map(lambda each: each[:, None], sample))[:, 0]

    return jax.vmap(change_one, in_axes=1, out_axes=1)(signals)


def _relative_error(moved: jax.Array, residual: jax.Array) -> float:
    """The largest ``‖dŷ − r‖ / ‖r‖``; a sample without a residual must not move."""
    errors, sizes = norms(moved - residual), norms(residual)
    relative = np.where(sizes > 0, errors / np.where(sizes > 0, sizes, 1), np.where(errors > 0, np.inf, 0))
    return float(np.max(relative)) if np.isfinite(relative).all() else float("inf")


def _amplification(learning: Learning, signals: Signals, one_by_one: bool) -> float:
    """How much rounding grows on the way to the output, relative to the residual of the worst sample.

    ``(‖y‖ + ‖ŷ‖ + Σ_l ‖D_l‖ ‖ε_l‖) / ‖r‖``, with the whole batch's numerator where samples share an update.
    """
    layers, covariances = learning.problem.layers, learning.problem.covariances
    sizes = norms(signals.feedforward[-1]) + norms(signals.residual + signals.feedforward[-1])
    for downstream, noise in zip(downstream_maps(layers), scale_all(covariances, signals.errors), strict=True):
        sizes = sizes + float(np.linalg.norm(np.asarray(downstream), 2)) * norms(noise)
    if not one_by_one:
        sizes = np.full_like(sizes, np.linalg.norm(sizes))
    residuals = norms(signals.residual)
    return float(np.max(np.where(residuals > 0, sizes / np.where(residuals > 0, residuals, 1), 1)))


def _rates(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> list[Any]:
    """Theorem 1: ``1 / mean_b(x*_{l-1}ᵀ x̂_{l-1})``, exact for one sample."""
    return learning_rates(layers, signals)


def _printed_residual_rates(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> list[Any]:
    """Appendix I: ``1 / (x*_{l-1}ᵀ x*_{l-1})``."""
    return learning_rates(layers, signals, positive=True)


def _matrices(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> list[Any]:
    """Theorem 2: ``(mean_b x̂_{l-1} x*_{l-1}ᵀ)⁺``."""
    return decorrelations(layers, signals, rcond=rcond)


def _printed_matrices(layers: Sequence[Layer], signals: Signals, rcond: float | None) -> list[Any]:
    """Equations 27 and 50: ``(mean_b x*_{l-1} x̂_{l-1}ᵀ)⁺``."""
    return [matrix.T for matrix in decorrelations(layers, signals, rcond=rcond)]


STATEMENTS: dict[int | str, Statement] = {
    1: Statement(
        "With learning rates 1/(x*ᵀx̂) in every layer, predictive coding moves the prediction for a single sample by "
        "exactly its residual (Sample Efficiency, Theorem 1).",
        _rates, nonzero_products, one_by_one=True,
    ),
    2: Statement(
        "With decorrelation matrices (mean x̂x*ᵀ)⁺ in every layer, predictive coding moves the predictions for a batch "
        "by exactly their residuals (Sample Efficiency, Theorem 2, with its factor and hypotheses corrected).",
        _matrices, ranks_and_rows, one_by_one=False,
    ),
    "printed-1": Statement(
        "Theorem 1 for a batch, with the learning rates 1/mean(x*ᵀx̂) of equation 24 as printed.",
        _rates, nonzero_means, one_by_one=False,
    ),
    "printed-2": Statement(
        "Theorem 2 with the decorrelation matrices (mean x*x̂ᵀ)⁺ of equations 27 and 50 as printed.",
        _printed_matrices, small_batch, one_by_one=False,
    ),
    "printed-residual": Statement(
        "Theorem 1 with the learning rates 1/(x*ᵀx*) that appendix I prints for residual networks.",
        _printed_residual_rates, nonzero_products, one_by_one=True,
    ),
}  # fmt: skip


def _explain(verdict: Verdict, climbing: list[int]) -> str:
    """The verdict in a paragraph; ``climbing`` are the layers whose ``x*ᵀx̂`` is negative for some sample."""
    failed = [name for name, each in verdict.hypotheses.items() if not each.holds]
    premise = f"These hypotheses fail: {'; '.join(failed)}." if failed else "Every hypothesis holds."
    outcome = "holds" if verdict.holds else "does not hold"
    defined = verdict.alignment[~np.isnan(verdict.alignment)]
    alignment = f"{defined.mean():.6f} on average" if defined.size else "undefined"
    numbers = (
        f"The conclusion {outcome}: the largest relative error of the prediction change is {verdict.error:.1e}, the "
        f"tolerance {verdict.tolerance:.1e}, and the target alignment {alignment}."
    )
    layers = ", ".join(map(str, climbing))
    warning = f" In layers {layers} x*ᵀx̂ is negative: there the update climbs the energy." if climbing else ""
    return f"{verdict.statement} {premise} {numbers}{warning}"
