"""The arguments of a sweep, checked against one another."""

from typing import Any

import numpy as np

from ..networks.layer import Layer
from ..networks.network import LinearNetwork, as_network
from ..numerics.checks import as_array, as_list
from ..numerics.kinds import map_leaves
from .algorithm import Algorithm
from .sweep_program import Data, condense


def as_networks(nets: Any) -> list[LinearNetwork]:
    """One network per seed, which differ in their numbers alone."""
    given = as_list("nets", nets, "networks, one per seed", empty=False)
    nets = [as_network(f"nets[{index}]", net) for index, net in enumerate(given)]
    kinds = [map_leaves(np.shape, net.layers) for net in nets]
    for index, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise ValueError(
                f"`nets[{index}]` has layers {nets[index].layers} but `nets[0]` has {nets[0].layers}; "
                "wanted networks that differ in their numbers alone."
            )
    return nets


def stacked_layers(nets: list[LinearNetwork]) -> tuple[Layer, ...]:
    """The layers of all networks, with a leading axis."""
    first, *others = (net.layers for net in nets)
    return map_leaves(lambda *leaves: np.stack(list(map(np.asarray, leaves))), first, *others)


def as_data(nets: list[LinearNetwork], x: Any, y: Any, targets: Any) -> Data:
    """The data by seed, condensed where no layer has a bias; maps of zeros without targets."""
    net = nets[0]
    inputs, outputs = net.widths[0], net.widths[-1]
    x, y = (np.asarray(as_array(name, value, net.dtype)) for name, value in (("x", x), ("y", y)))
    for name, array, width in (("x", x, inputs), ("y", y, outputs)):
        if array.ndim != 4 or array.shape[0] != len(nets) or array.shape[3] != width or not array.size:
            wanted = f"({len(nets)}, steps, batch, {width}): seeds as `nets`, at least one step and sample"
            raise ValueError(f"`{name}` has shape {array.shape}; wanted {wanted}.")
    if x.shape[:3] != y.shape[:3]:
        raise ValueError(f"`x` has shape {x.shape} but `y` has shape {y.shape}; wanted the same steps and samples.")
    if targets is None:
        targets = np.zeros((len(nets), outputs, inputs), x.dtype)
    maps = np.asarray(as_array("targets", targets, net.dtype))
    if maps.shape != (len(nets), outputs, inputs):
        raise ValueError(f"`targets` has shape {maps.shape}; wanted {(len(nets), outputs, inputs)}, a map per seed.")
    if all(layer.bias is None for layer in net.layers):
        x, y = condense(x, y)
    return Data(x, y, maps)


def as_rates(learning_rates: Any, dtype: Any) -> np.ndarray:
    """Positive learning rates."""
    rates = np.asarray(as_array("learning_rates", learning_rates, dtype))
    if rates.ndim != 1 or not rates.size:
        raise ValueError(f"`learning_rates` has shape {rates.shape}; wanted (rates,), at least one.")
    if not (rates > 0).all():
        raise ValueError(f"`learning_rates` holds {rates.min()}; wanted positive numbers.")
    return rates


def as_algorithms(algorithms: Any) -> list[Algorithm]:
    """Algorithms from rules, pairs of a rule and a rescaling, or algorithms."""
    given = as_list("algorithms", algorithms, "algorithms", empty=False)
    return [_as_algorithm(f"algorithms[{index}]", each) for index, each in enumerate(given)]


def _as_algorithm(name: str, value: Any) -> Algorithm:
    if isinstance(value, Algorithm):
        return value
    if isinstance(value, str):
        rule: Any = value
        return Algorithm(rule)
    if isinstance(value, tuple | list) and len(value) == 2:
        return Algorithm(*value)
    raise TypeError(f"`{name}` is {value!r}; wanted a rule, (rule, rescaling), or an Algorithm.")
