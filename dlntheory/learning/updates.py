"""Weight and bias updates of every learning rule and rescaling, and the rescalings themselves: the interface."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np
from jaxtyping import Float

from ..equilibria.covariance import Covariances
from ..equilibria.equilibrium import SOLVERS, Solver, settle_problem
from ..equilibria.nudging import SoftOutput
from ..equilibria.problem import PrecisionError, Problem, as_problem
from ..equilibria.settling import Settled
from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..networks.samples import as_columns
from ..numerics.algebra import Array, Matrix, magnitude, sign
from ..numerics.checks import as_number, one_of
from ..numerics.kinds import compiled, is_concrete, leaves, namespace
from ..numerics.options import refuse_others, takes
from ..numerics.record import Record, static
from .decorrelation import SpectralRegularisation
from .rescaling import RESCALINGS, Rescaling, rescale, rescaling_factors
from .rules import (
    EVERY_RULE,
    FISHERS,
    RULES,
    SETTLED,
    Fisher,
    Rule,
    Signals,
    backpropagation_signals,
    evidence_updates,
    full_natural_updates,
    local_updates,
    natural_updates,
)


class Options(Record):
    """Checked options of an update."""

    solver: str = static(default="auto")
    rcond: float | None = static(default=None)
    regularisation: Any = static(default=None)
    fisher: str = static(default="layerwise")


class State(NamedTuple):
    """The factors of a local rule as columns, and the feedforward pass."""

    weighted_errors: Sequence[Matrix]
    activities: Sequence[Matrix]
    predicted: Sequence[Matrix]
    residual: Matrix


class Learning(NamedTuple):
    """A checked problem with its rule, ready to compute with; the state that predictive coding learns at."""

    problem: Problem
    state: Settled | State | None
    options: Options
    rule: str
    rescaling: str | None


class UpdateOptions(TypedDict, total=False):
    """The options of `weight_updates` and the functions like it."""

    covariances: Any
    nudge: Any
    solver: Solver
    rcond: float | None
    regularisation: float | SpectralRegularisation | None
    fisher: Fisher


OPTIONS: UpdateOptions = {
    "covariances": None, "nudge": None, "solver": "auto", "rcond": None, "regularisation": None, "fisher": "layerwise",
}  # fmt: skip
"""Their defaults."""


def prepare(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: str,
    rescaling: str | None,
    given: Mapping[str, Any],
    rules: Sequence[str] = RULES,
) -> Learning:
    """Check everything, and find the equilibrium that predictive coding learns at."""
    options = as_options(rule, rescaling, given, rules)
    problem = as_problem(net, x, y, given.get("covariances"), given.get("nudge"))
    check_rescalable(rule, rescaling, problem.covariances, problem.layers)
    settled = settle_problem(problem, options.solver, energy=False) if rule in SETTLED else None
    return Learning(problem, settled, options, rule, rescaling)


def check_rescalable(rule: str, rescaling: str | None, covariances: Covariances, layers: Sequence[Layer]) -> None:
    """Refuse a rescaling of several weights that share an error, or of predictive coding with matrix covariances."""
    if rescaling is not None and not all(layer.has_features for layer in layers):
        raise ValueError(f"`rescaling` is {rescaling!r} but a chain of weights shares an error; wanted None.")
    matrix = any(np.ndim(each) == 2 for each in covariances if each is not None)
    if rule == "pc" and rescaling is not None and matrix:
        raise ValueError("`covariances` holds a matrix; wanted scalars with a rescaling.")


def as_options(rule: str, rescaling: str | None, given: Mapping[str, Any], rules: Sequence[str] = RULES) -> Options:
    """Check a rule, its rescaling and its options; ``covariances`` and ``nudge`` are checked with the network."""
    one_of("rule", rule, rules)
    one_of("rescaling", rescaling, RESCALINGS)
    if rule in ("natural", "evidence") and rescaling is not None:
        raise ValueError(f"`rescaling` is {rescaling!r} with rule={rule!r}; wanted None.")
    if rule == "evidence" and given.get("nudge") is not None:
        raise ValueError("`nudge` is given with rule='evidence', the likelihood of a clamped output; wanted None.")
    refuse_others(given, OPTIONS)
    return Options(
        one_of("solver", given.get("solver", "auto"), SOLVERS), _as_rcond(given.get("rcond")),
        _as_regularisation(given.get("regularisation")), one_of("fisher", given.get("fisher", "layerwise"), FISHERS),
    )  # fmt: skip


def _as_rcond(rcond: Any) -> float | None:
    if rcond is None:
        return None
    value = as_number("rcond", rcond)
    if not 0 <= value < 1:
        raise ValueError(f"`rcond` is {rcond}; wanted a number from 0 to 1.")
    return value


def _as_regularisation(regularisation: Any) -> SpectralRegularisation | None:
    if regularisation is None or isinstance(regularisation, SpectralRegularisation):
        return regularisation
    return SpectralRegularisation(regularisation)


def signals_of(learning: Learning) -> Signals:
    """The errors and activities that the rule multiplies, as columns."""
    layers, state = learning.problem.layers, learning.state
    if state is None:
        return backpropagation_signals(layers, as_columns(learning.problem.x), as_columns(learning.problem.y))
    return Signals(state.weighted_errors, state.activities[: len(layers)], state.predicted, state.residual)


def factors_of(learning: Learning, signals: Signals) -> list[Any]:
    """The rescaling's factors, one per layer, with the layer's scalar covariance where it is predictive coding's."""
    layers, options = learning.problem.layers, learning.options
    rescaling: Any = learning.rescaling
    factors = rescaling_factors(rescaling, layers, signals, options.regularisation, options.rcond)
    if learning.rule != "pc":
        return factors
    pairs = zip(learning.problem.covariances, factors, strict=True)
    return [factor if covariance is None else covariance * factor for covariance, factor in pairs]


