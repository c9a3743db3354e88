"""The Python file of a study of one's own, which registers the algorithms that its rows name."""

import functools
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import dlntheory

LIBRARIES = [
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    Path(dlntheory.__file__).parent, Path(__file__).parents[1],
]  # fmt: skip
"""Folders whose modules are no study's own, though they may lie below that of its file."""


@functools.cache
def run_file(name: str | None) -> str:
    """Run a file, once in a process, and return a fingerprint of its code; empty without a file.

    Modules in its folder can be imported, and count as its code.

    Raises:
        ValueError: for a file that is not there, or that fails.
    """
    if name is None:
        return ""
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"`python` is {name}, which is no file; wanted one that registers algorithms.")
    _run(path)
    code = b"".join(each.read_bytes() for each in [path, *sorted(_imported(path.parent))])
    return hashlib.sha256(code).hexdigest()[:12]


def _run(path: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"study_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"`python` is {path}; wanted a file that ends in .py.")
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} fails: {type(error).__name__}: {' '.join(str(error).split())}") from error
    finally:
        sys.path.remove(str(path.parent))


def _imported(folder: Path) -> Iterator[Path]:
    """The files in a folder, and below it, that were imported; without those of libraries."""
    files = (Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None)))
    return (each for each in files if each.is_relative_to(folder) and not any(map(each.is_relative_to, LIBRARIES)))
