"""The built-in networks and their data: one trained on handwritten digits, and small random ones."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..networks.layer import Dense
from ..networks.network import LinearNetwork
from ..networks.residual import Residual
from ..networks.samples import shaped
from ..numerics.kinds import cast
from .arrays import read_arrays
from .weights import load_weights

FOLDER = Path(__file__).parent / "data"
DIGITS_NETWORK = FOLDER / "digits_network.npz"
DIGITS_SAMPLES = FOLDER / "digits_samples.npz"


class Embedded(NamedTuple):
    """A network, a batch of inputs and targets, and a line that describes them."""

    net: LinearNetwork
    x: np.ndarray
    y: np.ndarray
    description: str


def digits() -> tuple[LinearNetwork, np.ndarray, np.ndarray]:
    """A linear network trained on handwritten digits, with the digits.

    Widths 64, 32, 32, 32, 10, no biases; full-batch gradient descent on the squared error, stopped before its
    minimum. The 200 images of 8 × 8 pixels have 20 samples per class, the classes taking turns.

    Returns:
        The network, the inputs ``(200, 64)`` from 0 to 1, and the one-hot targets ``(200, 10)``: NumPy
        arrays in float64.

    Source:
        ``sklearn.datasets.load_digits``; ``experiments/embedded/train_digits.py`` makes the files.

    Example:
        >>> net, x, y = digits()
        >>> net.widths, x.shape, y.shape
        ((64, 32, 32, 32, 10), (200, 64), (200, 10))
        >>> right = net(x).argmax(axis=1) == y.argmax(axis=1)
        >>> bool(right.mean() > 0.95)
        True
    """
    samples, _ = read_arrays(DIGITS_SAMPLES)
    return cast((load_weights(DIGITS_NETWORK), samples["inputs"], samples["targets"]), np.dtype(np.float64))


def networks() -> dict[str, Embedded]:
    """The built-in networks, small and always the same, each with a batch and a line that describes them.

    Returns:
        By name, a named tuple ``(net, x, y, description)``: NumPy arrays in float64.

    Example:
        >>> list(networks())
        ['digits', 'single', 'linear', 'bottleneck', 'deep', 'residual', 'biases']
        >>> net, x, y, description = networks()["residual"]
        >>> net.depth, x.shape, y.shape
        (4, (8, 16), (8, 12))
    """
    net, x, y = digits()
    return {
        "digits": Embedded(net, x[:20], y[:20], "trained on handwritten digits; two samples of each class"),
        "single": _with_data(
            "square, norm-preserving; one sample, its target independent of its input",
            LinearNetwork.random([32] * 4, "norm_preserving", key=1),
            samples=1,
        ),
        "linear": _with_data(
            "square, Kaiming uniform; more samples than widths, targets linear in the inputs",
            LinearNetwork.random([20] * 4, key=2),
            samples=64,
            linear=True,
        ),
        "bottleneck": _with_data(
            "narrow in the middle, Kaiming uniform; more samples than widths, targets linear in the inputs",
            LinearNetwork.random([20, 15, 20], key=3),
            samples=64,
            linear=True,
        ),
        "deep": _with_data(
            "nine layers, Kaiming uniform; fewer samples than widths",
            LinearNetwork.random([64] * 10, key=4),
            samples=8,
        ),
        "residual": _with_data(
            "residual layers between dense ones, norm-preserving; fewer samples than widths",
            _residual_network([16, 20, 20, 20, 12], key=5),
            samples=8,
        ),
        "biases": _with_data(
            "a fixed bias, then learned ones, Kaiming uniform; fewer samples than widths",
            _biased_network([12, 16, 16, 8], key=6),
            samples=8,
        ),
    }


def normal_data(net: LinearNetwork, samples: int, seed: int = 0, linear: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal inputs, with targets that are a random linear map of them, or independent of them."""
    draw = np.random.default_rng(seed)
    inputs, outputs = net.layers[0].in_size, net.layers[-1].out_size
    x = draw.standard_normal((samples, inputs))
    if linear:
        y = x @ draw.standard_normal((inputs, outputs)) / math.sqrt(inputs)
    else:
        y = draw.standard_normal((samples, outputs))
    return shaped(x.astype(net.dtype), net.shapes[0]), shaped(y.astype(net.dtype), net.shapes[-1])


def _with_data(description: str, net: LinearNetwork, samples: int, linear: bool = False) -> Embedded:
    return Embedded(net, *normal_data(net, samples, linear=linear), description)


def _residual_network(widths: Sequence[int], key: int) -> LinearNetwork:
    first, *middle, last = LinearNetwork.random(widths, "norm_preserving", key).weights
    return LinearNetwork([Dense(first), *map(Residual, middle), Dense(last)])


def _biased_network(widths: Sequence[int], key: int) -> LinearNetwork:
    draw = np.random.default_rng(key)
    first, *others = LinearNetwork.random(widths, key=key).weights
    layers = [Dense(first, draw.standard_normal(widths[1]).astype(first.dtype))]
    layers += [Dense(w, draw.standard_normal(len(w)).astype(w.dtype), learn_bias=True) for w in others]
    return LinearNetwork(layers)
