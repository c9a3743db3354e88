r"""The Hessians of the loss and of the equilibrated energy in closed form.

A direction ``V_l`` of the weight of layer ``l`` adds ``V_l x_{l-1}`` to the layer's output and ``V_lᵀ e_l`` to what it
pulls back. The loss's activities and errors follow in a sweep up and a sweep down. The energy's follow in the system
that the equilibrium solves, with these two as its offsets and forces: eliminating the activities leaves the Schur
complement ``mean(A − Gᵀ H⁻¹ G)``, with ``A`` the energy's second derivatives in the weights, ``G`` the mixed ones and
``H`` the energy's Hessian. All directions and samples are columns of one solve.
"""

from collections.abc import Sequence

import numpy as np

from ..equilibria.equilibrium import settle_problem
from ..equilibria.routes import ROUTES
from ..learning.problem import Learning, signals_of
from ..networks.layer import Layer
from ..networks.passes import backward_sweep, forward_sweep

Columns = Sequence[np.ndarray]


@np.errstate(all="ignore")  # results say it
def hessian(learning: Learning) -> np.ndarray:
    """The Hessian of the loss, of rule ``"bp"``, or of the energy, of ``"pc"``; one weight between two errors."""
    layers, covariances = learning.problem.layers, learning.problem.covariances
    settled = settle_problem(learning.problem, learning.options.solver) if learning.rule == "pc" else None
    signals = signals_of(learning._replace(state=settled))
    offsets, forces = _along_every_weight(layers, signals.errors, signals.activities)
    if settled is None:
        activities = forward_sweep(layers, offsets)
        errors = backward_sweep(layers, -activities[-1], forces)
    else:
        solution = ROUTES[settled.solver](layers, covariances, offsets, forces)
        errors, activities = list(solution.weighted_errors), list(solution.hidden)
    entering = [np.zeros((layers[0].in_size, errors[0].shape[1]), errors[0].dtype), *activities]
    samples = signals.residual.shape[1]
    slopes = np.stack([
        _change(layers, signals.errors, signals.activities, _of(errors, each, samples), _of(entering, each, samples))
        for each in range(errors[0].shape[1] // samples)
    ]) / samples  # fmt: skip
    return 0.0 - (slopes + slopes.T) / 2


def _along_every_weight(layers: Sequence[Layer], errors: Columns, activities: Columns) -> tuple[Columns, Columns]:
    """``V_l x_{l-1}`` of every layer and ``V_lᵀ e_l`` of every hidden one; of each direction, every sample."""
    samples, directions = errors[0].shape[1], sum(layer.weight.size for layer in layers)
    offsets, forces = (
        [np.zeros((size, directions * samples), errors[0].dtype) for size in sizes]
        for sizes in ([layer.out_size for layer in layers], [layer.in_size for layer in layers])
    )
    start = 0
    for layer, error, activity, pushed, pulled in zip(layers, errors, activities, offsets, forces, strict=True):
        still = layer.with_weight(np.zeros_like(layer.weight))
        up, down = still.apply(activity), still.transpose(error)  # what a skip passes on, whatever the weight
        for index in np.ndindex(layer.weight.shape):
            unit = np.zeros_like(layer.weight)
            unit[index] = 1
            along, columns = layer.with_weight(unit), slice(start, start + samples)
            pushed[:, columns] = along.apply(activity) - up
            pulled[:, columns] = along.transpose(error) - down
            start += samples
    return offsets, forces[1:]


def _of(columns: Columns, direction: int, samples: int) -> Columns:
    """The columns of one direction."""
    return [each[:, direction * samples : (direction + 1) * samples] for each in columns]


def _change(
    layers: Sequence[Layer], errors: Columns, activities: Columns, moved_errors: Columns, moved_activities: Columns
) -> np.ndarray:
    """The change of the sum of the samples' updates in a direction, in one vector."""
    parts = []
    for layer, error, activity, moved_error, moved in zip(
        layers, errors, activities, moved_errors, moved_activities, strict=False
    ):
        change = layer.weight_update(moved_error, activity) + layer.weight_update(error, moved)
        parts.append(layer.split(change)[0].ravel())
    return np.concatenate(parts)
