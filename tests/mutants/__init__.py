"""The mutants that the tests must notice, by room: each an edit of a formula, with the tests that must fail."""

from . import equilibria, inference, learning, networks, nonlinear, numerics, pcn, random_networks, theorems, training
from .naming import Mutant

__all__ = ["MUTANTS", "Mutant"]

_ROOMS = (numerics, networks, equilibria, inference, learning, random_networks, theorems, training, nonlinear, pcn)

MUTANTS: tuple[Mutant, ...] = tuple(mutant for room in _ROOMS for mutant in room.MUTANTS)
