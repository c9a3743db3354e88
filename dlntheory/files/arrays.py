"""Named arrays, with a note beside them, in and out of files. Nothing is ever unpickled.

One row of `DECODERS` or `ENCODERS` a format.
"""

import hashlib
import io
import json
import os
import stat
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

NOTE = "__structure__"
"""The reserved name of the note: of an array of an ``.npz`` file, or in the metadata of ``.safetensors``."""

STATE_DICT = "wanted what torch.save(model.state_dict(), path) writes"


class Contents(NamedTuple):
    """The contents of a file: arrays by name, and a note in JSON, which most files do not have."""

    arrays: dict[str, np.ndarray]
    note: str | None = None


def read_arrays(path: Any) -> tuple[dict[str, np.ndarray], Any]:
    """Read the arrays of a file by name, and its note, ``None`` without one."""
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"`path` is {path}, and there is no such file.")
    decode = _by_suffix(path, DECODERS)
    if not path.stat().st_size:
        raise ValueError(f"`path` is {path}, an empty file; wanted arrays.")
    try:
        arrays, note = decode(path)
        native = {name: in_order(array) for name, array in arrays.items()}
        return native, None if note is None else json.loads(note)
    except (ImportError, PermissionError):
        raise
    except Exception as error:  # a damaged or hostile file makes its parser raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"`path` is {path}, which cannot be read as {path.suffix}: {reason}") from error


def write_arrays(path: Any, arrays: Mapping[str, np.ndarray], note: Any = None) -> None:
    """Write named arrays and a note, anything that JSON can say, to a file that `read_arrays` reads."""
    path = as_path(path)
    write_atomically(path, encode_arrays(path, arrays, note))


def encode_arrays(path: Path, arrays: Mapping[str, np.ndarray], note: Any) -> bytes:
    """The bytes that `write_arrays` writes to a file of that name."""
    ordered = {name: in_order(array) for name, array in arrays.items()}
    return _by_suffix(path, ENCODERS)(Contents(ordered, None if note is None else json.dumps(note)))


def digest(arrays: Mapping[str, np.ndarray], note: Any) -> str:
    """A digest of named arrays and of a note, anything that JSON can say."""
    total = hashlib.sha256(json.dumps(note, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def in_order(array: Any) -> np.ndarray:
    """The same numbers, in rows and in the machine's byte order; safetensors writes memory as it lies."""
    array = np.asarray(array)
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path`` first, then move it there, so that nobody sees half a file."""
    write_together({path: data})


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write every file beside its place first, then move all of them there: none, if one cannot be written.

    A file that was there passes its permissions on. Where a file is a link, the file that it points to is replaced, not
    the link.
    """
    temporaries = {}
    try:
        for path, data in files.items():
            if not path.parent.is_dir():
                raise FileNotFoundError(f"`path` is {path}, in a folder that does not exist.")
            place = path.resolve()
            temporaries[place] = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
            _write(path, temporaries[place], data)
            if place.exists():
                temporaries[place].chmod(stat.S_IMODE(place.stat().st_mode))
        for path, temporary in temporaries.items():
            os.replace(temporary, path)
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def _write(path: Path, temporary: Path, data: bytes) -> None:
    """Write the file that is to replace ``path``; an error names that path, and not the file beside it."""
    try:
        temporary.write_bytes(data)
    except OSError as error:
        raise type(error)(f"`path` is {path}, which cannot be written: {error.strerror}.") from error


def as_path(path: Any, name: str = "path") -> Path:
    """Convert to the path of what may be a file, and is no directory."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`{name}` is {path!r}; wanted the path of a file.")
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"`{name}` is {path}, a directory; wanted a file.")
    return path


def as_new_file(path: Any, endings: Iterable[str], name: str = "path") -> Path:
    """Convert to the path of a file that can be written: one of these endings, in a folder that exists."""
    path = as_path(path, name)
    if path.suffix.lower() not in endings:
        raise ValueError(f"`{name}` is {path}; wanted a file that ends in {' or '.join(endings)}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"`{name}` is {path}, in a folder that does not exist.")
    return path


def _by_suffix(path: Path, table: dict[str, Any]) -> Any:
    suffix = path.suffix.lower()
    if suffix not in table:
        raise ValueError(f"`path` is {path}; wanted a file that ends in {', '.join(table)}.")
    return table[suffix]


def _decode_npz(path: Path) -> Contents:
    with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
        _once(archive.files)
        arrays = _each(archive.files, archive.__getitem__)
    note = arrays.pop(NOTE, None)
    return Contents(arrays, None if note is None else str(note))


def _encode_npz(contents: Contents) -> bytes:
    named: dict[str, Any] = {**contents.arrays, **_noted(contents)}
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def _decode_safetensors(path: Path) -> Contents:
    from safetensors import safe_open

    with path.open("rb") as header:
        length = int.from_bytes(header.read(8), "little")
        if length <= path.stat().st_size:  # or the file is damaged, and refused below
            json.loads(header.read(length), object_pairs_hook=lambda pairs: _once([name for name, _ in pairs]))
    with safe_open(path, framework="numpy") as file:
        return Contents(_each(file.keys(), file.get_tensor), (file.metadata() or {}).get(NOTE))


def _encode_safetensors(contents: Contents) -> bytes:
    from safetensors.numpy import save

    return save(contents.arrays, _noted(contents))


def _noted(contents: Contents) -> dict[str, str]:
    """The note by its name, nothing where there is none."""
    return {} if contents.note is None else {NOTE: contents.note}


def _decode_torch(path: Path) -> Contents:
    import pickle  # for the name of its error

    try:
        import torch
    except ModuleNotFoundError as error:
        raise ImportError(f"{path} needs PyTorch to be read: pip install 'dlntheory[pytorch]'") from error
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise ValueError(f"damaged, or more than tensors; {STATE_DICT}") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError(f"no dictionary of tensors; {STATE_DICT}")
    return Contents(_each(state, lambda name: state[name].detach().numpy()))


def _once(names: Iterable[str]) -> None:
    """Refuse a name that two arrays have, of which one would be dropped."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"it has {twice[0]} twice")


def _each(names: Iterable[Any], get: Callable[[Any], Any]) -> dict[str, np.ndarray]:
    """The arrays by name; the error names the one that cannot be read."""
    arrays = {}
    for name in names:
        try:
            arrays[name] = get(name)
        except Exception as error:
            raise ValueError(f"{name}: {error}") from error
        if not isinstance(name, str) or not isinstance(arrays[name], np.ndarray):
            raise ValueError(f"{name} is no array with a name")
    return arrays


DECODERS: dict[str, Callable[[Path], Contents]] = {
    ".npz": _decode_npz,
    ".safetensors": _decode_safetensors,
    ".pt": _decode_torch,
    ".pth": _decode_torch,
}
ENCODERS: dict[str, Callable[[Contents], bytes]] = {
    ".npz": _encode_npz,
    ".safetensors": _encode_safetensors,
}
