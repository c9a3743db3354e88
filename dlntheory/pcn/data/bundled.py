"""Data sets that need no folder: scikit-learn has or draws them, or they come from OpenML."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import Dataset, Normalisation, Split, as_labels

DRAWN = 1000
"""Points of the two moons and the two circles in the training set, and as many in the test set."""
NOISE = 0.1
TEST_SHARE = 5
"""One sample in five is a test sample, where a data set comes in one part."""


def _sklearn() -> Any:
    try:
        import sklearn.datasets
    except ModuleNotFoundError as error:
        raise ImportError("this data set needs scikit-learn: pip install 'dlntheory[data]'") from error
    return sklearn.datasets


def rows_and_labels(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The samples and labels of ``"digits"`` or ``"iris"``, read from scikit-learn's file.

    Importing scikit-learn takes a second, which is left for versions that have the file elsewhere.
    """
    file, header = {"digits": ("digits.csv.gz", 0), "iris": ("iris.csv", 1)}[name]
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        if (path := Path(folder, "datasets", "data", file)).exists():
            table = np.loadtxt(path, delimiter=",", skiprows=header)
            return table[:, :-1], table[:, -1].astype(int)
    return getattr(_sklearn(), f"load_{name}")(return_X_y=True)


def digits() -> Dataset:
    """1797 handwritten digits of 8 × 8 pixels, brightness 0 to 16."""
    images, labels = rows_and_labels("digits")
    train, test = parted(np.asarray(images, np.float32).reshape(-1, 1, 8, 8), labels)
    return Dataset("digits", train, test, 10, Normalisation(maximum=16.0))


def digits_32() -> Dataset:
    """The digits as pictures of 32 × 32 in three equal colours, each pixel four by four: a stand-in for CIFAR."""
    small = digits()
    return replace(small, name="digits-32", train=_enlarged(small.train), test=_enlarged(small.test))


def iris() -> Dataset:
    """150 flowers of three species, four measures each."""
    return _vectors("iris", *rows_and_labels("iris"))


def moons() -> Dataset:
    """Points on two half circles that interlock."""
    points, labels = _sklearn().make_moons(2 * DRAWN, noise=NOISE, random_state=0)
    return _vectors("moons", points, labels, share=2)


def circles() -> Dataset:
    """Points on two circles, one within the other."""
    points, labels = _sklearn().make_circles(2 * DRAWN, noise=NOISE, factor=0.5, random_state=0)
    return _vectors("circles", points, labels, share=2)


def openml(name: str) -> Dataset:
    """A classification data set of OpenML with numbers as features, fetched once and then kept by scikit-learn.

    Args:
        name: its name there, such as ``"mnist_784"``.

    Returns:
        The data set, one sample in five of which is a test sample.

    Raises:
        ValueError: if OpenML has no such data set, cannot be reached, or the features are no numbers.
    """
    fetch = _sklearn().fetch_openml
    try:
        features, labels = fetch(name, version="active", return_X_y=True, as_frame=False, parser="liac-arff")
        return _vectors(f"openml:{name}", np.asarray(features, np.float32), labels)
    except (OSError, ValueError) as error:
        raise ValueError(f"OpenML's data set {name!r} cannot be used: {error}") from error


def _enlarged(split: Split) -> Split:
    return Split(split.samples.repeat(4, axis=2).repeat(4, axis=3).repeat(3, axis=1), split.labels)


def _vectors(name: str, features: Any, labels: Any, share: int = TEST_SHARE) -> Dataset:
    """A data set of vectors, standardised by the mean and the deviation of its training set."""
    classes, numbers = np.unique(labels, return_inverse=True)
    train, test = parted(np.asarray(features, np.float32), numbers, share)
    return Dataset(name, train, test, len(classes), standard(train.samples))


def standard(samples: np.ndarray) -> Normalisation:
    """The normalisation that gives every feature a mean of zero and a deviation of one, or of zero."""
    mean, std = samples.mean(axis=0, dtype=float), samples.std(axis=0, dtype=float)
    std = np.where(std > 0, std, 1)
    return Normalisation(tuple(mean.tolist()), tuple(std.tolist()), 1.0)


def parted(samples: Any, labels: Any, share: int = TEST_SHARE) -> tuple[Split, Split]:
    """Shuffle, always in the same way, and set one in ``share`` samples apart."""
    order = np.random.default_rng(0).permutation(len(labels))
    samples, labels = np.asarray(samples)[order], as_labels(labels)[order]
    test = len(order) // share
    return Split(samples[test:], labels[test:]), Split(samples[:test], labels[:test])


BUNDLED: dict[str, Callable[[], Dataset]] = {
    "digits": digits, "digits-32": digits_32, "moons": moons, "circles": circles, "iris": iris,
}  # fmt: skip
"""The function that makes each data set, by name."""
