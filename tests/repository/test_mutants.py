"""The mutants in `mutants` fit the library as it is; `make mutants` then runs them."""

from mutants import MUTANTS
from run_mutants import misplaced


def test_every_mutant_has_its_place():
    assert not list(misplaced(MUTANTS))


def test_mutants_differ():
    assert len({(mutant.file, mutant.name) for mutant in MUTANTS}) == len(MUTANTS)
