"""The configuration of a run: everything that its numbers depend on, refused where it makes no sense."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax

from ...nonlinear import models
from ...nonlinear.activations import ACTIVATIONS
from ...numerics.checks import as_count, as_list, as_number, as_share, meant, one_of
from ..choices import presets
from ..choices.algorithms import Algorithm
from ..choices.hopfield import HopfieldMemory
from ..choices.initial_states import ClassAverage, Initial
from ..choices.losses import SquaredError
from ..choices.optimisers import adam, adamw, sgd
from ..choices.updates import Backpropagation
from ..data.batches import ORDERS, Augmentation
from ..data.catalogue import check_name, has_classes
from ..data.dataset import Dataset
from ..data.own import is_own
from .options import Options
from .precision import STORED, with_mixed_layers

COUNTS = ("epochs", "batch_size", "log_every", "devices", "schedule_epochs", "train_samples", "test_samples",
          "patience", "inference_steps", "crop", "kernel", "average_layer", "patterns", "memory_width", "memory_heads",
          "memory_layers", "resize", "outputs")  # fmt: skip
NOT_NEGATIVE = ("weight_decay", "checkpoint_seconds", "learning_rate", "rotation")
STARTS = ("forward", "zero", "random")
"""Starts of inference without a memory."""
OPTIMISERS, RATES = ("adamw", "adam", "sgd"), ("cosine", "constant")
OWNERS = {
    "hidden": ("MLP", "AE", "Decoder"), "channels": ("Conv-AE", "Conv-Decoder", *models.CONVOLUTIONS),
    "kernel": ("Conv-AE", "Conv-Decoder"),
    "prior": tuple(models.DECODERS), "rescaling": ("MLP", "AE"), "skip": ("VGG-19",), "auxiliary": ("ResNet-18",),
    "test_steps": tuple(models.DECODERS), "test_step_size": tuple(models.DECODERS),
}  # fmt: skip
"""Options that only some models have."""
HYPERPARAMETERS = {
    "inference_steps": "steps", "step_size": "step_size", "momentum": "momentum", "beta": "beta",
    "beta_rate": "beta_rate", "beta_end": "beta_end", "decay": "decay", "initial": "initial", "rescaling": "rescaling",
    "nudging": "nudging", "sign_by": "sign_by", "precisions": "precisions", "noise": "noise",
    "output_variance": "variance", "average_from": "average_from",
}  # fmt: skip
"""The algorithm's fields, by their names in `dlntheory.pcn.algorithm`."""
OF_INITIAL: dict[str, tuple[type[Initial], str]] = {
    "average_layer": (ClassAverage, "first"), "patterns": (HopfieldMemory, "patterns"),
    "memory_width": (HopfieldMemory, "width"), "memory_rate": (HopfieldMemory, "rate"),
    "memory_heads": (HopfieldMemory, "heads"), "memory_layers": (HopfieldMemory, "layers"),
    "memory_start": (HopfieldMemory, "start"),
}  # fmt: skip
"""Options of initial states: the class that has each, and its name there."""
OF_TESTS = ("test_steps", "test_step_size")
"""Options of the inference that tests a decoder."""
OF_ALGORITHM = (*HYPERPARAMETERS, *OF_TESTS)
"""Options that say nothing about the network."""
CIRCUMSTANCES = ("data_dir", "checkpoint_seconds")
"""Fields that no number depends on."""


