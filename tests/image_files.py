"""Small image files in the layouts of the data sets, with the arrays that they hold."""

import gzip
import struct

import numpy as np
from PIL import Image

from dlntheory.pcn.data.mnist import IDX_PARTS


def draw(count, shape, classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *shape), np.uint8), rng.integers(0, classes, count).astype(np.uint8)


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.tobytes())


def write_mnist(folder):
    drawn = [draw(count, (28, 28), 10, seed) for seed, count in enumerate((6, 4))]
    for name, array in zip(IDX_PARTS, (each for pair in drawn for each in pair), strict=True):
        write_idx(folder / name, array)
    return drawn


def write_emnist_letters(folder):
    """Its files, in which images are transposed and classes begin at 1; upright images with classes from 0."""
    drawn = [draw(count, (28, 28), 26, seed) for seed, count in enumerate((6, 4))]
    for part, (images, classes) in zip(("train", "test"), drawn, strict=True):
        for name, array in {"images-idx3": images.swapaxes(1, 2), "labels-idx1": classes + 1}.items():
            path = folder / f"emnist-letters-{part}-{name}-ubyte"
            write_idx(path, np.ascontiguousarray(array))
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    return drawn


def write_notmnist(folder, each=5):
    """Its folders of letters, and by class the pictures in the order of their names; one file is no picture."""
    drawn = {}
    for number, letter in enumerate("ABCDEFGHIJ"):
        (folder / letter).mkdir(parents=True)
        drawn[number], _ = draw(each, (28, 28), 10, number)
        for place, image in enumerate(drawn[number]):
            Image.fromarray(image).save(folder / letter / f"{place}.png")
    (folder / "A" / "1a.png").write_bytes(b"")
    return drawn


def write_celeba(folder, parts="001221"):
    """Its pictures of 178 × 218, brighter from the first to the last, and the list that has their parts."""
    (folder / "img_align_celeba").mkdir(parents=True)
    for number in range(len(parts)):
        brightness = np.full((218, 178, 3), 20 * number + 20, np.uint8)
        Image.fromarray(brightness).save(folder / "img_align_celeba" / f"{number + 1:06}.jpg")
    lines = "".join(f"{number + 1:06}.jpg {part}\n" for number, part in enumerate(parts))
    (folder / "list_eval_partition.txt").write_text(lines)
