r"""Each theorem's claim beside the outcome: two sets of columns, which agree where the claim is true.

A function for each kind of statement evaluates its hypotheses and both sides on a network and data, and says by how
much rounding grows on the way. `dlntheory.theorems.verify` has the statements, and decides.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..equilibria.covariance import Covariances, output_covariance
from ..equilibria.equilibrium import SOLVERS, settle_problem
from ..equilibria.nudging import SoftOutput
from ..equilibria.problem import as_problem
from ..equilibria.routes import scale_all
from ..inference.energy import precision
from ..inference.precision_schedules import Spiking
from ..inference.propagation import arriving_errors
from ..learning.problem import as_learning, settled, signals_of
from ..learning.rescaling import rescale
from ..learning.rules import Signals, backpropagation_signals, local_updates
from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..networks.passes import downstream_maps, first_order_change
from ..networks.samples import as_columns
from ..numerics.algebra import Array, epsilon
from ..numerics.checks import as_real, one_of
from ..numerics.kinds import compiled, is_jax, map_leaves
from .hypotheses import (
    Check,
    Hypotheses,
    Hypothesis,
    crowded_layers,
    negative_layers,
    nonzero,
    norms,
    proportional_products,
    solution_found,
    unit_covariances,
)
from .interference_free import search

Factors: TypeAlias = Callable[[Sequence[Layer], Signals, float | None], list[Any]]
"""The rescaling's factors, one per layer."""


class Conclusion(NamedTuple):
    """Both sides of a claim.

    Attributes:
        claimed: ``(n, B)``.
        actual: ``(n, B)``; equal to ``claimed`` where the claim is true.
        sizes: ``(B,)``, the unit of the distance between the two.
        hypotheses: by name.
        condition: the growth of the machine epsilon on the way to ``actual``, relative to ``sizes``.
        remark: a sentence for the verdict, or nothing.
    """

    claimed: np.ndarray
    actual: np.ndarray
    sizes: np.ndarray
    hypotheses: Hypotheses
    condition: float
    remark: str = ""


def rescaled_learning(
    net: LinearNetwork, x: Any, y: Any, factors: Factors, check: Check, one_by_one: bool, **options: Any
) -> Conclusion:
    """The claim that predictive coding with rescaled updates moves the prediction by the residual, ``dŷ = r``."""
    if not all(layer.has_features for layer in net.layers):
        return _shared_errors(net, x, y, one_by_one, options)
    learning = settled(as_learning(net, x, y, "pc", "adaptive", options))
    layers, covariances, rcond = net.layers, learning.problem.covariances, learning.options.rcond
    signals = signals_of(learning)
    actual = _moved(learning.problem.layers, covariances, signals, factors, rcond, one_by_one)
    hypotheses, condition = check(layers, signals, rcond)
    noises = scale_all(covariances, signals.errors)
    rounding = _rounding(learning.problem.layers, noises, signals, one_by_one)
    remark = _climbing(negative_layers(layers, signals)) if one_by_one else _crowded(crowded_layers(layers, signals))
    return Conclusion(
        rounding.residual, np.asarray(actual), rounding.sizes, hypotheses, condition * rounding.growth, remark
    )


def _shared_errors(net: LinearNetwork, x: Any, y: Any, one_by_one: bool, options: dict[str, Any]) -> Conclusion:
    """The plain update where several weights share an error: no rescaling is defined there, and no theorem applies."""
    learning = settled(as_learning(net, x, y, "pc", None, options))
    layers, covariances = learning.problem.layers, learning.problem.covariances
    signals = signals_of(learning)
    actual = _moved(layers, covariances, signals, None, None, one_by_one)
    hypotheses = {
        f"layer {index}: one weight between two errors": Hypothesis(False, len(layer.weight), 1)
        for index, layer in enumerate(layers, 1)
        if not layer.has_features
    }
    rounding = _rounding(layers, scale_all(covariances, signals.errors), signals, one_by_one)
    remark = "The update is the plain one."
    return Conclusion(rounding.residual, np.asarray(actual), rounding.sizes, hypotheses, rounding.growth, remark)


