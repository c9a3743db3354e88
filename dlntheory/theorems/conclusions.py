r"""What each theorem claims, and what happens: two sets of columns, which agree where the claim is true.

A function for each kind of statement evaluates its hypotheses and both sides on a network and data, and says by how
much rounding grows on the way. `dlntheory.theorems.verify` has the statements, and decides.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..equilibria.covariance import Covariances, output_covariance
from ..equilibria.equilibrium import SOLVERS, settle_problem
from ..equilibria.problem import SoftOutput, as_problem
from ..equilibria.routes import scale_all
from ..inference.energy import precision
from ..inference.propagation import arriving_errors
from ..inference.schedules import Spiking
from ..learning.rescaling import rescale
from ..learning.rules import Signals, backpropagation_signals, local_updates
from ..learning.updates import prepare, signals_of
from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..networks.passes import downstream_maps, first_order_change
from ..networks.samples import as_columns
from ..numerics.checks import as_real, one_of
from .hypotheses import (
    Check,
    Hypotheses,
    Hypothesis,
    crowded_layers,
    negative_layers,
    norms,
    proportional_products,
    solution_found,
    unit_covariances,
)
from .interference_free import search

Factors: TypeAlias = Callable[[Sequence[Layer], Signals, float | None], list[Any]]
"""The rescaling's factors, one a layer."""


class Conclusion(NamedTuple):
    """Both sides of a claim.

    Attributes:
        claimed: ``(n, B)``.
        actual: ``(n, B)``; equal to ``claimed`` where the claim is true.
        hypotheses: by name.
        condition: how much the machine epsilon grows on the way to ``actual``, relative to ``claimed``.
        remark: a sentence for the verdict, or nothing.
    """

    claimed: jax.Array
    actual: jax.Array
    hypotheses: Hypotheses
    condition: float
    remark: str = ""


def rescaled_learning(
    net: LinearNetwork, x: Any, y: Any, factors: Factors, check: Check, one_by_one: bool, **options: Any
) -> Conclusion:
    """The claim that predictive coding with rescaled updates moves the prediction by the residual, ``dŷ = r``."""
    if not all(layer.has_features for layer in net.layers):
        return _shared_errors(net, x, y, one_by_one, options)
    learning = prepare(net, x, y, "pc", "adaptive", options)
    layers, covariances, rcond = net.layers, learning.problem.covariances, learning.options.rcond
    signals = signals_of(learning)
    actual = _moved(learning.problem.layers, covariances, signals, factors, rcond, one_by_one)
    hypotheses, condition = check(layers, signals, rcond)
    noises = scale_all(covariances, signals.errors)
    condition *= _growth(learning.problem.layers, noises, signals, one_by_one)
    remark = _climbing(negative_layers(layers, signals)) if one_by_one else _crowded(crowded_layers(layers, signals))
    return Conclusion(signals.residual, actual, hypotheses, condition, remark)


def _shared_errors(net: LinearNetwork, x: Any, y: Any, one_by_one: bool, options: dict[str, Any]) -> Conclusion:
    """No rescaling is defined where several weights share an error: the theorems do not apply, to the plain update."""
    learning = prepare(net, x, y, "pc", None, options)
    layers, covariances = learning.problem.layers, learning.problem.covariances
    signals = signals_of(learning)
    actual = _moved(layers, covariances, signals, None, None, one_by_one)
    hypotheses = {
        f"layer {index}: one weight between two errors": Hypothesis(False, len(layer.weight), 1)
        for index, layer in enumerate(layers, 1)
        if not layer.has_features
    }
    growth = _growth(layers, scale_all(covariances, signals.errors), signals, one_by_one)
    return Conclusion(signals.residual, actual, hypotheses, growth, "The update is the plain one.")


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
        scales = jnp.atleast_2d(result.nearest).T
    else:
        learning = prepare(net, x, y, "pc", "adaptive", {"covariances": covariances, "solver": solver})
        problem, signals = learning.problem, signals_of(learning)
        scales = jnp.stack([jnp.broadcast_to(each, (signals.residual.shape[1],)) for each in problem.covariances])
    growth = _growth(
        problem.layers, [s[None, :] * e for s, e in zip(scales, signals.errors, strict=True)], signals, True
    )
    proportional, condition = proportional_products(net.layers, signals, np.asarray(scales), growth)
    moved = _moved(problem.layers, (None,) * net.depth, signals, None, None, True)
    return Conclusion(_unit(signals.residual), _unit(moved), hypotheses | proportional, condition * growth, remark)


