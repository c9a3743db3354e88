"""The grid of networks and data that every closed form is tested on, with readable names.

Depths 1 to 9; square, bottleneck, expanding and scalar widths; fixed and learned biases, residual layers; scalar and
matrix covariances; nudges; one sample, a batch of one, a few and many; float32 and float64. Everything is drawn by
NumPy from a seed that the name gives.

The grid runs operation by operation (`eagerly`): compiling every network would take an hour, and
`test_transformations.py` checks that compiled programs agree.
"""

import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dlntheory as dln

SOLVERS = ("covariance", "hessian", "square_root")
DEPTHS = (1, 2, 3, 6, 9)
SHAPES = {
    "square": lambda depth: (4,) * (depth + 1),
    "bottleneck": lambda depth: (4,) * ((depth + 1) // 2) + (2,) + (4,) * (depth // 2),
    "expanding": lambda depth: (2,) * ((depth + 1) // 2) + (4,) * (depth // 2 + 1),
    "scalar": lambda depth: (1,) * (depth + 1),
}
NUDGES = {"half": 0.5, "negative": -0.3, "soft": dln.SoftOutput(2.0), "softest": dln.SoftOutput(0.05)}


@contextmanager
def uncompiled():
    """Run JAX operation by operation; loops number their turns by arrays, as compiled ones do."""
    compiled = jax.lax.fori_loop

    def loop(start, stop, body, value, **options):
        if not jax.config.jax_disable_jit:
            return compiled(start, stop, body, value, **options)
        for turn in range(start, stop):
            value = body(jnp.asarray(turn), value)
        return value

    with jax.disable_jit(), mock.patch.object(jax.lax, "fori_loop", loop):
        yield


@pytest.fixture(autouse=True)
def eagerly():
    """Import it into a module to run that module's tests without compiling whole functions."""
    with uncompiled():
        yield


@dataclass(frozen=True)
class Case:
    """A network with data and options; ``batch=None`` is a single sample without a batch dimension."""

    depth: int
    shape: str = "square"
    layers: str = "dense"  # dense, fixed (biases), learned (biases), residual, mixed
    covariances: str = ""  # scalars, matrices, mixed
    nudge: str = ""  # a key of NUDGES
    batch: int | None = 3
    dtype: str = "float64"
    linear: bool = False  # whether targets are a linear function of the inputs

    @property
    def id(self) -> str:
        batch = "single" if self.batch is None else f"B{self.batch}"
        words = [self.shape, str(self.depth), self.layers, self.covariances, self.nudge, batch, self.dtype]
        return "-".join(word for word in [*words, "linear" * self.linear] if word)

    def __str__(self) -> str:
        return self.id

    @cached_property
    def widths(self) -> tuple[int, ...]:
        return SHAPES[self.shape](self.depth)

    def _draws(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(f"{self.id} {purpose}".encode()))

    @cached_property
    def net(self) -> dln.LinearNetwork:
        draws = self._draws("weights")
        return dln.LinearNetwork([self._layer(draws, index) for index in range(self.depth)])

    def _layer(self, draws: np.random.Generator, index: int) -> dln.Layer:
        rows, columns = self.widths[index + 1], self.widths[index]
        weight = (draws.normal(size=(rows, columns)) / np.sqrt(columns)).astype(self.dtype)
        bias = draws.normal(size=rows).astype(self.dtype)
        kinds = ("dense", "fixed", "learned", "residual", "learned residual")
        kind = kinds[(index + 3) % len(kinds)] if self.layers == "mixed" else self.layers
        bias = bias if kind in ("fixed", "learned", "learned residual") else None
        make = dln.Residual if "residual" in kind and rows == columns else dln.Dense
        return make(weight, bias, learn_bias="learned" in kind)

    @cached_property
    def x(self) -> np.ndarray:
        return self._rows("inputs", self.widths[0])

    @cached_property
    def y(self) -> np.ndarray:
        if self.linear:
            teacher = self._draws("teacher").normal(size=(self.widths[0], self.widths[-1]))
            return (self.x @ teacher).astype(self.dtype)
        return self._rows("targets", self.widths[-1])

    def _rows(self, purpose: str, width: int) -> np.ndarray:
        shape = (width,) if self.batch is None else (self.batch, width)
        return self._draws(purpose).normal(size=shape).astype(self.dtype)

    @cached_property
    def covariance_list(self) -> list[Any] | None:
        if not self.covariances:
            return None
        draws, entries = self._draws("covariances"), []
        for index, width in enumerate(self.widths[1:]):
            factor = draws.normal(size=(width, width + 2)) / np.sqrt(width + 2)
            matrix = (factor @ factor.T + np.eye(width) / 4).astype(self.dtype)
            scalar = np.asarray(draws.uniform(0.3, 3), self.dtype)
            chosen = self.covariances == "matrices" or (self.covariances == "mixed" and index % 2)
            entries.append(matrix if chosen else scalar)
        return entries

    @property
    def learned(self) -> list[bool]:
        return [layer.learn_bias for layer in self.net.layers]

    @property
    def data(self) -> tuple[dln.LinearNetwork, np.ndarray, np.ndarray]:
        return self.net, self.x, self.y

    @property
    def options(self) -> dict[str, Any]:
        return {"covariances": self.covariance_list, "nudge": NUDGES.get(self.nudge)}


PLAIN = [Case(depth, shape) for shape in SHAPES for depth in DEPTHS]
LAYERS = [
    *(Case(depth, "bottleneck", "fixed") for depth in (1, 3, 9)),
    *(Case(depth, "expanding", "learned") for depth in (1, 2, 6)),
    *(Case(depth, "square", "residual") for depth in (1, 2, 9)),
    *(Case(depth, "square", "mixed") for depth in (2, 6)),
    Case(3, "bottleneck", "mixed"),
    Case(2, "scalar", "learned"),
]
WEIGHTED = [
    *(Case(depth, "square", covariances="scalars") for depth in (3, 1, 9)),  # the first meets every route
    *(Case(depth, "bottleneck", covariances="matrices") for depth in (2, 1, 6)),
    Case(3, "expanding", "learned", "mixed"),
    Case(6, "square", "mixed", "scalars"),
    Case(2, "scalar", "residual", "matrices"),
]
NUDGED = [
    *(Case(2, "square", nudge=nudge) for nudge in NUDGES),
    Case(1, "bottleneck", nudge="soft"),
    Case(1, "expanding", "learned", nudge="negative"),
    Case(6, "bottleneck", "mixed", nudge="half"),
    Case(3, "expanding", "fixed", "matrices", nudge="soft"),
    Case(3, "square", "mixed", "scalars", nudge="negative"),
]
BATCHES = [
    Case(1, batch=None),
    Case(3, "expanding", "learned", batch=None),
    Case(6, "square", "mixed", "scalars", batch=None),
    Case(2, "bottleneck", nudge="softest", batch=None),
    Case(3, batch=1),
    Case(3, "bottleneck", batch=12),
    Case(3, "square", "learned", batch=12),
    Case(3, batch=12, linear=True),
]
SINGLE_PRECISION = [
    *(Case(depth, dtype="float32") for depth in (1, 9)),
    Case(3, "bottleneck", "fixed", dtype="float32"),
    Case(3, "square", "mixed", "mixed", nudge="soft", dtype="float32"),
    Case(2, "scalar", nudge="negative", batch=None, dtype="float32"),
]
GRID = [*PLAIN, *LAYERS, *WEIGHTED, *NUDGED, *BATCHES, *SINGLE_PRECISION]
FEW = [case for case in GRID if case.depth <= 3 and case not in PLAIN]  # for what takes long


def mostly_daily(cases: list[Any], kept: list[Any]) -> list[Any]:
    """Leave all but a few of the cases to the daily run."""
    return [case if case in kept else pytest.param(case, marks=pytest.mark.daily) for case in cases]


def over(cases: list[Case]) -> pytest.MarkDecorator:
    """Parametrise a test over cases by name."""
    return pytest.mark.parametrize("case", cases, ids=str)
