r"""Inference as a problem in its free activities, and the value that a relaxation ends in.

A soft output is one more layer: the identity, with covariance ``1/β``, clamped to the target. So every kernel sees a
chain whose two ends are clamped.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..equilibria.covariance import Covariances, scale
from ..equilibria.nudging import SoftOutput
from ..equilibria.problem import Problem
from ..equilibria.routes import scale_all
from ..networks.layer import Dense, Layer, Shape
from ..networks.passes import feedforward
from ..networks.samples import activity_shapes, as_columns, as_rows, shaped
from ..numerics.algebra import Array, Matrix, column_products, identity, magnitude
from ..numerics.checks import as_key
from ..numerics.kinds import in_double_precision, is_concrete, is_jax, namespace, to_jax, to_numpy, told
from ..numerics.record import Record
from .energy import Precisions, as_activities, energy_gradient, precision, prediction_errors
from .outcomes import Outcome

STARTS = ("forward", "zero", "random")
GROWTH = 1e3
"""The growth of a residual that counts as divergence, where no stability limit predicts it."""


class FreeChain(NamedTuple):
    """A problem as columns: a chain, its feedforward pass ``x̂_0 … x̂_L``, and the clamp of its end.

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


def free_chain(problem: Problem) -> FreeChain:
    """The chain that a checked problem lets relax; runs on SymPy matrices too."""
    layers, covariances, nudge = tuple(problem.layers), problem.covariances, problem.nudge
    clamp = as_columns(problem.y)
    with np.errstate(all="ignore"):  # results that overflow say so
        predicted = feedforward(layers, as_columns(problem.x))
        output = clamp - predicted[-1]
    if isinstance(nudge, SoftOutput):
        layers = (*layers, Dense(identity(layers[-1].out_size, layers[-1].like)))
        covariances = (*covariances, 1 / nudge.beta)
    elif nudge is not None:
        output = nudge * output
        clamp = predicted[-1] + output
    return FreeChain(layers, covariances, tuple(map(precision, covariances)), predicted, output, clamp)


class Relaxation(Record):
    r"""The state of inference after a number of steps, for every sample of a batch.

    Without a batch dimension in the data there is none here.

    Attributes:
        activities: ``x_0 … x_L``, each ``(B, n_l)``; where layers have images, ``(B, C, H, W)`` here and below.
        errors: ``ε_l = x_l − T_l x_{l−1} − b_l``, ``l = 1 … L``, each ``(B, n_l)``.
        weighted_errors: ``Σ_l⁻¹ ε_l``, each ``(B, n_l)``; under a schedule, with the precisions of the last time.
        energy_by_layer: ``½ ε_lᵀ Σ_l⁻¹ ε_l``, ``(B, L)``.
        energy: their sum, and the soft output's term, ``(B,)``.
        residual_norm: the norm of the energy's gradient in the free activities, over the whole batch, relative to its
            value at the feedforward pass: 1 at a forward start, 0 at equilibrium. With every schedule it is measured
            with the constant precisions, as the equilibrium is.
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
    count: Array
    status: Int[Array, ""]
    truncation: Float[Array, ""]
    problem: Problem

    def _facts(self) -> dict[str, Any]:
        return {
            "samples": np.size(self.energy), "steps": self.steps, "outcome": self.outcome,
            "energy": float(np.mean(self.energy)), "residual_norm": np.asarray(self.residual_norm),
        }  # fmt: skip

    def _columns(self) -> dict[str, Any]:
        by_layer = np.asarray(self.energy_by_layer).reshape(-1, len(self.errors)).mean(axis=0)
        return {"layer": range(1, len(by_layer) + 1), "energy by layer": by_layer}

    @property
    def steps(self) -> Any:
        """The number of steps taken."""
        plain = is_concrete(self.count) and np.ndim(self.count) == 0
        return int(self.count) if plain else self.count

    @property
    def outcome(self) -> Any:
        """``"converged"``, ``"step limit"``, ``"diverged"`` or ``"not finite"``; after vmap, an array of them."""
        return told("outcome", self.status, [each.word for each in Outcome], "status")

    @property
    def explanation(self) -> Any:
        """The outcome as a sentence; after vmap, an array of them."""
        return told("explanation", self.status, [each.sentence for each in Outcome], "status")


class Measured(NamedTuple):
    """Errors and energies of a state, as columns, of the layers and of the soft output's."""

    errors: list[Matrix]
    weighted: list[Matrix]
    energies: list[Any]
    residual_norm: Any


def measure(chain: FreeChain, precisions: Precisions, hidden: Sequence[Matrix]) -> Measured:
    """Errors, energies, and the residual of stationarity."""
    errors = prediction_errors(chain.layers, hidden, chain.output)
    weighted = scale_all(precisions, errors)
    energies = [column_products(*pair) / 2 for pair in zip(errors, weighted, strict=True)]
    return Measured(errors, weighted, energies, residual_norm(chain, hidden))


def residual_norm(chain: FreeChain, hidden: Sequence[Matrix]) -> Array:
    """The norm of the energy's gradient, relative to its norm at the feedforward pass.

    With the constant precisions: with decaying ones, every state would look stationary in the end.
    """
    gradient = energy_gradient(chain.layers, chain.precisions, hidden, chain.output)
    return relative_norm(gradient, reference_norm(chain))


