"""The mutants that the tests must notice, by room: each an edit of a formula, with the tests that must fail."""

from . import equilibria, inference, learning, networks, nonlinear, numerics, pcn, theorems, training
from .naming import Mutant

__all__ = ["MUTANTS", "Mutant"]

MUTANTS: tuple[Mutant, ...] = tuple(
    mutant
    for room in (numerics, networks, equilibria, inference, learning, theorems, training, nonlinear, pcn)
    for mutant in room.MUTANTS
)
