"""The networks whose accuracy is measured: ordinary ones, and ones whose gain grows with depth."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln

INITIALISERS = ("kaiming_uniform", "norm_preserving", "orthogonal", "lecun_normal")
SAMPLES = 3


class Case(NamedTuple):
    """A network with data, in float64."""

    family: str
    name: str
    grows: bool
    net: dln.LinearNetwork
    covariances: Any = None
    input_scale: float = 1.0

    def data(self) -> tuple[jnp.ndarray, jnp.ndarray]:
        """Seeded normal inputs, scaled, and targets."""
        random = np.random.default_rng(7)
        ends = self.net.widths[0], self.net.widths[-1]
        x, y = (jnp.asarray(random.normal(size=(SAMPLES, width))) for width in ends)
        return self.input_scale * x, y


def cases(quick: bool = False) -> Iterator[Case]:
    """Every case; the quick ones are a few small ones of each family."""
    depths, width = ((2,), 4) if quick else ((1, 2, 9, 33), 20)
    yield from _initialised(depths, width)
    if quick:
        yield from _growing((3,), (4,))
        return
    yield from _growing((9, 33), (20, 128))
    yield from _others()


def _initialised(depths: tuple[int, ...], width: int) -> Iterator[Case]:
    for index, init in enumerate(INITIALISERS):
        for condition in (None, 1e4, 1e12):
            for depth in depths:
                widths, key = [width] * (depth + 1), 100 * index + depth
                net = dln.LinearNetwork.random(widths, init, jax.random.key(key), condition, jnp.float64)
                spread = "as drawn" if condition is None else f"condition {condition:.0e}"
                yield Case(init, f"{init}, {spread}, {depth} × {width}", False, net)


def _growing(depths: tuple[int, ...], widths: tuple[int, ...]) -> Iterator[Case]:
    for gain in (2, 4):
        for width in widths:
            for depth in depths:
                net = dln.LinearNetwork.from_weights(_gaussian(depth, width, gain, seed=depth))
                yield Case(f"gain {gain}", f"gain {gain}, {depth} × {width}", True, net)


def _others() -> Iterator[Case]:
    for depth in (9, 33):
        weights = dln.LinearNetwork.random([20] * (depth + 1), key=jax.random.key(depth), dtype=jnp.float64).weights
        net = dln.LinearNetwork([dln.Residual(weight) for weight in weights])
        yield Case("residual", f"residual, kaiming_uniform, {depth} × 20", False, net)
    net = dln.LinearNetwork.random([20] * 10, "norm_preserving", jax.random.key(0), dtype=jnp.float64)
    spread = tuple(jnp.logspace(-2, 2, 9))
    yield Case("covariances", "covariances, scalars 1e-2 … 1e2, 9 × 20", False, net, spread)
    yield Case("covariances", "covariances, matrices, 9 × 20", False, net, _matrices(9, 20))
    biased = dln.LinearNetwork.from_weights(net.weights, [each[0] for each in net.weights])
    yield Case("biases", "biases, 9 × 20", False, biased)
    grow, shrink = _gaussian(6, 20, 8, seed=0), _gaussian(6, 20, 1 / 8, seed=1)
    chain = dln.LinearNetwork.from_weights(grow + shrink)
    yield Case("expand, contract", "gain 8, then 1/8, 12 × 20", True, chain)
    chain = dln.LinearNetwork.from_weights(shrink + grow)
    yield Case("contract, expand", "gain 1/8, then 8, 12 × 20", True, chain)
    # in the first layers a tiny error stands between large activities, which its update multiplies
    name = "gain 1/8, then 8, inputs × 1e4, 12 × 20"
    yield Case("contract, expand", name, True, chain, input_scale=1e4)


def _gaussian(depth: int, width: int, gain: float, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(size=(width, width)) * gain / np.sqrt(width) for _ in range(depth)]


def _matrices(depth: int, size: int) -> tuple[jnp.ndarray, ...]:
    """Wishart matrices with twice as many degrees of freedom as rows."""
    roots = np.random.default_rng(3).normal(size=(depth, size, 2 * size)) / np.sqrt(2 * size)
    return tuple(jnp.asarray(root @ root.T) for root in roots)
