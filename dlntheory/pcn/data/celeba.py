"""CelebA: aligned photographs of faces, cropped and resized to squares. They have no classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from .dataset import Split, as_labels
from .pictures import decoded, own_folder, pictures_in, read_text

SIZE = (178, 218)
"""Width and height of the aligned pictures."""
PARTITION = "list_eval_partition.txt"
TRAIN, TEST = "0", "2"
"""The parts' numbers in the list; 1 is for validation, and left out."""


class Square(NamedTuple):
    """The part of a picture that is kept, ``(left, top, right, bottom)``, and the side to which it is resized."""

    box: tuple[int, int, int, int]
    side: int


MIDDLE = Square((0, 20, 178, 198), 64)
"""The largest square in the middle, 64 × 64, as is usual; some others take 148 or 140 pixels of it."""
WHOLE = Square((0, 10, 178, 210), 200)
"""All but ten rows above and eight below, stretched to 200 × 200, as in the code of Benchmarking PCNs."""


def read_celeba(folder: Path, square: Square = MIDDLE) -> tuple[Split, Split]:
    """Read ``img_align_celeba/*.jpg`` and ``list_eval_partition.txt``.

    Args:
        folder: the folder that holds both, or one with ``celeba`` in it; the list may be in ``Eval``.
        square: the part of every picture that is kept, and its side.

    Returns:
        The training and the test set, images as bytes ``(N, 3, side, side)``, all of class 0. The part for validation
        is left out.

    Raises:
        FileNotFoundError: if the list or a picture in it is missing.
        ValueError: for a line that makes no sense, a damaged picture, or pictures of another size.

    Source:
        Liu, Luo, Wang and Tang, Deep learning face attributes in the wild (2015).
    """
    root = own_folder(folder, "celeba")
    lists = [path for path in (root / PARTITION, root / "Eval" / PARTITION) if path.is_file()]
    if not lists:
        raise FileNotFoundError(f"{root} has no {PARTITION}, the list of its parts.")
    pictures = own_folder(root / "img_align_celeba", "img_align_celeba")  # some archives unpack it twice as deep
    paths = {path.name: path for path in pictures_in(pictures)}
    parts: dict[str, list[Path]] = {TRAIN: [], "1": [], TEST: []}
    for line in read_text(lists[0]).splitlines():
        name, _, part = line.strip().partition(" ")
        if part.strip() not in parts:
            raise ValueError(f"{lists[0]} has the line {line!r}; wanted a picture and 0, 1 or 2.")
        if name not in paths:
            raise FileNotFoundError(f"{pictures} has no {name}, which is in {lists[0].name}.")
        parts[part.strip()].append(paths[name])
    return _squares(parts[TRAIN], square), _squares(parts[TEST], square)


def _squares(paths: Sequence[Path], square: Square) -> Split:
    """The pictures in one array, which is made first: they may fill a good part of the memory."""

    def cut(picture: Image.Image) -> Image.Image:
        return picture.resize((square.side, square.side), Image.Resampling.LANCZOS, box=square.box)

    images = np.empty((len(paths), 3, square.side, square.side), np.uint8)
    for number, path in enumerate(paths):
        try:
            images[number] = decoded(path.read_bytes(), SIZE, change=cut)
        except ValueError as error:
            raise ValueError(f"{path} is a damaged picture, or none of CelebA: {error}") from error
    return Split(images, as_labels(np.zeros(len(paths))))
