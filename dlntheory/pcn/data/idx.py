"""Arrays in the IDX format, in which MNIST and its relatives come, plain or compressed with gzip.

A header of four bytes (zero, zero, the type's code, the number of dimensions), the dimensions as big-endian 32-bit
whole numbers, then the numbers, big-endian, the last index fastest. Nothing is allocated because a header says so.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...files.arrays import as_path

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The codes of the types of numbers."""
GZIP = b"\x1f\x8b"
"""The first bytes of a compressed file."""
LARGEST_RATIO = 1032
"""The largest ratio of the size of the contents to the size of the compressed file."""
CHUNK = 1 << 20


def read_idx(path: Any) -> np.ndarray:
    """Read the array of an IDX file.

    Args:
        path: a file in the IDX format, or one that is compressed with gzip, whatever their names.

    Returns:
        The array, in the machine's byte order.

    Raises:
        ValueError: for a file that is no IDX file, is damaged, or holds fewer or more numbers than its header says.
        TypeError: for something that is no path.
        FileNotFoundError: for a path without a file.

    Source:
        The page of the MNIST database (LeCun, Cortes and Burges).

    Example:
        >>> _ = Path("two.idx").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 40, 41]))
        >>> read_idx("two.idx").tolist()
        [40, 41]
    """
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"`path` is {path}, and there is no such file.")
    with path.open("rb") as plain:
        compressed = plain.read(len(GZIP)) == GZIP
    most = path.stat().st_size * (LARGEST_RATIO if compressed else 1)
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            return _read(path, file, most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"`path` is {path}, a damaged gzip file: {error}") from error


def _read(path: Path, file: Any, most: int) -> np.ndarray:
    """The array, of a file that cannot hold more than ``most`` bytes."""
    start = _exactly(path, file, 4, "a header")
    if start[:2] != b"\0\0" or start[2] not in TYPES or not start[3]:
        codes = ", ".join(f"{code:#04x}" for code in TYPES)
        raise ValueError(
            f"`path` is {path}, which starts with {start.hex(' ')}; wanted an IDX file: 00 00, one of {codes}, "
            "and the number of dimensions."
        )
    shape = struct.unpack(f">{start[3]}I", _exactly(path, file, 4 * start[3], "a header"))
    dtype = np.dtype(TYPES[start[2]])
    size = math.prod(shape) * dtype.itemsize
    if size > most:
        raise ValueError(f"`path` is {path}, whose header says shape {shape}; the file is too small to hold that.")
    data = _exactly(path, file, size, f"numbers of shape {shape}")
    if file.read(1):
        raise ValueError(f"`path` is {path}, which goes on after the numbers of shape {shape} that its header says.")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)


def _exactly(path: Path, file: Any, size: int, what: str) -> bytes:
    """Exactly so many bytes, read little by little."""
    parts: list[bytes] = []
    missing = size
    while missing and (part := file.read(min(missing, CHUNK))):
        parts.append(part)
        missing -= len(part)
    if missing:
        raise ValueError(f"`path` is {path}, which ends after {size - missing} of the {size} bytes of {what}.")
    return b"".join(parts)
