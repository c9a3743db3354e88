"""Plain twins of simulated inference, which know nothing of the library's: the energy's gradient, and loops in NumPy."""

import numpy as np
import oracles
from cases import Case

import dlntheory as dln

CHAIN = Case(3, "bottleneck", "mixed", "mixed")
STEP = 0.05


def free_rows(case, activities):
    """The free activities as the oracle takes them."""
    rows = [np.atleast_2d(np.asarray(each, float)) for each in activities]
    return rows[1:] if isinstance(case.options["nudge"], dln.SoftOutput) else rows[1:-1]


def forward_rows(problem):
    rows = oracles.forward(problem.parameters, problem.skips, problem.x)[1:]
    return [np.asarray(each) for each in (rows if problem.beta is not None else rows[:-1])]


def by_hand(problem, free, steps, step, momentum=0.0, nesterov=False, adam=False):
    """Every rule as its authors write it."""
    velocity, first, second = ([np.zeros_like(each) for each in free] for _ in range(3))
    for time in range(steps):
        gradient = oracles.slopes(problem, free)
        if adam:
            first = [0.9 * m + 0.1 * g for m, g in zip(first, gradient, strict=True)]
            second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradient, strict=True)]
            pairs = zip(first, second, strict=True)
            moves = [
                -step * m / (1 - 0.9 ** (time + 1)) / (np.sqrt(v / (1 - 0.999 ** (time + 1))) + 1e-8) for m, v in pairs
            ]
        else:
            velocity = [momentum * v + g for v, g in zip(velocity, gradient, strict=True)]
            moves = [-step * (g + momentum * v if nesterov else v) for g, v in zip(gradient, velocity, strict=True)]
        free = [each + move for each, move in zip(free, moves, strict=True)]
    return free
