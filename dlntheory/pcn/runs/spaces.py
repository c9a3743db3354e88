"""The papers' search spaces of hyperparameters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ...numerics.checks import one_of
from .config import HYPERPARAMETERS, OF_INITIAL, OWNERS, TrainingConfig


class Choice(NamedTuple):
    """One of some values."""

    values: tuple[Any, ...]


class Range(NamedTuple):
    """A number between two, in steps or log-uniform."""

    low: float
    high: float
    step: float | None = None
    log: bool = False


Dimension = Choice | Range

DEPTHS = {"MLP": 4, "AE": 4, "Decoder": 3, "Conv-AE": 6, "Conv-Decoder": 3, "AlexNet": 8}
"""Layers with weights of the models that are not named by them, as they are without options."""

ACTIVATIONS = Choice(("leaky_relu", "gelu", "hard_tanh"))
BP_ACTIVATIONS = Choice((*ACTIVATIONS.values, "relu"))
DECAY = Range(1e-5, 1e-2, log=True)


EXAMPLES: dict[str, Any] = {
    **dict.fromkeys(HYPERPARAMETERS, 0.5), **dict.fromkeys(OF_INITIAL, 1), "inference_steps": 1, "average_from": 0,
    "beta_end": "target", "initial": "forward", "rescaling": "adaptive", "nudging": "positive", "sign_by": "epoch",
    "precisions": "decaying", "memory_start": "forward",
}  # fmt: skip
"""A value of every option of inference."""


class Space(NamedTuple):
    """A paper's table: the dimensions searched for predictive coding, iPC and BP, and inference steps by model.

    A model without a row has steps from its depth on, in twos, as the rows of Deeper PCNs have.
    """

    pc: Mapping[str, Dimension]
    ipc: Mapping[str, Dimension]
    bp: Mapping[str, Dimension]
    steps: Mapping[str, tuple[int, ...]]


_BENCHMARKING: dict[str, Dimension] = {
    "activation": ACTIVATIONS,
    "beta": Range(0.0, 1.0, step=0.05),
    "beta_rate": Choice((0.02, 0.0)),
    "step_size": Range(1e-2, 5e-1, log=True),
    "learning_rate": Range(1e-5, 3e-4, log=True),
    "momentum": Range(0.0, 1.0, step=0.05),
    "weight_decay": DECAY,
}
_DEEPER: dict[str, Dimension] = {
    "activation": BP_ACTIVATIONS,
    "decay": Choice((1.0, 1.5, 2.0)),
    "beta": Range(0.0, 0.9, step=0.15),
    "step_size": Range(5e-3, 9e-1, log=True),
    "learning_rate": Range(1e-5, 3e-2, log=True),
    "momentum": Range(0.0, 1.0, step=0.1),
    "weight_decay": DECAY,
}
AUTOENCODER_ACTIVATIONS = Choice(("relu", "leaky_relu", "gelu", "tanh", "hard_tanh"))
_AUTOENCODERS: dict[str, Dimension] = {
    "kernel": Choice((3, 4, 5, 7)),
    "activation": AUTOENCODER_ACTIVATIONS,
    "step_size": Range(1e-2, 5e-1, log=True),
    "momentum": Range(0.0, 0.95, step=0.05),
    "learning_rate": Range(3e-5, 1e-3, log=True),
    "weight_decay": DECAY,
}
_SAMPLING: dict[str, Dimension] = {
    "activation": Choice(("relu", "silu", "tanh", "leaky_relu", "hard_tanh")),
    "step_size": Range(1e-4, 5e-2, log=True),
    "momentum": Choice((0.0, 0.9)),
    "noise": Choice((1.0, 0.3**0.5, 0.1, 0.001**0.5)),
    "output_variance": Range(0.03, 1.0, log=True),
    "learning_rate": Range(1e-4, 1e-1, log=True),
    "weight_decay": Choice((0.0, 0.1, 0.01, 0.001, 0.0001)),
    "batch_size": Choice((150, 300, 600, 900)),
}
_SKIPS: dict[str, Dimension] = {
    "activation": Choice(("gelu", "leaky_relu")),
    "step_size": Choice((5e-2, 1e-1, 5e-1)),
    "momentum": Choice((0.0, 0.5, 0.9, 0.99)),
    "learning_rate": Choice((1e-4,)),
    "weight_decay": Choice((5e-4, 1e-4, 5e-5)),
}

SPACES = {
    "benchmarking": Space(
        pc=_BENCHMARKING,
        ipc={**_BENCHMARKING, "step_size": Range(1e-2, 1.0, log=True), "weight_decay": Range(1e-5, 1e-1, log=True)},
        bp={"activation": BP_ACTIVATIONS, "learning_rate": Range(3e-5, 3e-4, log=True), "weight_decay": DECAY},
        steps={
            "MLP": (4, 5, 6, 7, 8), "VGG-5": (4, 5, 6, 7, 8), "VGG-7": (8, 9, 10, 11, 12),
            "VGG-9": (9, 10, 12, 15, 18), "ResNet-18": (6, 10, 12, 18, 24),
        },
    ),
    "deeper": Space(
        pc=_DEEPER,
        ipc=_DEEPER,
        bp={"activation": BP_ACTIVATIONS, "learning_rate": Range(1e-5, 3e-4, log=True), "weight_decay": DECAY},
        steps={"VGG-5": (5, 6, 7, 8), "VGG-7": (7, 9, 11, 13), "VGG-10": (10, 12, 14, 16), "VGG-15": (15, 17, 19, 21)},
    ),
    "autoencoders": Space(
        pc=_AUTOENCODERS,
        ipc={**_AUTOENCODERS, "step_size": Range(1e-2, 1.0, log=True), "weight_decay": Range(1e-5, 1e-1, log=True)},
        bp={name: _AUTOENCODERS[name] for name in ("kernel", "activation", "learning_rate", "weight_decay")},
        steps=dict.fromkeys(("AE", "Conv-AE", "Decoder", "Conv-Decoder"), (20,)),
    ),
    "sampling": Space(
        pc=_SAMPLING,
        ipc=_SAMPLING,
        bp={name: _SAMPLING[name] for name in ("activation", "learning_rate", "weight_decay", "batch_size")},
        steps={"Decoder": (1000,)},
    ),
    "skips": Space(
        pc=_SKIPS,
        ipc=_SKIPS,
        bp={name: _SKIPS[name] for name in ("activation", "learning_rate", "weight_decay")},
        steps={"VGG-19": (24, 36)},
    ),
}  # fmt: skip
"""By name: Table 7 of Benchmarking PCNs, Table 5 of Deeper PCNs, and Tables 8 and 9, 10 and 11 of Benchmarking PCNs.

