"""The derivative of interference-free precisions under JAX, by the implicit function theorem."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from .interference_free_search import Reduced, find_logs

_one_by_one = jax.custom_batching.sequential_vmap(find_logs)
"""Samples take turns: they need different numbers of steps, and on CPUs LAPACK's batched Cholesky factors, in loops
inside of loops, can come to a standstill."""


def find_logs_differentiably(reduced: Reduced, start: jax.Array) -> jax.Array:
    """The result of `find_logs`, differentiable in the problem, not in where the search starts."""
    return jax.lax.custom_root(reduced.excess, start, lambda _, logs: _one_by_one(reduced, logs), _solve_tangent)


def _solve_tangent(linear: Callable[[jax.Array], jax.Array], right: jax.Array) -> jax.Array:
    """Solve a linear function's equations."""
    return jnp.linalg.solve(jax.jacfwd(linear)(right), right)