def changes_of(learning: Learning, signals: Signals) -> list[Matrix]:
    """The updates of the extended weights, descent directions."""
    layers, options = learning.problem.layers, learning.options
    if learning.rule == "natural":
        natural = natural_updates if options.fisher == "layerwise" else full_natural_updates
        return natural(layers, signals.feedforward, signals.residual, options.rcond)
    changes = local_updates(layers, signals)
    if learning.rescaling is not None:
        changes = rescale(changes, factors_of(learning, signals))
    if learning.rule == "evidence":
        return evidence_updates(layers, learning.problem.covariances, changes)
    nudge = learning.problem.nudge
    if learning.rule == "pc" and nudge is not None and not isinstance(nudge, SoftOutput):
        return [sign(nudge) * change for change in changes]
    return changes


@compiled
def split_changes(learning: Learning) -> list[tuple[Any, Any]]:
    """The updates of each layer's weight and of its bias, ``None`` if the bias is not learned."""
    changes = changes_of(learning, signals_of(learning))
    return [layer.split(change) for layer, change in zip(learning.problem.layers, changes, strict=True)]


@compiled
def _factors(learning: Learning) -> list[Any]:
    return factors_of(learning, signals_of(learning))


@compiled
def _rates(learning: Learning, resized: bool = False) -> Array:
    layers, signals = learning.problem.layers, signals_of(learning)
    if resized:
        signals = signals._replace(
            activities=[_of_size_one(*each) for each in zip(layers, signals.activities, strict=True)],
            feedforward=[*(_of_size_one(*each) for each in zip(layers, signals.feedforward, strict=False)), None],
        )
    factors = factors_of(learning, signals)
    return namespace(factors[0]).stack(factors)


def _of_size_one(layer: Layer, columns: Array) -> Array:
    """An activity over a power of two, which costs no digit; as it is where features are not in proportion to it."""
    xp = namespace(columns)
    return xp.ldexp(columns, -xp.frexp(magnitude(columns))[1]) if layer.homogeneous else columns


