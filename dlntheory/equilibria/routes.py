r"""The linear system that the equilibrium of predictive-coding inference solves, and the routes through it.

With the clamped activities moved into the offsets (``c_1 = T_1 x + b_1``, ``c_L = b_L − y``), the hidden activities
``z_l`` and the precision-weighted errors ``e_l = Σ_l⁻¹ ε_l`` solve the symmetric system

- ``Σ_l e_l − z_l + T_l z_{l-1} + c_l = 0`` for ``l = 1 … L`` (``z_0 = z_L = 0``),
- ``T_{l+1}ᵀ e_{l+1} − e_l + g_l = 0`` for the hidden layers (``g = 0``; derivatives need another ``g``).

The routes: through ``S``, one factorisation of an ``n_L × n_L`` matrix between a backward and a forward sweep; through
``S`` by conjugate gradients, with a backward and a forward sweep for each product; and through the two factorisations
of the energy's Hessian in `dlntheory.equilibria.hessian`. Derivatives do not pass through a route: the derivative of
the system's solution costs one more solve by the same route.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..networks.layer import Layer
from ..networks.passes import Columns, backward_sweep, downstream_maps, forward_sweep, total
from ..numerics.algebra import Array, Matrix, column_norms, divide, epsilon, factorise
from ..numerics.conjugate_gradients import conjugate_gradients, nystrom
from ..numerics.kinds import choose, namespace
from . import hessian
from .covariance import Covariances, backward_covariance, backward_is_cheaper, forward_covariance, scale


class Solution(NamedTuple):
    """The solution, an estimate of the relative error of each sample's activities, and the number of steps taken.

    Where it may be corrected, ``rest`` is the factor of ``S`` and what the clamp was missed by.
    """

    weighted_errors: tuple[Matrix, ...]
    hidden: tuple[Matrix, ...]
    accuracy: Any
    steps: Any = 0.0
    rest: Any = None


def scale_all(covariances: Covariances, columns: Columns) -> list[Matrix]:
    """``Σ_l`` times the columns of every layer."""
    return [scale(covariance, each) for covariance, each in zip(covariances, columns, strict=True)]


def solve_by_covariance(
    layers: Sequence[Layer], covariances: Covariances, offsets: Columns, forces: Columns | None = None
) -> tuple[list[Matrix], list[Matrix]]:
    r"""Solve the system through ``S λ = −z_L``, with ``z_L`` the end of the forward sweep without the multiplier.

    Runs on arrays and on SymPy matrices.

    Returns:
        ``e_1 … e_L`` and ``z_1 … z_L``. Where rounding leaves ``z_L ≠ 0`` it measures the error.
    """
    return _through_covariance(layers, covariances, offsets, forces)[:2]


def _through_covariance(
    layers: Sequence[Layer], covariances: Covariances, offsets: Columns, forces: Columns | None
) -> tuple[list[Matrix], list[Matrix], Any]:
    """``e_1 … e_L``, ``z_1 … z_L``, and ``S`` factorised; it is computed in the cheaper order."""
    maps = downstream_maps(layers) if backward_is_cheaper(layers) else None
    if maps is None:
        factor = factorise(forward_covariance(layers, covariances))
    else:
        factor = factorise(backward_covariance(maps, covariances))
    multiplier = divide(factor, -_drift(layers, covariances, offsets, forces))
    return *_sweeps(layers, covariances, multiplier, offsets, forces, maps), factor


def _sweeps(
    layers: Sequence[Layer], covariances: Covariances, multiplier: Matrix, offsets: Columns, forces: Columns | None,
    maps: Columns | None = None,
) -> tuple[list[Matrix], list[Matrix]]:  # fmt: skip
    """The errors down from the multiplier, by the downstream maps where they are known; the activities up from them."""
    if maps is None or forces is not None:
        errors = backward_sweep(layers, multiplier, forces)
    else:
        errors = [downstream @ multiplier for downstream in maps[:-1]] + [multiplier]
    return errors, forward_sweep(layers, offsets, scale_all(covariances, errors))


def _drift(layers: Sequence[Layer], covariances: Covariances, offsets: Columns, forces: Columns | None) -> Matrix:
    """``z_L``, the end of the forward sweep without the multiplier."""
    pushed = None
    if forces is not None:
        pushed = scale_all(covariances, backward_sweep(layers, 0 * offsets[-1], forces))
    return forward_sweep(layers, offsets, pushed)[-1]


def covariance_route(
    layers: Sequence[Layer], covariances: Covariances, offsets: Columns, forces: Columns | None = None
) -> Solution:
    """Solve through ``S``; the clamp measures the error, and one step corrects an error beyond rounding."""
    first = uncorrected(layers, covariances, offsets, forces)
    fine = is_safe(first.accuracy, len(layers)).all()
    correct = partial(corrected, first, layers, covariances, offsets, forces)
    return choose(fine, lambda: first._replace(rest=None), correct)


def uncorrected(
    layers: Sequence[Layer], covariances: Covariances, offsets: Columns, forces: Columns | None = None
) -> Solution:
    """Solve through ``S``, and keep what `corrected` needs."""
    errors, activities, factor = _through_covariance(layers, covariances, offsets, forces)
    accuracy = _missed(activities, offsets, forces)
    return Solution(tuple(errors), tuple(activities[:-1]), accuracy, rest=(factor, activities[-1]))


def corrected(
    first: Solution, layers: Sequence[Layer], covariances: Covariances, offsets: Columns, forces: Columns | None = None
) -> Solution:
    """Correct the multiplier by what the clamp was missed by; each sample keeps the better solution."""
    factor, missed = first.rest
    multiplier = first.weighted_errors[-1] - divide(factor, missed)
    errors, activities = _sweeps(layers, covariances, multiplier, offsets, forces)
    accuracy = _missed(activities, offsets, forces)
    better = accuracy < first.accuracy
    pick = partial(namespace(better).where, better)
    return Solution(
        tuple(map(pick, errors, first.weighted_errors)),
        tuple(map(pick, activities[:-1], first.hidden)),
        pick(accuracy, first.accuracy),
    )


def _missed(activities: Columns, offsets: Columns, forces: Columns | None) -> Array:
    """The distance of the forward sweep's end from the clamp, of each sample."""
    return _norms([activities[-1]]) / _size(offsets, forces)


