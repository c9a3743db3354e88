"""Data sets of pictures in folders: Tiny ImageNet, and CIFAR-10 after one JPEG compression, also as an archive."""

import codecs
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from .dataset import Split, as_labels

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_ARCHIVE = "cifar10-jpeg.tar.xz"
SUFFIXES = {"JPEG": (".jpeg", ".jpg"), "PNG": (".png",)}
"""Suffixes of files, by the format of a data set's pictures."""
ALL_SUFFIXES = {".bmp", ".gif", ".tif", ".tiff", ".webp", *SUFFIXES["JPEG"], *SUFFIXES["PNG"]}
PARTS = ("train", "test")
"""The folders of the archive."""
LARGEST_PICTURE = 1 << 20
"""Bytes of a compressed picture of at most 64 × 64 pixels: far more than it has."""


class UnreadableError(ValueError):
    """Contents that are no picture."""


class Picture(NamedTuple):
    """A file's place, its contents and its class."""

    name: str
    data: bytes
    label: int


def read_cifar10_jpeg(folder: Path) -> tuple[Split, Split]:
    """Read ``train/<class>/*.jpg`` and ``test/<class>/*.jpg`` of a folder, or of the archive in it.

    Args:
        folder: the folder that holds ``train`` and ``test``, or ``cifar10-jpeg.tar.xz``.

    Returns:
        The training and the test set, images as bytes ``(N, 3, 32, 32)``, ordered by the files' names.

    Raises:
        FileNotFoundError: if neither is there.
        ValueError: for a damaged archive or picture, or pictures of another size.
    """
    for place in (folder, folder / "cifar10-jpeg"):
        if (place / "train").is_dir():
            return _decode(_in_folders(place / "train"), 32), _decode(_in_folders(place / "test"), 32)
        if (place / CIFAR10_ARCHIVE).is_file():
            return _read_archive(place / CIFAR10_ARCHIVE)
    raise FileNotFoundError(f"{folder} has neither train/ and test/ nor {CIFAR10_ARCHIVE}.")


def read_tiny_imagenet(folder: Path) -> tuple[Split, Split]:
    """Read Tiny ImageNet; its validation set, which has labels, is the test set.

    Args:
        folder: ``tiny-imagenet-200``, or the folder that holds it. Pictures are in ``train/<class>/images`` or in
            ``train/<class>``; validation pictures in ``val/images``, by ``val_annotations.txt``, or by class like the
            training set.

    Returns:
        The training and the test set, images as bytes ``(N, 3, 64, 64)``; classes are numbered as in ``wnids.txt``.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: for a damaged picture or list, or pictures of another size.
    """
    folder = own_folder(folder, "tiny-imagenet-200")
    if not (folder / "wnids.txt").is_file():
        raise FileNotFoundError(f"{folder} has no wnids.txt, the list of classes.")
    names = read_text(folder / "wnids.txt").split()
    number = {name: label for label, name in enumerate(names)}
    unsorted = pictures_in(folder / "val" / "images")
    test = _annotated(folder / "val", unsorted, number) if unsorted else _by_class(folder / "val", number)
    return _decode(_by_class(folder / "train", number), 64), _decode(test, 64)


def read_text(path: Path) -> str:
    """A text of any tool: UTF-8, or what a mark of the byte order at its start says."""
    data = path.read_bytes()
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from error


def _by_class(folder: Path, number: dict[str, int]) -> Iterator[Picture]:
    """Pictures in a folder for each class, or in ``images`` in it."""
    for name, label in number.items():
        paths = pictures_in(folder / name / "images") or pictures_in(folder / name)
        if not paths:
            raise FileNotFoundError(f"{folder / name} has no pictures; the data set is missing or not complete.")
        for path in paths:
            yield Picture(str(path), path.read_bytes(), label)


