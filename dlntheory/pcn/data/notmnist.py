"""notMNIST: the letters A to J of many typefaces, in a folder of pictures for each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .bundled import parted
from .dataset import Split
from .pictures import UnreadableError, decoded, own_folder, pictures_in

LETTERS = "ABCDEFGHIJ"
SIDE = 28
FOLDER = "notMNIST_small"


def read_notmnist(folder: Path) -> tuple[Split, Split]:
    """Read ``A/*.png`` to ``J/*.png`` of the small set, whose letters were looked through by hand.

    Files that are no pictures are left out: two of the set are known to be none, and where more are missing, the
    number of samples tells. The set comes in one part, of which one sample in five is for the test, always the same.

    Args:
        folder: ``notMNIST_small``, or the folder that holds it.

    Returns:
        The training and the test set, images as bytes ``(N, 1, 28, 28)``; class 0 is A.

    Raises:
        FileNotFoundError: if it is not there, or has no picture of a letter.
        ValueError: for pictures of another size.

    Source:
        Bulatov, notMNIST dataset (2011).
    """
    root = own_folder(folder, FOLDER)
    by_letter = [list(_letters(root / letter)) for letter in LETTERS]
    if missing := [letter for letter, found in zip(LETTERS, by_letter, strict=True) if not found]:
        raise FileNotFoundError(f"{root / missing[0]} has no pictures; the data set is missing or not complete.")
    images = np.stack([image for found in by_letter for image in found])
    return parted(images, np.repeat(np.arange(len(LETTERS)), [len(found) for found in by_letter]))


def _letters(folder: Path) -> Iterator[np.ndarray]:
    """The pictures of a letter that can be read, in the order of their names."""
    for path in pictures_in(folder, "PNG"):
        try:
            yield decoded(path.read_bytes(), (SIDE, SIDE), "PNG", "L")
        except UnreadableError:
            continue
        except ValueError as error:
            raise ValueError(f"{path} is no letter of notMNIST: {error}") from error
