r"""Precisions that remove the interference of activities (Theorem 3).

With scalar covariances ``Σ_l`` proportional to ``p_l = φ_l(x*_{l-1})ᵀ φ_l(x̂_{l-1})``, plain predictive coding of one
sample moves the prediction straight towards the target. The activities depend on the covariances in turn, through their
ratios only; so the common scale is free, and with ``Σ_l = p_l`` the prediction moves by the residual itself.

The equations ``p_l(Σ) = Σ_l`` are solved in the logarithms of the covariances: by a fixed-point iteration that damps
each layer wherever it turns around, then by Newton's method.
"""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ..equilibria.equilibrium import REFUSED, SOLVERS, Solver, cheapest_route
from ..equilibria.nudging import SoftOutput
from ..equilibria.problem import Problem, as_problem, stationary
from ..equilibria.routes import is_safe
from ..equilibria.settling import settle, solve_system
from ..learning.adaptive_rates import products
from ..learning.rules import Signals, backpropagation_signals, equilibrium_signals
from ..networks.network import LinearNetwork
from ..networks.samples import as_columns
from ..numerics.algebra import Array
from ..numerics.checks import as_array, as_list, one_of
from ..numerics.kinds import (
    agree,
    choose,
    compiled,
    each_of,
    is_concrete,
    is_jax,
    map_leaves,
    namespace,
    stop_gradient,
    told,
)
from ..numerics.record import Record
from .interference_free_search import Maps, Reduced, find_logs, maps_of, polish, reduce_problem

SEARCH_OUTCOMES = ("no positive solution found", "converged")


class InterferenceFree(Record):
    r"""The result of `interference_free_covariances`, for each sample.

    Attributes:
        covariances: ``Σ_1 … Σ_L``, ``(B, L)``; NaN where no positive solution was found.
        found: whether one was, ``(B,)``.
        products: ``p_l = φ_l(x*_{l-1})ᵀ φ_l(x̂_{l-1})`` where the search ended, ``(B, L)``.
        nearest: the covariances where the search ended, ``(B, L)``; equal to ``covariances`` where it converged.
        mismatch: ``max_l |p_l / Σ_l − 1|`` where the search ended, ``(B,)``.
        layer: the layer of the largest mismatch, counted from 1, ``(B,)``; where none was found, usually the one whose
            product is negative.
    """

    covariances: Float[Array, "*B L"]
    found: Bool[Array, "*B"]
    products: Float[Array, "*B L"]
    nearest: Float[Array, "*B L"]
    mismatch: Float[Array, "*B"]
    layer: Int[Array, "*B"]

    @property
    def outcome(self) -> Any:
        """``"converged"`` or ``"no positive solution found"``; of a batch, an array of them."""
        return told("outcome", self.found, SEARCH_OUTCOMES, "found")


def interference_free_covariances(
    net: LinearNetwork, x: Any, y: Any, nudge: Any = None, start: Any = None, solver: Solver = "auto"
) -> InterferenceFree:
    r"""Covariances with which plain predictive coding has a target alignment of exactly one, if there are any.

    They solve ``Σ_l = φ_l(x*_{l-1})ᵀ φ_l(x̂_{l-1})``, where ``x*`` is the equilibrium with these covariances. Then a
    weight update changes the prediction by exactly the residual; with any multiple of them, by a multiple of it. Each
    sample of a batch has covariances of its own.

    If no ``φ_l(x̂_{l-1})`` is zero, a solution exists for every target close enough to the prediction. It need not exist
    otherwise, nor be the only one.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        nudge: ``None`` for the clamp, or a number for the nudged clamp, as in `equilibrium`.
        start: ``L`` positive covariances to start from; by default ``‖φ_l(x̂_{l-1})‖²``, the solution for ``y = ŷ``.
        solver: as in `equilibrium`.

    Returns:
        The covariances, with an outcome. Covariances that only tend to a solution, on their way to zero, are none. The
        search cannot prove that there is no solution. With one hidden layer it found one in every trial in which one
        exists.

    Raises:
        ValueError: for shapes that do not match the network, NaN or infinity, a start that is not positive, a soft
            output, or an unknown solver.
        TypeError: for something that does not hold real numbers.

    Source:
        docs/theory.md, statement 5.2.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> found = interference_free_covariances(net, [1.0], [4.0])
        >>> found.outcome, found.covariances.round(6).tolist()
        ('converged', [1.0, 2.0])
        >>> interference_free_covariances(net, [1.0], [-3.0]).outcome
        'no positive solution found'
    """
    one_of("solver", solver, SOLVERS)
    if isinstance(nudge, SoftOutput):
        raise ValueError("`nudge` is a SoftOutput; wanted None or a number.")
    problem = as_problem(net, x, y, None, nudge)
    logs = None if start is None else _as_logs(start, problem)
    problem, logs = agree(net=problem, start=logs)
    return search(problem, logs, solver)[0]


