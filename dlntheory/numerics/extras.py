"""Libraries that only a part of the package needs, and that install with an extra."""

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Import a library that an extra installs, or say which extra that is.

    Raises:
        ImportError: if the library is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(f"{library} is not installed; run: pip install 'dlntheory[{extra}]'") from error