def conjugate_gradient_route(
    layers: Sequence[Layer], covariances: Covariances, offsets: Columns, forces: Columns | None = None
) -> Solution:
    r"""Solve ``S λ = −z_L`` without forming ``S``, in units of ``Σ_L``; the clamp measures the error.

    ``P S Pᵀ = I + P D Dᵀ Pᵀ`` with ``Σ_L⁻¹ = Pᵀ P``, so at most ``rank D`` eigenvalues differ from one.
    ``I + DᵀD``, the Hessian in error coordinates, shares them: both take the same steps, this one on shorter vectors.
    """
    whitener = hessian.whiteners(layers[-1:], covariances[-1:])[0]

    def multiply(columns: Array) -> Array:
        """``P D Dᵀ Pᵀ``."""
        if len(layers) == 1:
            return namespace(columns).zeros_like(columns)
        pulled = backward_sweep(layers, hessian.whiten(whitener.T, columns))[:-1]
        noises = scale_all(covariances[:-1], pulled)
        arrived = layers[-1].apply(forward_sweep(layers[:-1], [None] * len(noises), noises)[-1])
        return hessian.whiten(whitener, arrived)

    right = hessian.whiten(whitener, -_drift(layers, covariances, offsets, forces))
    run = conjugate_gradients(multiply, right, nystrom(multiply, right))
    errors = backward_sweep(layers, hessian.whiten(whitener.T, run.solution), forces)
    activities = forward_sweep(layers, offsets, scale_all(covariances, errors))
    accuracy = _missed(activities, offsets, forces)
    return Solution(
        tuple(errors), tuple(activities[:-1]), accuracy, namespace(accuracy).asarray(run.steps, accuracy.dtype)[()]
    )


