"""Each layer's part in the alignment, as records."""

from typing import Any

import numpy as np

from ..learning.alignment import target_alignment
from ..learning.updates import adaptive_learning_rates
from ..networks.passes import feedforward
from ..networks.samples import as_columns, flat


def layer_records(net: Any, x: Any, y: Any, equilibrium: Any) -> list[dict[str, Any]]:
    """Norms and conditioning of the weights, activities that enter each layer, its energy, and its own alignment.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)``.
        y: targets, ``(B, n_L)``.
        equilibrium: from `equilibrium`.

    Returns:
        One record per layer; activities, energies and alignments are means over the samples. The product ``x*ᵀx̂`` is
        ``None`` where a layer's weight is shared, and has no adaptive rate.
    """
    plain = [np.asarray(each) for each in feedforward(net.layers, as_columns(flat(np.asarray(x), net.shapes[0])))]
    energies = [float(np.mean(np.sum(np.square(each.reshape(len(x), -1)), axis=1)) / 2) for each in equilibrium.errors]
    shared = not all(layer.has_features for layer in net.layers)
    products = [None] * net.depth if shared else [float(1 / rate) for rate in adaptive_learning_rates(net, x, y)]
    alignments = {rule: np.asarray(target_alignment(net, x, y, rule, by_layer=True)) for rule in ("bp", "pc")}
    total, records = sum(energies), []
    for index, layer in enumerate(net.layers):
        own = np.asarray(equilibrium.activities[index]).reshape(len(x), -1)
        weight = np.asarray(layer.like if layer.has_features else layer.matrix())
        weight = weight.reshape(len(weight), -1)
        records.append({
            "layer": index + 1,
            "kind": type(layer).__name__.lower(),
            "shape": weight.shape,
            "norm": float(np.linalg.norm(weight, 2)),
            "condition_number": float(np.linalg.cond(weight)),
            "feedforward_norm": float(np.mean(np.linalg.norm(plain[index], axis=0))),
            "equilibrium_norm": float(np.mean(np.linalg.norm(own, axis=1))),
            "product": products[index],
            "energy": energies[index],
            "energy_share": energies[index] / total if total else None,
            **{f"{rule}_alignment": _mean(values[:, index]) for rule, values in alignments.items()},
        })  # fmt: skip
    return records


def _mean(values: np.ndarray) -> float | None:
    """The mean over the samples where there is an angle."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else None
