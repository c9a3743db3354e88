"""Pictures of other kinds than a classifier has learned: its relatives' where they are at hand, and stand-ins.

Relatives are those of the paper: Fashion-MNIST, KMNIST, EMNIST's letters and notMNIST. They are seldom at hand, so
scikit-learn's digits, letters rendered from Matplotlib's fonts and noise are strangers too.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dlntheory.pcn.data.bundled import rows_and_labels
from dlntheory.pcn.data.catalogue import load_dataset
from dlntheory.pcn.data.mnist import pixels

RELATIVES = ("fashion-mnist", "kmnist", "emnist-letters", "notmnist")
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "cmtt10",
)
LETTERS = "ABCDEFGHIJ"
"""The letters of notMNIST."""


def strangers(own: np.ndarray, maximum: float, folder: str | None = None) -> dict[str, np.ndarray]:
    """Strange pictures by name, at most as many as there are own ones, of their shape and brightness.

    Args:
        own: pictures of the test set, ``(N, 1, H, W)``.
        maximum: of their brightness.
        folder: the own data set's; its relatives are looked for in it and beside it.
    """
    count, side, rng = len(own), own.shape[-1], np.random.default_rng(0)
    found = {name: part for name in RELATIVES if (part := relative(name, folder, count)) is not None}
    found |= {"letters": letters(count, side, rng), "noise": rng.uniform(size=(count, 1, side, side))}
    if side > 8:
        found["digits"] = small_digits(count, side)
    return {name: (each * maximum).astype(own.dtype) for name, each in found.items()}


def relative(name: str, folder: str | None, count: int) -> np.ndarray | None:
    """Test pictures of a relative of MNIST, brightness 0 to 1; ``None`` if it is not at hand, or the own data set."""
    if folder and Path(folder).resolve().name == name:
        return None
    for place in (Path(folder), Path(folder).parent) if folder else ():
        with suppress(FileNotFoundError):
            return pixels(load_dataset(name, place / name).test.samples[:count], "float64")
    return None


def small_digits(count: int, side: int) -> np.ndarray:
    """scikit-learn's digits of 8 × 8, enlarged, with a black margin."""
    scale = side // 9
    small = rows_and_labels("digits")[0][:count].reshape(-1, 8, 8) / 16
    large = small.repeat(scale, axis=1).repeat(scale, axis=2)
    before = (side - 8 * scale) // 2
    after = side - 8 * scale - before
    return np.asarray(np.pad(large, ((0, 0), (before, after), (before, after)))[:, None])


def letters(count: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Letters A to J in the fonts that come with Matplotlib, each a little turned, moved and scaled."""
    return np.stack([letter(rng, side)[None] for _ in range(count)])


def letter(rng: np.random.Generator, side: int) -> np.ndarray:
    """One letter, brightness 0 to 1."""
    from PIL import Image, ImageDraw

    large = 4 * side
    picture: Any = Image.new("L", (large, large))
    typeface = font(str(rng.choice(FONTS)), int(large * rng.uniform(0.65, 0.95)))
    middle = tuple(large / 2 + rng.uniform(-0.06, 0.06, 2) * large)
    ImageDraw.Draw(picture).text(middle, str(rng.choice(list(LETTERS))), 255, typeface, anchor="mm")
    turned = picture.rotate(float(rng.uniform(-12, 12)), Image.Resampling.BILINEAR)
    return np.asarray(turned.resize((side, side), Image.Resampling.BOX), float) / 255


def font(name: str, size: int) -> Any:
    """A font of Matplotlib's."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), size)
