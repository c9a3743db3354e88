"""The arguments of this room's functions, checked; messages name the argument, what came and what was wanted."""

from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ..numerics.checks import as_array, as_count, as_list, as_widths, one_of
from ..numerics.kinds import is_concrete, is_jax
from .given_singular_values import SingularValuesKind
from .layer_kinds import KINDS, DenseKind, LayerKind, OrthogonalKind, widths_of

# The variance of a weight, from the widths that the layer leads from and to.
RandomInit = Literal["kaiming_uniform", "norm_preserving", "orthogonal", "lecun_normal"]
INITIAL_VARIANCES = {
    "kaiming_uniform": lambda n_in, n_out: 1 / (3 * n_in),
    "norm_preserving": lambda n_in, n_out: 1 / n_out,
    "orthogonal": lambda n_in, n_out: 1 / max(n_in, n_out),
    "lecun_normal": lambda n_in, n_out: 1 / n_in,
}


def as_positive(name: str, value: Any) -> Any:
    """Convert to an array of positive numbers: float64, or a JAX array as it is."""
    array = as_array(name, value)
    array = array if is_jax(array) else array.astype(np.float64)
    if is_concrete(array) and not (array.size and (array > 0).all()):
        raise ValueError(f"`{name}` is {value!r}; wanted positive, finite numbers.")
    return array


def as_per_layer(name: str, value: Any, depth: int) -> list[Any]:
    """Convert to one array of positive numbers per layer; the last axis of ``value`` is the layer."""
    array = as_positive(name, value)
    if array.ndim == 0 or array.shape[-1] != depth:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted (…, {depth}), one number per layer.")
    return [array[..., index] for index in range(depth)]


def as_layers(widths: Any, init: str, variances: Any, layers: Any) -> tuple[LayerKind, ...]:
    """Read the layers from widths and an initialisation, from variances, or from a list that names their kinds."""
    one_of("init", init, INITIAL_VARIANCES)
    if layers is not None:
        if variances is not None:
            raise ValueError("`variances` came with `layers`, which holds its own; wanted one of the two.")
        return _listed_layers(widths, layers)
    if widths is None:
        raise TypeError("`widths` is None; wanted (n_0, …, n_L), or `layers`.")
    sizes = as_widths("widths", widths)
    pairs = list(pairwise(sizes))
    kind = OrthogonalKind if init == "orthogonal" else DenseKind
    if variances is None:
        each = [np.asarray(INITIAL_VARIANCES[init](*pair), np.float64) for pair in pairs]
    else:
        each = as_per_layer("variances", variances, len(pairs))
    return tuple(kind(*pair, variance) for pair, variance in zip(pairs, each, strict=True))


def _listed_layers(widths: Any, layers: Any) -> tuple[LayerKind, ...]:
    listed = as_list("layers", layers, "(kind, n_in, n_out, variance)", empty=False)
    read = tuple(_listed_layer(f"layers[{index}]", layer) for index, layer in enumerate(listed))
    for index, (below, above) in enumerate(pairwise(read)):
        if below.n_out != above.n_in:
            raise ValueError(
                f"`layers[{index + 1}]` takes {above.n_in} units but `layers[{index}]` gives {below.n_out}; "
                "wanted layers that chain."
            )
    sizes = widths_of(read)
    if widths is not None and as_widths("widths", widths) != sizes:
        raise ValueError(f"`widths` is {tuple(widths)} but `layers` chain {sizes}; wanted the same, or no widths.")
    return read


def _listed_layer(name: str, layer: Any) -> LayerKind:
    if not isinstance(layer, tuple | list) or len(layer) != 4:
        raise ValueError(f"`{name}` is {layer!r}; wanted (kind, n_in, n_out, variance).")
    kind, n_in, n_out, variance = layer
    one_of(f"{name}[0]", kind, (*KINDS, "singular_values"))
    n_in, n_out = as_count(f"{name}[1]", n_in), as_count(f"{name}[2]", n_out)
    if kind == "singular_values":
        return _with_singular_values(f"{name}[3]", n_in, n_out, variance)
    if kind == "residual" and n_in != n_out:
        raise ValueError(f"`{name}` is residual and leads from {n_in} to {n_out} units; wanted equal widths.")
    if variance is None and kind == "orthogonal":
        variance = 1 / max(n_in, n_out)
    return KINDS[kind](n_in, n_out, as_positive(f"{name}[3]", variance))


def _with_singular_values(name: str, n_in: int, n_out: int, values: Any) -> SingularValuesKind:
    squares = np.square(as_positive(name, values), dtype=np.float64)
    if squares.shape != (min(n_in, n_out),):
        raise ValueError(f"`{name}` has shape {squares.shape}; wanted ({min(n_in, n_out)},), all singular values.")
    gain = squares.sum() / n_in
    return SingularValuesKind(n_in, n_out, gain / n_out, squares / gain)
