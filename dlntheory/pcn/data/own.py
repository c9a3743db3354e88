"""Data of one's own: samples with labels in an ``.npz`` or a ``.csv`` file."""

import csv
from pathlib import Path

import numpy as np

from ...files.arrays import read_arrays
from .bundled import parted, standard
from .dataset import Dataset, Normalisation, Split, as_labels

SUFFIXES = (".npz", ".csv")
SPLIT = ("x_train", "y_train", "x_test", "y_test")
WHOLE = ("x", "y")
CLASSES = "wanted one class a sample: whole numbers, words, or rows with a single 1"
WANTED = f"wanted arrays {' and '.join(WHOLE)}, or {', '.join(SPLIT)}"


def is_own(name: str) -> bool:
    """Whether a data set's name names a file."""
    return Path(name).suffix.lower() in SUFFIXES


def read_own(name: str) -> Dataset:
    """Read samples and labels from a file.

    An ``.npz`` file has ``x``, ``(N, n)`` or images ``(N, C, H, W)``, and ``y``, ``(N,)``, one sample in five of which
    becomes a test sample; or ``x_train``, ``y_train``, ``x_test`` and ``y_test``. A ``.csv`` file has a sample a line,
    its label last, and may begin with a line of names. Labels are whole numbers, words, or rows with a single one;
    classes are numbered in their order. Samples are standardised by the training set, vectors by feature and images by
    channel.

    Args:
        name: the path.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: for a missing file.
        ValueError: for other arrays, samples without numbers, NaN or infinity, labels that are no classes, fewer than
            two classes, or a class without a training sample.

    Example:
        >>> import numpy as np
        >>> np.savez("my.npz", x=np.arange(20.0).reshape(10, 2), y=["a", "b"] * 5)
        >>> data = read_own("my.npz")
        >>> data.classes, len(data.train), len(data.test), data.shape
        (2, 8, 2, (2,))
    """
    path = Path(name)
    arrays = _read_csv(path) if path.suffix.lower() == ".csv" else read_arrays(path)[0]
    names = SPLIT if set(SPLIT) == set(arrays) else WHOLE
    if set(names) != set(arrays):
        raise ValueError(f"{path} has the arrays {', '.join(sorted(arrays)) or 'none'}; {WANTED}.")
    samples = [_as_samples(f"`{each}` of {path}", arrays[each]) for each in names[::2]]
    labels = [_as_words(f"`{each}` of {path}", arrays[each]) for each in names[1::2]]
    for x, y in zip(samples, labels, strict=True):
        if len(x) != len(y):
            raise ValueError(f"{path} has {len(x)} samples and {len(y)} labels of them; wanted one label a sample.")
    classes, numbers = np.unique(np.concatenate(labels), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"{path} has the single class {classes[0]}; wanted at least two.")
    if len(samples) == 1:
        train, test = parted(samples[0], numbers)
    else:
        parts = np.split(numbers, [len(labels[0])])
        train, test = (Split(x, as_labels(y)) for x, y in zip(samples, parts, strict=True))
    missing = classes[np.bincount(train.labels, minlength=len(classes)) == 0]
    if missing.size:
        raise ValueError(f"{path} has no training sample of the class {missing[0]}; wanted some of every class.")
    return Dataset(path.stem, train, test, len(classes), _normalisation(train.samples))


def _normalisation(samples: np.ndarray) -> Normalisation:
    """The normalisation of the samples: vectors by feature, images by channel."""
    if samples.ndim == 2:
        return standard(samples)
    return standard(np.moveaxis(samples, 1, -1).reshape(-1, samples.shape[1]))


def _as_samples(name: str, array: np.ndarray) -> np.ndarray:
    """Vectors or images of finite numbers, in 32 bits."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}; wanted numbers.")
    if array.ndim not in (2, 4) or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; wanted (samples, features), or images (N, C, H, W).")
    found = array.astype(np.float32)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds NaN, infinity or numbers beyond 32 bits; wanted finite numbers.")
    return found


def _as_words(name: str, labels: np.ndarray) -> np.ndarray:
    """One label per sample: whole numbers or words; rows with a single one become numbers."""
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and labels.shape[1] > 1:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise ValueError(
                f"{name} has shape {labels.shape}, and rows that are not zero but for a single 1; {CLASSES}."
            )
        return labels.argmax(axis=1)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(f"{name} has shape {labels.shape}; {CLASSES}.")
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.round(labels)):
            raise ValueError(f"{name} holds {labels[labels != np.round(labels)][0]}, which is no class; {CLASSES}.")
        return labels.astype(np.int64)
    if labels.dtype.kind not in "biuUS":
        raise ValueError(f"{name} has dtype {labels.dtype}; {CLASSES}.")
    return labels


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    """The columns but the last as numbers, and the last as it stands; the first line may have names."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not all(map(_is_number, rows[0][:-1])):
        rows = rows[1:]
    if not rows or len(rows[0]) < 2:
        raise ValueError(f"{path} has no line of numbers with a label; wanted a sample a line, its label last.")
    for line, row in enumerate(rows):
        if len(row) != len(rows[0]) or not all(map(_is_number, row[:-1])):
            raise ValueError(
                f"{path} has {','.join(row)[:60]!r} as its sample {line}; "
                f"wanted {len(rows[0]) - 1} numbers and a label."
            )
    labels = [row[-1].strip() for row in rows]
    numbers = all(map(_is_number, labels))
    return {
        "x": np.array([list(map(float, row[:-1])) for row in rows]),
        "y": np.array(list(map(float, labels)) if numbers else labels),
    }


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
