r"""Inference as a problem in its free activities, and the value that a relaxation ends in.

A soft output is one more layer: the identity, with covariance ``1/β``, clamped to the target. So every kernel sees a
chain whose two ends are clamped.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..equilibria.covariance import Covariances
from ..equilibria.problem import Problem, SoftOutput
from ..equilibria.routes import scale_all
from ..networks.layer import Dense, Layer, Shape
from ..networks.passes import feedforward
from ..networks.samples import activity_shapes, as_columns, as_rows, flat, shaped
from ..numerics.algebra import Matrix, column_products, identity
from ..numerics.checks import as_array, as_key, as_list
from ..numerics.kinds import is_concrete
from .energy import Precisions, energy_gradient, precision, prediction_errors

OUTCOMES = ("converged", "step limit", "diverged", "not finite")
STARTS = ("forward", "zero", "random")
GROWTH = 1e3
"""A residual that has grown so much diverges, where no stability limit says so beforehand."""


class Inference(NamedTuple):
    """A problem as columns: a chain, its feedforward pass ``x̂_0 … x̂_L``, and what its end is clamped to.

    ``output`` is the clamp as a deviation from the feedforward pass.
    """

    layers: tuple[Layer, ...]
    covariances: Covariances
    precisions: Precisions
    predicted: Sequence[Matrix]
    output: Matrix
    clamp: Matrix

    @property
    def sizes(self) -> tuple[int, ...]:
        """The widths of the free layers."""
        return tuple(layer.in_size for layer in self.layers[1:])


def as_inference(problem: Problem) -> Inference:
    """The chain that a checked problem lets relax; runs on SymPy matrices too."""
    layers, covariances, nudge = tuple(problem.layers), problem.covariances, problem.nudge
    predicted = feedforward(layers, as_columns(problem.x))
    clamp = as_columns(problem.y)
    output = clamp - predicted[-1]
    if isinstance(nudge, SoftOutput):
        layers = (*layers, Dense(identity(layers[-1].out_size, layers[-1].like)))
        covariances = (*covariances, 1 / nudge.beta)
    elif nudge is not None:
        output = nudge * output
        clamp = predicted[-1] + output
    return Inference(layers, covariances, tuple(map(precision, covariances)), predicted, output, clamp)


class Relaxation(eqx.Module):
    r"""Where inference stands after a number of steps, for every sample of a batch.

    Without a batch dimension in the data there is none here.

    Attributes:
        activities: ``x_0 … x_L``, each ``(B, n_l)``; where layers have images, ``(B, C, H, W)`` here and below.
        errors: ``ε_l = x_l − T_l x_{l−1} − b_l``, ``l = 1 … L``, each ``(B, n_l)``.
        weighted_errors: ``Σ_l⁻¹ ε_l``, each ``(B, n_l)``; under a schedule, with the precisions of the last time.
        energy_by_layer: ``½ ε_lᵀ Σ_l⁻¹ ε_l``, ``(B, L)``.
        energy: their sum, and the soft output's term, ``(B,)``.
        residual_norm: the norm of the energy's gradient in the free activities, over the whole batch, relative to that
            of the feedforward pass: 1 at a forward start, 0 at equilibrium. Whatever the schedule, with the constant
            precisions: those of the equilibrium.
        count: the number of steps taken, as an array.
        status: index of the outcome among converged, step limit, diverged, not finite.
        truncation: an estimate of the share of the activities' movement that a truncated series leaves out; 0 where
            nothing is truncated.
        problem: the checked arguments; under a schedule, with the covariances of the last time.
    """

    activities: tuple[Float[Array, "..."], ...]
    errors: tuple[Float[Array, "..."], ...]
    weighted_errors: tuple[Float[Array, "..."], ...]
    energy_by_layer: Float[Array, "*B L"]
    energy: Float[Array, "*B"]
    residual_norm: Float[Array, ""]
    count: jax.Array
    status: Int[Array, ""]
    truncation: Float[Array, ""]
    problem: Problem

    @property
    def steps(self) -> Any:
        """The number of steps taken."""
        plain = is_concrete(self.count) and jnp.ndim(self.count) == 0
        return int(self.count) if plain else self.count

    @property
    def outcome(self) -> Any:
        """``"converged"``, ``"step limit"``, ``"diverged"`` or ``"not finite"``; after vmap, an array of them."""
        if not is_concrete(self.status):
            raise TypeError("`outcome` is known after tracing only; return `status`.")
        names = np.array(OUTCOMES)[np.asarray(self.status)]
        return str(names) if names.ndim == 0 else names


class Measured(NamedTuple):
    """What a state shows, as columns, of the layers and of the soft output's."""

    errors: list[Matrix]
    weighted: list[Matrix]
    energies: list[Any]
    residual_norm: Any


def measure(inference: Inference, precisions: Precisions, hidden: Sequence[Matrix]) -> Measured:
    """Errors, energies and how far from stationary."""
    errors = prediction_errors(inference.layers, hidden, inference.output)
    weighted = scale_all(precisions, errors)
    energies = [column_products(*pair) / 2 for pair in zip(errors, weighted, strict=True)]
    return Measured(errors, weighted, energies, residual_norm(inference, hidden))


