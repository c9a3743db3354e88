"""The Python layout of CIFAR: a pickled dictionary, of which only names, lists, numbers and bytes are admitted.

Nothing that a pickle names is ever called. NumPy's arrays, the only objects in those files, are rebuilt from their
shape and bytes by stand-ins; any other name is refused.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

BYTE_CODES = ("u1", b"u1", "|u1", b"|u1")


class _Dtype:
    """In place of ``numpy.dtype``."""

    def __init__(self, code: Any, *_: Any):
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """The byte order, which bytes have none of."""


class _Array:
    """In place of ``numpy.ndarray``, of bytes in C order."""

    data: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or dtype.code not in BYTE_CODES or fortran or not isinstance(data, bytes):
            raise pickle.UnpicklingError("it holds an array that is not of bytes in C order")
        self.data = np.frombuffer(data, np.uint8).reshape(shape)


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not admitted")
        return STAND_INS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to an object outside of the file")


def read_pickled_arrays(path: Path) -> dict[str, Any]:
    """Read a pickled dictionary of arrays of bytes, lists, numbers and text.

    Args:
        path: a file in the layout of ``cifar-10-batches-py``.

    Returns:
        The dictionary, whose names are text.

    Raises:
        ValueError: for a damaged file, or one that holds or names anything else.
    """
    try:
        with path.open("rb") as file:
            contents = _Restricted(file, encoding="bytes").load()
    except OSError:
        raise
    except Exception as error:  # a damaged or hostile file makes the parser raise anything
        raise ValueError(f"{path} cannot be read as a pickle of arrays: {error or type(error).__name__}") from error
    if not isinstance(contents, dict):
        raise ValueError(f"{path} holds a {type(contents).__name__}; wanted a dictionary of arrays.")
    return {_text(name): each.data if isinstance(each, _Array) else each for name, each in contents.items()}


def _text(name: Any) -> str:
    return name.decode("latin1") if isinstance(name, bytes) else str(name)