def search(problem: Problem, start: Array | None, solver: str) -> tuple[InterferenceFree, Signals]:
    """The covariances, and predictive coding's factors where each sample's search ended, as columns."""
    if solver != "auto":
        return _find(problem, start, solver)[:2]
    result, signals, accuracy = _find(problem, start, cheapest_route(problem.layers))
    safe = is_safe(accuracy, len(problem.layers)).all()
    return choose(safe, lambda: (result, signals), lambda: _find(problem, start, "square_root")[:2])


def _as_logs(start: Any, problem: Problem) -> Array:
    depth, listed = len(problem.layers), as_list("start", start, "numbers")
    array = as_array("start", start if hasattr(start, "dtype") else listed, problem.x.dtype)
    if array.shape != (depth,):
        raise ValueError(f"`start` has shape {array.shape}; wanted ({depth},), one covariance per layer.")
    if is_concrete(array) and not np.all(np.asarray(array) > 0):
        raise ValueError(f"`start` holds {float(array.min())}; wanted positive numbers.")
    return namespace(array).log(array)


@compiled
def _find(problem: Problem, start: Array | None, route: str) -> tuple[InterferenceFree, Signals, Array]:
    """Search for every sample; also what it learns from, and the equilibrium's estimated error, where it ended."""
    maps = maps_of(problem.layers)

    def one(x: Array, y: Array) -> tuple[InterferenceFree, Signals, Array]:
        sample = Problem(problem.layers, problem.covariances, x, y, problem.nudge)
        return _find_one(sample, maps, _first(sample) if start is None else start, route)

    if problem.x.ndim == 1:
        return one(problem.x, problem.y)
    result, signals, accuracy = each_of(one, problem.x, problem.y, at_once=1)
    return result, map_leaves(lambda each: each[..., 0].T, signals), accuracy


def _find_one(problem: Problem, maps: Maps, start: Array, route: str) -> tuple[InterferenceFree, Signals, Array]:
    reduced, xp = reduce_problem(problem, maps), namespace(start)

    def exact(logs: Array) -> Array:
        """The excess at the equilibrium itself, which may keep digits that the reduced form loses."""
        signals, _ = _signals_at(problem, xp.exp(logs), route)
        return xp.stack(products(problem.layers, signals)) / xp.exp(logs) - 1

    logs = _find_logs(reduced, start)
    refined = polish(exact, reduced.slopes, stop_gradient(logs))
    covariances = xp.exp(logs + stop_gradient(refined - logs))
    signals, accuracy = _signals_at(problem, covariances, route)
    values = xp.stack(products(problem.layers, signals))
    mismatches = abs(values / covariances - 1)
    mismatch = mismatches.max()
    found = (mismatch <= search_tolerance(mismatch.dtype)) & (accuracy <= REFUSED)
    found = found & map_leaves(stop_gradient, reduced).is_located(stop_gradient(refined))
    result = InterferenceFree(
        covariances=xp.where(found, covariances, xp.nan),
        found=found,
        products=values,
        nearest=covariances,
        mismatch=mismatch,
        layer=mismatches.argmax() + 1,
    )
    return result, signals, accuracy


def _find_logs(reduced: Reduced, start: Array) -> Array:
    if not is_jax(start):
        return find_logs(reduced, start)
    from .interference_free_derivative import find_logs_differentiably

    return find_logs_differentiably(reduced, start)


def search_tolerance(dtype: Any) -> float:
    """The mismatch up to which a search has converged: Newton's method squares it in a step, if rounding lets it."""
    return stationary(dtype)


def _signals_at(problem: Problem, covariances: Array, route: str) -> tuple[Signals, Array]:
    """The errors and activities of one sample with these covariances, and the equilibrium's estimated error."""
    weighted = Problem(problem.layers, tuple(covariances), problem.x, problem.y, problem.nudge)
    settled = settle(weighted, partial(solve_system, route))
    columns = as_columns(problem.x), as_columns(problem.y)
    signals = equilibrium_signals(problem.layers, *columns, settled.weighted_errors, settled.activities)
    return signals, settled.accuracy[0]


def _first(problem: Problem) -> Array:
    """``log ‖φ_l(x̂_{l-1})‖²``."""
    signals = backpropagation_signals(problem.layers, as_columns(problem.x), as_columns(problem.y))
    xp = namespace(problem.x)
    sizes = xp.stack(products(problem.layers, signals))
    return xp.log(xp.where(sizes > 0, sizes, xp.ones_like(sizes)))