Table 7's rate of the weights has two entries for three columns; the first is read as the rate of PC and of iPC. In
steps of 0.15 Table 5's ``β`` from 0 to 1 ends at 0.9. Table 10 gives variances of the noise, and
appendix C.2 the steps of its learning.
"""


def search_space(paper: str, config: TrainingConfig) -> dict[str, Dimension]:
    """A paper's search space for a model and an algorithm.

    Args:
        paper: a name from `SPACES`.
        config: has the model and the algorithm.

    Returns:
        Dimensions by option of the configuration, those that the algorithm has a use for.

    Raises:
        ValueError: for an unknown paper or algorithm.

    Example:
        >>> sorted(search_space("deeper", TrainingConfig(algorithm="D+F", model="VGG-5")))
        ['activation', 'decay', 'inference_steps', 'learning_rate', 'momentum', 'step_size', 'weight_decay']
    """
    space = SPACES[one_of("space", paper, SPACES)]
    kind = config.algorithm.removesuffix("+BF").partition("-")[0]
    table = {"BP": space.bp, "iPC": space.ipc}.get(kind, space.pc)
    steps = space.steps.get(config.model) or near_depth(config)
    dimensions = {**table, "inference_steps": Choice(steps)}
    return {name: each for name, each in dimensions.items() if has_use(config, name)}


def near_depth(config: TrainingConfig) -> tuple[int, ...]:
    """Inference steps from a model's depth on, so that the output's error reaches every layer."""
    depth = DEPTHS.get(config.model) or int(config.model.partition("-")[2])
    if config.hidden is not None:
        depth = {"MLP": len(config.hidden) + 1, "AE": 2 * len(config.hidden)}.get(config.model, len(config.hidden))
    return tuple(range(depth, depth + 8, 2))


def has_use(config: TrainingConfig, option: str) -> bool:
    """Whether the model and the algorithm have a use for an option."""
    if option not in EXAMPLES:
        return config.model in OWNERS.get(option, (config.model,))
    try:
        replace(config, **{option: EXAMPLES[option]}).make_algorithm()
    except ValueError:
        return False
    return True
