"""A recursion over the layers: a loop, or one compiled step where JAX arrays pass layers of one kind."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..numerics.kinds import holds_jax
from .layer_kinds import DenseKind, LayerKind, ResidualKind

_SCANNED = (DenseKind, ResidualKind)  # their formulas take widths that are arrays


def through_layers(
    step: Callable[..., tuple[Any, Any]], state: Any, layers: Sequence[LayerKind], *numbers: Sequence[Any]
) -> tuple[Any, list[Any]]:
    """Carry a state from layer to layer; also return each step's results, a tuple of arrays per layer.

    Args:
        step: takes the state, a layer, and one entry of each of ``numbers``; returns the next state and a tuple.
        state: a tuple of arrays.
        layers: kinds of the layers.
        numbers: sequences with one array per layer.
    """
    kinds = {type(layer) for layer in layers}
    if len(layers) > 2 and holds_jax(state) and len(kinds) == 1 and kinds <= set(_SCANNED):
        return _scanned(step, state, layers, *numbers)
    gathered = []
    for layer, *entries in zip(layers, *numbers, strict=True):
        state, given = step(state, layer, *entries)
        gathered.append(given)
    return state, gathered


def _scanned(step: Any, state: Any, layers: Sequence[LayerKind], *numbers: Sequence[Any]) -> tuple[Any, list[Any]]:
    import jax

    first, like = layers[0], state[0]
    widths = [jax.numpy.asarray([getattr(layer, name) for layer in layers], like.dtype) for name in ("n_in", "n_out")]
    stacked = [jax.numpy.stack(list(each)) for each in ([layer.variance for layer in layers], *numbers)]

    def body(state: Any, entries: Any) -> tuple[Any, Any]:
        n_in, n_out, variance, *rest = entries
        return step(state, replace(first, n_in=n_in, n_out=n_out, variance=variance), *rest)

    state, gathered = jax.lax.scan(body, state, (*widths, *stacked))
    return state, [tuple(each[index] for each in gathered) for index in range(len(layers))]
