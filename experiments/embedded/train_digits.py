"""Make the embedded default: a deep linear network trained on 200 of scikit-learn's digits, and those digits.

    python -m experiments.embedded.train_digits

writes ``digits_network.npz`` and ``digits_samples.npz`` into ``dlntheory/data``, or into ``--out``. Training
is full-batch gradient descent on the squared error in float64, from Kaiming uniform weights. Everything is
then kept in float32, which holds the inputs and the targets exactly.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from dlntheory import LinearNetwork, weight_updates
from dlntheory.files.arrays import write_arrays
from dlntheory.files.builtin import DIGITS_NETWORK, DIGITS_SAMPLES
from dlntheory.files.weights import save_weights
from dlntheory.numerics.kinds import cast

WIDTHS = (64, 32, 32, 32, 10)
SAMPLES_PER_CLASS = 20
STEPS = 1000
LEARNING_RATE = 0.1
SEED = 0


def samples() -> tuple[np.ndarray, np.ndarray]:
    """The first digits of each class, taking turns: inputs from 0 to 1, and one-hot targets."""
    pixels, labels = load_digits(return_X_y=True)
    first = [np.flatnonzero(labels == digit)[:SAMPLES_PER_CLASS] for digit in range(10)]
    chosen = np.stack(first, axis=1).ravel()
    return pixels[chosen] / 16, np.asarray(jax.nn.one_hot(labels[chosen], 10, dtype=float))


def train(x: np.ndarray, y: np.ndarray) -> LinearNetwork:
    """Full-batch gradient descent on the squared error."""

    def step(_, net):
        updates = weight_updates(net, x, y, rule="bp")
        return LinearNetwork.from_weights(
            [weight + LEARNING_RATE * update for weight, update in zip(net.weights, updates, strict=True)]
        )

    return jax.lax.fori_loop(0, STEPS, step, LinearNetwork.random(WIDTHS, key=jax.random.key(SEED), dtype=jnp.float64))


def write(folder: Path) -> None:
    x, y = samples()
    save_weights(folder / DIGITS_NETWORK.name, cast(train(x, y), jnp.float32))
    write_arrays(folder / DIGITS_SAMPLES.name, {"inputs": np.float32(x), "targets": np.float32(y)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DIGITS_NETWORK.parent, help="folder (default: %(default)s)")
    folder = parser.parse_args().out
    jax.config.update("jax_enable_x64", True)
    write(folder)


if __name__ == "__main__":
    main()
