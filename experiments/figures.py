"""The registry of figures: the paper's by their numbers, and the others by their names.

A figure is a module, or the ``FIGURE`` in a module, that has

- ``SETTINGS``: the names of the settings that it can be run in, the default first;
- ``configure(quick, setting, seed)``: its sizes as a dictionary that JSON can hold;
- ``run(config, track, folder)``: its arrays by name; ``track`` wraps the list of steps, and shows progress; a long run
  keeps checkpoints in ``folder``;
- ``summarise(config, arrays)``: its numbers;
- ``draw(config, arrays)``: the picture.
"""

from importlib import import_module
from typing import Any

FIGURES: dict[int | str, str] = {
    **{number: f"sample_efficiency.figure{number}" for number in range(1, 11)},
    "energy-propagation": "inference.energy_propagation",
    "spiking": "inference.spiking",
    "bp-to-pc": "inference.bp_to_pc",
    "theorem-3": "inference.theorem3",
    "modes": "dynamics.modes",
    "saddles": "dynamics.saddles",
    "regularisation": "dynamics.regularisation",
    "starts": "dynamics.starts",
    "singular-values": "dynamics.singular_values",
    "kernel-spectra": "kernels.spectra",
    "pc-vs-bp": "random_networks.pc_vs_bp",
    "nonlinear-alignment": "nonlinear.alignment",
    "nonlinear-starts": "nonlinear.starts",
    "inference-energy": "benchmarking_pcns.inference_energy",
    "importances": "benchmarking_pcns.importances",
    "training-energy": "deeper_pcns.training_energy",
    "reconstructions": "generative.reconstructions",
    "mcpc-samples": "generative.samples",
    "associative-memory": "generative.memory",
    "out-of-distribution": "generative.outliers",
    "generation": "generative.generation",
    "langevin-chain": "generative.langevin_chain",
}
"""The module of each figure."""


def load_figure(name: int | str) -> Any:
    """The figure of a number or a name."""
    if name not in FIGURES:
        raise ValueError(f"figure {name!r} is not here; wanted one of {', '.join(map(str, FIGURES))}.")
    module = import_module(f".{FIGURES[name]}", __package__)
    return getattr(module, "FIGURE", module)
