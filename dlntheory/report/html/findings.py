"""Everything that a report says of a network and its data, as one record of plain numbers."""

from typing import Any

import numpy as np

from ...equilibria.equilibrium import equilibrium
from ...files.arrays import digest
from ...files.provenance import provenance
from ...learning.kernel import update_kernel
from ...networks.network import LinearNetwork
from ...theorems.verify import verify
from ..comparison import as_rule
from ..diagnosis import diagnose
from ..layers import layer_records
from ..words import rule_name
from .distributions import alignment_records
from .random_draws import against_random
from .settling import settling

THEOREMS: tuple[int | str, ...] = (1, 2, 3, "spike", "nudging")
KERNELS = ("bp", "pc", "pc:decorrelated")
KERNEL_ROWS = 80
"""The most rows of a kernel's matrix: as many samples are taken as fit, and at least one."""
KERNEL_VALUES = 64
"""Singular values of a kernel that is too large for its matrix."""


def findings(net: LinearNetwork, x: np.ndarray, y: np.ndarray, seed: int) -> dict[str, Any]:
    """Measure everything that the report shows.

    Args:
        net: the network, of NumPy arrays.
        x: inputs, ``(B, n_0)``.
        y: targets, ``(B, n_L)``.
        seed: the seed of the batches, the bootstrap and the random networks.

    Returns:
        A record of numbers, texts, lists and dictionaries. A part that cannot be had holds the reason in ``refused``.

    Raises:
        ValueError: as `target_alignment`.
        PrecisionError: as `equilibrium`.
    """
    settled = equilibrium(net, x, y)
    layers = layer_records(net, x, y, settled)
    negative = [each["layer"] for each in layers if (each["product"] or 0) < 0]
    arrays = dict(enumerate([*net.weights, *(bias for bias in net.biases if bias is not None), x, y]))
    return {
        "widths": list(net.widths),
        "parameters": sum(int(np.size(layer.like)) for layer in net.layers),
        "samples": len(x),
        "seed": seed,
        "energy": float(np.mean(settled.energy)),
        "solver": settled.solver,
        "accuracy": float(np.max(settled.accuracy)),
        "alignment": alignment_records(net, x, y, seed),
        "layers": layers,
        "diagnosis": [each._asdict() for each in diagnose(net, x, y, negative, seed)],
        "theorems": [_theorem(net, x, y, each) for each in THEOREMS],
        "inference": settling(net, x, y),
        "kernels": _kernels(net, x, y),
        "random": against_random(net, x, y, seed),
        "fingerprint": digest({str(name): np.asarray(array) for name, array in arrays.items()}, None)[:16],
        "provenance": provenance("scipy"),
    }


def _theorem(net: LinearNetwork, x: np.ndarray, y: np.ndarray, theorem: Any) -> dict[str, Any]:
    """A verdict with its deciding numbers; Theorem 3, which searches for covariances, of the first sample."""
    first = slice(1) if theorem == 3 else slice(None)
    try:
        verdict = verify(net, x[first], y[first], theorem)
    except (ValueError, ArithmeticError) as error:
        return {"theorem": theorem, "refused": str(error)}
    return {
        "theorem": theorem,
        "statement": verdict.statement,
        "applicable": verdict.applicable,
        "holds": verdict.holds,
        "error": verdict.error,
        "tolerance": verdict.tolerance,
        "detail": verdict.detail,
        "hypotheses": [{"name": name, **each._asdict()} for name, each in verdict.hypotheses.items()],
    }


def _kernels(net: LinearNetwork, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Singular values of the update kernels on the first samples, as many as their matrices hold."""
    samples = max(1, KERNEL_ROWS // net.layers[-1].out_size)
    return {"samples": min(samples, len(x)), "rows": [_kernel(net, x[:samples], y[:samples], each) for each in KERNELS]}


def _kernel(net: LinearNetwork, x: np.ndarray, y: np.ndarray, name: str) -> dict[str, Any]:
    rule, rescaling = as_rule(name)
    own = {"rule": rule, "rescaling": rescaling, "label": rule_name(rule, rescaling)}
    try:
        kernel = update_kernel(net, x, y, rule, rescaling)
        if kernel.size > KERNEL_ROWS:
            return {**own, "values": kernel.spectrum(min(KERNEL_VALUES, kernel.size - 1)).tolist()}
        values, straight = kernel.spectrum().tolist(), float(kernel.identity_alignment())
    except (ValueError, ArithmeticError) as error:
        return {**own, "refused": str(error)}
    return {**own, "values": values, "identity_alignment": straight}