def residual_norm(inference: Inference, hidden: Sequence[Matrix]) -> jax.Array:
    """The norm of the energy's gradient, relative to that of the feedforward pass.

    With the constant precisions: under those of a schedule that decays, every state would look stationary.
    """
    gradient = energy_gradient(inference.layers, inference.precisions, hidden, inference.output)
    return relative_norm(gradient, reference_norm(inference))


def reference_norm(inference: Inference) -> jax.Array:
    """The norm of the energy's gradient at the feedforward pass, where only the output has an error."""
    if len(inference.layers) == 1:
        return jnp.ones((), inference.output.dtype)
    [pulled] = scale_all(inference.precisions[-1:], [inference.output])
    return norm([inference.layers[-1].transpose(pulled)])


def relative_norm(columns: Sequence[jax.Array], reference: jax.Array) -> jax.Array:
    """The norm over all layers and samples in units of ``reference``; absolute where that is zero."""
    return norm(columns) / jnp.where(reference > 0, reference, jnp.ones_like(reference))


def norm(columns: Sequence[jax.Array]) -> jax.Array:
    """The norm over all layers and samples, safe from overflow; zero of nothing."""
    if not columns:
        return jnp.zeros(())
    largest = jnp.max(jnp.stack([jnp.max(jnp.abs(each)) for each in columns]))
    unit = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    return largest * jnp.sqrt(sum((jnp.sum((each / unit) ** 2) for each in columns), jnp.zeros_like(unit)))


def starting_point(inference: Inference, start: Any, key: Any) -> list[jax.Array]:
    """The free activities' deviations from the feedforward pass at time 0, from checked ``start`` columns or a name."""
    predicted = inference.predicted[1 : len(inference.layers)]
    if not isinstance(start, str):
        return [given - each for given, each in zip(start[1 : len(inference.layers)], predicted, strict=True)]
    if start == "forward":
        return [jnp.zeros_like(each) for each in predicted]
    if start == "zero":
        return [-each for each in predicted]
    keys = jax.random.split(key, max(1, len(predicted)))
    return [
        jax.random.normal(each_key, each.shape, each.dtype) - each
        for each_key, each in zip(keys, predicted, strict=False)
    ]


def as_start(start: Any, problem: Problem, key: Any) -> tuple[Any, Any]:
    """Check a start: a name, or ``L + 1`` activities shaped like a relaxation's, as columns; and its random key."""
    if isinstance(start, str):
        if start not in STARTS:
            raise ValueError(f"`start` is {start!r}; wanted one of {', '.join(map(repr, STARTS))}, or activities.")
        return start, as_key("key", key) if start == "random" else None
    given = as_list("start", start, "activities x_0 … x_L")
    shapes = activity_shapes(problem.layers)
    if len(given) != len(shapes):
        raise ValueError(f"`start` has {len(given)} entries; wanted {len(shapes)}, the activities x_0 … x_L.")
    batch, columns = problem.x.shape[:-1], []
    for index, (each, shape) in enumerate(zip(given, shapes, strict=True)):
        array = as_array(f"start[{index}]", each, problem.x.dtype)
        if array.shape != (*batch, *shape):
            raise ValueError(f"`start[{index}]` has shape {array.shape}; wanted {(*batch, *shape)}.")
        columns.append(as_columns(flat(array.astype(problem.x.dtype), shape)))
    return columns, None


def conclude(inference: Inference, precisions: Precisions, hidden: Sequence[jax.Array], single: bool) -> dict[str, Any]:
    """The fields of a `Relaxation` that the state alone decides, as the caller's rows."""
    depth = len(inference.predicted) - 1
    found = measure(inference, precisions, hidden)
    free = [each + moved for each, moved in zip(inference.predicted[1:], hidden, strict=False)]
    activities = [inference.predicted[0], *free, inference.clamp][: depth + 1]
    energies = jnp.stack(found.energies[:depth], axis=-1)
    energy = jnp.stack(found.energies, axis=-1).sum(axis=-1)

    shapes = activity_shapes(inference.layers[:depth])

    def rows(columns: Sequence[jax.Array], shapes: Sequence[Shape]) -> tuple[jax.Array, ...]:
        return tuple(shaped(as_rows(each, single), shape) for each, shape in zip(columns, shapes, strict=True))

    return {
        "activities": rows(activities, shapes),
        "errors": rows(found.errors[:depth], shapes[1:]),
        "weighted_errors": rows(found.weighted[:depth], shapes[1:]),
        "energy_by_layer": energies[0] if single else energies,
        "energy": energy[0] if single else energy,
        "residual_norm": found.residual_norm.astype(energy.dtype),
    }


def judge(residual: jax.Array, before: jax.Array, tolerance: Any, unstable: bool) -> jax.Array:
    """The index of the outcome: a known instability outranks the numbers that it made."""
    converged, step_limit, diverged, not_finite = range(len(OUTCOMES))
    grown = residual > GROWTH * jnp.maximum(before, jnp.ones_like(before))
    status = jnp.where(grown, diverged, step_limit)
    status = jnp.where(residual <= tolerance, converged, status)
    status = jnp.where(jnp.isfinite(residual), status, not_finite)
    return jnp.where(unstable, diverged, status)
