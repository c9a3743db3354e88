"""Weight sets in and out of files.

A file holds arrays by name and a list of layers: of each its kind, the names of its arrays, and its other arguments,
``{"kind": "dense", "weight": "W1", "bias": "b1", "learn_bias": false}``. Layers that make up another one are a list in
its entry. `save_weights` writes the list beside the arrays, and the shape of an input where layers need it; for a file
from elsewhere the list is made from the names.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np

from ..networks.chain import Chain
from ..networks.convolution import Conv2d, ConvTranspose2d
from ..networks.folding import Folded
from ..networks.layer import Dense
from ..networks.network import LinearNetwork, as_network
from ..networks.residual import Residual
from ..networks.scaled import Scaled
from ..networks.weightless import AvgPool2d, Flatten, Reshape
from .arrays import read_arrays, write_arrays

KINDS: dict[str, type[Any]] = {
    "dense": Dense,
    "residual": Residual,
    "chain": Chain,
    "scaled": Scaled,
    "conv2d": Conv2d,
    "conv_transpose2d": ConvTranspose2d,
    "avg_pool2d": AvgPool2d,
    "flatten": Flatten,
    "reshape": Reshape,
}
"""The layers that files can hold, by the name that they have there."""

ARRAYS = {"weight": "W", "kernel": "W", "bias": "b"}
"""The arguments of a layer that are arrays, and the letters that name them in a file; the others are JSON."""

CONVENTIONS = (
    (re.compile(r"w(_?\d+)"), r"b\1"),
    (re.compile(r"((?:.+\.)?)weight"), r"\1bias"),
)
"""Names of weights, in lower case, and the name of the bias that goes with each."""


def load_weights(path: Any, order: Any = None) -> LinearNetwork:
    """Read a network from a file of weights.

    Weights are called ``W1``, ``W2``, … and their biases ``b1``, ``b2``, …, or, as in frameworks,
    ``*.weight`` and ``*.bias``. In the order of their numbers, ``W2`` before ``W10``, they make dense layers
    with fixed biases. A file that `save_weights` wrote gives back the network that was saved.

    Args:
        path: an ``.npz``, ``.safetensors``, ``.pt`` or ``.pth`` file; the last two hold a PyTorch state dict.
        order: the names of the weights from the input's to the output's, as a list or as ``"W1,W2"``. Wanted
            where the names are not numbered, or their numbers are not the layers' order, or the names are others.

    Returns:
        The network, in the dtype of the file.

    Raises:
        FileNotFoundError: for a path where there is nothing.
        ValueError: for a file that is not what its suffix says, that holds anything but weights and biases,
            whose weights make no network, or whose names do not tell the layers' order, as ``W1``, ``W3``.
        TypeError: for a ``path`` that is no path, or an ``order`` that is no list of names.
        ImportError: for a PyTorch file where PyTorch is not installed.

    Example:
        >>> np.savez("weights.npz", W1=np.ones((3, 2)), b1=np.zeros(3), W2=np.ones((1, 3)))
        >>> net = load_weights("weights.npz")
        >>> net.widths, net([1.0, 2.0]).tolist()
        ((2, 3, 1), [9.0])
    """
    order = _as_order(order)
    arrays, note = read_arrays(path)
    try:
        entries = _entries_by_name(arrays, order) if note is None else _entries_in(note, order)
        _check_names(arrays, entries)
        if note is not None:
            return _network(arrays, entries, note.get("input_shape"))
        return _network(arrays, entries, hint=_hint(arrays, entries, order))
    except (TypeError, ValueError) as error:
        raise ValueError(f"`path` is {path}, which makes no network: {error}") from error


def save_weights(path: Any, net: LinearNetwork) -> None:
    """Write a network to a file from which `load_weights` reads it back equal.

    Its arrays are called ``W1``, ``b1``, ``W2``, …; what else makes the layers stands in the metadata. The
    file appears whole or not at all, and replaces one of the same name.

    Args:
        path: an ``.npz`` or ``.safetensors`` file.
        net: the network.

    Raises:
        FileNotFoundError: for a folder that does not exist.
        ValueError: for a directory, or another suffix.
        TypeError: for a ``path`` that is no path, or a ``net`` that is no network of numbers.

    Example:
        >>> net = LinearNetwork([Dense([[1.0], [2.0]], learn_bias=True), Residual([[0.0, 1.0], [1.0, 0.0]])])
        >>> save_weights("weights.safetensors", net)
        >>> [type(layer).__name__ for layer in load_weights("weights.safetensors").layers]
        ['Dense', 'Residual']
    """
    net = as_network("net", net)
    arrays: dict[str, np.ndarray] = {}
    note: dict[str, Any] = {"layers": _entries(net.layers, arrays)}
    if len(net.shapes[0]) > 1 or isinstance(net.layers[0], Folded):
        note["input_shape"] = net.shapes[0]
    write_arrays(path, arrays, note)


def _entries(layers: Iterable[Any], arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Layers as a list of entries, with the fixed maps that they were folded with; their arrays go into ``arrays``."""
    unfolded = [(*layer.maps, layer.inner) if isinstance(layer, Folded) else (layer,) for layer in layers]
    return [_entry(each, arrays) for parts in unfolded for each in parts]


