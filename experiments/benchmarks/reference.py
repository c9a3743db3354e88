r"""The equilibrium in ball arithmetic (FLINT): an independent solution whose error is bounded, not estimated.

The energy is stationary in the hidden activities where a block-tridiagonal system holds, eliminated block by block.
Every number is a ball that contains the exact one; the precision doubles until all balls are small.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx

import dlntheory as dln

RADIUS = 1e-25
"""The largest norm of a matrix's radii, relative to the norm of its midpoints."""
MOST_BITS = 1 << 16


class Reference(NamedTuple):
    """Rows are samples; the errors of the numbers are those of rounding to float64."""

    activities: list[np.ndarray]
    errors: list[np.ndarray]
    energy: np.ndarray
    updates: list[np.ndarray]
    bits: int


def reference(net: dln.LinearNetwork, x: Any, y: Any, covariances: Any = None, bits: int = 256) -> Reference:
    """Solve with as many bits as it takes."""
    while bits <= MOST_BITS:
        with ctx.workprec(bits):
            try:
                groups = _equilibrium(net, x, y, covariances)
            except ZeroDivisionError:  # a pivot's ball contains zero
                groups = None
            if groups is not None and all(_is_small(each) for group in groups for each in group):
                activities, errors, energy, updates = ([_middle(each) for each in group] for group in groups)
                return Reference(_rows(activities), _rows(errors), energy[0].diagonal(), updates, bits)
        bits *= 2
    raise ArithmeticError(f"the reference needs more than {MOST_BITS} bits")


def _equilibrium(net: dln.LinearNetwork, x: Any, y: Any, covariances: Any) -> tuple[list[arb_mat], ...]:
    maps = [_map(layer) for layer in net.layers]
    x, y = _balls(np.asarray(x).T), _balls(np.asarray(y).T)
    precisions = _precisions(covariances, maps)
    biases = [_bias(layer, x.ncols()) for layer in net.layers]
    offsets = list(biases)
    offsets[0] += maps[0] * x
    offsets[-1] -= y
    activities = [x, *_hidden(maps, precisions, offsets), y]
    steps = zip(maps, biases, activities[:-1], activities[1:], strict=True)
    errors = [after - T * before - bias for T, bias, before, after in steps]
    weighted = [P * error for P, error in zip(precisions, errors, strict=True)]
    energy = _sum([e.transpose() * error for e, error in zip(weighted, errors, strict=True)]) / 2
    pairs = zip(weighted, activities, strict=False)
    return activities, errors, [energy], [e * before.transpose() / x.ncols() for e, before in pairs]


def _hidden(maps: list[arb_mat], precisions: list[arb_mat], offsets: list[arb_mat]) -> list[arb_mat]:
    """Minimise ``½ Σ_l d_lᵀ P_l d_l`` with ``d_l = z_l − T_l z_{l-1} − c_l`` and ``z_0 = z_L = 0``."""
    pulled = [T.transpose() * P for T, P in zip(maps, precisions, strict=True)]
    links = list(zip(precisions, offsets, pulled[1:], maps[1:], offsets[1:], strict=False))
    diagonal = [P + pull * T for P, _, pull, T, _ in links]
    right = [P * c - pull * following for P, c, pull, _, following in links]
    return _solve_tridiagonal(diagonal, [-1 * pull for pull in pulled[1:-1]], right)


def _solve_tridiagonal(diagonal: list[arb_mat], above: list[arb_mat], right: list[arb_mat]) -> list[arb_mat]:
    """Eliminate from the first block on, then substitute back."""
    reduced: list[tuple[arb_mat, arb_mat]] = []
    for index, (block, column) in enumerate(zip(diagonal, right, strict=True)):
        if index:
            coupling = above[index - 1].transpose()
            block, column = block - coupling * reduced[-1][0], column - coupling * reduced[-1][1]
        wide = above[index] if index < len(above) else arb_mat(block.nrows(), 0)
        reduced.append(_split(block.solve(_beside(wide, column)), wide.ncols()))
    solution = [reduced[-1][1]] if reduced else []
    for wide, column in reversed(reduced[:-1]):
        solution.append(column - wide * solution[-1])
    return solution[::-1]


def _map(layer: dln.Layer) -> arb_mat:
    weight = _balls(layer.weight)
    return weight + _identity(weight.nrows()) if isinstance(layer, dln.Residual) else weight


def _bias(layer: dln.Layer, samples: int) -> arb_mat:
    bias = np.zeros(layer.out_size) if layer.bias is None else np.asarray(layer.bias)
    return _balls(np.repeat(bias[:, None], samples, axis=1))


def _precisions(covariances: Any, maps: list[arb_mat]) -> list[arb_mat]:
    sizes = [T.nrows() for T in maps]
    covariances = [1.0] * len(sizes) if covariances is None else covariances
    return [
        _balls(each).inv() if np.ndim(each) else _identity(size) / arb(float(each))
        for each, size in zip(covariances, sizes, strict=True)
    ]


def _balls(matrix: Any) -> arb_mat:
    matrix = np.asarray(matrix, np.float64)
    return arb_mat(*matrix.shape, [arb(value) for value in matrix.ravel().tolist()])


def _identity(size: int) -> arb_mat:
    return _balls(np.eye(size))


def _beside(left: arb_mat, right: arb_mat) -> arb_mat:
    rows = zip(_lists(left), _lists(right), strict=True)
    return arb_mat(left.nrows(), left.ncols() + right.ncols(), [entry for a, b in rows for entry in a + b])


def _split(matrix: arb_mat, columns: int) -> tuple[arb_mat, arb_mat]:
    rows = _lists(matrix)
    left = [entry for row in rows for entry in row[:columns]]
    right = [entry for row in rows for entry in row[columns:]]
    return arb_mat(len(rows), columns, left), arb_mat(len(rows), matrix.ncols() - columns, right)


def _lists(matrix: arb_mat) -> list[list[arb]]:
    return matrix.tolist() if matrix.ncols() else [[] for _ in range(matrix.nrows())]


def _sum(matrices: Sequence[arb_mat]) -> arb_mat:
    total = matrices[0]
    for matrix in matrices[1:]:
        total += matrix
    return total


def _middle(matrix: arb_mat) -> np.ndarray:
    values = [float(entry.mid()) for entry in matrix.entries()]
    return np.array(values).reshape(matrix.nrows(), matrix.ncols())


def _is_small(matrix: arb_mat) -> bool:
    """Compare norms as balls, which neither overflow nor underflow."""
    radii, middles = (
        sum((number**2 for number in numbers), arb(0))
        for numbers in ([e.rad() for e in matrix.entries()], [e.mid() for e in matrix.entries()])
    )
    return bool(radii <= arb(RADIUS) ** 2 * middles)


def _rows(columns: list[np.ndarray]) -> list[np.ndarray]:
    return [each.T for each in columns]
