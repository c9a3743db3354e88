"""Compiled programs of trees that hold more than arrays, against Equinox's."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlntheory import pcn
from dlntheory.numerics.programs import program

X = np.arange(6.0, dtype=np.float32).reshape(3, 2)


def scaled(tree: Any, factor: Any, power: int = 1) -> Any:
    """A tree with its arrays scaled, and what is none of them as it is."""
    return jax.tree.map(lambda leaf: factor * leaf**power if eqx.is_array(leaf) else leaf, tree), power


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param(X, id="NumPy array"),
        pytest.param({"a": jnp.asarray(X), "name": "gelu", "function": jnp.tanh, "nothing": None}, id="mixed"),
        pytest.param(pcn.mlp((2, 3, 2), key=0), id="network"),
        pytest.param((), id="nothing"),
    ],
)
def test_a_program_returns_what_equinox_does(tree: Any) -> None:
    """Structures, numbers and what is no array are the same."""
    for given in [(tree, np.float32(3)), (tree, jnp.float32(3), 2)]:
        found, expected = program(scaled)(*given), eqx.filter_jit(scaled)(*given)
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        assert eqx.tree_equal(found, expected)
    assert eqx.tree_equal(program(scaled)(tree, factor=jnp.float32(3), power=2), expected)


def test_what_is_no_array_decides_the_program() -> None:
    """Other numbers in arrays need no new program; other leaves, shapes and structures do."""
    traces = []

    @program
    def traced(tree: Any, name: str) -> tuple[Any, str]:
        traces.append(name)
        return tree, name

    assert traced({"a": X}, "first")[1] == "first"
    assert traced({"a": 2 * X}, "first")[0]["a"][2, 1] == 10
    assert traces == ["first"]
    for tree, name in [({"a": X}, "second"), ({"a": X[:2]}, "first"), ({"b": X}, "first"), ((X,), "first")]:
        found, told = traced(tree, name)
        assert told == name
        assert jax.tree.structure(found) == jax.tree.structure(tree)
    assert len(traces) == 5
    assert traced({"a": X}, "second")[1] == "second"
    assert len(traces) == 5
    assert program(lambda: "nothing given")() == "nothing given"


def test_a_program_within_transformations() -> None:
    """It can be compiled again, differentiated and batched."""
    power = program(lambda x, times: (x**times).sum())
    x = jnp.asarray(X)
    cases = [
        (jax.jit(lambda x: power(x, 3))(x), (x**3).sum()),
        (jax.grad(lambda x: power(x, 3))(x), 3 * x**2),
        (jax.vmap(lambda x: power(x, 2))(x), (x**2).sum(axis=1)),
    ]
    for found, expected in cases:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_program_computes_with_copies() -> None:
    """A call returns before it has computed: what a caller does to its arrays then changes nothing."""
    matrix = np.full((300, 300), 1 / 300)
    power = program(
        partial(lambda matrix, times: jax.lax.fori_loop(0, times, lambda _, x: x @ matrix, matrix), times=50)
    )
    found = power(matrix)
    matrix[:] = 0
    np.testing.assert_allclose(found, np.full((300, 300), 1 / 300), rtol=1e-12)


def test_a_leaf_that_cannot_decide_is_refused() -> None:
    """A leaf that is neither an array nor hashable has no program."""
    with pytest.raises(ValueError, match="hashable"):
        program(lambda tree: tree)({"a": {1}})
