"""The Python file of a study of one's own, which registers the algorithms that its rows name."""

import functools
import hashlib
import importlib.util
import sys
from pathlib import Path


def run_file(name: str | None) -> str:
    """Run a file, once in a process, and return a fingerprint of it; empty without a file.

    Raises:
        ValueError: for a file that is not there, or that fails.
    """
    if name is None:
        return ""
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"`python` is {name}, which is no file; wanted one that registers algorithms.")
    return _run(path, hashlib.sha256(path.read_bytes()).hexdigest()[:12])


@functools.cache
def _run(path: Path, fingerprint: str) -> str:
    spec = importlib.util.spec_from_file_location(f"{path.stem}_{fingerprint}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"`python` is {path}; wanted a file that ends in .py.")
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path} fails: {type(error).__name__}: {error}") from error
    return fingerprint
