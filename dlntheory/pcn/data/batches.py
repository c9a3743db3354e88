"""Batches: the samples that each step learns from, and their inputs and targets on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...numerics.checks import one_of
from .augmentation import centre_crop, random_crop, random_flip, random_rotation
from .dataset import Dataset, Split

ORDERS = ("shuffled", "aligned")


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images. Test images are cut to ``crop`` around their middle.

    ``crop`` is a side in pixels, ``None`` for no crop; ``padding`` black pixels are put around before. ``rotation`` is
    the largest angle in degrees.
    """

    flip: bool = False
    crop: int | None = None
    padding: int = 0
    rotation: float = 0.0

    def check(self, shape: Sequence[int]) -> None:
        """Refuse changes that samples of that shape do not allow."""
        if self == Augmentation():
            return
        if len(shape) != 3:
            raise ValueError(f"augmentation needs images, and samples have shape {tuple(shape)}.")
        if self.crop is not None and not 0 < self.crop <= min(shape[1:]):
            raise ValueError(f"`crop` is {self.crop}; wanted a side of 1 to {min(shape[1:])} pixels.")


class Preparation(eqx.Module):
    """The way from stored samples to inputs of a network: augmented, normalised, and of the network's shape."""

    scale: Float[Array, "..."]
    shift: Float[Array, "..."]
    augmentation: Augmentation = eqx.field(static=True)
    classes: int = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    deviation: Float[Array, "..."]
    """The standard deviation by which samples are divided, after they have been divided by their maximum."""
    reconstructs: bool = eqx.field(static=True, default=False)
    """Whether the sample is the target, as for an autoencoder."""
    decodes: bool = eqx.field(static=True, default=False)
    """Whether the network has a latent for its input, so that nothing is given to it."""

    @classmethod
    def of(
        cls,
        data: Dataset,
        augmentation: Augmentation,
        input_shape: Sequence[int],
        dtype: str = "float32",
        reconstructs: bool = False,
        decodes: bool = False,
        normalise: bool = True,
    ) -> "Preparation":
        """The preparation of a data set for a network, whose inputs may be flat; without normalisation, from 0 to 1."""
        augmentation.check(data.shape)
        mean, std = (np.asarray(each, float) for each in (data.normalisation.mean, data.normalisation.std))
        if not normalise:
            mean, std = np.zeros_like(mean), np.ones_like(std)
        scale, shift = 1 / (data.normalisation.maximum * std), -mean / std
        each_channel = (-1,) + (1,) * (len(data.shape) - 1)
        return cls(
            jnp.asarray(scale, dtype).reshape(each_channel), jnp.asarray(shift, dtype).reshape(each_channel),
            augmentation, data.classes, tuple(input_shape), jnp.asarray(std, dtype).reshape(each_channel),
            reconstructs, decodes,
        )  # fmt: skip

    def inputs(self, samples: Array, key: Array | None = None) -> Float[Array, "..."]:
        """Inputs ``(B, *input_shape)``; augmented with a key, and as for a test without one."""
        crop = self.augmentation.crop
        if key is not None:
            flip, place = jax.random.split(key)
            if self.augmentation.flip:
                samples = random_flip(flip, samples)
            if self.augmentation.rotation:
                samples = random_rotation(jax.random.fold_in(key, 2), samples, self.augmentation.rotation)
            if crop is not None:
                samples = random_crop(place, samples, crop, self.augmentation.padding)
        elif crop is not None:
            samples = centre_crop(samples, crop)
        normalised = samples.astype(self.scale.dtype) * self.scale[None] + self.shift[None]
        return normalised.reshape(len(samples), *self.input_shape)

    def pair(self, samples: Array, labels: Array, key: Array | None = None) -> tuple[Array, Array]:
        """Inputs and targets of samples and labels, augmented with a key."""
        x = self.inputs(samples, key)
        if not self.reconstructs:
            return x, self.targets(labels)
        return (jnp.zeros((len(x), 0), x.dtype) if self.decodes else x), x

    def targets(self, labels: Int[Array, " batch"]) -> Float[Array, "batch classes"]:
        """One-hot targets of a classifier."""
        return jax.nn.one_hot(labels, self.classes, dtype=self.scale.dtype)


def epoch_batches(labels: np.ndarray, size: int, seed: int, epoch: int, order: str = "shuffled") -> np.ndarray:
    """The samples of each batch of an epoch.

    Args:
        labels: the classes of all samples, ``(N,)``.
        size: samples per batch, at most ``N``.
        seed: the seed of the order; every epoch has its own.
        epoch: its number, from 0.
        order: ``"shuffled"``, or ``"aligned"``: every batch has about as many samples of each class, sorted by class.

    Returns:
        Indices ``(N // size, size)``. Samples that do not fill a batch are left out, others in each epoch.

    Raises:
        ValueError: for batches larger than the data set, or an unknown order.

    Source:
        Better Initialization, section 4.1, for the aligned order ("stream-aligned training").

    Example:
        >>> labels = np.array([0, 1, 0, 1, 0, 1])
        >>> labels[epoch_batches(labels, 4, seed=0, epoch=0, order="aligned")].tolist()
        [[0, 0, 1, 1]]
    """
    one_of("order", order, ORDERS)
    if size > len(labels):
        raise ValueError(f"`batch_size` is {size}, but there are {len(labels)} training samples; wanted fewer.")
    shuffled = np.random.default_rng([seed, epoch]).permutation(len(labels))
    if order == "shuffled":
        return _whole(shuffled, size)
    turns = np.empty(len(labels), int)
    for label in np.unique(labels):
        members = labels[shuffled] == label
        turns[members] = np.arange(members.sum())
    batches = _whole(shuffled[np.argsort(turns, kind="stable")], size)
    return np.take_along_axis(batches, np.argsort(labels[batches], axis=1, kind="stable"), axis=1)


def _whole(order: np.ndarray, size: int) -> np.ndarray:
    return order[: len(order) // size * size].reshape(-1, size)


def on_device(split: Split) -> tuple[Array, Array]:
    """The samples and the labels as arrays on the device."""
    return jnp.asarray(split.samples), jnp.asarray(split.labels)
