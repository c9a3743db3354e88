r"""The search for interference-free precisions: ``L`` equations between ``L`` logarithms, without the network.

A damped fixed-point iteration comes near a solution, Newton's method finishes.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..equilibria.problem import Problem
from ..learning.rescaling import products
from ..learning.rules import backpropagation_signals
from ..networks.passes import backward_sweep, downstream_maps
from ..networks.samples import as_columns
from ..numerics.algebra import solve

ATTEMPTS, SHIFTS = 6, (-8.0, 3.0)
"""From how many starts the search begins at most, and how far from the first the logarithms of the others may lie."""
TURNS, STRIDE, DAMPING = 250, 0.5, 0.5
"""Of the fixed-point iteration: how many steps at most, the longest step of a logarithm, and the share taken of it."""
NEAR = 1e-2
"""The mismatch at which Newton's method takes over."""
LOST = 40.0
"""A covariance that has shrunk by ``exp(40)`` is on its way to zero."""
POLISHES = 40
"""Newton steps at most."""


class Reduced(eqx.Module):
    r"""One sample's products as functions of the covariances alone, ``L`` numbers of ``L`` numbers.

    ``p_l = ‖φ_l(x̂_{l-1})‖² + Σ_{k<l} Σ_k v_{lk}ᵀ λ`` with ``(Σ_k Σ_k D_k D_kᵀ) λ = r`` and
    ``v_{lk} = D_k W_{l-1:k+1}ᵀ φ_lᵀ φ_l(x̂_{l-1})``: no layer is passed through again.

    Products and covariances are in units of ``exp(unit)``, so that data of any size make the same problem.
    """

    sizes: Float[Array, " L"]
    couplings: Float[Array, "L L n"]
    grams: Float[Array, "L n n"]
    residual: Float[Array, " n"]
    unit: Float[Array, ""]

    def products(self, covariances: Float[Array, " L"]) -> Float[Array, " L"]:
        """``p_1 … p_L`` of covariances, both in the problem's unit."""
        multiplier = solve(jnp.tensordot(covariances, self.grams, 1), self.residual[:, None])[:, 0]
        return self.sizes + self.couplings @ multiplier @ covariances

    def excess(self, logs: Float[Array, " L"]) -> Float[Array, " L"]:
        """``p_l / Σ_l − 1`` of the covariances with the given logarithms; zero is what is wanted."""
        covariances = jnp.exp(logs - self.unit)
        return self.products(covariances) / covariances - 1

    def slopes(self, logs: Float[Array, " L"]) -> Float[Array, "L L"]:
        """The derivative of `excess`."""
        return jax.jacfwd(self.excess)(logs)


def reduce_problem(problem: Problem) -> Reduced:
    """The products of a problem with one sample, reduced to what the search needs."""
    layers = problem.layers
    signals = backpropagation_signals(layers, as_columns(problem.x), as_columns(problem.y))
    maps = downstream_maps(layers)
    couplings = [[jnp.zeros(layers[-1].out_size, problem.x.dtype)] * len(layers)]
    for index in range(1, len(layers)):
        features, pull = jax.vjp(layers[index].weight_features, signals.feedforward[index])
        pulled = backward_sweep(layers[:index], *pull(features))
        row = [downstream.T @ each for downstream, each in zip(maps, pulled, strict=False)]
        couplings.append([*(each[:, 0] for each in row), *couplings[0][index:]])
    residual = signals.residual[:, 0]
    sizes = jnp.stack(products(layers, signals))
    largest = jax.lax.stop_gradient(jnp.max(sizes))
    scale = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    return Reduced(
        sizes=sizes / scale,
        couplings=jnp.stack([jnp.stack(row) for row in couplings]) / jnp.sqrt(scale),
        grams=jnp.stack([downstream.T @ downstream for downstream in maps]),
        residual=(residual if problem.nudge is None else problem.nudge * residual) / jnp.sqrt(scale),
        unit=jnp.log(scale),
    )


class _Attempts(NamedTuple):
    logs: jax.Array
    mismatch: jax.Array
    tried: jax.Array


