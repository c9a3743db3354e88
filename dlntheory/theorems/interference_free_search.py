r"""The search for interference-free precisions: ``L`` equations between ``L`` logarithms, without the network.

A damped fixed-point iteration comes near a solution, Newton's method finishes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..equilibria.problem import Problem
from ..learning.adaptive_rates import products
from ..learning.rules import backpropagation_signals
from ..networks.layer import Layer
from ..networks.passes import backward_sweep, downstream_maps
from ..networks.samples import as_columns
from ..numerics.algebra import Array, epsilon, identity, magnitude, solve, solver
from ..numerics.kinds import loop, namespace, stop_gradient
from ..numerics.record import Record

ATTEMPTS, SHIFTS = 6, (-8.0, 3.0)
"""The most starts of the search, and the largest distance of the others' logarithms from the first's."""
TURNS, STRIDE, DAMPING = 250, 0.5, 0.5
"""The fixed-point iteration: the most steps, the longest step of a logarithm, and the share of it that is taken."""
NEAR = 1e-2
"""The mismatch at which Newton's method takes over."""
LOST = 40.0
"""A covariance that has shrunk by ``exp(40)`` is on its way to zero."""
POLISHES = 40
"""Newton steps at most."""


class Reduced(Record):
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

    def products(self, covariances: Array) -> Array:
        """``p_1 … p_L`` of covariances, both in the problem's unit."""
        return self._at(covariances)[0]

    def _at(self, covariances: Array) -> tuple[Array, Array, Array, Callable[[Array], Array]]:
        """``p_l``, ``v_{lk}ᵀ λ``, ``λ``, and how to divide columns by ``S``."""
        size = len(self.residual)
        divide = solver((covariances @ self.grams.reshape(-1, size * size)).reshape(size, size))
        multiplier = divide(self.residual[:, None])[:, 0]
        pulls = self.couplings @ multiplier
        return self.sizes + pulls @ covariances, pulls, multiplier, divide

    def linearised(self, covariances: Array) -> tuple[Array, Array]:
        """``p_l`` and ``∂p_l/∂Σ_k = (v_{lk} − Σ_j Σ_j S⁻¹ D_k D_kᵀ v_{lj})ᵀ λ``."""
        products, pulls, multiplier, divide = self._at(covariances)
        weighted = namespace(covariances).tensordot(covariances, self.couplings, ((0,), (1,)))
        return products, pulls - weighted @ divide((self.grams @ multiplier).T)

    def excess(self, logs: Array) -> Array:
        """``p_l / Σ_l − 1`` of the covariances with the given logarithms; zero is what is wanted."""
        covariances = namespace(logs).exp(logs - self.unit)
        return self.products(covariances) / covariances - 1

    def slopes(self, logs: Array) -> Array:
        """The derivative of `excess`."""
        xp = namespace(logs)
        covariances = xp.exp(logs - self.unit)
        products, slopes = self.linearised(covariances)
        return (slopes * covariances[None] - xp.diag(products)) / covariances[:, None]

    def is_located(self, logs: Array) -> Array:
        """Whether the logarithms solve the equations to the cube root of the machine epsilon.

        Where covariances tend to zero and never get there, ``p_l / Σ_l`` comes as near to one as a search likes. But
        Newton's next step, and all that rounding makes of it, then stays as long as a logarithm's unit.
        """
        xp, rounding = namespace(logs), epsilon(logs.dtype)
        covariances = xp.exp(logs - self.unit)
        products, slopes = self.linearised(covariances)
        sizes = self.sizes + xp.abs(products - self.sizes) + covariances  # rounding in p_l − Σ_l is relative to these
        distance = xp.linalg.norm((products - covariances) / sizes) + len(logs) * rounding
        slopes = (slopes * covariances[None] - xp.diag(covariances)) / sizes[:, None]
        slopes = xp.where(xp.isfinite(slopes).all(), slopes, xp.zeros_like(slopes))
        return distance <= rounding ** (1 / 3) * xp.linalg.svd(slopes, compute_uv=False).min()


class Maps(NamedTuple):
    """The maps that all samples share: the downstream maps ``D_lᵀ``, and ``D_l D_lᵀ``."""

    downstream: Sequence[Array]
    grams: Float[Array, "L n n"]


def maps_of(layers: Sequence[Layer]) -> Maps:
    """The downstream maps of a network's layers."""
    downstream = downstream_maps(layers)
    return Maps(downstream, namespace(layers[0].like).stack([each.T @ each for each in downstream]))


