"""The linear system solved by a route, and the equilibrium of a checked problem: the programs that compute it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..networks.layer import Layer
from ..networks.passes import Columns, feedforward, total
from ..networks.samples import as_columns, as_rows
from ..numerics.algebra import Matrix, add_bias, bias_columns, column_products
from ..numerics.kinds import choose, compiled, is_concrete, is_jax, known, namespace
from .covariance import Covariances
from .nudging import SoftOutput, softened
from .problem import Problem
from .routes import ROUTES, Solution, corrected, is_safe, scale_all, uncorrected


def solve_system(route: str, layers: tuple[Layer, ...], covariances: Covariances, offsets: Columns) -> Solution:
    """Solve the system with ``g = 0`` by the named route; in JAX differentiable in everything but the route."""
    if not is_jax(offsets[-1]):
        return ROUTES[route](layers, covariances, offsets)
    from .solve_derivative import solve_differentiably

    return solve_differentiably(route, layers, covariances, offsets)


class Settled(NamedTuple):
    """The equilibrium of every sample, and the feedforward pass that it starts from.

    Programs hand on what callers see as rows, so that no program is there to transpose alone. Kernels take columns, by
    name: a product with transposed rows is one product.
    """

    activity_rows: tuple[Matrix, ...]
    error_rows: tuple[Matrix, ...] | None
    """``None`` where covariances are identities: the weighted errors."""
    weighted_rows: tuple[Matrix, ...]
    predicted: Sequence[Matrix]
    """``x̂_0 … x̂_L``, columns: callers get none."""
    residual_rows: Matrix
    energy: Any
    accuracy: Any
    steps: Any
    rest: Any = None
    route: Any = None

    @property
    def solver(self) -> str:
        """The name of the route taken."""
        return list(ROUTES)[int(self.route)]

    @property
    def activities(self) -> tuple[Matrix, ...]:
        """``x*_0 … x*_L``."""
        return tuple(map(as_columns, self.activity_rows))

    @property
    def errors(self) -> tuple[Matrix, ...]:
        """``ε*_1 … ε*_L``."""
        return tuple(map(as_columns, self.weighted_rows if self.error_rows is None else self.error_rows))

    @property
    def weighted_errors(self) -> tuple[Matrix, ...]:
        """``e_1 … e_L``."""
        return tuple(map(as_columns, self.weighted_rows))

    @property
    def residual(self) -> Matrix:
        """``r``."""
        return as_columns(self.residual_rows)

    @property
    def multiplier(self) -> Matrix:
        """``λ``, the output's precision-weighted error."""
        return as_columns(self.weighted_rows[-1])


def is_settled(settled: Settled) -> Any:
    """Whether rounding alone explains the estimated errors of all samples."""
    return is_safe(known(settled.accuracy), len(settled.weighted_rows)).all()


def settle(problem: Problem, solve: Callable[..., Solution]) -> Settled:
    """The equilibrium of a problem, by a way to solve its linear system; runs on SymPy matrices too."""
    layers, covariances, nudge = problem.layers, problem.covariances, problem.nudge
    x, y = as_columns(problem.x), as_columns(problem.y)
    predicted = feedforward(layers, x)
    residual = y - predicted[-1]
    solution = solve(layers, softened(covariances, nudge), _offsets(layers, predicted[1], y))
    weighted, hidden, output, rest = solution.weighted_errors, solution.hidden, y, solution.rest
    if nudge is not None and not isinstance(nudge, SoftOutput):  # in proportion, so that a small one costs no digits
        weighted = tuple(nudge * each for each in weighted)
        hidden = tuple(plain + nudge * (each - plain) for plain, each in zip(predicted[1:-1], hidden, strict=True))
        output, rest = predicted[-1] + nudge * residual, None if rest is None else solution
    errors = scale_all(covariances, weighted)
    energy = total(*map(column_products, weighted, errors)) / 2
    if isinstance(nudge, SoftOutput):
        output = y - weighted[-1] / nudge.beta
        energy = energy + nudge.beta * column_products(y - output, y - output) / 2
    scaled = any(each is not None for each in covariances)
    return Settled(
        _rows((x, *hidden, output)), _rows(errors) if scaled else None, _rows(weighted), predicted,
        as_rows(residual, single=False), energy, solution.accuracy, solution.steps, rest,
    )  # fmt: skip


def _rows(columns: Sequence[Matrix]) -> tuple[Matrix, ...]:
    return tuple(as_rows(each, single=False) for each in columns)


def settle_by(problem: Problem, route: str) -> Settled:
    """The equilibrium of a checked problem by one route, however inaccurate.

    A correction through ``S`` is a program of its own, which few concrete problems need; within a traced program it is
    a branch.
    """
    if route != "covariance" or not is_concrete(problem):
        return _settle_by(problem, route)
    first = _settle_once(problem)
    return choose(is_settled(first), lambda: first._replace(rest=None), lambda: _settle_again(problem, first))


def settle_within(problem: Problem, route: str) -> Settled:
    """The same as a part of the caller's program."""
    return _told(settle(problem, partial(solve_system, route)), route)


_settle_by = compiled(settle_within)


@compiled
def _settle_once(problem: Problem) -> Settled:
    return _told(settle(problem, uncorrected), "covariance")


@compiled
def _settle_again(problem: Problem, first: Settled) -> Settled:
    solution = first.rest
    if not isinstance(solution, Solution):
        solution = Solution(first.weighted_errors, first.activities[1:-1], first.accuracy, rest=first.rest)
    return _told(settle(problem, partial(corrected, solution)), "covariance")


def _told(settled: Settled, route: str) -> Settled:
    """The equilibrium with its route, and its steps as a whole number."""
    xp = namespace(settled.residual_rows)
    return settled._replace(route=xp.asarray(list(ROUTES).index(route)), steps=xp.asarray(settled.steps).astype(int))


def _offsets(layers: tuple[Layer, ...], first: Matrix, target: Matrix) -> tuple[Any, ...]:
    """``c_1 = T_1 x + b_1``, ``c_l = b_l`` (``None`` for no bias), ``c_L = b_L − y``."""
    if len(layers) == 1:
        return (first - target,)
    hidden = [None if layer.shift is None else bias_columns(layer.shift, target) for layer in layers[1:-1]]
    return (first, *hidden, add_bias(-target, layers[-1].shift))
