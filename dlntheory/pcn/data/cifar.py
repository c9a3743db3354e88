"""CIFAR-10 and CIFAR-100, in the binary and in the Python layout.

A sample of either is 3072 bytes, the red, the green and the blue plane of 32 × 32 pixels, after its label or labels.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .dataset import Split, as_labels
from .unpickling import read_pickled_arrays

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


class Layout(NamedTuple):
    """The places of the files, and the number of labels per record of the binary files, of which the last counts."""

    binary: str
    python: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: int
    key: str


CIFAR10 = Layout(
    "cifar-10-batches-bin",
    "cifar-10-batches-py",
    tuple(f"data_batch_{number}" for number in range(1, 6)),
    ("test_batch",),
    1,
    "labels",
)
CIFAR100 = Layout("cifar-100-binary", "cifar-100-python", ("train",), ("test",), 2, "fine_labels")


def read_cifar(folder: Path, layout: Layout) -> tuple[Split, Split]:
    """Read the training and the test images.

    Args:
        folder: the folder of the files, or the one that holds it.
        layout: `CIFAR10` or `CIFAR100`.

    Returns:
        The training and the test set, images as bytes ``(N, 3, 32, 32)``.

    Raises:
        FileNotFoundError: if neither layout is there.
        ValueError: for a file that is damaged or cut off.
    """
    train, test = ([_read(path, layout) for path in _paths(folder, names, layout)] for names in layout[2:4])
    sizes = {len(split) for split in train}
    if len(sizes) > 1:
        raise ValueError(f"{folder} has training files of {sorted(sizes)} images; wanted the same number in each.")
    return _joined(train), _joined(test)


def _paths(folder: Path, names: Sequence[str], layout: Layout) -> list[Path]:
    """The files, of the first layout that is there."""
    places = itertools.product((folder / layout.binary, folder / layout.python, folder), (".bin", ""))
    layouts = ([place / f"{name}{suffix}" for name in names] for place, suffix in places)
    paths = next((each for each in layouts if each[0].is_file()), None)
    if paths is None:
        raise FileNotFoundError(f"{folder} has neither {layout.binary} nor {layout.python}.")
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{paths[0].parent} has {paths[0].name}, but no {', '.join(missing)}.")
    return paths


def _read(path: Path, layout: Layout) -> Split:
    return _read_binary(path, layout) if path.suffix == ".bin" else _read_python(path, layout)


def _read_binary(path: Path, layout: Layout) -> Split:
    record = layout.labels + PIXELS
    data = np.fromfile(path, np.uint8)
    if not data.size or data.size % record:
        raise ValueError(
            f"{path} has {data.size} bytes; wanted a multiple of {record}: it is cut off, or no CIFAR file."
        )
    rows = data.reshape(-1, record)
    return Split(rows[:, layout.labels :].reshape(-1, *SHAPE), as_labels(rows[:, layout.labels - 1]))


def _read_python(path: Path, layout: Layout) -> Split:
    contents = read_pickled_arrays(path)
    pixels, labels = contents.get("data"), contents.get(layout.key)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (PIXELS,):
        raise ValueError(f"{path} has no array `data` of bytes (images, {PIXELS}).")
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError(f"{path} has no list `{layout.key}` of whole numbers.")
    return Split(pixels.reshape(-1, *SHAPE), as_labels(labels))


def _joined(splits: list[Split]) -> Split:
    return Split(*(np.concatenate(each) for each in zip(*((s.samples, s.labels) for s in splits), strict=True)))