def _annotated(folder: Path, paths: list[Path], number: dict[str, int]) -> Iterator[Picture]:
    """Pictures in one folder, in the order of the list that has their classes; all of them are in it."""
    left = {path.name: path for path in paths}
    for line in read_text(folder / "val_annotations.txt").splitlines():
        name, _, rest = line.partition("\t")
        label = rest.partition("\t")[0]
        if label not in number or name not in left:
            raise ValueError(f"{folder / 'val_annotations.txt'} has the line {line!r}; wanted a picture and its class.")
        path = left.pop(name)
        yield Picture(str(path), path.read_bytes(), number[label])
    if left:
        raise ValueError(f"{folder / 'val_annotations.txt'} says nothing of {min(left)}, which is in images.")


def _in_folders(folder: Path) -> Iterator[Picture]:
    return _by_class(folder, {name: label for label, name in enumerate(CIFAR10_CLASSES)})


def own_folder(folder: Path, name: str) -> Path:
    """The folder of that name in a folder, or else the folder itself."""
    return folder / name if (folder / name).is_dir() else folder


def pictures_in(folder: Path, kind: str = "JPEG") -> list[Path]:
    """The pictures of a kind in a folder, by name; none where there is no folder. Refuses other pictures beside them.

    Raises:
        ValueError: for pictures of another kind beside them.
    """
    if not folder.is_dir():
        return []
    shown = [path for path in folder.iterdir() if not path.name.startswith(".")]
    found = sorted(path for path in shown if path.suffix.lower() in SUFFIXES[kind])
    if found and (others := sorted(path for path in shown if path.suffix.lower() in ALL_SUFFIXES - {*SUFFIXES[kind]})):
        raise ValueError(f"{others[0]} would be left out; wanted {kind}s alone.")
    return found


def _read_archive(path: Path) -> tuple[Split, Split]:
    """Read the archive in one pass; nothing is unpacked to the disk."""
    try:
        with tarfile.open(path) as archive:
            pictures = sorted(_packed(archive))
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path} is a damaged archive, or cut off: {error}") from error
    train, test = (_decode((each for each in pictures if each.name.startswith(f"{part}/")), 32) for part in PARTS)
    return train, test


def _packed(archive: tarfile.TarFile) -> Iterator[Picture]:
    """The pictures of an archive's two parts, in a folder for each class."""
    for member in archive:
        part, _, rest = member.name.partition("/")
        name = rest.partition("/")[0]
        if not (member.isfile() and part in PARTS and name in CIFAR10_CLASSES):
            continue
        if member.size > LARGEST_PICTURE:
            raise ValueError(f"{member.name} has {member.size} bytes; wanted a small picture.")
        file = archive.extractfile(member)
        yield Picture(member.name, b"" if file is None else file.read(), CIFAR10_CLASSES.index(name))


def _decode(pictures: Iterable[Picture], size: int) -> Split:
    images, labels = [], []
    for name, data, label in pictures:
        try:
            images.append(decoded(data, (size, size)))
        except ValueError as error:
            raise ValueError(f"{name} is a damaged picture, or none: {error}") from error
        labels.append(label)
    return Split(np.stack(images) if images else np.empty((0, 3, size, size), np.uint8), as_labels(labels))


def decoded(
    data: bytes,
    size: tuple[int, int],
    kind: str = "JPEG",
    mode: str = "RGB",
    change: Callable[[Image.Image], Image.Image] | None = None,
) -> np.ndarray:
    """The planes of a picture, whose size is known before it is decoded.

    Args:
        data: the file's contents.
        size: its width and height.
        kind: ``"JPEG"`` or ``"PNG"``.
        mode: ``"RGB"``, or ``"L"`` for brightness alone.
        change: of the picture before it becomes an array, such as a crop.

    Returns:
        Bytes ``(planes, height, width)``.

    Raises:
        UnreadableError: for what is no picture of that kind, or damaged.
        ValueError: for a picture of another size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as picture:
            if picture.size != size:
                raise ValueError(f"it has {picture.size} pixels; wanted {size[0]} × {size[1]}")
            converted = picture.convert(mode)
    except (OSError, SyntaxError) as error:
        raise UnreadableError(str(error)) from error
    pixels = np.asarray(converted if change is None else change(converted))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
