"""Imports flow one way, cost little, and change nothing; what is exported is documented."""

import ast
import graphlib
import re
from pathlib import Path

import pytest
from interpreter import fresh_python

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dlntheory"

# A room imports only rooms that stand before it; its files, one another, as far as there is no cycle.
ROOMS = (
    "numerics", "networks", "files", "equilibria", "inference", "learning", "random_networks", "theorems", "training",
    "nonlinear", "pcn", "symbolic", "report", "cli", "__main__",
)  # fmt: skip
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


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    """`cli` for dlntheory.cli.figures; the empty string for dlntheory itself."""
    return module.partition(".")[2].partition(".")[0]


def imported(module: str) -> set[str]:
    """Every module that the file imports, anywhere in it; of our own, the file that is meant."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            ancestors = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*ancestors, *([node.module] if node.module else [])])
            names = {f"{source}.{alias.name}" for alias in node.names}
            submodules = names & MODULES.keys()
            found |= submodules | ({source} if names - submodules else set())
    return found - {module}


def ours(module: str) -> set[str]:
    return imported(module) & MODULES.keys()


@pytest.mark.parametrize("module", [module for module in MODULES if room(module)])
def test_imports_between_rooms_flow_one_way(module):
    own = room(module)
    assert own in ROOMS, f"{module} is in no room; rooms are listed in {__file__}"
    for other in ours(module):
        assert room(other), f"{module} imports the facade; import from the module that defines the name"
        assert room(other) in ROOMS[: ROOMS.index(own) + 1], f"{module} imports {other}, whose room comes after it"


def test_no_cycles():
    graphlib.TopologicalSorter({module: ours(module) for module in MODULES}).prepare()


def levels(graph: dict[str, set[str]]) -> int:
    """The length of the longest chain of imports."""
    height: dict[str, int] = {}
    for node in graphlib.TopologicalSorter(graph).static_order():
        height[node] = 1 + max((height[each] for each in graph[node]), default=0)
    return max(height.values(), default=0)


def test_there_are_few_rooms_on_few_levels():
    between = {own: {room(other) for m in MODULES if room(m) == own for other in ours(m)} - {own} for own in ROOMS}
    assert len({room(module) for module in MODULES} - {""}) <= MOST_ENTRIES
    assert levels(between) <= MOST_LEVELS
    for folder in {path.parent for path in MODULES.values()}:
        files = {module for module, path in MODULES.items() if path.parent == folder and path.name != "__init__.py"}
        assert levels({module: ours(module) & files for module in files}) <= MOST_LEVELS_INSIDE, folder


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


def test_importing_changes_no_configuration():
    changed, x64 = fresh_python("""
import json, jax
before = dict(jax.config.values)
from dlntheory import *
after = dict(jax.config.values)
print(json.dumps([sorted(key for key in after if after[key] != before.get(key)), jax.config.jax_enable_x64]))
""")
    assert not changed
    assert not x64


def test_importing_loads_nothing_heavy():
    loaded = fresh_python("""
import json, sys, equinox, jax, jaxtyping
before = set(sys.modules)
from dlntheory import *
print(json.dumps(sorted(set(sys.modules) - before)))
""")
    assert not HEAVY.intersection(loaded)


def test_help_does_not_import_jax():
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
    assert "jax" not in loaded


def test_every_public_name_is_documented():
    import dlntheory

    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    missing = [name for name in dlntheory.__all__ if not re.search(rf"(`|dln\.){name}\b", page)]
    assert not missing, f"docs/api.md does not mention {missing}"
