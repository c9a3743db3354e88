"""Imports flow one way, cost little, and change nothing; what is exported is documented."""

import ast
import graphlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dlntheory"

# A module imports only modules that stand before it. A folder is one entry: its files may import each other.
LAYERS = [
    "cholesky",
    "expressions",
    "algebra",
    "checks",
    "initialisation",
    "layers",
    "wrappers",
    "windows",
    "convolution",
    "fixed_maps",
    "folding",
    "network",
    "conjugate_gradients",
    "covariance",
    "hessian",
    "system",
    "equilibria",
    "descent",
    "schedules",
    "relaxation",
    "spectrum",
    "simulation",
    "inference",
    "responses",
    "propagation",
    "modes",
    "finite_time",
    "learning_rules",
    "rescaling",
    "updates",
    "gradient_flow",
    "aligned",
    "mode_dynamics",
    "landscape",
    "escape",
    "alignment",
    "kernels",
    "best_alignment",
    "chains",
    "update_alignment",
    "nonlinear_network",
    "newton",
    "nonlinear",
    "nonlinear_updates",
    "linearised",
    "learning",
    "symbolic",
    "relaxed",
    "precision_search",
    "precision",
    "spikes",
    "hypotheses",
    "conclusions",
    "theorems",
    "array_files",
    "idx",
    "condensing",
    "sweep_program",
    "sweep_runs",
    "sweeps",
    "weights",
    "embedded",
    "counterexamples",
    "extras",
    "pcn",
    "report",
    "cli",
    "__main__",
]

HEAVY = {"flint", "matplotlib", "optax", "optuna", "orbax", "rich", "sklearn", "sympy", "torch", "typer"}
HEAVY |= {"scipy.optimize"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def layer(module: str) -> str:
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


@pytest.mark.parametrize("module", [module for module in MODULES if layer(module)])
def test_imports_flow_one_way(module):
    own = layer(module)
    assert own in LAYERS, f"{module} has no place yet: add {own!r} to LAYERS in {__file__}"
    allowed = LAYERS[: LAYERS.index(own) + 1]
    for other in ours(module):
        assert layer(other), f"{module} imports the facade; import from the module that defines the name"
        assert layer(other) in allowed, f"{module} imports {other}, which comes after it"


def test_no_cycles():
    graphlib.TopologicalSorter({module: ours(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_the_library_stands_alone(module):
    assert not {name.partition(".")[0] for name in imported(module)} & {"experiments", "proofs", "tests"}


def fresh_python(script: str):
    """The JSON that a new interpreter prints last."""
    printed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(printed.stdout.splitlines()[-1])


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
