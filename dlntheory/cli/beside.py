"""Experiments and proofs: they stand on the library, beside it in a checkout and within it once it is installed."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .inputs import refuse


def load_beside(module: str) -> Any:
    """The module, such as ``experiments.results`` or ``proofs``."""
    package = module.partition(".")[0]
    found = next((name for name in (f"dlntheory.{package}", package) if find_spec(name) is not None), None)
    if found is None:
        refuse(f"{package} is missing here: install dlntheory anew, or clone the repository and run `make env` there.")
    return import_module(found + module.removeprefix(package))