def reference_norm(chain: FreeChain) -> Array:
    """The norm of the energy's gradient at the feedforward pass, where only the output has an error."""
    if len(chain.layers) == 1:
        return namespace(chain.output).ones((), chain.output.dtype)[()]
    return norm([chain.layers[-1].transpose(scale(chain.precisions[-1], chain.output))])


def relative_norm(columns: Sequence[Array], reference: Array) -> Array:
    """The norm over all layers and samples in units of ``reference``; absolute where that is zero."""
    xp = namespace(reference)
    if not columns:
        return xp.zeros_like(reference)[()]
    return norm(columns) / xp.where(reference > 0, reference, xp.ones_like(reference))


def norm(columns: Sequence[Array]) -> Array:
    """The norm over all layers and samples, safe from overflow."""
    xp = namespace(columns[0])
    size = magnitude(xp.stack(list(map(magnitude, columns))))
    return size * xp.sqrt(sum((xp.sum((each / size) ** 2) for each in columns), xp.zeros_like(size)))


def starting_point(chain: FreeChain, start: Any) -> list[Array]:
    """The free activities' deviations from the feedforward pass at time 0, from checked ``start`` columns or a name."""
    predicted = chain.predicted[1 : len(chain.layers)]
    if not isinstance(start, str):
        return [given - each for given, each in zip(start[1 : len(chain.layers)], predicted, strict=True)]
    if start == "zero":
        return [-each for each in predicted]
    return [namespace(each).zeros_like(each) for each in predicted]


def as_start(start: Any, problem: Problem, key: Any) -> Any:
    """Check a start: ``"forward"``, ``"zero"``, or ``L + 1`` activities shaped like a relaxation's, as columns.

    A random one is drawn.
    """
    if not isinstance(start, str):
        rows = as_activities("start", start, problem.layers, problem.x.shape[:-1], problem.x.dtype)
        return list(map(as_columns, rows))
    if start not in STARTS:
        raise ValueError(f"`start` is {start!r}; wanted one of {', '.join(map(repr, STARTS))}, or activities.")
    return _random_start(problem, key) if start == "random" else start


def _random_start(problem: Problem, key: Any) -> list[Array]:
    """Random activities: NumPy arrays for a NumPy network and an integer key, JAX arrays otherwise."""
    import jax

    if is_jax(problem.x) or is_jax(key):
        return _drawn(to_jax(problem), key)
    with in_double_precision(), jax.ensure_compile_time_eval():
        return to_numpy(_drawn(problem, key))


def _drawn(problem: Problem, key: Any) -> list[Array]:
    """Standard normal activities by JAX's generator, as columns; zeros where they are clamped and do not matter."""
    import jax

    free = len(problem.layers) if isinstance(problem.nudge, SoftOutput) else len(problem.layers) - 1
    keys = iter(jax.random.split(as_key("key", key), max(1, free)))
    widths = (problem.layers[0].in_size, *(layer.out_size for layer in problem.layers))
    zeros = [jax.numpy.zeros((width, problem.samples), problem.x.dtype) for width in widths]
    drawn = [jax.random.normal(next(keys), each.shape, each.dtype) for each in zeros[1 : free + 1]]
    return [zeros[0], *drawn, *zeros[free + 1 :]]


def conclude(chain: FreeChain, precisions: Precisions, hidden: Sequence[Array], single: bool) -> dict[str, Any]:
    """The fields of a `Relaxation` that the state alone decides, as the caller's rows."""
    depth = len(chain.predicted) - 1
    found = measure(chain, precisions, hidden)
    free = [each + moved for each, moved in zip(chain.predicted[1:], hidden, strict=False)]
    activities = [chain.predicted[0], *free, chain.clamp][: depth + 1]
    xp = namespace(chain.output)
    energies = xp.stack(found.energies[:depth], axis=-1)
    energy = xp.stack(found.energies, axis=-1).sum(axis=-1)

    shapes = activity_shapes(chain.layers[:depth])

    def rows(columns: Sequence[Array], shapes: Sequence[Shape]) -> tuple[Array, ...]:
        return tuple(shaped(as_rows(each, single), shape) for each, shape in zip(columns, shapes, strict=True))

    return {
        "activities": rows(activities, shapes),
        "errors": rows(found.errors[:depth], shapes[1:]),
        "weighted_errors": rows(found.weighted[:depth], shapes[1:]),
        "energy_by_layer": energies[0] if single else energies,
        "energy": energy[0] if single else energy,
        "residual_norm": found.residual_norm.astype(energy.dtype),
    }


def judge(residual: Array, before: Array, tolerance: Any, unstable: bool) -> Array:
    """The index of the outcome: a known instability outranks the numbers that it made."""
    xp = namespace(residual)
    converged, step_limit, diverged, not_finite = map(int, Outcome)
    grown = residual > GROWTH * xp.maximum(before, xp.ones_like(before))
    status = xp.where(grown, diverged, step_limit)
    status = xp.where(residual <= tolerance, converged, status)
    status = xp.where(xp.isfinite(residual), status, not_finite)
    return xp.where(unstable, diverged, status)
