"""`dlntheory align`: the target alignment of every rule and rescaling, and what explains it, layer by layer."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .inputs import (
    Inputs,
    Json,
    Order,
    Seed,
    Targets,
    Weights,
    check_combination,
    describe_data,
    read_problem,
    refusals,
)
from .output import print_json, print_tables

RULES = {
    "bp": (None, "adaptive", "decorrelated"),
    "pc": (None, "adaptive", "adaptive_positive", "decorrelated"),
    "natural": (None,),
    "evidence": (None,),
}


def align(
    weights: Weights = None,
    inputs: Inputs = None,
    targets: Targets = None,
    order: Order = None,
    seed: Seed = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw a picture: .png or .pdf.", show_default="none")] = None,
    json: Json = False,
) -> None:
    """Measure the target alignment of every learning rule and rescaling.

    Without WEIGHTS, of the built-in network trained on handwritten digits. Alignment is the cosine between a
    sample's residual and the change of its prediction when the batch's update begins (continuous time).

    Exit code 0: measured; 2: bad usage or input.
    """
    check_combination(weights, inputs=inputs, targets=targets, order=order)
    if plot is not None:
        from ..report.pictures import check_picture

        with refusals("--plot"):
            check_picture(plot)
    if weights is None:
        from ..files.builtin import digits

        name, description, problem = "digits", "trained on handwritten digits", digits()
    else:
        name, description = weights.name, describe_data(inputs, targets, seed)
        problem = read_problem(weights, inputs, targets, order, seed)
    with refusals():
        record = {"name": name, "description": description, **measure(*problem)}
    if plot is not None:
        from ..report.pictures import alignment_picture, save_picture

        with refusals("--plot"):
            save_picture(alignment_picture(record), plot)
    if json:
        print_json(record)
    else:
        from ..report.tables import align_report

        print_tables(align_report(record))


def measure(net: Any, x: Any, y: Any) -> dict[str, Any]:
    """Alignment by rule, the equilibrium, and each layer's numbers, on a batch, as a record."""
    import numpy as np

    from ..equilibria.equilibrium import equilibrium
    from ..learning.alignment import target_alignment
    from ..learning.updates import adaptive_learning_rates

    rules = [
        {"rule": rule, "rescaling": rescaling, **summary(target_alignment(net, x, y, rule, rescaling))}
        for rule, rescalings in RULES.items()
        for rescaling in rescalings
    ]
    result = equilibrium(net, x, y)
    layers = _layers(net, x, result, 1 / np.asarray(adaptive_learning_rates(net, x, y)))
    return {
        "widths": net.widths,
        "samples": len(x),
        "rules": rules,
        "layers": layers,
        "energy": float(np.mean(result.energy)),
        "solver": result.solver,
        "accuracy": float(np.max(result.accuracy)),
        "negative_rates": [each["layer"] for each in layers if each["product"] < 0],
    }


def summary(alignment: Any) -> dict[str, Any]:
    """Mean, spread and smallest over the samples where the alignment is defined."""
    import numpy as np

    values = np.asarray(alignment)
    defined = values[np.isfinite(values)]
    if not defined.size:
        return {"mean": None, "std": None, "min": None, "undefined": values.size}
    numbers = {"mean": defined.mean(), "std": defined.std(), "min": defined.min()}
    return {name: float(each) for name, each in numbers.items()} | {"undefined": values.size - defined.size}


def _layers(net: Any, x: Any, result: Any, products: Any) -> list[dict[str, Any]]:
    """What each layer has to do with the alignment; activities are those that enter it."""
    import numpy as np

    from ..networks.passes import feedforward
    from ..networks.samples import as_columns, flat

    plain = [np.asarray(each) for each in feedforward(net.layers, as_columns(flat(x, net.shapes[0])))]
    energies = [float(np.mean(np.sum(np.square(each.reshape(len(x), -1)), axis=1)) / 2) for each in result.errors]
    total = sum(energies)
    records = []
    for index, layer in enumerate(net.layers):
        own, weight = np.asarray(result.activities[index]).reshape(len(x), -1), np.asarray(layer.like)
        weight = weight.reshape(len(weight), -1)
        records.append({
            "layer": index + 1,
            "kind": type(layer).__name__.lower(),
            "shape": weight.shape,
            "norm": float(np.linalg.norm(weight, 2)),
            "condition_number": float(np.linalg.cond(weight)),
            "feedforward_norm": float(np.mean(np.linalg.norm(plain[index], axis=0))),
            "equilibrium_norm": float(np.mean(np.linalg.norm(own, axis=1))),
            "product": float(products[index]),
            "energy": energies[index],
            "energy_share": energies[index] / total if total else None,
        })  # fmt: skip
    return records
