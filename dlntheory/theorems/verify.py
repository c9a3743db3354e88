r"""The theorems as checks: each hypothesis evaluated on a network and data, the conclusion's error, and a verdict.

A verdict is about numbers, so every question is decided by a threshold that rounding explains: the machine
epsilon times the conditioning of the matrices that the statement inverts. The forms that the papers print wrongly
are here too, and fail.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

import numpy as np

from ..equilibria.equilibrium import Solver
from ..learning.adaptive_rates import learning_rates
from ..learning.alignment import cosine
from ..learning.decorrelation import decorrelations
from ..learning.rules import Signals
from ..networks.layer import Layer, Shape
from ..networks.network import LinearNetwork, as_network
from ..numerics.algebra import epsilon
from ..numerics.checks import kept, one_of
from ..numerics.options import takes
from ..numerics.precision import PrecisionError, refuse_overflow
from ..numerics.record import Record, static, with_fields
from .conclusions import Conclusion, interference_free_learning, output_precision, rescaled_learning, spiked_errors
from .explanation import remedies
from .hypotheses import (
    DECIDABLE,
    Hypotheses,
    Hypothesis,
    failed,
    nonzero_means,
    nonzero_products,
    norms,
    ranks_and_rows,
    small_batch,
)


class Verdict(Record):
    """The result of `verify`; ``print`` shows it, and `explain` says what would make the theorem apply.

    Attributes:
        theorem: which statement.
        statement: the statement in one line, with its source.
        holds: whether the conclusion holds within the tolerance, on this network and data.
        applicable: whether every hypothesis holds here.
        hypotheses: name → (holds, value, threshold).
        error: the largest relative distance, over the samples, between outcome and claim: ``‖dŷ − r‖ / ‖r‖``
            for Theorems 1 and 2 and their printed forms. The residual of a fitted sample is nothing but rounding: the
            claim is then zero, and the error is relative to the terms of ``dŷ``.
        tolerance: the error that rounding explains: a small constant × epsilon × conditioning.
        alignment: the cosine between outcome and claim for every sample, ``(B,)``: the target alignment,
            where the claim is about predictions. NaN for a sample that is fitted.
        detail: one plain-language paragraph.
    """

    theorem: int | str = static()
    statement: str = static()
    holds: bool = static()
    applicable: bool = static()
    hypotheses: Hypotheses = static()
    error: float = static()
    tolerance: float = static()
    alignment: np.ndarray
    detail: str = static()
    _applies: Callable[[slice], bool] = static()

    def explain(self) -> str:
        """The smallest changes of batch, rank or layer with which the theorem would apply, a line for each.

        Whether it applies to a part of the batch is tried out: by halving for a theorem about a batch, sample by
        sample for one about single samples. So this costs a few times what `verify` did, or one check per sample.

        Example:
            >>> net = LinearNetwork.random([4, 3, 4], key=0)
            >>> x, y = np.random.default_rng(0).normal(size=(2, 6, 4))
            >>> print(verify(net, x, y, theorem=2).explain())
            Batch: it applies to the first 3 samples together, not to the first 4; the batch has 6.
            Rank: the inputs of layer 2 span 3 directions, and 6 hold every residual of 6 samples: 3 more.
            Layer: layers 1, 2 need inputs of 6 units and more, and as many independent samples.
        """
        if self.applicable:
            return "Nothing needs to change: every hypothesis holds."
        return "\n".join(remedies(self.theorem, self.hypotheses, len(self.alignment), self._applies))

    def _facts(self) -> dict[str, Any]:
        defined = self.alignment[~np.isnan(self.alignment)]
        return {
            "theorem": self.theorem, "applicable": self.applicable, "holds": self.holds, "error": self.error,
            "tolerance": self.tolerance, "samples": len(self.alignment),
            "alignment": float(defined.mean()) if defined.size else None,
        }  # fmt: skip

    def _columns(self) -> dict[str, Any]:
        found = self.hypotheses.values()
        return {
            "hypothesis": list(self.hypotheses), "fulfilled": [each.holds for each in found],
            "value": [each.value for each in found], "threshold": [each.threshold for each in found],
        }  # fmt: skip

    def _remark(self) -> str:
        return self.detail


class Statement(NamedTuple):
    """A statement in words, the function for both sides of its claim, the name of their quantity, and its options."""

    text: str
    conclude: Callable[..., Conclusion]
    subject: str = "prediction change"
    options: tuple[str, ...] = ("covariances", "solver", "rcond")


Theorem = Literal[
    1, 2, 3, "spike", "nudging", "printed-1", "printed-2", "printed-residual", "printed-spike", "printed-nudging"
]


class TheoremOptions(TypedDict, total=False):
    """The options of `verify`."""

    covariances: Any
    solver: Solver
    rcond: float | None
    step_size: Any
    nudge: Any


OPTIONS: TheoremOptions = {"covariances": None, "solver": "auto", "rcond": None, "step_size": 0.1, "nudge": 0.5}
"""Their defaults, where the theorem takes them."""


@takes(TheoremOptions, OPTIONS)
def verify(net: LinearNetwork, x: Any, y: Any, theorem: Theorem = 1, **options: Unpack[TheoremOptions]) -> Verdict:
    r"""Check a theorem on a network and data: its hypotheses, its conclusion, and what decided each.

    - ``1``: with the adaptive learning rates, a predictive-coding update of one sample moves its prediction by
      exactly the residual, if ``x*_{l-1}ᵀ x̂_{l-1} ≠ 0`` in every layer. Every sample of the batch is taken on its own.
    - ``2``: with the decorrelation matrices, an update of the batch moves every prediction by exactly its residual, if
      in every layer ``rank(X̂_{l-1} X*_{l-1}ᵀ) = rank X̂_{l-1}``, and the rows of ``R`` lie in the row space of
      ``X̂_{l-1}``.
    - ``3``: with covariances ``Σ_l ∝ x*_{l-1}ᵀ x̂_{l-1}``, a plain update of one sample moves its prediction straight
      towards the target. The covariances are ``covariances=``, or the result of `interference_free_covariances` for
      each sample; where it finds none, a hypothesis says so.
    - ``"spike"``: in inference with spiking precision, the error that stands at layer ``l`` at time ``L − l`` is
      backpropagation's ``D_lᵀ r``.
    - ``"nudging"``: an output precision of ``β`` is a soft output of strength ``β / (1 − β)``.
    - ``"printed-1"``: Theorem 1 for a batch with the rates of equation 24 as printed (false for more than one sample).
    - ``"printed-2"``: Theorem 2 with the factor of equations 27 and 50 as printed, which is transposed (false).
    - ``"printed-residual"``: appendix I's rates ``1/(x*_{l-1}ᵀ x*_{l-1})`` for residual networks as printed (false).
    - ``"printed-spike"``: spiking precision with time counted from 1, as printed (false).
    - ``"printed-nudging"``: an output precision of ``β`` is a clamp nudged by ``β``, as printed (false).

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        theorem: which statement.
        **options: ``covariances=`` (scalars) and ``solver=`` as in `weight_updates`, and ``rcond=`` for Theorems 1 and
            2; for spikes ``step_size=`` (0.1) and ``covariances=``; for nudging ``nudge=``, the ``β`` between 0 and 1
            (0.5), and ``solver=``.

    Returns:
        The verdict. Where the tolerance exceeds 1e-3, the precision does not decide the conclusion, and a
        hypothesis says so.

    Raises:
        ValueError: for an unknown theorem, or an option that it does not take; otherwise as `weight_updates`.
        TypeError: as `weight_updates`.
        PrecisionError: as `equilibrium`.

    Source:
        Sample Efficiency, Theorems 1 and 2; docs/theory.md has the sharp hypotheses of Theorem 2
        (statement 3.6), Theorem 3, which is this library's (5.2), nudging (4.4) and spikes (5.5); what is printed:
        docs/errata.md.

    Example:
        >>> net = LinearNetwork.random([4, 3, 4], key=0)
        >>> verdict = verify(net, [1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0], theorem=1)
        >>> verdict.holds, verdict.applicable
        (True, True)
    """
    net = as_network("net", net)
    key = {str(each): each for each in STATEMENTS}[one_of("theorem", str(theorem), map(str, STATEMENTS))]
    statement = STATEMENTS[key]
    unknown = set(options) - set(statement.options)
    if unknown:
        raise ValueError(f"`verify` got the options {sorted(unknown)}; wanted {' or '.join(statement.options)}.")
    refuse_overflow("predictions", net(x))
    with np.errstate(all="ignore"):
        conclusion = statement.conclude(net, x, y, **options)
    tolerance = 8 * net.depth * epsilon(conclusion.actual.dtype) * conclusion.condition
    precise = Hypothesis(tolerance <= DECIDABLE, tolerance, DECIDABLE)
    hypotheses = conclusion.hypotheses | {"precision: tolerance ≤ 1e-3": precise}
    with np.errstate(invalid="ignore"):
        error = float(np.max(norms(conclusion.actual - conclusion.claimed) / conclusion.sizes))
    applicable = all(each.holds for each in hypotheses.values())
    if applicable and not np.isfinite(error):
        raise PrecisionError(f"numbers are out of range in {conclusion.actual.dtype}. Scale the weights or the data.")
    given: Any = {name: kept(value) for name, value in options.items()}
    verdict = Verdict(
        theorem=key,
        statement=statement.text,
        holds=bool(error <= min(tolerance, DECIDABLE)),
        applicable=applicable,
        hypotheses=hypotheses,
        error=error if np.isfinite(error) else float("inf"),
        tolerance=tolerance,
        alignment=np.asarray(cosine(conclusion.claimed, conclusion.actual)),
        detail="",
        _applies=partial(_applies_to, net, _as_rows(x, net.shapes[0]), _as_rows(y, net.shapes[-1]), theorem, given),
    )
    return with_fields(verdict, detail=_explain(verdict, statement.subject, conclusion.remark))


def _as_rows(samples: Any, shape: Shape) -> np.ndarray:
    """A batch of its own memory; one sample is a batch of one."""
    array = np.array(samples)
    return array[None] if array.ndim == len(shape) else array


def _applies_to(
    net: LinearNetwork, x: np.ndarray, y: np.ndarray, theorem: Theorem, options: TheoremOptions, part: slice
) -> bool:
    return verify(net, x[part], y[part], theorem, **options).applicable


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
    return [matrix.mT for matrix in decorrelations(layers, signals, rcond=rcond)]


def _rescaled(factors: Callable[..., list[Any]], check: Any, one_by_one: bool) -> Callable[..., Conclusion]:
    return partial(rescaled_learning, factors=factors, check=check, one_by_one=one_by_one)


STATEMENTS: dict[int | str, Statement] = {
    1: Statement(
        "With learning rates 1/(x*ᵀx̂) in every layer, predictive coding moves the prediction for a single sample by "
        "exactly its residual (Sample Efficiency, Theorem 1).",
        _rescaled(_rates, nonzero_products, one_by_one=True),
    ),
    2: Statement(
        "With decorrelation matrices (mean x̂x*ᵀ)⁺ in every layer, predictive coding moves the predictions for a batch "
        "by exactly their residuals (Sample Efficiency, Theorem 2, with its factor and hypotheses corrected).",
        _rescaled(_matrices, ranks_and_rows, one_by_one=False),
    ),
    3: Statement(
        "With covariances proportional to x*ᵀx̂ in every layer, plain predictive coding moves the prediction for a "
        "single sample straight towards its target.",
        interference_free_learning, "direction of the prediction change", ("covariances", "solver"),
    ),
    "spike": Statement(
        "With spiking precision and time counted from 0, the error that stands at layer l at time L − l is "
        "backpropagation's (Deeper PCNs, equation 4).",
        partial(spiked_errors, first_time=0), "arriving errors", ("step_size", "covariances"),
    ),
    "nudging": Statement(
        "An output precision of β settles where a soft output of strength β/(1 − β) does.",
        partial(output_precision, nudged=False), "multiplier", ("nudge", "solver"),
    ),
    "printed-1": Statement(
        "Theorem 1 for a batch, with the learning rates 1/mean(x*ᵀx̂) of equation 24 as printed.",
        _rescaled(_rates, nonzero_means, one_by_one=False),
    ),
    "printed-2": Statement(
        "Theorem 2 with the decorrelation matrices (mean x*x̂ᵀ)⁺ of equations 27 and 50 as printed.",
        _rescaled(_printed_matrices, small_batch, one_by_one=False),
    ),
    "printed-residual": Statement(
        "Theorem 1 with the learning rates 1/(x*ᵀx*) that appendix I prints for residual networks.",
        _rescaled(_printed_residual_rates, nonzero_products, one_by_one=True),
    ),
    "printed-spike": Statement(
        "Spiking precision with time counted from 1, as the algorithm of Deeper PCNs prints it: the spike meets the "
        "error that travels down.",
        partial(spiked_errors, first_time=1), "arriving errors", ("step_size", "covariances"),
    ),
    "printed-nudging": Statement(
        "An output precision of β settles where an output nudged by β does (Deeper PCNs, section 3, as printed).",
        partial(output_precision, nudged=True), "multiplier", ("nudge", "solver"),
    ),
}  # fmt: skip


def _explain(verdict: Verdict, subject: str, remark: str) -> str:
    """The verdict in a paragraph."""
    unmet = failed(verdict.hypotheses)
    premise = f"These hypotheses fail: {'; '.join(unmet)}." if unmet else "Every hypothesis holds."
    outcome = "holds" if verdict.holds else "does not hold"
    defined = verdict.alignment[~np.isnan(verdict.alignment)]
    alignment = f"{defined.mean():.6f} on average" if defined.size else "undefined"
    numbers = (
        f"The conclusion {outcome}: the largest relative error of the {subject} is {verdict.error:.1e}, the "
        f"tolerance {verdict.tolerance:.1e}, and the alignment {alignment}."
    )
    return " ".join(part for part in (verdict.statement, premise, numbers, remark) if part)
