"""A labelled data set in memory: as it stands in its files, with the normalisation of its batches."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...numerics.checks import as_count
from .resizing import resized


@dataclass(frozen=True)
class Split:
    """Samples ``(N, ...)`` and their classes ``(N,)``; images are ``(N, C, H, W)``, of bytes in most data sets."""

    samples: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, count: int) -> "Split":
        """A number of samples in their order: the first of every class, in proportion to the sizes of the classes."""
        return self.parted(count)[0]

    def parted(self, count: int) -> tuple["Split", "Split"]:
        """The samples of `part`, and the others."""
        sizes = np.bincount(self.labels)
        shares = count * sizes / len(self)
        wanted = np.floor(shares).astype(int)
        wanted[np.argsort(wanted - shares, kind="stable")[: count - wanted.sum()]] += 1
        by_class = np.argsort(self.labels, kind="stable")
        places = np.empty(len(self), int)
        places[by_class] = np.arange(len(self)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        kept = places < wanted[self.labels]
        return Split(self.samples[kept], self.labels[kept]), Split(self.samples[~kept], self.labels[~kept])


@dataclass(frozen=True)
class Normalisation:
    """A sample is divided by ``maximum``; then ``mean`` is subtracted, and the difference is divided by ``std``.

    ``mean`` and ``std`` have one number per channel, or one per feature where samples are vectors.
    """

    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    maximum: float = 255.0


@dataclass(frozen=True)
class Dataset:
    """Training and test samples, the number of classes, the normalisation, and samples for validation if there are any.

    Raises:
        ValueError: for samples and labels that do not belong together.
    """

    name: str
    train: Split
    test: Split
    classes: int
    normalisation: Normalisation
    validation: Split | None = None

    def __post_init__(self) -> None:
        for part, split in {"training": self.train, "test": self.test}.items():
            _check_split(f"the {part} set of {self.name}", split, self.classes)
        if self.train.samples.shape[1:] != self.test.samples.shape[1:]:
            raise ValueError(
                f"{self.name} has training samples of shape {self.train.samples.shape[1:]} and test samples of shape "
                f"{self.test.samples.shape[1:]}; wanted one shape."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample: ``(C, H, W)`` for an image, ``(n,)`` for a vector."""
        return tuple(self.train.samples.shape[1:])

    def subset(self, train: int | None = None, test: int | None = None) -> "Dataset":
        """The data set with fewer samples in each part, all classes in their proportions; ``None`` keeps all of them.

        Raises:
            ValueError: for more samples than there are.
        """
        return replace(self, train=self._part("train", train), test=self._part("test", test))

    def resized(self, side: int | None) -> "Dataset":
        """The data set with images that are squares of that side; ``None`` leaves them as they are.

        Raises:
            ValueError: for samples that are no images.
        """
        if side is None:
            return self
        if len(self.shape) != 3:
            raise ValueError(f"`resize` is {side}, and samples of {self.name} have shape {self.shape}; wanted images.")
        train, test = (Split(resized(each.samples, side), each.labels) for each in (self.train, self.test))
        return replace(self, train=train, test=test)

    def padded(self, outputs: int | None) -> "Dataset":
        """The data set with as many classes as there are outputs, the last ones without a sample; ``None`` adds none.

        Raises:
            ValueError: for fewer outputs than classes.
        """
        if outputs is not None and outputs < self.classes:
            raise ValueError(f"`outputs` is {outputs}, and {self.name} has {self.classes} classes; wanted no fewer.")
        return self if outputs is None else replace(self, classes=outputs)

    def with_validation(self, share: float | None) -> "Dataset":
        """The data set with this share of the training samples set apart, the last of each class; ``None`` for none.

        Raises:
            ValueError: for a share that leaves no sample for training or for validation.
        """
        if share is None:
            return self
        count = round(share * len(self.train))
        if not 0 < count < len(self.train):
            raise ValueError(
                f"`validation` is {share}: {count} of {len(self.train)} training samples; wanted some, and not all."
            )
        train, validation = self.train.parted(len(self.train) - count)
        return replace(self, train=train, validation=validation)

    def _part(self, name: str, wanted: int | None) -> Split:
        split: Split = getattr(self, name)
        if wanted is None:
            return split
        if as_count(name, wanted) > len(split):
            raise ValueError(f"`{name}` is {wanted}, but {self.name} has {len(split)} such samples; wanted fewer.")
        return split.part(wanted)


def _check_split(name: str, split: Split, classes: int) -> None:
    if split.labels.ndim != 1 or len(split.samples) != len(split.labels):
        raise ValueError(
            f"{name} has samples of shape {split.samples.shape} and labels of shape {split.labels.shape}; "
            "wanted one label per sample."
        )
    if not len(split):
        raise ValueError(f"{name} is empty; wanted at least one sample.")
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= classes:
        raise ValueError(f"{name} has labels from {low} to {high}; wanted classes from 0 to {classes - 1}.")
    if split.samples.dtype != np.uint8 and not np.isfinite(split.samples).all():
        raise ValueError(f"{name} holds NaN or infinity; wanted finite numbers.")


def as_labels(labels: Any) -> np.ndarray:
    """Labels as they are kept: whole numbers of 32 bits."""
    return np.asarray(labels).astype(np.int32)
