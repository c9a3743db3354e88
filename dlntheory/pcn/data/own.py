"""Data of one's own: samples with labels in an ``.npz`` or a ``.csv`` file."""

from pathlib import Path

import numpy as np

from ...files.arrays import read_arrays
from .bundled import parted, standard
from .dataset import Dataset, Normalisation, Split, as_labels
from .table import LARGEST, read_csv

SUFFIXES = (".npz", ".csv")
SPLIT = ("x_train", "y_train", "x_test", "y_test")
WHOLE = ("x", "y")
CHANNELS = (1, 3, 4)
"""The numbers of channels that images in files may have."""
LOST = 0.01
"""The largest change of a feature by rounding to 32 bits, as a share of its deviation."""
CLASSES = "wanted one class per sample: whole numbers, words, or rows with a single 1"
WANTED = f"wanted arrays {' and '.join(WHOLE)}, or {', '.join(SPLIT)}"


def is_own(name: str) -> bool:
    """Whether a data set's name names a file."""
    return Path(name).suffix.lower() in SUFFIXES


def read_own(name: str) -> Dataset:
    """Read samples and labels from a file.

    An ``.npz`` file has ``x``, ``(N, n)`` or images ``(N, C, H, W)``, and ``y``, ``(N,)``, one sample in five of which
    becomes a test sample; or ``x_train``, ``y_train``, ``x_test`` and ``y_test``. A ``.csv`` file has one sample per
    line, its label last, and may begin with a line of names. Labels are whole numbers, words, or rows with a single
    one; classes are numbered in their order. Samples are standardised by the training set, vectors by feature and
    images by channel. They keep the precision of the file; a run computes in its own.

    Args:
        name: the path.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: for a missing file.
        ValueError: for other arrays, samples without numbers, NaN or infinity, numbers that 32 bits do not tell apart,
            labels that are no classes, fewer than two classes, a class without a training sample, or what may be read
            in two ways.

    Example:
        >>> import numpy as np
        >>> np.savez("my.npz", x=np.arange(20.0).reshape(10, 2), y=["a", "b"] * 5)
        >>> data = read_own("my.npz")
        >>> data.classes, len(data.train), len(data.test), data.shape
        (2, 8, 2, (2,))
    """
    path = Path(name)
    samples, labels = _read(path)
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


def _read(path: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Samples and their labels: all of them, or those of training and those of tests."""
    arrays = read_csv(path) if path.suffix.lower() == ".csv" else read_arrays(path)[0]
    names = SPLIT if set(SPLIT) == set(arrays) else WHOLE
    if set(names) != set(arrays):
        raise ValueError(f"{path} has the arrays {', '.join(sorted(arrays)) or 'none'}; {WANTED}.")
    samples = [_as_samples(f"`{each}` of {path}", arrays[each]) for each in names[::2]]
    labels = [_as_words(f"`{each}` of {path}", arrays[each]) for each in names[1::2]]
    if len({(arrays[each].shape[1:], arrays[each].dtype.kind in "US") for each in names[1::2]}) > 1:
        raise ValueError(f"{path} has training labels of another kind than its test labels; {CLASSES}.")
    for x, y in zip(samples, labels, strict=True):
        if len(x) != len(y):
            raise ValueError(f"{path} has {len(x)} samples and {len(y)} labels of them; wanted one label per sample.")
    return samples, labels


def _normalisation(samples: np.ndarray) -> Normalisation:
    """The normalisation of the samples: vectors by feature, images by channel."""
    if samples.ndim == 2:
        return standard(samples)
    return standard(np.moveaxis(samples, 1, -1).reshape(-1, samples.shape[1]))


def _as_samples(name: str, array: np.ndarray) -> np.ndarray:
    """Vectors or images of finite numbers, in 64 bits if the file has more than 32."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}; wanted numbers.")
    if array.ndim not in (2, 4) or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; wanted (samples, features), or images (N, C, H, W).")
    if array.ndim == 4 and min(array.shape[1:3]) > max(CHANNELS) and array.shape[3] in CHANNELS:
        own = name.split("`")[1]
        raise ValueError(
            f"{name} has shape {array.shape}, which looks like images (N, H, W, C); wanted images (N, C, H, W), "
            f"as {own}.transpose(0, 3, 1, 2) gives them. If they are that already, turn them on their side by "
            f"{own}.swapaxes(2, 3)."
        )
    found = array.astype(np.result_type(array.dtype, np.float32))
    with np.errstate(over="ignore"):
        shorter = found.astype(np.float32)
    if not np.isfinite(shorter).all():
        raise ValueError(f"{name} holds NaN, infinity or numbers beyond 32 bits; wanted finite numbers.")
    spread = found.std(axis=0)
    if ((np.abs(shorter - found).max(axis=0) > LOST * spread) & (spread > 0)).any():
        raise ValueError(
            f"{name} holds numbers that 32 bits do not tell apart, such as {found.max():.9g}; subtract what they share."
        )
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
        if (odd := ~((labels == np.round(labels)) & (np.abs(labels) <= LARGEST))).any():
            raise ValueError(f"{name} holds {labels[odd][0]}, which is no class; {CLASSES}.")
        return labels.astype(np.int64)
    if labels.dtype.kind not in "biuUS":
        raise ValueError(f"{name} has dtype {labels.dtype}; {CLASSES}.")
    return labels
