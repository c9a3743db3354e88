"""The derivative of the linear system's solution under JAX: one more solve by the same route."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ..networks.layer import Layer
from ..networks.passes import Columns
from .covariance import Covariances
from .routes import ROUTES, Solution, residuals


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def solve_differentiably(route: str, layers: tuple[Layer, ...], covariances: Covariances, offsets: Columns) -> Solution:
    """Solve the system with ``g = 0`` by the named route; differentiable in everything but the route."""
    return ROUTES[route](layers, covariances, offsets)


@solve_differentiably.defjvp
def _differential(route: str, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Solution, Solution]:
    primals = jax.tree.map(jnp.asarray, primals)  # outside of a compiled program they may be NumPy's
    layers, covariances, _ = primals
    solution = solve_differentiably(route, *primals)

    known = partial(residuals, errors=solution.weighted_errors, hidden=solution.hidden)
    moved, unravel = ravel_pytree(jax.jvp(known, primals, tangents)[1])

    # One flat unknown: the transpose of `custom_linear_solve` wants every part of the right-hand side linear.
    def system(unknown: jax.Array) -> jax.Array:
        return ravel_pytree(residuals(layers, covariances, (None,) * len(layers), *unravel(unknown)))[0]

    def solve_negated(_: Any, right: jax.Array) -> jax.Array:
        return ravel_pytree(ROUTES[route](layers, covariances, *unravel(-right))[:2])[0]

    errors, hidden = unravel(jax.lax.custom_linear_solve(system, -moved, solve_negated, symmetric=True))
    still = jax.tree.map(jnp.zeros_like, (solution.accuracy, solution.steps))
    return solution, Solution(errors, hidden, *still)
