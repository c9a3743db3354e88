r"""Precisions that remove the interference of activities (Theorem 3).

With scalar covariances ``Σ_l`` proportional to ``p_l = φ_l(x*_{l-1})ᵀ φ_l(x̂_{l-1})``, plain predictive coding of one
sample moves the prediction straight towards the target. The activities depend on the covariances in turn, through their
ratios only; so the common scale is free, and with ``Σ_l = p_l`` the prediction moves by the residual itself.

The equations ``p_l(Σ) = Σ_l`` are solved in the logarithms of the covariances: by a fixed-point iteration that damps
each layer wherever it turns around, then by Newton's method.
"""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..equilibria.equilibrium import REFUSED, SOLVERS, cheapest_route, settle
from ..equilibria.problem import Problem, SoftOutput, as_problem
from ..equilibria.routes import safe_accuracy, solve_system
from ..learning.rescaling import products
from ..learning.rules import Signals, backpropagation_signals, equilibrium_signals
from ..networks.network import LinearNetwork
from ..networks.samples import as_columns
from ..numerics.checks import as_array, as_list, one_of
from ..numerics.kinds import is_concrete
from .interference_free_search import find_logs, polish, reduce_problem, solve_tangent

OUTCOMES = ("no positive solution found", "converged")


class InterferenceFree(eqx.Module):
    r"""What `interference_free_covariances` found, for each sample.

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
        if not is_concrete(self.found):
            raise TypeError("`outcome` is known after tracing only; return `found`.")
        names = np.array(OUTCOMES)[np.asarray(self.found, int)]
        return str(names) if names.ndim == 0 else names


def interference_free_covariances(
    net: LinearNetwork, x: Any, y: Any, nudge: Any = None, start: Any = None, solver: str = "auto"
) -> InterferenceFree:
    r"""Covariances with which plain predictive coding has a target alignment of exactly one, if there are any.

    They solve ``Σ_l = φ_l(x*_{l-1})ᵀ φ_l(x̂_{l-1})``, where ``x*`` is the equilibrium with these covariances. Then a
    weight update changes the prediction by exactly the residual; with any multiple of them, by a multiple of it. Each
    sample of a batch has covariances of its own.

    A solution exists for every target close enough to the prediction. It need not exist otherwise, nor be the only one.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        nudge: ``None`` for the clamp, or a number for the nudged clamp, as in `equilibrium`.
        start: ``L`` positive covariances to start from; by default ``‖φ_l(x̂_{l-1})‖²``, the solution for ``y = ŷ``.
        solver: as in `equilibrium`.

    Returns:
        The covariances, with an outcome. The search cannot prove that there is no solution. With one hidden layer it
        found one in every trial in which one exists.

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
    return search(problem, None if start is None else _as_logs(start, problem), solver)[0]


def search(problem: Problem, start: jax.Array | None, solver: str) -> tuple[InterferenceFree, Signals]:
    """What was found, and what predictive coding learns from where each sample's search ended, as columns."""
    if solver != "auto":
        return _find(problem, start, solver)[:2]
    result, signals, accuracy = _find(problem, start, cheapest_route(problem.layers))
    safe = jnp.all(accuracy <= safe_accuracy(accuracy.dtype))
    if is_concrete(safe):
        return (result, signals) if safe else _find(problem, start, "square_root")[:2]
    return jax.lax.cond(safe, lambda: (result, signals), lambda: _find(problem, start, "square_root")[:2])


def _as_logs(start: Any, problem: Problem) -> jax.Array:
    depth = len(problem.layers)
    array = jnp.stack([as_array("start", each, problem.x.dtype) for each in as_list("start", start, "numbers")])
    if array.shape != (depth,):
        raise ValueError(f"`start` has shape {array.shape}; wanted ({depth},), one covariance a layer.")
    if is_concrete(array) and not np.all(array > 0):
        raise ValueError(f"`start` holds {float(jnp.min(array))}; wanted positive numbers.")
    return jnp.log(array)


@eqx.filter_jit
def _find(problem: Problem, start: jax.Array | None, route: str) -> tuple[InterferenceFree, Signals, jax.Array]:
    """Search for every sample; also what it learns from, and the equilibrium's estimated error, where it ended."""

    def one(x: jax.Array, y: jax.Array) -> tuple[InterferenceFree, Signals, jax.Array]:
        sample = Problem(problem.layers, problem.covariances, x, y, problem.nudge)
        return _find_one(sample, _first(sample) if start is None else start, route)

    if problem.x.ndim == 1:
        return one(problem.x, problem.y)
    result, signals, accuracy = jax.lax.map(lambda pair: one(*pair), (problem.x, problem.y))
    return result, jax.tree.map(lambda each: each[..., 0].T, signals), accuracy


def _find_one(problem: Problem, start: jax.Array, route: str) -> tuple[InterferenceFree, Signals, jax.Array]:
    reduced = reduce_problem(problem)

    def exact(logs: jax.Array) -> jax.Array:
        """The excess at the equilibrium itself, which may keep digits that the reduced form loses."""
        signals, _ = _signals_at(problem, jnp.exp(logs), route)
        return jnp.stack(products(problem.layers, signals)) / jnp.exp(logs) - 1

    logs = jax.lax.custom_root(
        lambda logs: reduced.excess(logs), start, lambda _, logs: find_logs(reduced, logs), solve_tangent
    )
    refined = polish(exact, reduced.slopes, jax.lax.stop_gradient(logs))
    covariances = jnp.exp(logs + jax.lax.stop_gradient(refined - logs))
    signals, accuracy = _signals_at(problem, covariances, route)
    values = jnp.stack(products(problem.layers, signals))
    mismatches = jnp.abs(values / covariances - 1)
    mismatch = jnp.max(mismatches)
    found = (mismatch <= search_tolerance(mismatch.dtype)) & (accuracy <= REFUSED)
    result = InterferenceFree(
        covariances=jnp.where(found, covariances, jnp.nan),
        found=found,
        products=values,
        nearest=covariances,
        mismatch=mismatch,
        layer=jnp.argmax(mismatches) + 1,
    )
    return result, signals, accuracy


def search_tolerance(dtype: Any) -> float:
    """The mismatch up to which a search has converged: Newton's method squares it in a step, if rounding lets it."""
    return float(np.sqrt(float(jnp.finfo(dtype).eps)))


def _signals_at(problem: Problem, covariances: jax.Array, route: str) -> tuple[Signals, jax.Array]:
    """What predictive coding learns from one sample with these covariances, and the equilibrium's estimated error."""
    weighted = Problem(problem.layers, tuple(covariances), problem.x, problem.y, problem.nudge)
    settled = settle(weighted, partial(solve_system, route))
    columns = as_columns(problem.x), as_columns(problem.y)
    signals = equilibrium_signals(problem.layers, *columns, settled.weighted_errors, settled.activities)
    return signals, settled.accuracy[0]


def _first(problem: Problem) -> jax.Array:
    """``log ‖φ_l(x̂_{l-1})‖²``."""
    x, y = as_columns(problem.x), as_columns(problem.y)
    signals = backpropagation_signals(problem.layers, x, y)
    sizes = jnp.stack(products(problem.layers, signals))
    return jnp.log(jnp.where(sizes > 0, sizes, jnp.ones_like(sizes)))
