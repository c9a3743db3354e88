"""Who imports whom in the library: files, rooms, and the levels on which they stand."""

import ast
import functools
import graphlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dlntheory"

# A room imports only rooms that stand before it; its files, one another, as far as there is no cycle.
ROOMS = (
    "numerics", "networks", "files", "equilibria", "inference", "learning", "random_networks", "theorems", "training",
    "nonlinear", "pcn", "symbolic", "report", "cli", "__main__",
)  # fmt: skip


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    """`cli` for dlntheory.cli.figures; the empty string for dlntheory itself."""
    return module.partition(".")[2].partition(".")[0]


@functools.cache
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


def between_rooms() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    return {own: {room(other) for m in MODULES if room(m) == own for other in ours(m)} - {own} for own in ROOMS}


def heights(graph: dict[str, set[str]]) -> dict[str, int]:
    """The level of each node: one above the highest that it imports."""
    height: dict[str, int] = {}
    for node in graphlib.TopologicalSorter(graph).static_order():
        height[node] = 1 + max((height[each] for each in graph[node]), default=0)
    return height
