"""The images of MNIST, from a folder that holds its files in IDX format, compressed or not."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlntheory.pcn.data.catalogue import command, find_idx
from dlntheory.pcn.data.idx import read_idx

FILES = {"train": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte"}


class Images(NamedTuple):
    """Rows of pixels, whole numbers from 0 to 255."""

    train: np.ndarray
    test: np.ndarray


def load_images(folder: Path) -> Images:
    """Every image, a row each; the files must hold square images of bytes, the same size in both."""
    train, test = (_images(find(folder, part)) for part in FILES)
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"{folder} holds images of {train.shape[1]} and of {test.shape[1]} pixels; wanted one size.")
    return Images(train, test)


def pixels(images: np.ndarray, dtype: str) -> np.ndarray:
    """Brightness from 0 to 1."""
    return images.astype(dtype) / np.asarray(255, dtype)


def fingerprint(folder: Path) -> str:
    """A digest of the files, by which results say what they were computed from."""
    total = hashlib.sha256()
    for part in FILES:
        total.update(find(folder, part).read_bytes())
    return total.hexdigest()[:24]


def find(folder: Path, part: str) -> Path:
    """The file of the training or of the test images."""
    try:
        return find_idx(folder, FILES[part])
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error} To get MNIST:\n{command('mnist', folder)}") from error


def _images(path: Path) -> np.ndarray:
    images = read_idx(path)
    if images.ndim != 3 or images.dtype != np.uint8 or not images.size:
        raise ValueError(
            f"{path} holds {images.dtype} of shape {images.shape}; wanted images of bytes (number, rows, columns)."
        )
    return images.reshape(len(images), -1)
