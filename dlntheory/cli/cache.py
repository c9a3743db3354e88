"""Compiled programs are kept in the user's cache folder, so that a command compiles what is new to it only.

`DLNTHEORY_CACHE` names another folder, or is `off`. Several processes may share the folder: a program that another one
is still writing, or never finished, is compiled anew.
"""

import os
import sys
import warnings
from pathlib import Path

OFF = "off"


def keep_programs() -> None:
    """Tell JAX, which is not imported yet, where to keep programs; what the environment says already stays."""
    try:
        folder = programs_folder()
    except RuntimeError:  # the user has no home
        return
    if folder is None:
        return
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry", UserWarning)


def programs_folder() -> Path | None:
    """The folder of compiled programs, ``None`` for none."""
    chosen = os.environ.get("DLNTHEORY_CACHE", "")
    if chosen.lower() == OFF:
        return None
    return (Path(chosen) if chosen else user_cache() / "dlntheory") / "programs"


def user_cache() -> Path:
    """The user's folder of what can be made again, where the platform wants it: the rules of `platformdirs`."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