def spiked_errors(
    net: LinearNetwork, x: Any, y: Any, first_time: int, step_size: Any = 0.1, covariances: Any = None
) -> Conclusion:
    """The claim that with spiking precision each layer's error arrives as backpropagation's, ``D_lᵀ r``.

    Both sides are stacked over the layers, and each layer's is relative to the size of the claimed error.
    """
    problem = as_problem(net, x, y, covariances, None)
    rate = as_real("step_size", step_size, problem.x.dtype, positive=True)
    constant = [precision(each) for each in problem.covariances]

    def precisions(time: int) -> tuple[Any, ...]:
        spikes = Spiking().precisions(time + first_time, net.depth, net.depth, rate)
        return tuple(spike if each is None else spike * each for spike, each in zip(spikes, constant, strict=True))

    plain = backpropagation_signals(problem.layers, as_columns(problem.x), as_columns(problem.y))
    arrived = arriving_errors(problem.layers, plain.residual, rate, precisions)
    sizes = [
        jnp.where(size > 0, size, 1) for size in map(partial(jnp.linalg.norm, axis=0, keepdims=True), plain.errors)
    ]
    claimed, actual = (
        jnp.concatenate([error / size for error, size in zip(errors, sizes, strict=True)])
        for errors in (plain.errors, arrived)
    )
    return Conclusion(claimed, actual, unit_covariances(problem.covariances), _pulling(problem.layers, plain.errors))


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
    claimed = settle_problem(other, solver).multiplier
    actual = settle_problem(as_problem(net, x, y, covariances, None), solver).multiplier
    condition = sum(np.linalg.cond(output_covariance(net, each)) for each in (None, covariances))
    return Conclusion(claimed, actual, {}, float(condition))


@eqx.filter_jit
def _moved(
    layers: Sequence[Layer],
    covariances: Covariances,
    signals: Signals,
    factors: Factors | None,
    rcond: float | None,
    one_by_one: bool,
) -> jax.Array:
    """The prediction change of the batch's update, or of each sample's own; plain without ``factors``."""

    def change(some: Signals) -> jax.Array:
        changes = local_updates(layers, some)
        if factors is not None:
            pairs = zip(covariances, factors(layers, some, rcond), strict=True)
            changes = rescale(changes, [factor if each is None else each * factor for each, factor in pairs])
        return first_order_change(layers, changes, some.feedforward)

    if not one_by_one:
        return change(signals)

    def change_one(sample: Signals) -> jax.Array:
        return change(jax.tree.map(lambda each: each[:, None], sample))[:, 0]

    return jax.vmap(change_one, in_axes=1, out_axes=1)(signals)


def _growth(layers: Sequence[Layer], noises: Sequence[jax.Array], signals: Signals, one_by_one: bool) -> float:
    """How much rounding grows on the way to the output, relative to the residual of the worst sample.

    ``(‖y‖ + ‖ŷ‖ + Σ_l ‖D_l‖ ‖ε_l‖) / ‖r‖``, with the whole batch's numerator where samples share an update.
    """
    sizes = norms(signals.feedforward[-1]) + norms(signals.residual + signals.feedforward[-1])
    for downstream, noise in zip(downstream_maps(layers), noises, strict=True):
        sizes = sizes + float(np.linalg.norm(np.asarray(downstream), 2)) * norms(noise)
    if not one_by_one:
        sizes = np.full_like(sizes, np.linalg.norm(sizes))
    residuals = norms(signals.residual)
    return float(np.max(np.where(residuals > 0, sizes / np.where(residuals > 0, residuals, 1), 1)))


def _pulling(layers: Sequence[Layer], errors: Sequence[jax.Array]) -> float:
    """How much rounding grows in ``D_lᵀ r`` on the way down, relative to its size in the worst layer and sample."""
    worst = growth = np.ones(errors[-1].shape[1])
    for layer, error, above in zip(layers[:0:-1], errors[-2::-1], errors[:0:-1], strict=True):
        sizes, pulled = norms(error), float(np.linalg.norm(np.asarray(layer.matrix()), 2)) * norms(above)
        growth = (growth + 1) * np.where(sizes > 0, pulled / np.where(sizes > 0, sizes, 1), 1)
        worst = np.maximum(worst, growth)
    return float(np.max(worst))


def _unit(columns: jax.Array) -> jax.Array:
    """Each column divided by its norm; zero stays zero."""
    sizes = jnp.linalg.norm(columns, axis=0, keepdims=True)
    return columns / jnp.where(sizes > 0, sizes, 1)


def _climbing(layers: list[int]) -> str:
    listed = ", ".join(map(str, layers))
    return f"In layers {listed} x*ᵀx̂ is negative: there the update climbs the energy." if layers else ""


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
