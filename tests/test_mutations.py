"""The wounds of `wounds.py` fit the library as it is; `make mutants` then runs them."""

from mutations import misplaced
from wounds import WOUNDS


def test_every_wound_has_its_place():
    assert not list(misplaced(WOUNDS))


def test_wounds_differ():
    assert len({(wound.file, wound.name) for wound in WOUNDS}) == len(WOUNDS)
