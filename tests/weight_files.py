"""Files of weights, as they come from elsewhere, for the tests that read them."""

import jax
import numpy as np
from safetensors.numpy import save_file

WRITTEN = (".npz", ".safetensors")


def assert_same(one, other):
    """Equal layers, biases, dtypes and numbers."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right), strict=True)


def chain(widths, dtype=np.float64, seed=0):
    """Random weights W1, W2, … by name."""
    draw = np.random.default_rng(seed)
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return {f"W{n}": draw.standard_normal(shape).astype(dtype) for n, shape in enumerate(shapes, start=1)}


def write(path, arrays):
    """Write named arrays without the list of layers: a file from elsewhere."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        save_file({name: np.asarray(array) for name, array in arrays.items()}, path)
    return path