@dataclass(frozen=True)
class TrainingConfig(Options):
    """A training: which model, data and algorithm, and how long.

    Its arguments are the fields of `Options`, which say what they mean; ``None`` is the algorithm's or the model's
    default.

    Example:
        >>> TrainingConfig(data="iris", hidden=(8,), algorithm="BP-SE", batch_size=20).check()
        >>> TrainingConfig(data="iris", batch_size=0).check()
        Traceback (most recent call last):
            ...
        ValueError: `batch_size` is 0; wanted at least 1.
    """

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "TrainingConfig":
        """The configuration that `as_json` wrote.

        Raises:
            ValueError: for names that a configuration does not have.
        """
        unknown = record.keys() - cls.__dataclass_fields__.keys()
        if unknown:
            names = ", ".join(sorted(unknown))
            raise ValueError(
                f"the configuration has {names}; wanted options of `dlntheory train`, with underscores for dashes."
                f"{meant(min(unknown), cls.__dataclass_fields__)}"
            )
        options: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
        }
        return cls(**options)

    def as_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        return dict(vars(self))

    def differences(self, other: "TrainingConfig") -> list[str]:
        """The options in which two configurations differ, apart from those that no number depends on."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return [name for name, own, others in pairs if own != others and name not in CIRCUMSTANCES]

    def check(self) -> None:
        """Refuse configurations that cannot be run, before data are read or anything is compiled.

        Raises:
            ValueError: for a value out of range, an unknown name, or options that exclude each other.
            TypeError: for a value of a wrong type.
        """
        check_name(self.data, self.data_dir)
        for name in COUNTS:
            if getattr(self, name) is not None:
                as_count(name, getattr(self, name))
        for name in ("seed", "padding"):
            as_count(name, getattr(self, name), minimum=0)
        for name in NOT_NEGATIVE:
            as_number(name, getattr(self, name), negative=False)
        if self.memory_rate is not None:
            as_number("memory_rate", self.memory_rate, negative=False)
        if self.validation is not None:
            as_share("validation", self.validation, zero=False)
        one_of("order", self.order, ORDERS)
        one_of("precision", self.precision, STORED)
        self._check_optimiser()
        if self.batch_size % self.devices:
            raise ValueError(f"`batch_size` is {self.batch_size}; wanted a multiple of {self.devices} devices.")
        if self.devices > 1 and self.devices > jax.device_count():
            raise ValueError(f"`devices` is {self.devices}, but JAX has {jax.device_count()}; wanted no more.")
        self._check_model()
        self._check_target(self.make_algorithm())
        self._check_tests()
        self._check_memory()

    def _check_optimiser(self) -> None:
        one_of("optimiser", self.optimiser, OPTIMISERS)
        one_of("rate", self.rate, RATES)
        if self.weight_momentum and self.optimiser != "sgd":
            raise ValueError(f"`weight_momentum` is an option of sgd, and `optimiser` is {self.optimiser!r}.")
        as_share("weight_momentum", self.weight_momentum)
        if self.schedule_epochs is not None and self.rate == "constant":
            raise ValueError(f"`schedule_epochs` is {self.schedule_epochs} with a constant rate; wanted None.")

    def _check_target(self, algorithm: Algorithm) -> None:
        """A classifier's targets are classes; a model that reconstructs has none, and a decoder no input either."""
        if not self.reconstructs:
            if not has_classes(self.data):
                wanted = ", ".join(models.AUTOENCODERS)
                raise ValueError(
                    f"`model` is {self.model}, and pictures of {self.data} have no classes; wanted {wanted}."
                )
            return
        if not isinstance(algorithm.loss, SquaredError):
            raise ValueError(f"`algorithm` is {self.algorithm!r}; wanted one with the squared error for {self.model}.")
        if isinstance(algorithm.initial, ClassAverage):
            raise ValueError(f"`initial` is the class average, and {self.model} has no classes; wanted another.")
        if self.model in models.DECODERS and isinstance(algorithm.update, Backpropagation):
            raise ValueError(f"`algorithm` is {self.algorithm!r}, which infers no latent for {self.model}; wanted AE.")
        if self.model in models.DECODERS and self.alignment:
            raise ValueError(f"`alignment` is True, and {self.model} has no input to predict from; wanted False.")

    def _check_tests(self) -> None:
        steps, size = self.test_steps, self.test_step_size
        if steps is not None:
            for each in as_list("test_steps", steps, "whole numbers"):
                as_count("test_steps", each)
            if not steps or len(set(steps)) < len(steps):
                raise ValueError(f"`test_steps` is {steps}; wanted numbers of steps, each once.")
        if size is not None:
            as_number("test_step_size", size, positive=True)
        self.make_tests()

    def _check_memory(self) -> None:
        """Refuse more states with a memory than the network has, a number that does not depend on the data."""
        if self.memory_layers is None:
            return
        depth = eqx.filter_eval_shape(self._network, (3, 64, 64), 10).depth
        if self.memory_layers > depth:
            raise ValueError(f"`memory_layers` is {self.memory_layers}; wanted at most {depth}, the network's states.")

    def _check_model(self) -> None:
        one_of("model", self.model, models.MODELS)
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("norm", self.norm, models.NORMS)
        for name, owners in OWNERS.items():
            if getattr(self, name) and self.model not in owners:
                raise ValueError(f"`{name}` is an option of {' and '.join(owners)}, and `model` is {self.model!r}.")
        for name in ("hidden", "channels"):
            for width in as_list(name, getattr(self, name) or (), "whole numbers"):
                as_count(name, width)
        if self.model in models.CONVOLUTIONS:
            models.stages_of(self.model, self.channels)
        as_number("diverged_above", self.diverged_above, positive=True)
        if self.prior is not None and as_number("prior", self.prior) <= 0:
            raise ValueError(f"`prior` is {self.prior}; wanted a positive variance, or None for a flat prior.")
        demanded = presets.norm_of(self.algorithm)
        if demanded and self.norm not in (None, demanded):
            raise ValueError(f"`norm` is {self.norm!r}, but {self.algorithm} needs {demanded!r}.")

    @property
    def data_name(self) -> str:
        """The name of the data set; of a file, without its folder and ending."""
        return Path(self.data).stem if is_own(self.data) else self.data

    @property
    def reconstructs(self) -> bool:
        """Whether the model is an autoencoder or a decoder, whose target is the sample."""
        return self.model in models.AUTOENCODERS

    @property
    def measure(self) -> str:
        """The meaning of accuracy in the records."""
        return "explained variance" if self.reconstructs else "accuracy"

    @property
    def judge(self) -> str:
        """The samples on which the best epoch is chosen: ``"validation"``, or ``"test"`` if there are none."""
        return "test" if self.validation is None else "validation"

    @property
    def augmentation(self) -> Augmentation:
        """The changes of training images."""
        return Augmentation(self.flip, self.crop, self.padding, self.rotation)

    def make_algorithm(self, optimiser: Any = None) -> Algorithm:
        """The preset with its hyperparameters; a memory without a rate of its own learns by ``optimiser``."""
        given = {name: getattr(self, option) for option, name in HYPERPARAMETERS.items()}
        chosen = presets.algorithm(self.algorithm, **given)
        initial = self._initial(chosen.initial)
        if isinstance(initial, HopfieldMemory) and self.memory_rate is None and optimiser is not None:
            initial = replace(initial, rate=optimiser)
        return replace(chosen, initial=initial)

    def make_tests(self, optimiser: Any = None) -> dict[int, Algorithm]:
        """The algorithms that test a decoder, by their steps of inference, without the options of learning."""
        own = self.make_algorithm(optimiser)
        if self.test_steps is None and self.test_step_size is None:
            return {own.steps: own}
        size = self.step_size if self.test_step_size is None else self.test_step_size
        bare = replace(self, step_size=size, average_from=None, rescaling=None)
        counts = self.test_steps or (own.steps,)
        return {steps: replace(bare, inference_steps=steps).make_algorithm(optimiser) for steps in counts}

    def _initial(self, initial: Initial) -> Initial:
        """The initial state with its options."""
        options = {option: getattr(self, option) for option in OF_INITIAL if getattr(self, option) is not None}
        for option in options:
            owner, _ = OF_INITIAL[option]
            if not isinstance(initial, owner):
                kind = type(initial).__name__
                raise ValueError(f"`{option}` is an option of {owner.__name__}, and inference starts at {kind}.")
        if "memory_start" in options:
            options["memory_start"] = presets.INITIALS[one_of("memory_start", options["memory_start"], STARTS)]
        return replace(initial, **{OF_INITIAL[option][1]: value for option, value in options.items()})

    def make_network(self, data: Dataset) -> Any:
        """The network, with random weights, for a data set.

        Raises:
            ValueError: if the model cannot take samples of that shape.
        """
        return self._network(data.shape, data.classes)

    def _network(self, shape: tuple[int, ...], classes: int) -> Any:
        shape = shape if self.crop is None else (shape[0], self.crop, self.crop)
        of_model = (name for name, owners in OWNERS.items() if self.model in owners and name not in OF_ALGORITHM)
        options = {name: getattr(self, name) for name in of_model}
        if "prior" in options:
            options["variance"] = options.pop("prior")
        norm = self.norm or presets.norm_of(self.algorithm)
        network = models.build(
            self.model, shape, classes, self.activation, norm, key=self.seed, dtype=STORED[self.precision],
            **{name: value for name, value in options.items() if value is not None},
        )  # fmt: skip
        return with_mixed_layers(network) if self.precision == "bfloat16" else network

    def make_optimiser(self, steps_per_epoch: int, by_batch: bool = False) -> Any:
        """The optimiser, with the papers' schedule over all of its steps or a constant rate.

        With ``by_batch`` it takes one step per batch, as that of a memory, whatever the weights' takes.
        """
        batches = (self.schedule_epochs or self.epochs) * steps_per_epoch
        each = 1 if by_batch else self.make_algorithm().weight_steps
        steps = None if self.rate == "constant" else batches * each
        if self.optimiser == "sgd":
            return sgd(self.learning_rate, self.weight_momentum, self.weight_decay, steps)
        return {"adamw": adamw, "adam": adam}[self.optimiser](self.learning_rate, self.weight_decay, steps)
