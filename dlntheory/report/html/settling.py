"""The course of inference: the Hessian's eigenvalues, steps to a tolerance, and each layer's energy over time."""

from typing import Any

import numpy as np

from ...inference.eigenmodes import InferenceModes
from ...inference.spectrum import Spectrum, inference_spectrum
from ...networks.network import LinearNetwork

TOLERANCES = (1e-1, 1e-3, 1e-6)
DECOMPOSED = 1024
"""Hidden units, at most, for which all modes are computed."""
SAMPLES = 64
"""Samples, at most, whose energies are averaged."""
TIMES = 24
LAST = 10**6
"""The last step that is shown."""


def settling(net: LinearNetwork, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The spectrum of inference, how many steps it takes, and, of a network that is not too large, its course."""
    if net.depth == 1:
        return {"refused": "One layer has no hidden activities: inference has nothing to settle."}
    spectrum = inference_spectrum(net)
    record: dict[str, Any] = {
        name: float(getattr(spectrum, name))
        for name in ("smallest", "largest", "condition_number", "stability_limit", "best_step", "best_momentum")
    }
    record |= {"steps": [_steps_to(spectrum, tolerance) for tolerance in TOLERANCES]}
    hidden = sum(layer.out_size for layer in net.layers[:-1])
    return record | (_course(net, x[:SAMPLES], y[:SAMPLES], spectrum) if hidden <= DECOMPOSED else {})


def _steps_to(spectrum: Spectrum, tolerance: float) -> dict[str, Any]:
    with_momentum = spectrum.steps_to(tolerance, spectrum.momentum_step, spectrum.best_momentum)
    return {"tolerance": tolerance, "plain": spectrum.steps_to(tolerance), "momentum": with_momentum}


def _course(net: LinearNetwork, x: np.ndarray, y: np.ndarray, spectrum: Spectrum) -> dict[str, Any]:
    """Mean energy by layer at times that are even on a logarithmic scale; gradient descent with its best step."""
    modes = InferenceModes(net, x, y, spectrum.best_step)
    end = min(spectrum.steps_to(TOLERANCES[-1]), LAST)
    times = np.unique(np.geomspace(1, max(end, 2), TIMES).round().astype(int)).tolist()
    energies = [np.mean(modes.at(time).energy_by_layer, axis=0).tolist() for time in times]
    return {"eigenvalues": np.asarray(modes.eigenvalues).tolist(), "times": times, "energies": energies}