def interference_free_learning(
    net: LinearNetwork, x: Any, y: Any, covariances: Any = None, solver: str = "auto"
) -> Conclusion:
    """The claim that plain predictive coding moves each prediction straight towards its target, ``dŷ ∥ r``.

    With the given covariances, or with those that the search finds for each sample.
    """
    hypotheses: Hypotheses = {}
    remark = ""
    if covariances is None:
        problem = as_problem(net, x, y, None, None)
        result, signals = search(problem, None, one_of("solver", solver, SOLVERS))
        hypotheses, remark = solution_found(result), _missing(result)
        scales = np.atleast_2d(np.asarray(result.nearest)).T
    else:
        learning = settled(as_learning(net, x, y, "pc", "adaptive", {"covariances": covariances, "solver": solver}))
        problem, signals = learning.problem, signals_of(learning)
        scales = np.stack([np.full(problem.samples, each) for each in problem.covariances])
    noises = [s[None, :] * np.asarray(e) for s, e in zip(scales, signals.errors, strict=True)]
    rounding = _rounding(problem.layers, noises, signals, True)
    proportional, condition = proportional_products(net.layers, signals, scales, rounding.growth)
    moved = np.asarray(_moved(problem.layers, (None,) * net.depth, signals, None, None, True))
    fitted = norms(rounding.residual) == 0
    claimed = _relative(rounding.residual, rounding.sizes)
    actual = _relative(moved, np.where(fitted, rounding.sizes, norms(moved)))
    ones = np.ones_like(rounding.sizes)
    return Conclusion(claimed, actual, ones, hypotheses | proportional, condition * rounding.growth, remark)


def spiked_errors(
    net: LinearNetwork, x: Any, y: Any, first_time: int, step_size: Any = 0.1, covariances: Any = None
) -> Conclusion:
    """The claim that with spiking precision each layer's error arrives as backpropagation's, ``D_lᵀ r``.

    Both sides are stacked over the layers, and each layer's part is relative to the size of the claimed error, or of
    the output's error where the claim is zero.
    """
    problem = as_problem(net, x, y, covariances, None)
    rate = as_real("step_size", step_size, problem.x.dtype, positive=True)
    constant = [precision(each) for each in problem.covariances]

    def precisions(time: int) -> tuple[Any, ...]:
        spikes = Spiking().precisions(time + first_time, net.depth, net.depth, rate)
        return tuple(spike if each is None else spike * each for spike, each in zip(spikes, constant, strict=True))

    plain = backpropagation_signals(problem.layers, as_columns(problem.x), as_columns(problem.y))
    arrived = arriving_errors(problem.layers, plain.residual, rate, precisions)
    sizes = [norms(error) for error in plain.errors]
    units = [nonzero(each, sizes[-1]) for each in sizes]
    claimed, actual = (np.concatenate(list(map(_relative, errors, units))) for errors in (plain.errors, arrived))
    hypotheses, condition = unit_covariances(problem.covariances), _pulling(problem.layers, plain.errors)
    return Conclusion(claimed, actual, nonzero(norms(claimed)), hypotheses, condition)


def output_precision(
    net: LinearNetwork, x: Any, y: Any, nudged: bool, nudge: Any = 0.5, solver: str = "auto"
) -> Conclusion:
    """The claim that an output precision of ``β`` has the multiplier of a nudged clamp, or of a soft output."""
    problem = as_problem(net, x, y, None, nudge)
    if isinstance(problem.nudge, SoftOutput) or problem.nudge is None or not 0 < problem.nudge < 1:
        raise ValueError(f"`nudge` is {nudge!r}; wanted a number between 0 and 1.")
    beta = float(problem.nudge)
    covariances = [1.0] * (net.depth - 1) + [1 / beta]
    other = problem if nudged else as_problem(net, x, y, None, SoftOutput(beta / (1 - beta)))
    both = (settle_problem(each, solver) for each in (other, as_problem(net, x, y, covariances, None)))
    claimed, actual = (np.asarray(each.multiplier) for each in both)
    condition = sum(np.linalg.cond(output_covariance(net, each)) for each in (None, covariances))
    return Conclusion(claimed, actual, nonzero(norms(claimed)), {}, float(condition))


