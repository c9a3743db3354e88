"""Small image files in the layouts of the data sets, with the arrays that they hold."""

import struct

import numpy as np

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