def hessian_route(
    factorise: Callable[[Sequence[Layer], Covariances], hessian.Factor],
    layers: Sequence[Layer],
    covariances: Covariances,
    offsets: Columns,
    forces: Columns | None = None,
) -> Solution:
    """Solve through a factor of the Hessian, correct once, and take the size of the correction for the error."""
    whitening = hessian.whiteners(layers, covariances)
    filled = _filled(layers, offsets)
    hidden: list[Array] = []
    accuracy = namespace(offsets[-1]).zeros_like(offsets[-1][0])
    if len(layers) > 1:
        factor = factorise(layers, covariances)
        hidden = hessian.substitute(factor, _imbalance_at_zero(layers, whitening, offsets, forces))
        errors = errors_by_subtraction(layers, whitening, filled, hidden)
        correction = hessian.substitute(factor, _imbalance(layers, errors, forces))
        hidden = [old + new for old, new in zip(hidden, correction, strict=True)]
        accuracy = _norms(correction) / namespace(accuracy).maximum(_norms(hidden), _size(offsets, forces))
    return Solution(tuple(_resolved(layers, whitening, filled, forces, hidden)), tuple(hidden), accuracy)


def _imbalance_at_zero(
    layers: Sequence[Layer], whitening: Sequence[Array], offsets: Columns, forces: Columns | None
) -> list[Array]:
    """`_imbalance` where ``z = 0`` and ``e_l = −Σ_l⁻¹ c_l``; most offsets are absent, and take no product."""
    errors = [
        None if offset is None else -hessian.whiten(p.T, hessian.whiten(p, offset))
        for p, offset in zip(whitening, offsets, strict=True)
    ]
    pulled = [None if error is None else layer.transpose(error) for layer, error in zip(layers, errors, strict=True)]
    zeros = _filled(layers[:-1], [None] * (len(layers) - 1), like=offsets[-1])
    own = [None if error is None else -error for error in errors[:-1]]
    return [total(*terms) for terms in zip(zeros, pulled[1:], own, forces or [None] * len(own), strict=True)]


def errors_by_subtraction(
    layers: Sequence[Layer], whitening: Sequence[Array], offsets: Columns, hidden: Columns
) -> list[Array]:
    r"""``e_l = Σ_l⁻¹ (z_l − T_l z_{l-1} − c_l)``; digits are lost where an error is far smaller than its activity."""
    predicted = [offsets[0]]
    for layer, offset, activity in zip(layers[1:], offsets[1:], hidden, strict=True):
        predicted.append(layer.apply(activity) + offset)
    differences = [activity - each for activity, each in zip(hidden, predicted, strict=False)] + [-predicted[-1]]
    return [
        hessian.whiten(p.T, hessian.whiten(p, difference)) for p, difference in zip(whitening, differences, strict=True)
    ]


def _imbalance(layers: Sequence[Layer], errors: Columns, forces: Columns | None) -> list[Array]:
    """The residual of the second equation, minus the energy's gradient: ``T_{l+1}ᵀ e_{l+1} − e_l + g_l``."""
    pulled = [layer.transpose(error) - own for layer, error, own in zip(layers[1:], errors[1:], errors, strict=False)]
    return pulled if forces is None else [total(*pair) for pair in zip(pulled, forces, strict=True)]


def _resolved(
    layers: Sequence[Layer],
    whitening: Sequence[Array],
    offsets: Columns,
    forces: Columns | None,
    hidden: Columns,
) -> list[Array]:
    r"""The errors by subtraction or swept down from the next layer, whichever is more accurate, by layer and sample.

    A subtraction loses the digits of an error far smaller than its activity; a sweep amplifies what rounding left
    of the error above. Both losses are estimated on the way down, the amplification by a random vector's.
    """
    by_subtraction = errors_by_subtraction(layers, whitening, offsets, hidden)
    losses = _subtraction_losses(layers, whitening, offsets, hidden)
    rounding = epsilon(offsets[-1].dtype)
    xp = namespace(offsets[-1])
    chosen, loss, probe = [by_subtraction[-1]], losses[-1], _probe(layers[-1], offsets[-1])
    for index in reversed(range(len(hidden))):
        layer = layers[index + 1]
        pulled, probe = layer.transpose(chosen[-1]), layer.transpose(probe)
        growth = xp.linalg.norm(probe)
        probe = xp.where(growth > 0, probe / growth, _probe(layers[index], probe))
        swept = pulled if forces is None else total(pulled, forces[index])
        swept_loss = growth * loss + rounding * _norms([pulled])
        better = swept_loss < losses[index]
        chosen.append(xp.where(better, swept, by_subtraction[index]))
        loss = xp.where(better, swept_loss, losses[index])
    return chosen[::-1]