def _entry(layer: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The layer as an entry."""
    kinds = {cls: kind for kind, cls in KINDS.items()}
    if type(layer) not in kinds:
        raise TypeError(f"`net` has a {type(layer).__name__}; files can hold {_listed(KINDS)}.")
    entry: dict[str, Any] = {"kind": kinds[type(layer)]}
    number = sum(name.startswith("W") for name in arrays) + 1
    for argument, value in _arguments(layer).items():
        if isinstance(value, list):
            entry[argument] = _entries(value, arrays)
        elif argument in ARRAYS and value is not None:
            entry[argument] = f"{ARRAYS[argument]}{number}"
            arrays[entry[argument]] = np.asarray(value)
        else:
            entry[argument] = value
    return entry


def _arguments(layer: Any) -> dict[str, Any]:
    """The arguments from which the constructor makes the layer; a list of layers where it is made of layers."""
    if isinstance(layer, Chain):
        return {"layers": list(layer.layers)}
    if isinstance(layer, Residual) and not isinstance(layer.inner, Dense):
        return {"weight": [layer.inner]}
    if isinstance(layer, Scaled):
        return {"layer": [layer.inner], "a": float(layer.a)}
    return {name: getattr(layer, name) for name in inspect.signature(type(layer)).parameters}


def _network(
    arrays: dict[str, np.ndarray], entries: list[dict[str, Any]], input_shape: Any = None, hint: str = ""
) -> LinearNetwork:
    layers = [_layer(arrays, entry) for entry in entries]
    try:
        return LinearNetwork(layers, input_shape)
    except ValueError as error:
        raise ValueError(f"in the order {_listed(_weights_in(entries))}, {str(error).rstrip('.')}{hint}.") from error


def _hint(arrays: dict[str, np.ndarray], entries: list[dict[str, Any]], order: list[str] | None) -> str:
    """Suggest why weights make no network: they are transposed, or in another order."""
    shapes = [arrays[name].shape for name in _weights_in(entries)]
    if all(len(shape) == 2 for shape in shapes) and all(a[1] == b[0] for a, b in pairwise(shapes)):
        return "; their transposes would make one, or the reverse `order`, since a weight has a row for each output"
    return "; another order is said by `order`" if order is None else ""


def _layer(arrays: dict[str, np.ndarray], entry: dict[str, Any]) -> Any:
    fields = {name: value for name, value in entry.items() if name != "kind"}
    for name, value in fields.items():
        if _are_entries(value):
            inside = [_layer(arrays, each) for each in value]
            fields[name] = inside if entry["kind"] == "chain" else _only(inside)
        elif name in ARRAYS and value is not None:
            fields[name] = arrays[value]
    try:
        return KINDS[entry["kind"]](**fields)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{entry['kind']} layer ({_listed(_names_in(entry))}): {error}") from error


def _only(layers: list[Any]) -> Any:
    """A layer with the fixed maps before it, as one."""
    return layers[0] if len(layers) == 1 else Chain(layers)


def _are_entries(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _entries_in(note: Any, order: list[str] | None) -> list[dict[str, Any]]:
    """The layers that `save_weights` noted; refuses a note that is damaged, or another order than its own."""
    known = isinstance(note, dict) and {"layers"} <= set(note) <= {"layers", "input_shape"}
    if not known or not isinstance(note["layers"], list):
        raise ValueError("what it says of its layers is damaged, or of a newer version.")
    entries = note["layers"]
    for entry in _all_entries(entries):
        if not isinstance(entry, dict) or entry.get("kind") not in KINDS:
            raise ValueError(f"its layer {entry} is none that this version knows ({_listed(KINDS)}).")
    recorded = _weights_in(entries)
    if order is not None and order != recorded:
        raise ValueError(f"`order` is {_listed(order)}, but the file says {_listed(recorded)} itself.")
    return entries


def _entries_by_name(names: Iterable[str], order: list[str] | None) -> list[dict[str, Any]]:
    """Dense layers from the names of a file's arrays."""
    folded = {name.lower(): name for name in names}
    bias_of = _biases_by_weight(folded)
    weights = order or _numbered(folded[weight] for weight in bias_of)
    if not weights:
        raise ValueError(f"it holds {_listed(names)}; wanted weights called W1, W2, … or *.weight, or as `order` says.")
    biases = [folded.get(bias_of.get(weight.lower(), "")) for weight in weights]
    return [{"kind": "dense", "weight": weight, "bias": bias} for weight, bias in zip(weights, biases, strict=True)]


def _biases_by_weight(names: Iterable[str]) -> dict[str, str]:
    """The weights by the first convention that finds any, and the names that their biases would have."""
    for weight, bias in CONVENTIONS:
        matches = [match for match in map(weight.fullmatch, names) if match]
        if matches:
            return {match.string: match.expand(bias) for match in matches}
    return {}


def _numbered(names: Iterable[str]) -> list[str]:
    """The names in the order of their numbers; refuse words that differ, and a number that W1, W2, … leave out."""
    ordered = sorted(names, key=_parts)
    numbers_all = CONVENTIONS[0][0].fullmatch  # frameworks also number layers without weights
    if ordered and numbers_all(ordered[0].lower()) and _parts(ordered[0])[1] > 1:
        raise ValueError(f"the first is {ordered[0]}; wanted W1, or `order` (on the command line --order).")
    for first, second in pairwise(ordered):
        pairs = zip_longest(_parts(first), _parts(second))
        one, other = next((pair for pair in pairs if pair[0] != pair[1]), (None, None))
        if not isinstance(one, int) or not isinstance(other, int):
            raise ValueError(
                f"the names {_listed(ordered)} do not tell the order of the layers, as {first} and {second} differ by "
                "more than a number; wanted `order` (on the command line --order), all of these names from the "
                "input's to the output's, with commas between them."
            )
        if numbers_all(first.lower()) and other != one + 1:
            raise ValueError(
                f"{second} follows {first}; wanted every number, or `order` (on the command line --order), the names "
                f"{_listed(ordered)} from the input's to the output's."
            )
    return ordered


def _parts(name: str) -> list[Any]:
    """The words of a name, in lower case, and the numbers between them."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", name.lower()))]


def _as_order(order: Any) -> list[str] | None:
    if order is None:
        return None
    names = [name.strip() for name in order.split(",")] if isinstance(order, str) else order
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"`order` is {order!r}; wanted the names of the weights, as a list or as 'W1,W2'.")
    if not names or not all(names) or len(set(names)) < len(names):
        raise ValueError(f"`order` is {order!r}; wanted the name of each weight, once.")
    return list(names)


def _check_names(names: Iterable[str], entries: list[dict[str, Any]]) -> None:
    """Refuse a file without an array that is wanted, or with one that is not."""
    wanted = [name for entry in entries for name in _names_in(entry)]
    if missing := [name for name in wanted if name not in names]:
        raise ValueError(
            f"it has no {_listed(missing)}, which `order` or its own list of layers names; it holds {_listed(names)}."
        )
    if unused := [name for name in names if name not in wanted]:
        raise ValueError(
            f"{_listed(unused)} would be left out; wanted nothing but weights, called W1, W2, … or *.weight "
            "or as `order` says, and their biases, b1, b2, … or *.bias."
        )


def _weights_in(entries: list[dict[str, Any]]) -> list[str]:
    arguments = ("weight", "kernel")
    return [each[name] for each in _all_entries(entries) for name in arguments if isinstance(each.get(name), str)]


def _names_in(entry: dict[str, Any]) -> list[str]:
    """The names of the arrays of a layer and of those inside it."""
    values = [each.get(name) for each in _all_entries([entry]) for name in ARRAYS]
    return [value for value in values if value is not None and not _are_entries(value)]


def _all_entries(entries: Iterable[Any]) -> Iterator[Any]:
    """Entries, and those inside of them."""
    for entry in entries:
        yield entry
        for value in entry.values() if isinstance(entry, dict) else ():
            if _are_entries(value):
                yield from _all_entries(value)


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names)) or "nothing"
