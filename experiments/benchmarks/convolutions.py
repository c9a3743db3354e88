"""Linear convolutional networks: their equilibrium against one forward and backward pass, in time and in memory.

The pass is plain JAX with channels last, and shares nothing with the library but the kernels. Memory is measured in a
process of its own (``python -m experiments.benchmarks.convolutions NAME``).
"""

import ctypes
import gc
import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln
from dlntheory import pcn
from dlntheory.equilibria.equilibrium import cheapest_route
from dlntheory.equilibria.problem import as_problem
from dlntheory.equilibria.settling import settle_by

from . import timing
from .processes import IN_64_BITS, answer, in_fresh_process
from .report import relative_error

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Images(NamedTuple):
    """A network of images: its layers, one by one, the shape of an input, and how many samples there are."""

    layers: Sequence[Any]
    input_shape: tuple[int, int, int]
    samples: int

    def network(self) -> dln.LinearNetwork:
        """As the library has it."""
        return dln.LinearNetwork(self.layers, self.input_shape)

    def data(self, dtype: Any = jnp.float32) -> tuple[jax.Array, jax.Array]:
        """Normal inputs and targets."""
        shapes = self.network().shapes
        random = np.random.default_rng(1)
        x, y = (jnp.asarray(random.normal(size=(self.samples, *shape)), dtype) for shape in (shapes[0], shapes[-1]))
        return x, y


def vgg10(quick: bool = False) -> Images:
    """VGG-10 without activations: convolutions of 3 × 3, mean pooling, ten outputs."""
    random, layers, channels, size = np.random.default_rng(0), [], 3, 32
    for stage in pcn.CONVOLUTIONS["VGG-10"]:
        width = stage.channels // 16 if quick else stage.channels
        layers.append(dln.Conv2d(_normal(random, (width, channels, 3, 3), 9 * channels), padding=stage.padding))
        if stage.pool:
            layers.append(dln.AvgPool2d(stage.pool))
            size //= stage.pool
        channels = width
    features = channels * size**2
    return Images(
        [*layers, dln.Flatten(), dln.Dense(_normal(random, (10, features), features))], (3, 32, 32), 2 if quick else 32
    )


def autoencoder(quick: bool = False) -> Images:
    """Three convolutions of 4 × 4 that halve the image, and three that double it: 3072 outputs."""
    random, widths = np.random.default_rng(0), (3, 4, 4, 4) if quick else (3, 64, 128, 256)
    pairs = list(itertools.pairwise(widths))
    down = [dln.Conv2d(_normal(random, (out, into, 4, 4), 16 * into), 2, 1) for into, out in pairs]
    up = [dln.ConvTranspose2d(_normal(random, (out, into, 4, 4), 4 * out), 2, 1) for into, out in reversed(pairs)]
    size = 8 if quick else 32
    return Images([*down, *up], (3, size, size), 2 if quick else 32)


NETWORKS: dict[str, Callable[[bool], Images]] = {"VGG-10": vgg10, "autoencoder": autoencoder}


def _normal(random: np.random.Generator, shape: tuple[int, ...], inputs: int) -> np.ndarray:
    """Weights that keep the size of an activity with so many inputs."""
    return (random.normal(size=shape) / math.sqrt(inputs)).astype(np.float32)


def plain_pass(images: Images) -> Callable[[], Any]:
    """The loss and its gradient in every weight, in plain JAX."""
    x, y = images.data()
    last = jnp.moveaxis(x, 1, -1)
    weights = [layer.filters if hasattr(layer, "filters") else layer.weight for layer in _weighted(images.layers)]
    weights = [jnp.transpose(each, (2, 3, 1, 0)) if each.ndim == 4 else each for each in weights]

    def loss(weights: list[jax.Array]) -> jax.Array:
        return jnp.sum((plain_prediction(images, weights, last).reshape(y.shape) - y) ** 2) / 2

    step = jax.jit(jax.value_and_grad(loss))
    return lambda: step(weights)


def _weighted(layers: Sequence[Any]) -> list[Any]:
    return [layer for layer in layers if hasattr(layer, "weight")]


def plain_prediction(images: Images, weights: Sequence[jax.Array], x: jax.Array) -> jax.Array:
    """The network's output for images with channels last; images come out with channels first."""
    left = iter(weights)
    for layer in images.layers:
        if isinstance(layer, dln.AvgPool2d):
            batch, height, width, channels = x.shape
            tall, wide = layer.kernel_size
            x = x.reshape(batch, height // tall, tall, width // wide, wide, channels).mean(axis=(2, 4))
        elif isinstance(layer, dln.Flatten):
            x = jnp.moveaxis(x, -1, 1).reshape(len(x), -1)
        elif isinstance(layer, dln.Dense):
            x = x @ next(left).T
        else:
            axes = layer.geometry_at((x.shape[-1], *x.shape[1:3]))
            x = jax.lax.conv_general_dilated(
                x,
                next(left),
                window_strides=[axis.stride for axis in axes],
                padding=[(axis.before, axis.after) for axis in axes],
                lhs_dilation=[axis.spread for axis in axes],
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
    return jnp.moveaxis(x, -1, 1) if x.ndim == 4 else x


def times(name: str, quick: bool) -> dict[str, Any]:
    """The equilibrium's time by the pass's, what it was made of, and how far from the truth it is."""
    images = NETWORKS[name](quick)
    net, (x, y) = images.network(), images.data()
    once = plain_pass(images)
    candidates: timing.Candidates = {
        "pass": once,
        "equilibrium": lambda: dln.equilibrium(net, x, y).activities,
        "gradient": lambda: dln.weight_updates(net, x, y, rule="bp"),
    }
    timing.first_calls(candidates)
    found = timing.summary(timing.interleaved(candidates, 2 if quick else 5), "pass")
    result = dln.equilibrium(net, x, y)
    exact = dln.equilibrium(net, *images.data(jnp.float64), solver=result.solver)
    return {
        "ratio": found["equilibrium"]["ratio"],
        "milliseconds": {each: found[each]["median_ms"] for each in candidates},
        "solver": result.solver,
        "iterations": int(result.iterations),
        "accuracy": float(np.max(result.accuracy)),
        "error": relative_error(result.activities, exact.activities),
        "outputs": math.prod(net.shapes[-1]),
        "samples": images.samples,
    }


def memory(name: str, quick: bool) -> dict[str, float]:
    """Mebibytes of the activities, of the peak of the process above what it held, and of the program's buffers."""
    found: dict[str, float] = in_fresh_process(__name__, name, quick, **IN_64_BITS)
    return found


def measure_memory(name: str, quick: bool) -> dict[str, float]:
    """Compile and run once, forget that peak with what libraries set up only once, and run again."""
    images = NETWORKS[name](quick)
    problem = as_problem(images.network(), *images.data(), None, None)
    route = cheapest_route(problem.layers, problem.samples)
    compiled = eqx.filter_jit(settle_by).lower(problem, route).compile()
    plan = compiled.compiled.memory_analysis()
    jax.block_until_ready(compiled(problem, route))
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    CLEAR.write_text("5")
    held = kibibytes("VmRSS")
    result = compiled(problem, route)
    jax.block_until_ready(result.activities)
    peak = kibibytes("VmHWM") - held
    return {
        "activities": sum(each.nbytes for each in result.activities) / 2**20,
        "peak": peak / 2**10,
        "planned": (plan.temp_size_in_bytes + plan.output_size_in_bytes) / 2**20,
    }


def kibibytes(name: str) -> int:
    """A number of this process that Linux keeps."""
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    answer(measure_memory)