def _subtraction_losses(
    layers: Sequence[Layer], whitening: Sequence[Array], offsets: Columns, hidden: Columns
) -> list[Array]:
    """The rounding error of each sample in ``Σ_l⁻¹ (z_l − T_l z_{l-1} − c_l)``."""
    rounding = epsilon(offsets[-1].dtype)
    sizes = [_norms([offset]) for offset in offsets]
    for index, activity in enumerate(hidden):
        following = layers[index + 1].matrix()
        gain = namespace(following).linalg.norm(following) / math.sqrt(following.shape[1])
        sizes[index] += _norms([activity])
        sizes[index + 1] += gain * _norms([activity])
    precisions = [p**2 if p.ndim == 0 else (p**2).sum() / len(p) for p in whitening]
    return [rounding * precision * size for precision, size in zip(precisions, sizes, strict=True)]


def _probe(layer: Layer, like: Array) -> Array:
    """A random unit vector, always the same, as a column of the layer's output."""
    vector = np.random.default_rng(0).standard_normal((layer.out_size, 1))
    return namespace(like).asarray(vector / np.linalg.norm(vector), like.dtype)


def _filled(layers: Sequence[Layer], offsets: Columns, like: Array | None = None) -> list[Array]:
    """The offsets with zeros in place of ``None``, as many columns as the last, or as ``like``."""
    columns = offsets[-1] if like is None else like
    return [
        namespace(columns).zeros((layer.out_size, columns.shape[1]), columns.dtype) if offset is None else offset
        for layer, offset in zip(layers, offsets, strict=True)
    ]


def _norms(columns: Columns) -> Array:
    """The norm of each sample over all layers, safe from overflow."""
    return column_norms(columns[0] if len(columns) == 1 else namespace(columns[0]).concatenate(list(columns)))


def _size(offsets: Columns, forces: Columns | None) -> Array:
    """The size of each sample's data, and one where it is zero (its solution is exact)."""
    size = _norms([each for each in (*offsets, *(forces or ())) if each is not None])
    return namespace(size).where(size > 0, size, namespace(size).ones_like(size))


def safe_accuracy(dtype: Any, depth: int = 0) -> float:
    """An estimated relative error that rounding alone explains."""
    return (256 + 4 * depth) * epsilon(dtype)


def is_safe(accuracy: Array, depth: int) -> Array:
    """Whether rounding alone explains the estimated relative error, in a network of so many layers."""
    return accuracy <= safe_accuracy(accuracy.dtype, depth)


ROUTES: dict[str, Callable[..., Solution]] = {
    "covariance": covariance_route,
    "hessian": partial(hessian_route, hessian.cholesky_factor),
    "square_root": partial(hessian_route, hessian.orthogonal_factor),
    "cg": conjugate_gradient_route,
}


def residuals(
    layers: Sequence[Layer], covariances: Covariances, offsets: Columns, errors: Columns, hidden: Columns
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The residuals of the two equations (with ``g = 0``)."""
    first = [total(noise, offset) for noise, offset in zip(scale_all(covariances, errors), offsets, strict=True)]
    first = [each - activity for each, activity in zip(first, hidden, strict=False)] + first[len(hidden) :]
    pairs = zip(layers[1:], first[1:], hidden, strict=True)
    first = [first[0], *(each + layer.apply(activity) for layer, each, activity in pairs)]
    return tuple(first), tuple(_imbalance(layers, errors, None))