@takes(UpdateOptions, OPTIONS)
def weight_updates(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    **options: Unpack[UpdateOptions],
) -> tuple[Any, ...]:
    r"""The weight updates of a learning rule, averaged over the batch: descent directions.

    - ``"bp"``: ``(1/B) D_lᵀ R X̂_{l-1}ᵀ``.
    - ``"pc"``: ``(1/B) D_lᵀ S⁻¹ R X*_{l-1}ᵀ = −∂E*/∂W_l``, the local rule at equilibrium.
    - ``"natural"``: ``(1/L) D_l⁺ R X̂_{l-1}⁺``, the natural gradient with a block-diagonal Fisher.
    - ``"evidence"``: predictive coding's minus ``D_lᵀ S⁻¹ D_l W_l S_{l-1}``, which is ``∂ log p(y | x)/∂W_l`` averaged
      over the batch: maximum likelihood, see `log_likelihood`.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"bp"``, ``"pc"``, ``"natural"`` or ``"evidence"``.
        rescaling: ``None``; ``"adaptive"`` (`adaptive_learning_rates`); ``"adaptive_positive"``, the rates
            ``1 / mean(x*ᵀ x*)``, which are never negative; ``"decorrelated"`` (`decorrelation_matrices`). With
            ``"natural"`` and ``"evidence"``: ``None`` only.
        **options: ``covariances=``, ``nudge=`` and ``solver=`` as in `equilibrium` (backpropagation and the natural
            gradient have no inference, and do not depend on them; a negative nudge changes the sign of the update,
            so that it stays a descent direction; the evidence is a clamped output's, without a nudge); ``rcond=``,
            the share of the largest singular value below which pseudoinverses take one for zero (default: from dtype
            and size); ``regularisation=``, ``None``, a number ``a``, or `SpectralRegularisation`, for
            ``"decorrelated"``; ``fisher=``, ``"layerwise"`` or ``"full"`` (the whole Fisher matrix's pseudoinverse;
            for small networks), for ``"natural"``.

    Returns:
        ``L`` arrays shaped like the weights; of a `Chain`, a tuple of them.

    Raises:
        ValueError: for shapes that do not match, NaN or infinity, an unknown rule or rescaling, or a rescaling
            with a matrix among the covariances.
        TypeError: for something that does not hold real numbers.
        PrecisionError: as in `equilibrium`, or where results are not finite: they overflow, or a rescaling divides by
            zero. Under ``jax.jit`` and other transformations they stay as they are.

    Source:
        Sample Efficiency, equations 7, 9, 34 and appendix G; Bernacchia et al. 2018 for the natural gradient;
        docs/generative.md, "Learning the evidence".

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> [update.tolist() for update in weight_updates(net, [1.0], [3.0], rule="bp")]
        [[[2.0]], [[2.0]]]
        >>> [update.round(6).tolist() for update in weight_updates(net, [1.0], [3.0], rule="pc")]
        [[[1.0]], [[2.0]]]
    """
    changes = split_changes(prepare(net, x, y, rule, rescaling, options, EVERY_RULE))
    return refuse_overflow("updates", tuple(weight for weight, _ in changes))


@takes(UpdateOptions, OPTIONS)
def bias_updates(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    **options: Unpack[UpdateOptions],
) -> tuple[Any, ...]:
    r"""The updates of the learned biases, averaged over the batch: descent directions.

    A learned bias is the weight of an activity that is constantly one; so it is updated by the batch mean of the
    layer's error, and a decorrelation matrix mixes it with the weights.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        **options: as in `weight_updates`.

    Returns:
        ``L`` entries: an array shaped like the bias, or ``None`` where it is not learned.

    Raises:
        ValueError: as `weight_updates`.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        docs/theory.md, statement 4.8.

    Example:
        >>> from dlntheory import Dense
        >>> net = LinearNetwork([Dense([[1.0]], learn_bias=True), Dense([[2.0]])])
        >>> [None if update is None else update.tolist() for update in bias_updates(net, [1.0], [3.0], rule="bp")]
        [[2.0], None]
    """
    changes = split_changes(prepare(net, x, y, rule, rescaling, options, EVERY_RULE))
    return refuse_overflow("updates", tuple(bias for _, bias in changes))


