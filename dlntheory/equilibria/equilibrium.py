r"""The equilibrium of predictive-coding inference, in closed form: the interface.

The mathematics is in `dlntheory.equilibria.routes` (the linear system and the routes through it).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from ..networks.layer import Layer, Shape
from ..networks.network import LinearNetwork
from ..networks.samples import shaped
from ..numerics.algebra import Array
from ..numerics.checks import one_of
from ..numerics.conjugate_gradients import sketch_size
from ..numerics.kinds import choose, compiled, is_concrete, known, namespace, told
from ..numerics.precision import PrecisionError
from ..numerics.record import Record
from .covariance import multiplications
from .problem import Problem, as_problem
from .routes import ROUTES, is_safe
from .settling import Settled, is_settled, settle_by

Solver = Literal["auto", "covariance", "hessian", "square_root", "cg"]
SOLVERS: tuple[str, ...] = get_args(Solver)
REFUSED = 1e-3
"""Activities whose estimated relative error is larger are refused."""
STEPS = 120
"""The number of conjugate-gradient steps that ``"auto"`` assumes."""
NARROW = 16
"""Products with fewer columns are counted as if they had this many: reading the weights takes most of their time."""
LARGEST = 2**27
"""Numbers in the largest matrix of a layer that ``"auto"`` decomposes: a gibibyte in double precision."""


class Equilibrium(Record):
    r"""The equilibrium of inference for every sample of a batch.

    Without a batch dimension in the data there is none here.

    Attributes:
        activities: ``x*_0 … x*_L``, each ``(B, n_l)``; where layers have images, ``(B, C, H, W)`` here and below.
        errors: ``ε*_1 … ε*_L``, each ``(B, n_l)``: ``ε*_l = x*_l − T_l x*_{l-1} − b_l``.
        multiplier: ``λ``, ``(B, n_L)``, the precision-weighted error of the output.
        residual: ``r = y − ŷ``, ``(B, n_L)``, whatever the nudge.
        energy: ``½ Σ_l ε*_lᵀ Σ_l⁻¹ ε*_l`` (and the soft output's term), ``(B,)``.
        weighted_errors: ``e_l = Σ_l⁻¹ ε*_l = D_lᵀ λ``, each ``(B, n_l)``.
        accuracy: an estimate of the relative error of a sample's activities, ``(B,)``. Where ``y`` nearly equals ``ŷ``,
            errors and energy have fewer digits than activities, as the data have.
        route: index of the route taken among covariance, hessian, square_root, cg.
        iterations: steps of conjugate gradients, 0 on the other routes.
    """

    activities: tuple[Float[Array, "..."], ...]
    errors: tuple[Float[Array, "..."], ...]
    multiplier: Float[Array, "..."]
    residual: Float[Array, "..."]
    energy: Float[Array, "*B"]
    weighted_errors: tuple[Float[Array, "..."], ...]
    accuracy: Float[Array, "*B"]
    route: Int[Array, ""]
    iterations: Int[Array, ""]

    @property
    def converged(self) -> Bool[Array, "*B"]:
        """Whether rounding alone explains a sample's ``accuracy``."""
        return is_safe(self.accuracy, len(self.errors))

    @property
    def solver(self) -> Any:
        """The name of the route taken; of an equilibrium vmapped over networks, an array of names."""
        return told("solver", self.route, ROUTES, "route")

    def _facts(self) -> dict[str, Any]:
        return {
            "samples": np.size(self.energy), "energy": float(np.mean(self.energy)), "solver": self.solver,
            "accuracy": float(np.max(self.accuracy)), "converged": bool(np.all(self.converged)),
        }  # fmt: skip

    def _columns(self) -> dict[str, Any]:
        samples = np.size(self.energy)
        products = [np.asarray(error) * each for error, each in zip(self.errors, self.weighted_errors, strict=True)]
        return {
            "layer": range(1, len(products) + 1),
            "activity": [float(np.sqrt(np.sum(np.square(each)) / samples)) for each in self.activities[1:]],
            "error": [float(np.sqrt(np.sum(np.square(each)) / samples)) for each in self.errors],
            "energy by layer": [float(np.sum(each) / (2 * samples)) for each in products],
        }


def equilibrium(
    net: LinearNetwork, x: Any, y: Any, covariances: Any = None, nudge: Any = None, solver: Solver = "auto"
) -> Equilibrium:
    r"""The minimum of the energy with the input clamped to ``x`` and the output to ``y``, in closed form.

    With ``r = y − ŷ`` and ``S = Σ_l D_l Σ_l D_lᵀ``: ``λ = S⁻¹ r``, ``ε*_l = Σ_l D_lᵀ λ`` and
    ``x*_l = T_l x*_{l-1} + b_l + ε*_l``.

    Args:
        net: the network, ``L`` layers.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        covariances: ``None`` for identities, or ``L`` entries, each a positive scalar or a symmetric positive
            definite ``(n_l, n_l)`` matrix.
        nudge: ``None`` for the clamp ``x_L = y``; a number ``β`` for the nudged clamp ``x_L = ŷ + β (y − ŷ)``;
            `SoftOutput` for an energy term in place of the clamp.
        solver: ``"covariance"`` (through ``S`` and Cholesky; fast, and useless where weights grow with depth),
            ``"hessian"`` (block-tridiagonal Cholesky), ``"square_root"`` (orthogonal; the most accurate), ``"cg"``
            (through ``S``, by conjugate gradients; forms no matrix), or ``"auto"``: the cheapest, checked after the
            fact, and the orthogonal one where the check fails and its matrices fit into memory.

    Returns:
        The equilibrium; ``solver`` names the route taken and ``accuracy`` estimates the relative error. For conjugate
        gradients, ``iterations`` and ``converged`` tell the outcome.

    Raises:
        ValueError: for shapes that do not match the network, NaN or infinity, or an unknown solver.
        TypeError: for something that does not hold real numbers.
        PrecisionError: where the estimated relative error exceeds 1e-3, or numbers overflow. Under ``jax.jit``
            and other transformations such samples are NaN instead.

    Source:
        Sample Efficiency, equations 3, 4, 33-36 (appendix E); Millidge et al. 2023; options: docs/theory.md, section 4.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> result = equilibrium(net, x=[1.0], y=[3.0])
        >>> [activity.round(6).tolist() for activity in result.activities]
        [[1.0], [2.0], [3.0]]
        >>> round(float(result.energy), 6), result.solver
        (1.0, 'covariance')
    """
    problem = as_problem(net, x, y, covariances, nudge)
    settled = settle_problem(problem, one_of("solver", solver, SOLVERS))
    return _as_equilibrium(settled, net.shapes, problem.x.ndim == 1)


def _as_equilibrium(settled: Settled, shapes: Sequence[Shape], single: bool) -> Equilibrium:
    """Rows as the caller's samples; only images and a single sample take a program."""
    if single or any(len(shape) > 1 for shape in shapes):
        settled = _shaped(settled, shapes, single)
    return Equilibrium(
        activities=settled.activity_rows,
        errors=settled.weighted_rows if settled.error_rows is None else settled.error_rows,
        multiplier=settled.weighted_rows[-1],
        residual=settled.residual_rows,
        energy=settled.energy,
        weighted_errors=settled.weighted_rows,
        accuracy=settled.accuracy,
        route=settled.route,
        iterations=settled.steps,
    )


@compiled
def _shaped(settled: Settled, shapes: Sequence[Shape], single: bool) -> Settled:
    """Rows as images, or as one sample without a batch."""

    def samples(rows: Sequence[Array], shapes: Sequence[Shape]) -> tuple[Array, ...]:
        return tuple(shaped(first(each), shape) for each, shape in zip(rows, shapes, strict=True))

    def first(rows: Array) -> Array:
        return rows[0] if single else rows

    return settled._replace(
        activity_rows=samples(settled.activity_rows, shapes),
        error_rows=None if settled.error_rows is None else samples(settled.error_rows, shapes[1:]),
        weighted_rows=samples(settled.weighted_rows, shapes[1:]),
        residual_rows=samples([settled.residual_rows], shapes[-1:])[0],
        energy=first(settled.energy),
        accuracy=first(settled.accuracy),
    )


def settle_problem(problem: Problem, solver: str, energy: bool = True) -> Settled:
    """The equilibrium of a checked problem; inaccurate results are refused, and an energy that overflows if asked."""
    return _refuse_inaccurate(_settle(problem, solver), energy)


def _settle(problem: Problem, solver: str) -> Settled:
    if solver != "auto":
        return settle_by(problem, solver)
    found = settle_by(problem, cheapest_route(problem.layers, problem.samples))
    safe = is_settled(found)
    if (is_concrete(safe) and safe) or not fits_explicitly(problem.layers):
        return found
    if not is_concrete(safe):
        return choose(safe, lambda: found, lambda: _unless_refused(settle_by(problem, "square_root"), found))
    for route in ("hessian", "square_root"):  # the second costs three times the first
        if not is_settled(found):
            found = _unless_refused(settle_by(problem, route), found)
    return found


def _unless_refused(found: Settled, other: Settled) -> Settled:
    """One equilibrium; another where the first would be refused, and the other would not."""
    refused, lost = (~(known(each.accuracy) <= REFUSED).all() for each in (found, other))
    return choose(refused & ~lost, lambda: other, lambda: found)


def cheapest_route(layers: tuple[Layer, ...], samples: int | None = None) -> str:
    """Compare multiplications; LAPACK does about a third as many per second as plain products do.

    Conjugate gradients is compared for a number of samples only: its steps, unlike a factorisation, are taken for each.
    """
    outputs = layers[-1].out_size
    costs = {"covariance": min(multiplications(layers)) + outputs**3 / 3}
    if fits_explicitly(layers):
        costs["hessian"] = 3 * sum(each.in_size**2 * (each.in_size + 3 * each.out_size) for each in layers[1:])
    if samples is not None:
        columns = STEPS * max(samples, NARROW) + sketch_size(outputs, samples)
        costs["cg"] = 2 * columns * sum(each.work for each in layers[1:])
    return min(costs, key=lambda route: costs[route])


def fits_explicitly(layers: tuple[Layer, ...]) -> bool:
    """Whether every layer's explicit matrix is small enough for the routes that decompose it."""
    return all((layer.in_size + layer.out_size) ** 2 <= LARGEST for layer in layers)


def _refuse_inaccurate(settled: Settled, with_energy: bool) -> Settled:
    """Raise if a sample's estimated error is too large, or make it NaN where only a traced program can tell."""
    accuracy, energy = known((settled.accuracy, settled.energy))
    accurate = accuracy <= REFUSED
    if with_energy:
        accurate = accurate & namespace(energy).isfinite(energy)
    if is_concrete(accurate):
        if not np.asarray(accurate).all():
            raise PrecisionError(_refusal(settled))
        return settled
    poison = partial(_nan_unless, accurate)
    return settled._replace(
        activity_rows=tuple(map(poison, settled.activity_rows)),
        error_rows=None if settled.error_rows is None else tuple(map(poison, settled.error_rows)),
        weighted_rows=tuple(map(poison, settled.weighted_rows)),
        energy=poison(settled.energy),
    )


def _refusal(settled: Settled) -> str:
    energy, accuracy = settled.energy, np.asarray(settled.accuracy)  # while a derivative is taken, no number of energy
    if np.isfinite(accuracy).all() and is_concrete(energy) and not np.isfinite(energy).all():
        return f"the equilibrium overflows {energy.dtype}. Scale the weights or the data down."
    worst, solver = float(np.max(accuracy)), settled.solver
    lost = f"an estimated relative error of {worst:.1e}, above {REFUSED:.0e}" if np.isfinite(worst) else "no digit left"
    if solver == "cg":
        lost += f" after {int(np.max(settled.steps))} iterations"
    return (
        f"the equilibrium by solver={solver!r} has {lost}, in {energy.dtype}. "
        'Use solver="auto" or "square_root", or float64.'
    )


def _nan_unless(accurate: Array, values: Array) -> Array:
    """The values where a sample, a row, is accurate; NaN elsewhere."""
    xp = namespace(values)
    return xp.where(accurate[:, None] if values.ndim == 2 else accurate, values, xp.full_like(values, xp.nan))
