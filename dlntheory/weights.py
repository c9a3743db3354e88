"""Weight sets in and out of files.

A file holds arrays by name and a list of layers: of each its kind, the names of its arrays, and its other fields,
``{"kind": "dense", "weight": "W1", "bias": "b1", "learn_bias": false}``. `save_weights` writes the list beside the
arrays; for a file from elsewhere it is made from the names.
"""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from .algebra import is_symbolic
from .array_files import read_arrays, write_arrays
from .layers import Dense, Layer, Residual
from .network import LinearNetwork

KINDS: dict[str, type[Layer]] = {"dense": Dense, "residual": Residual}
"""The layers that files can hold, by the name that they have there."""

ARRAYS = {"weight": "W", "bias": "b"}
"""The fields of a layer that are arrays, and the letters that name them in a file; the others are JSON."""

CONVENTIONS = (
    (re.compile(r"w(_?\d+)"), r"b\1"),
    (re.compile(r"((?:.+\.)?)weight"), r"\1bias"),
)
"""What weights are called, in lower case, and what the bias of each is then called."""


def load_weights(path: Any, order: Any = None) -> LinearNetwork:
    """Read a network from a file of weights.

    Weights are called ``W1``, ``W2``, … and their biases ``b1``, ``b2``, …, or, as in frameworks,
    ``*.weight`` and ``*.bias``. In natural order, ``W2`` before ``W10``, they make dense layers with fixed
    biases. A file that `save_weights` wrote gives back the network that was saved.

    Args:
        path: an ``.npz``, ``.safetensors``, ``.pt`` or ``.pth`` file; the last two hold a PyTorch state dict.
        order: the names of the weights from the input's to the output's, as a list or as ``"W1,W2"``, where
            natural order is not the right one, or the names are others.

    Returns:
        The network, in the dtype of the file.

    Raises:
        FileNotFoundError: for a path where there is nothing.
        ValueError: for a file that is not what its suffix says, that holds anything but weights and biases,
            or whose weights make no network; for float64 weights while JAX runs in 32-bit mode.
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
        return _network(arrays, entries)
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
    if not isinstance(net, LinearNetwork):
        raise TypeError(f"`net` is a {type(net).__name__}; wanted a LinearNetwork.")
    if any(map(is_symbolic, net.weights)):
        raise TypeError("`net` holds symbols; wanted numbers.")
    arrays: dict[str, np.ndarray] = {}
    entries = [_entry(layer, number, arrays) for number, layer in enumerate(net.layers, start=1)]
    write_arrays(path, arrays, {"layers": entries})


def _entry(layer: Layer, number: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The layer as an entry of the list; its arrays go into ``arrays``."""
    kinds = {cls: kind for kind, cls in KINDS.items()}
    if type(layer) not in kinds:
        raise TypeError(f"`net` has a {type(layer).__name__}; files can hold {_listed(KINDS)}.")
    entry: dict[str, Any] = {"kind": kinds[type(layer)]}
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        if field.name in ARRAYS and value is not None:
            name = f"{ARRAYS[field.name]}{number}"
            arrays[name] = np.asarray(value, order="C")
            value = name
        entry[field.name] = value
    return entry


def _network(arrays: dict[str, np.ndarray], entries: list[dict[str, Any]]) -> LinearNetwork:
    layers = [_layer(arrays, entry) for entry in entries]
    try:
        return LinearNetwork(layers)
    except ValueError as error:
        raise ValueError(f"in the order {_listed(_weights_in(entries))}, {error}") from error


def _layer(arrays: dict[str, np.ndarray], entry: dict[str, Any]) -> Layer:
    fields = {name: value for name, value in entry.items() if name != "kind"}
    fields |= {name: arrays[fields[name]] for name in ARRAYS if fields.get(name) is not None}
    try:
        return KINDS[entry["kind"]](**fields)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{entry['kind']} layer ({_listed(_names_in(entry))}): {error}") from error


def _entries_in(note: Any, order: list[str] | None) -> list[dict[str, Any]]:
    """The layers that `save_weights` noted; refuses a note that is damaged, or another order than its own."""
    if not isinstance(note, dict) or set(note) != {"layers"} or not isinstance(note["layers"], list):
        raise ValueError("what it says of its layers is damaged, or of a newer version.")
    entries = note["layers"]
    for entry in entries:
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
    weights = order or [folded[weight] for weight in sorted(bias_of, key=_natural)]
    if not weights:
        raise ValueError(f"it holds {_listed(names)}; wanted weights called W1, W2, … or *.weight, or as `order` says.")
    biases = [folded.get(bias_of.get(weight.lower(), "")) for weight in weights]
    return [{"kind": "dense", "weight": weight, "bias": bias} for weight, bias in zip(weights, biases, strict=True)]


def _biases_by_weight(names: Iterable[str]) -> dict[str, str]:
    """The weights by the first convention that finds any, and what their biases would be called."""
    for weight, bias in CONVENTIONS:
        matches = [match for match in map(weight.fullmatch, names) if match]
        if matches:
            return {match.string: match.expand(bias) for match in matches}
    return {}


def _natural(name: str) -> list[Any]:
    """A key that sorts W2 before W10."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", name))]


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
    return [entry["weight"] for entry in entries if "weight" in entry]


def _names_in(entry: dict[str, Any]) -> list[str]:
    """The names of a layer's arrays."""
    return [entry[field] for field in ARRAYS if entry.get(field) is not None]


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names)) or "nothing"