@compiled
def _moved(
    layers: Sequence[Layer],
    covariances: Covariances,
    signals: Signals,
    factors: Factors | None,
    rcond: float | None,
    one_by_one: bool,
) -> Array:
    """The prediction change of the batch's update, or of each sample's own; plain without ``factors``."""

    def change(some: Signals) -> Array:
        changes = local_updates(layers, some)
        if factors is not None:
            pairs = zip(covariances, factors(layers, some, rcond), strict=True)
            changes = rescale(changes, [factor if each is None else each * factor for each, factor in pairs])
        return first_order_change(layers, changes, some.feedforward)

    return _sample_by_sample(change, signals) if one_by_one else change(signals)


def _sample_by_sample(change: Callable[[Signals], Array], signals: Signals) -> Array:
    """A change of columns, where every sample learns as if it were the only one."""
    if is_jax(signals.residual):
        import jax

        def change_one(sample: Signals) -> Array:
            return change(jax.tree.map(lambda each: each[:, None], sample))[:, 0]

        return jax.vmap(change_one, in_axes=1, out_axes=1)(signals)

    def of(sample: int) -> Signals:
        return map_leaves(lambda each: each[:, sample : sample + 1], signals)

    return np.concatenate([change(of(sample)) for sample in range(signals.residual.shape[1])], axis=1)


class Rounding(NamedTuple):
    """The residuals beyond rounding, and the growth of rounding on the way to the output.

    Attributes:
        residual: ``(n, B)``, zero for samples that are fitted: their residual is nothing but rounding.
        sizes: ``(B,)``, the size of the residual, or of a fitted sample's terms.
        growth: the growth of rounding, relative to ``sizes``, in the worst sample.
    """

    residual: np.ndarray
    sizes: np.ndarray
    growth: float


def _rounding(layers: Sequence[Layer], noises: Sequence[Array], signals: Signals, one_by_one: bool) -> Rounding:
    """Compare the residual with its terms, ``(‖y‖ + ‖ŷ‖ + Σ_l ‖D_l‖ ‖ε_l‖) / ‖r‖``.

    Where samples share an update, the terms are the whole batch's.
    """
    residual, predicted = np.asarray(signals.residual), np.asarray(signals.feedforward[-1])
    data = norms(predicted) + norms(residual + predicted)
    fitted = norms(residual) <= 8 * len(layers) * epsilon(residual.dtype) * data
    terms = data
    for downstream, noise in zip(downstream_maps(layers), noises, strict=True):
        terms = terms + float(np.linalg.norm(np.asarray(downstream), 2)) * norms(noise)
    if not one_by_one:
        terms = np.full_like(terms, np.linalg.norm(terms))
    sizes = nonzero(np.where(fitted, terms, norms(residual)))
    with np.errstate(over="ignore"):  # the residual may be subnormal
        growth = np.where(fitted, 1, terms / sizes)
    return Rounding(np.where(fitted, 0, residual), sizes, float(np.max(growth)))


def _pulling(layers: Sequence[Layer], errors: Sequence[Array]) -> float:
    """The growth of rounding in ``D_lᵀ r`` on the way down, relative to its size in the worst layer and sample."""
    worst = growth = np.ones(errors[-1].shape[1])
    for layer, error, above in zip(layers[:0:-1], errors[-2::-1], errors[:0:-1], strict=True):
        sizes, pulled = norms(error), float(np.linalg.norm(np.asarray(layer.matrix()), 2)) * norms(above)
        growth = (growth + 1) * np.where(sizes > 0, pulled / nonzero(sizes), 1)
        worst = np.maximum(worst, growth)
    return float(np.max(worst))


def _relative(columns: Array, sizes: np.ndarray) -> np.ndarray:
    """Each column divided by a size, in its own precision; by one where the size is zero."""
    return (np.asarray(columns) / nonzero(sizes)).astype(columns.dtype)


def _climbing(layers: list[int]) -> str:
    listed = ", ".join(map(str, layers))
    return f"x*ᵀx̂ of layer {listed} is negative: there the update climbs the energy." if layers else ""


def _crowded(layers: list[int]) -> str:
    listed = ", ".join(map(str, layers))
    return (
        f"Layers that see more patches than a patch has numbers, so that errors rarely fit: {listed}." if layers else ""
    )


def _missing(result: Any) -> str:
    found, layers = np.atleast_1d(result.found), np.atleast_1d(result.layer)
    listed = ", ".join(map(str, sorted(set(layers[~found].tolist()))))
    if found.all():
        return ""
    return (
        f"No positive solution was found for {int((~found).sum())} of {found.size} samples; layer {listed} prevents it."
    )
