"""The checked problem of learning: a problem of inference, a rule, a rescaling and their options; and its updates."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypedDict

import numpy as np

from ..equilibria.covariance import Covariances
from ..equilibria.equilibrium import SOLVERS, Solver, settle_problem
from ..equilibria.nudging import SoftOutput
from ..equilibria.problem import Problem, as_problem, unit_residuals
from ..equilibria.settling import Settled
from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..networks.samples import as_columns
from ..numerics.algebra import Matrix, sign
from ..numerics.checks import as_share, one_of
from ..numerics.kinds import compiled
from ..numerics.options import refuse_others
from ..numerics.record import Record, static
from .decorrelation import SpectralRegularisation
from .rescaling import RESCALINGS, rescale, rescaling_factors
from .rules import (
    EVERY_RULE,
    FISHERS,
    RULES,
    SETTLED,
    Fisher,
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
    units: Any = None
    """The equilibrium of `unit_residuals`, for the evidence alone."""


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


def settled(learning: Learning) -> Learning:
    """Find the equilibrium that predictive coding learns at, and what else the evidence learns from."""
    return settled_by(partial(settle_problem, solver=learning.options.solver, energy=False), learning)


def settled_by(settle: Callable[[Problem], Settled], learning: Learning) -> Learning:
    """The same by a way to settle."""
    if learning.rule not in SETTLED:
        return learning
    units = settle(unit_residuals(learning.problem)) if learning.rule == "evidence" else None
    return learning._replace(state=settle(learning.problem), units=units)


def as_learning(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: str,
    rescaling: str | None,
    given: Mapping[str, Any],
    rules: Sequence[str] = EVERY_RULE,
) -> Learning:
    """Check everything, and leave the equilibrium to be found when the weights are known."""
    options = as_options(rule, rescaling, given, rules)
    problem = as_problem(net, x, y, given.get("covariances"), given.get("nudge"))
    check_rescalable(rule, rescaling, problem.covariances, problem.layers)
    return Learning(problem, None, options, rule, rescaling)


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
    return None if rcond is None else as_share("rcond", rcond)


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
        return evidence_updates(layers, changes, learning.units.activities[1:-1])
    nudge = learning.problem.nudge
    if learning.rule == "pc" and nudge is not None and not isinstance(nudge, SoftOutput):
        return [sign(nudge) * change for change in changes]
    return changes


@compiled
def split_changes(learning: Learning) -> list[tuple[Any, Any]]:
    """The updates of each layer's weight and of its bias, ``None`` if the bias is not learned."""
    changes = changes_of(learning, signals_of(learning))
    return [layer.split(change) for layer, change in zip(learning.problem.layers, changes, strict=True)]