@takes(UpdateOptions, OPTIONS)
def adaptive_learning_rates(
    net: LinearNetwork, x: Any, y: Any, rule: Rule = "pc", **options: Unpack[UpdateOptions]
) -> Float[Array, " L"]:
    r"""The learning rates of Theorem 1, one per layer: ``1 / mean_b(x*_{l-1}ᵀ x̂_{l-1})``.

    For backpropagation ``1 / mean_b(x̂_{l-1}ᵀ x̂_{l-1})``.

    With them a predictive-coding update of one sample moves the prediction by exactly its residual. They are
    negative where an activity at equilibrium opposes the feedforward one, and infinite where the two are
    orthogonal. A learned bias adds 1 to the inner product; a scalar covariance multiplies the rate.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"pc"`` or ``"bp"``.
        **options: as in `weight_updates`.

    Returns:
        ``(L,)``.

    Raises:
        ValueError: as `weight_updates`; also for ``rule="natural"``.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        Sample Efficiency, Theorem 1 and equations 24, 25.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> adaptive_learning_rates(net, [1.0], [3.0]).round(6).tolist()
        [1.0, 0.5]
    """
    learning = prepare(net, x, y, one_of("rule", rule, ("pc", "bp")), "adaptive", options)
    rates = _rates(learning)
    with np.errstate(divide="ignore"):
        refuse_overflow("learning rates' inverses", 1 / rates)
    if is_concrete(rates) and np.isinf(rates).any():  # orthogonal, or underflown
        refuse_overflow("learning rates", rates[~np.isinf(_rates(learning, resized=True))])
    return rates


@takes(UpdateOptions, OPTIONS)
def decorrelation_matrices(
    net: LinearNetwork, x: Any, y: Any, rule: Rule = "pc", **options: Unpack[UpdateOptions]
) -> tuple[Float[Array, "..."], ...]:
    r"""The matrices of Theorem 2, one per layer: ``(mean_b x̂_{l-1} x*_{l-1}ᵀ)⁺``.

    For backpropagation ``(mean_b x̂_{l-1} x̂_{l-1}ᵀ)⁺``.

    They multiply the weight updates on the right. (The paper prints the transposed matrix for predictive
    coding; see the errata.) A learned bias makes its layer's matrix one larger; a scalar covariance multiplies it.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"pc"`` or ``"bp"``.
        **options: as in `weight_updates`.

    Returns:
        ``L`` arrays ``(n_{l-1}, n_{l-1})``; of a convolution, as large as a patch, and one for each group.

    Raises:
        ValueError: as `weight_updates`; also for ``rule="natural"``.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        Sample Efficiency, Theorem 2 and equations 27, 28, with the order of the factors corrected.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> [matrix.round(6).tolist() for matrix in decorrelation_matrices(net, [1.0], [3.0])]
        [[[1.0]], [[0.5]]]
    """
    matrices = _factors(prepare(net, x, y, one_of("rule", rule, ("pc", "bp")), "decorrelated", options))
    return refuse_overflow("decorrelation matrices", tuple(matrices))


def refuse_overflow(name: str, values: Any) -> Any:
    """Raise where finite data gave results that are not finite; under tracing they stay as they are."""
    for leaf in leaves(values):
        if is_concrete(leaf) and not np.isfinite(np.asarray(leaf)).all():
            raise PrecisionError(
                f"the {name} are not finite in {leaf.dtype}: they overflow, or a rescaling divides by zero. "
                "float64 reaches further than float32."
            )
    return values
