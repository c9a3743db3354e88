"""Imports flow one way, cost little, and change nothing; what is exported is documented."""

import ast
import graphlib
import re

import draw_rooms
import pytest
from imports import MODULES, PACKAGE, ROOMS, ROOT, between_rooms, heights, imported, ours, room
from interpreter import fresh_python

MOST_ENTRIES, MOST_LEVELS, MOST_LEVELS_INSIDE = 15, 10, 8

HEAVY = {
    "altair",
    "flint",
    "jinja2",
    "matplotlib",
    "optax",
    "optuna",
    "orbax",
    "rich",
    "sklearn",
    "sympy",
    "torch",
    "typer",
    "vl_convert",
}
HEAVY |= {"scipy.optimize"}


@pytest.mark.parametrize("module", [module for module in MODULES if room(module)])
def test_imports_between_rooms_flow_one_way(module):
    own = room(module)
    assert own in ROOMS, f"{module} is in no room; rooms are listed in tests/imports.py"
    for other in ours(module):
        assert room(other), f"{module} imports the facade; import from the module that defines the name"
        assert room(other) in ROOMS[: ROOMS.index(own) + 1], f"{module} imports {other}, whose room comes after it"


def test_no_cycles():
    graphlib.TopologicalSorter({module: ours(module) for module in MODULES}).prepare()


def test_there_are_few_rooms_on_few_levels():
    assert len({room(module) for module in MODULES} - {""}) <= MOST_ENTRIES
    assert max(heights(between_rooms()).values()) <= MOST_LEVELS
    for folder in {path.parent for path in MODULES.values()}:
        files = {module for module, path in MODULES.items() if path.parent == folder and path.name != "__init__.py"}
        inside = heights({module: ours(module) & files for module in files})
        assert max(inside.values(), default=0) <= MOST_LEVELS_INSIDE, folder


def test_the_picture_of_the_rooms_is_up_to_date():
    assert draw_rooms.PICTURE.read_text("utf-8") == draw_rooms.picture(), "run `python tests/draw_rooms.py`"


def test_no_room_bears_a_public_name():
    import dlntheory

    public_modules = {"pcn", "symbolic", "plot"}
    assert not {path.stem for path in PACKAGE.iterdir()} & set(dlntheory.__all__) - public_modules


def test_every_room_says_its_question():
    for path in PACKAGE.iterdir():
        if path.is_dir() and path.name in ROOMS and path.name not in ("pcn", "report", "cli"):
            text = ast.get_docstring(ast.parse((path / "__init__.py").read_text("utf-8"))) or ""
            assert text.splitlines()[0].endswith("?")
            files = {each.stem for each in path.glob("*.py")} - {"__init__"}
            missing = {each for each in files if f"`{each}`" not in text}
            assert not missing, f"{path.name}/__init__.py does not say where to read {missing}"


@pytest.mark.parametrize("module", MODULES)
def test_the_library_stands_alone(module):
    assert not {name.partition(".")[0] for name in imported(module)} & {"experiments", "proofs", "tests"}


def test_importing_changes_no_configuration_and_loads_nothing_heavy():
    changed, x64, loaded = fresh_python("""
import json, sys, equinox, jax, jaxtyping
modules, before = set(sys.modules), dict(jax.config.values)
from dlntheory import *
after = dict(jax.config.values)
changed = sorted(key for key in after if after[key] != before.get(key))
print(json.dumps([changed, jax.config.jax_enable_x64, sorted(set(sys.modules) - modules)]))
""")
    assert not changed
    assert not x64
    assert not HEAVY.intersection(loaded)


def test_help_imports_neither_jax_nor_numpy():
    """A command may still say how many threads LAPACK has, which it reads as NumPy is imported."""
    loaded = fresh_python("""
import json, sys
from dlntheory.cli import main
sys.argv = ["dlntheory", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
print()
print(json.dumps(sorted(sys.modules)))
""")
    assert not {"jax", "numpy"} & set(loaded)


def test_every_public_name_is_documented():
    import dlntheory

    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    missing = [name for name in dlntheory.__all__ if not re.search(rf"(`|dln\.){name}\b", page)]
    assert not missing, f"docs/api.md does not mention {missing}"