def reduce_problem(problem: Problem, maps: Maps) -> Reduced:
    """The products of a problem with one sample, reduced to what the search needs."""
    layers, xp = problem.layers, namespace(problem.x)
    signals = backpropagation_signals(layers, as_columns(problem.x), as_columns(problem.y))
    couplings = [[xp.zeros(layers[-1].out_size, problem.x.dtype)] * len(layers)]
    for index in range(1, len(layers)):
        pulled = backward_sweep(layers[:index], _pulled_features(layers[index], signals.feedforward[index]))
        row = [downstream.T @ each for downstream, each in zip(maps.downstream, pulled, strict=False)]
        couplings.append([*(each[:, 0] for each in row), *couplings[0][index:]])
    residual = signals.residual[:, 0]
    sizes = xp.stack(products(layers, signals))
    scale = stop_gradient(magnitude(sizes))
    return Reduced(
        sizes=sizes / scale,
        couplings=xp.stack([xp.stack(row) for row in couplings]) / xp.sqrt(scale),
        grams=maps.grams,
        residual=(residual if problem.nudge is None else problem.nudge * residual) / xp.sqrt(scale),
        unit=xp.log(scale),
    )


def _pulled_features(layer: Layer, activity: Array) -> Array:
    """``φᵀ φ(x)`` of a column: the inner products of its features with the features of the unit vectors."""
    units = layer.weight_features(identity(layer.in_size, activity))
    return units.reshape(-1, layer.in_size).T @ layer.weight_features(activity).reshape(-1, 1)


class _Attempts(NamedTuple):
    logs: Array
    mismatch: Array
    tried: Array


def find_logs(reduced: Reduced, start: Array) -> Array:
    """The fixed-point iteration, then Newton's method; from other starts too, until one leads to a solution."""
    xp = namespace(start)
    shifts = np.random.default_rng(0).uniform(*SHIFTS, (ATTEMPTS, len(start)))
    shifts[0] = 0
    shifts = xp.asarray(shifts, start.dtype)

    def attempt(before: _Attempts) -> _Attempts:
        logs = polish(reduced.excess, reduced.slopes, _approach(reduced.excess, start + shifts[before.tried]))
        mismatch = _size(reduced.excess(logs))
        better = mismatch < before.mismatch
        logs, mismatch = xp.where(better, logs, before.logs), xp.where(better, mismatch, before.mismatch)
        return _Attempts(logs, mismatch, before.tried + 1)

    def unfinished(state: _Attempts) -> Array:
        return (state.mismatch > NEAR) & (state.tried < ATTEMPTS)

    state = _Attempts(start, xp.asarray(xp.inf, start.dtype), xp.zeros((), int))
    return loop(unfinished, attempt, state, start).logs


class _Walk(NamedTuple):
    logs: Array
    excess: Array
    stride: Array
    damping: Array
    turn: Array


def _approach(excess: Callable[[Array], Array], start: Array) -> Array:
    """``log Σ_l`` towards ``log p_l``, or down where ``p_l`` is negative; half as far after a change of direction."""
    xp = namespace(start)

    def goes_on(walk: _Walk) -> Array:
        lost = (walk.logs < start - LOST).any()
        return (walk.turn < TURNS) & (_size(walk.excess) > NEAR) & ~lost

    def step(walk: _Walk) -> _Walk:
        ratio = walk.excess + 1  # p_l / Σ_l
        wanted = xp.log(xp.where(ratio > 0, ratio, xp.zeros_like(ratio)))
        stride = xp.clip(wanted, -STRIDE, STRIDE)
        turned = stride * walk.stride < 0
        damping = xp.where(turned, walk.damping / 2, xp.minimum(1.2 * walk.damping, DAMPING))
        logs = walk.logs + damping * stride
        return _Walk(logs, excess(logs), stride, damping, walk.turn + 1)

    walk = _Walk(start, excess(start), xp.zeros_like(start), xp.full_like(start, DAMPING), xp.zeros((), int))
    return loop(goes_on, step, walk, start).logs


class _Polish(NamedTuple):
    logs: Array
    best: Array
    mismatch: Array
    improved: Array
    turn: Array


def polish(excess: Callable[[Array], Array], slopes: Callable[[Array], Array], start: Array) -> Array:
    """Newton's method from near a solution, for as long as a step lowers the mismatch.

    Through the normal equations, and so `solve`; a rough step loses no digits here.
    """
    xp = namespace(start)

    def step(state: _Polish) -> _Polish:
        now = excess(state.logs)
        improved = _size(now) < state.mismatch
        best = xp.where(improved, state.logs, state.best)
        slope = slopes(state.logs)
        move = -solve(slope.T @ slope, slope.T @ now[:, None])[:, 0]
        logs = state.logs + move / xp.maximum(1, _size(move))
        return _Polish(logs, best, xp.minimum(_size(now), state.mismatch), improved, state.turn + 1)

    def unfinished(state: _Polish) -> Array:
        return state.improved & (state.turn < POLISHES)

    near = xp.asarray(2 * NEAR, start.dtype)
    state = _Polish(start, start, near, xp.ones((), bool), xp.zeros((), int))
    return loop(unfinished, step, state, start).best


def _size(excess: Array) -> Array:
    return abs(excess).max()
