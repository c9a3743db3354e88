"""`dlntheory align`: the target alignment of every rule and rescaling, and what explains it, layer by layer."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .inputs import Inputs, Json, Order, Seed, Targets, Weights, read_or_digits, refusals, refuse, refuse_unwritable
from .output import print_record, track

RESCALINGS_OF = {
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
    batch: Annotated[
        str | None,
        typer.Option(help="Batch sizes, and all for the whole data set.", metavar="N1,N2,…", show_default="1,8,32,all"),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a picture: .png, .pdf or .svg.", show_default="none")] = None,
    json: Json = False,
) -> None:
    """Measure the target alignment of every learning rule and rescaling, by batch size, and say what explains it.

    Always measures all rules: no option chooses among them (from Python, `dlntheory.compare` does). --json has each.

    Without WEIGHTS, the network is the built-in one, trained on handwritten digits. Alignment is the cosine between a
    sample's residual and the change of its prediction when the batch's update begins (continuous time): 1 straight at
    the target, 0 sideways, below 0 away from it. At most 20 batches of each size are drawn from the data.

    Exit code 0: measured; 2: bad usage or input.
    """
    if plot is not None:
        from ..report.pictures import FORMATS

        refuse_unwritable("--plot", plot, FORMATS)
    sizes = None if batch is None else as_sizes(batch)
    name, description, problem = read_or_digits(weights, inputs, targets, order, seed)
    with refusals("--batch"):
        comparisons = compare_all(*problem, sizes, seed)
    with refusals():
        record = {"name": name, "description": description, **measure(*problem), **comparisons}
        record |= explain(*problem, record, seed)
    if plot is not None:
        from ..report.pictures import alignment_picture, save_picture

        with refusals("--plot"):
            save_picture(alignment_picture(record), plot)
    from ..report.answers import align_report

    print_record(record, json, align_report(record))


def as_sizes(text: str) -> list[Any]:
    """Batch sizes with commas between them; the last may be ``all``."""
    parts = [each.strip() for each in text.split(",")]
    if not all(each == "all" or each.isdecimal() for each in parts):
        refuse(f"--batch is {text!r}; wanted sizes such as 1,8,32,all.")
    return [each if each == "all" else int(each) for each in parts]


def rules_of(net: Any) -> list[tuple[Any, Any]]:
    """Every rule with every rescaling that the network's layers allow."""
    plain = not all(layer.has_features for layer in net.layers)
    return [
        (rule, each) for rule, rescalings in RESCALINGS_OF.items() for each in rescalings if each is None or not plain
    ]


def compare_all(net: Any, x: Any, y: Any, sizes: list[Any] | None, seed: int) -> dict[str, Any]:
    """The alignment of every rule and rescaling by batch size, as a record."""
    from ..report.comparison import compare

    rows: list[Any] = []
    for rule, rescaling in track(rules_of(net), "Measuring"):
        rows += compare(net, x, y, [rule if rescaling is None else f"{rule}:{rescaling}"], sizes, seed=seed).rows
    return {"batches": [row._asdict() for row in rows]}


def explain(net: Any, x: Any, y: Any, record: dict[str, Any], seed: int) -> dict[str, Any]:
    """Findings in words with their numbers, and the alignment of a random network, as a record."""
    from ..report.diagnosis import diagnose, random_alignments

    sizes = list(dict.fromkeys(row["batch"] for row in record["batches"]))
    findings = diagnose(net, x, y, record["negative_rates"], seed)
    random = random_alignments(net, x, y, sizes, seed)
    return {"diagnosis": [each._asdict() for each in findings], "random_network": random}


def measure(net: Any, x: Any, y: Any) -> dict[str, Any]:
    """Alignment of all samples together by rule, the equilibrium, and each layer's numbers, as a record."""
    import numpy as np

    from ..equilibria.equilibrium import equilibrium
    from ..learning.alignment import target_alignment
    from ..report.layers import layer_records

    rules = [
        {"rule": rule, "rescaling": rescaling, **summary(target_alignment(net, x, y, rule, rescaling))}
        for rule, rescaling in rules_of(net)
    ]
    result = equilibrium(net, x, y)
    layers = layer_records(net, x, y, result)
    return {
        "widths": net.widths,
        "samples": len(x),
        "rules": rules,
        "layers": layers,
        "energy": float(np.mean(result.energy)),
        "solver": result.solver,
        "accuracy": float(np.max(result.accuracy)),
        "negative_rates": [each["layer"] for each in layers if (each["product"] or 0) < 0],
    }


def summary(alignment: Any) -> dict[str, Any]:
    """Mean, sample standard deviation (``None`` for one sample) and smallest, over the samples that define one."""
    import numpy as np

    values = np.asarray(alignment)
    defined = values[np.isfinite(values)]
    if not defined.size:
        return {"mean": None, "std": None, "min": None, "undefined": values.size}
    std = float(defined.std(ddof=1)) if defined.size > 1 else None
    undefined = values.size - defined.size
    return {"mean": float(defined.mean()), "std": std, "min": float(defined.min()), "undefined": undefined}
