r"""Passes through a chain of layers: up with activities, down with errors, and how an update moves the output.

Columns in, columns out; the lines run on every kind of matrix.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..numerics.algebra import Matrix, identity
from .layer import Layer

Columns: TypeAlias = Sequence[Any]
"""One matrix of columns per layer; ``None`` stands for zero where offsets or forces are meant."""


def feedforward(layers: Sequence[Layer], x: Matrix) -> list[Matrix]:
    r"""The feedforward activities ``x̂_0 … x̂_L`` as columns: ``x̂_l = T_l x̂_{l-1} + b_l``."""
    activities = [x]
    for layer in layers:
        activities.append(layer.affine(activities[-1]))
    return activities


def total(*terms: Matrix | None) -> Matrix:
    """The sum of the terms that are not ``None``."""
    result = None
    for term in terms:
        if term is not None:
            result = term if result is None else result + term
    return result


def backward_sweep(layers: Sequence[Layer], multiplier: Matrix, forces: Columns | None = None) -> list[Matrix]:
    r"""``e_1 … e_L`` with ``e_L = λ`` and ``e_l = T_{l+1}ᵀ e_{l+1} + g_l``."""
    errors = [multiplier]
    for index in reversed(range(len(layers) - 1)):
        error = layers[index + 1].transpose(errors[-1])
        errors.append(error if forces is None else total(error, forces[index]))
    return errors[::-1]


def forward_sweep(layers: Sequence[Layer], offsets: Columns, noises: Columns | None = None) -> list[Matrix]:
    r"""``z_1 … z_L`` with ``z_l = T_l z_{l-1} + c_l + ε_l`` and ``z_0 = 0``."""
    noises = [None] * len(layers) if noises is None else noises
    activities = [total(offsets[0], noises[0])]
    for layer, offset, noise in zip(layers[1:], offsets[1:], noises[1:], strict=True):
        activities.append(total(layer.apply(activities[-1]), offset, noise))
    return activities


def downstream_maps(layers: Sequence[Layer]) -> list[Matrix]:
    r"""``D_1ᵀ … D_Lᵀ``, each ``(n_l, n_L)``: from ``D_L = I``, ``D_{l-1}ᵀ = T_lᵀ D_lᵀ``."""
    maps = [identity(layers[-1].out_size, layers[-1].like)]
    if len(layers) > 1:
        maps.append(layers[-1].matrix().T)
    for layer in reversed(layers[1:-1]):
        maps.append(layer.transpose(maps[-1]))
    return maps[::-1]


def first_order_change(layers: Sequence[Layer], changes: Sequence[Matrix], predicted: Sequence[Matrix]) -> Matrix:
    r"""``Σ_l D_l ΔW_l φ_l(X̂_{l-1})``: the derivative of the prediction along the updates, in one forward pass."""
    moved = layers[0].output_change(changes[0], predicted[0])
    for layer, change, activity in zip(layers[1:], changes[1:], predicted[1:], strict=False):
        moved = layer.apply(moved) + layer.output_change(change, activity)
    return moved


def changes_by_layer(layers: Sequence[Layer], changes: Sequence[Matrix], predicted: Sequence[Matrix]) -> list[Matrix]:
    r"""``D_l ΔW_l φ_l(X̂_{l-1})`` for each layer: the prediction change by its own update."""
    triples = zip(layers, changes, predicted, strict=False)
    moved = [layer.output_change(change, activity) for layer, change, activity in triples]
    return [downstream.T @ each for downstream, each in zip(downstream_maps(layers), moved, strict=True)]


def change_of(
    layers: Sequence[Layer], changes: Sequence[Matrix], predicted: Sequence[Matrix], learning_rate: Any
) -> Matrix:
    """The prediction change of a finite step, or of continuous time if ``learning_rate`` is ``None``."""
    if learning_rate is None:
        return first_order_change(layers, changes, predicted)
    return finite_change(layers, changes, predicted, learning_rate)


def finite_change(
    layers: Sequence[Layer], changes: Sequence[Matrix], predicted: Sequence[Matrix], learning_rate: Any
) -> Matrix:
    r"""``(Π_l (T_l + η ΔT_l) − Π_l T_l) X``, carried as a difference so that a small ``η`` costs no digits."""
    moved = layers[0].finite_change(changes[0], predicted[0], learning_rate)
    for layer, change, activity in zip(layers[1:], changes[1:], predicted[1:], strict=False):
        moved = layer.apply(moved) + layer.finite_change(change, activity + moved, learning_rate)
    return moved
