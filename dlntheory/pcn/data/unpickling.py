"""The Python layout of CIFAR: a pickled dictionary, of which only names, lists, numbers and bytes are admitted.

Nothing that a pickle names is ever called. NumPy's arrays, the only objects in those files, are rebuilt from their
shape and bytes by stand-ins; any other name is refused.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

NUMBERS = re.compile(r"b1|[ui][1248]")
"""The codes of the numbers that are admitted: whole ones."""
ORDERS = ("<", ">", "|", "=")


class _Dtype:
    """In place of ``numpy.dtype``."""

    def __init__(self, code: Any, *_: Any):
        self.code, self.order = _text(code).lstrip("<>|="), "="
        if not NUMBERS.fullmatch(self.code):
            raise pickle.UnpicklingError(f"it holds numbers of the type {self.code}; wanted whole numbers")

    def __setstate__(self, state: Any) -> None:
        """The byte order, ``|`` for bytes, which have none."""
        self.order = _text(state[1])
        if self.order not in ORDERS:
            raise pickle.UnpicklingError(f"it holds numbers in the byte order {self.order!r}")

    def array(self, data: Any) -> np.ndarray:
        """The numbers that bytes are."""
        if not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError("it holds an array that is not of bytes")
        return np.frombuffer(data, f"{self.order}{self.code}")


class _Array:
    """In place of ``numpy.ndarray``."""

    data: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.data = _shaped(dtype, data, shape, "F" if fortran else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """In place of the function by which NumPy writes an array since protocol 5."""
    array = _Array()
    array.data = _shaped(dtype, data, shape, order)
    return array


def _scalar(dtype: Any, data: Any) -> int:
    return int(_shaped(dtype, data, (), "C"))


def _shaped(dtype: Any, data: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("it holds an array of a type that is none")
    flat = dtype.array(data)
    return flat.reshape(shape, order="F" if _text(order) == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    """In place of the function by which Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
} | {
    (f"numpy.{core}.{module}", name): stand_in
    for core in ("core", "_core")
    for (module, name), stand_in in {
        ("multiarray", "_reconstruct"): _reconstruct,
        ("multiarray", "scalar"): _scalar,
        ("numeric", "_frombuffer"): _frombuffer,
    }.items()
}
"""By the names in NumPy 1 and in NumPy 2."""


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not admitted")
        return STAND_INS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to an object outside of the file")


def read_pickled_arrays(path: Path) -> dict[str, Any]:
    """Read a pickled dictionary of arrays of whole numbers, lists, numbers and text.

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
