"""MNIST and its relatives: four files in IDX format, as their authors, torchvision and others name and place them."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .dataset import Split, as_labels
from .idx import GZIP, read_idx

IDX_PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
IMAGES = IDX_PARTS[::2]
LETTERS = "emnist-letters"
LETTERS_PARTS = tuple(f"{LETTERS}-{part.replace('t10k', 'test')}" for part in IDX_PARTS)
"""The files of EMNIST's letters."""
RELATIVES = {
    "mnist": ("MNIST", "mnist"),
    "fashion-mnist": ("FashionMNIST", "fashion-mnist", "Fashion-MNIST", "fashion_mnist"),
    "kmnist": ("KMNIST", "kmnist"),
    LETTERS: ("EMNIST", LETTERS, "gzip"),
}
"""The names that each data set's own folder may have."""


class Images(NamedTuple):
    """Rows of pixels, whole numbers from 0 to 255."""

    train: np.ndarray
    test: np.ndarray


class Place(NamedTuple):
    """The place of a data set: the name of its own folder, the folder of its files, and these."""

    name: str
    folder: Path
    files: list[Path]


def read_mnist(folder: Path, name: str = "mnist") -> tuple[Split, Split]:
    """Read the four files of MNIST or of one of its relatives, each compressed or not.

    Args:
        folder: the folder that holds them, or torchvision's root, with ``MNIST/raw`` in it.
        name: the name of the data set, one of `RELATIVES`.

    Returns:
        The training and the test set, images as bytes ``(N, 1, H, W)``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: for a file that is damaged, or that holds something else.
    """
    return _splits(find(folder, name))


def read_emnist_letters(folder: Path) -> tuple[Split, Split]:
    """Read the letters of EMNIST, large and small ones of a letter in one class, upright.

    Args:
        folder: the folder of the four files ``emnist-letters-train-images-idx3-ubyte`` and so on, compressed or not;
            the one in which ``gzip.zip`` was unpacked; or torchvision's root, with ``EMNIST/raw`` in it.

    Returns:
        The training and the test set, images as bytes ``(N, 1, H, W)``; class 0 is A. In the files images lie on
        their side, mirrored, and classes begin at 1.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: for a file that is damaged, or that holds something else.

    Source:
        Cohen, Afshar, Tapson and van Schaik, EMNIST: an extension of MNIST to handwritten letters (2017).
    """
    train, test = _splits(find(folder, LETTERS, LETTERS_PARTS))
    return _upright(train), _upright(test)


def _upright(split: Split) -> Split:
    return Split(np.ascontiguousarray(split.samples.swapaxes(2, 3)), split.labels - 1)


def find(folder: Path, name: str = "mnist", parts: Sequence[str] = IDX_PARTS) -> Place:
    """The files of a data set, all in one place: the folder, its ``raw``, or a folder of the data set's name in it.

    A name may have a dot in place of its second hyphen, and end in ``.gz``.

    Raises:
        FileNotFoundError: if no place has all of them; the message names what the first place lacks.
        ValueError: for a file that is there twice, under two names, with different contents.
    """
    for place in _places(folder, name):
        paths = [_find(place, part) for part in parts]
        if all(path is not None for path in paths):
            own = place.absolute()
            called = (own.parent if own.name == "raw" else own).name
            return Place(called, place, [path for path in paths if path is not None])
    missing = next(part for part in parts if _find(folder, part) is None)
    raise FileNotFoundError(
        f"{folder} has no {missing}, with or without .gz; nor are all files in {RELATIVES[name][0]}/raw."
    )


def find_any(folder: Path) -> Place:
    """The data set in a folder, whichever of `RELATIVES` it is.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if there are several.
    """
    places: dict[Path, Place] = {}
    for name in RELATIVES:
        with suppress(FileNotFoundError):
            place = find(folder, name)
            places[place.folder] = place
    if len(places) > 1:
        listed = ", ".join(sorted(map(str, places)))
        raise ValueError(f"{folder} has several data sets; wanted one of {listed}.")
    return next(iter(places.values()), None) or find(folder)


def load_images(folder: Path) -> Images:
    """Every image of MNIST, a row each; the files must hold square images of bytes, the same size in both."""
    train, test = map(_rows, find(folder, parts=IMAGES).files)
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"{folder} holds images of {train.shape[1]} and of {test.shape[1]} pixels; wanted one size.")
    return Images(train, test)


def pixels(images: np.ndarray, dtype: str) -> np.ndarray:
    """Brightness from 0 to 1."""
    return images.astype(dtype) / np.asarray(255, dtype)


def fingerprint(paths: Sequence[Path]) -> str:
    """A digest of files, by which results name the data that they were computed from."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()[:24]


def _places(folder: Path, name: str) -> Iterator[Path]:
    """The folders where the files may be; torchvision puts them into ``MNIST/raw``."""
    for place in (folder, *(folder / own for own in RELATIVES[name])):
        yield place
        yield place / "raw"


def _find(folder: Path, part: str) -> Path | None:
    """A file under one of its names, or of that name in a folder of that name, as some archives unpack it."""
    names = [f"{spelling}{suffix}" for spelling in (part, part.replace("-idx", ".idx")) for suffix in ("", ".gz")]
    paths = [folder / name for name in names]
    inside = [folder / outer / name for outer in names for name in names]
    found = [path for path in (*paths, *inside) if path.is_file()]
    for other in found[1:]:
        if _checksum(other) != _checksum(found[0]):
            raise ValueError(f"{found[0]} and {other} hold different numbers; wanted one of them.")
    return next(iter(found), None)


def _checksum(path: Path) -> int:
    """The CRC-32 of the contents, which a compressed file says at its end."""
    data = path.read_bytes()
    return int.from_bytes(data[-8:-4], "little") if data.startswith(GZIP) else zlib.crc32(data)


def _rows(path: Path) -> np.ndarray:
    images = read_idx(path)
    if images.ndim != 3 or images.dtype != np.uint8 or not images.size:
        raise ValueError(
            f"{path} holds {images.dtype} of shape {images.shape}; wanted images of bytes (number, rows, columns)."
        )
    return images.reshape(len(images), -1)


def _splits(place: Place) -> tuple[Split, Split]:
    """The training and the test set of four files."""
    train_images, train_labels, test_images, test_labels = map(read_idx, place.files)
    return _split(place.folder, train_images, train_labels), _split(place.folder, test_images, test_labels)


def _split(folder: Path, images: Any, labels: Any) -> Split:
    if images.ndim != 3 or images.dtype != "uint8" or labels.ndim != 1 or labels.dtype != "uint8":
        raise ValueError(
            f"{folder} holds {images.dtype} of shape {images.shape} with labels of {labels.dtype} of shape "
            f"{labels.shape}; wanted bytes (images, rows, columns) and (images,)."
        )
    return Split(images[:, None], as_labels(labels))