@jax.custom_batching.sequential_vmap
def find_logs(reduced: Reduced, start: jax.Array) -> jax.Array:
    """The fixed-point iteration, then Newton's method; from other starts too, until one leads to a solution.

    Samples take turns: they need different numbers of steps, and on CPUs LAPACK's batched Cholesky factors, in loops
    inside of loops, can come to a standstill.
    """
    shifts = np.random.default_rng(0).uniform(*SHIFTS, (ATTEMPTS, len(start)))
    shifts[0] = 0

    def attempt(before: _Attempts) -> _Attempts:
        first = start + jnp.asarray(shifts, start.dtype)[before.tried]
        logs = polish(reduced.excess, reduced.slopes, _approach(reduced.excess, first))
        mismatch = _size(reduced.excess(logs))
        better = mismatch < before.mismatch
        logs, mismatch = jnp.where(better, logs, before.logs), jnp.where(better, mismatch, before.mismatch)
        return _Attempts(logs, mismatch, before.tried + 1)

    state = _Attempts(start, jnp.asarray(jnp.inf, start.dtype), jnp.zeros((), int))
    return jax.lax.while_loop(lambda it: (it.mismatch > NEAR) & (it.tried < ATTEMPTS), attempt, state).logs


class _Walk(NamedTuple):
    logs: jax.Array
    excess: jax.Array
    stride: jax.Array
    damping: jax.Array
    turn: jax.Array


def _approach(excess: Callable[[jax.Array], jax.Array], start: jax.Array) -> jax.Array:
    """``log Σ_l`` towards ``log p_l``, or down where ``p_l`` is negative; half as far after each turn of direction."""

    def goes_on(walk: _Walk) -> jax.Array:
        lost = jnp.any(walk.logs < start - LOST)
        return (walk.turn < TURNS) & (_size(walk.excess) > NEAR) & ~lost

    def step(walk: _Walk) -> _Walk:
        ratio = walk.excess + 1  # p_l / Σ_l
        wanted = jnp.log(jnp.where(ratio > 0, ratio, jnp.zeros_like(ratio)))
        stride = jnp.clip(wanted, -STRIDE, STRIDE)
        turned = stride * walk.stride < 0
        damping = jnp.where(turned, walk.damping / 2, jnp.minimum(1.2 * walk.damping, DAMPING))
        logs = walk.logs + damping * stride
        return _Walk(logs, excess(logs), stride, damping, walk.turn + 1)

    walk = _Walk(start, excess(start), jnp.zeros_like(start), jnp.full_like(start, DAMPING), jnp.zeros((), int))
    return jax.lax.while_loop(goes_on, step, walk).logs


class _Polish(NamedTuple):
    logs: jax.Array
    best: jax.Array
    mismatch: jax.Array
    improved: jax.Array
    turn: jax.Array


def polish(
    excess: Callable[[jax.Array], jax.Array], slopes: Callable[[jax.Array], jax.Array], start: jax.Array
) -> jax.Array:
    """Newton's method from near a solution, for as long as a step lowers the mismatch.

    Through the normal equations, and so `solve`; a rough step loses no digits here.
    """

    def step(state: _Polish) -> _Polish:
        now = excess(state.logs)
        improved = _size(now) < state.mismatch
        best = jnp.where(improved, state.logs, state.best)
        slope = slopes(state.logs)
        move = -solve(slope.T @ slope, slope.T @ now[:, None])[:, 0]
        logs = state.logs + move / jnp.maximum(1, jnp.max(jnp.abs(move)))
        return _Polish(logs, best, jnp.minimum(_size(now), state.mismatch), improved, state.turn + 1)

    near = jnp.asarray(2 * NEAR, start.dtype)
    state = _Polish(start, start, near, jnp.ones((), bool), jnp.zeros((), int))
    return jax.lax.while_loop(lambda each: each.improved & (each.turn < POLISHES), step, state).best


def _size(excess: jax.Array) -> jax.Array:
    return jnp.max(jnp.abs(excess))


def solve_tangent(linear: Callable[[jax.Array], jax.Array], right: jax.Array) -> jax.Array:
    """Solve a linear function's equations, for the derivative of a root."""
    return jnp.linalg.solve(jax.jacfwd(linear)(right), right)
