"""The best of several trainings, and the ones that are as good.

Two things decide nothing. Errors below `ROUNDING` of the error before training are rounding: they tie, and the training
that gets there first is better. A difference within `NOISE` standard errors of its mean over seeds is noise.
"""

import math
from typing import Any

from jaxtyping import Bool, Float, Int

from ..numerics.algebra import Array
from ..numerics.kinds import namespace

ROUNDING = 1e-14
"""Errors below this share of the error before training are rounding, and equal."""
NOISE = 2.0
"""The number of standard errors by which a mean over seeds must differ from a number to count as different."""


def arrivals(errors: Float[Array, "... T"]) -> Int[Array, "..."]:
    """The first time at which errors are below rounding; ``T`` if the last is not."""
    xp = namespace(errors)
    below = (errors <= ROUNDING * errors[..., :1]) & xp.isfinite(errors)
    return xp.where(below[..., -1], below.argmax(axis=-1), errors.shape[-1])


def powers(errors: Float[Array, "... T"], most: float = math.inf) -> Float[Array, "... T"]:
    """The decimal logarithm of errors over the error before training, not below `ROUNDING`, nor above ``most``."""
    xp = namespace(errors)
    largest = min(most, float(xp.finfo(errors.dtype).max))
    start = xp.where(errors[..., :1] > 0, errors[..., :1], 1)
    shares = xp.nan_to_num(errors / start, nan=largest, posinf=largest)
    return xp.log10(xp.clip(shares, ROUNDING, largest))


def best_rate(errors: Float[Array, "... R S T"]) -> Int[Array, "..."]:
    """The index of the best learning rate.

    It has the lowest mean error over the seeds at the end. If some end below rounding, it is the first to get there.
    Among rates that are equal in this too, it is the first.
    """
    xp = namespace(errors)
    mean = xp.nan_to_num(errors.mean(axis=-2), nan=math.inf, posinf=math.inf)
    arrived = arrivals(mean)
    there = (arrived < mean.shape[-1]).any(axis=-1)
    return xp.where(there, arrived.argmin(axis=-1), mean[..., -1].argmin(axis=-1))


def gains(
    better: Float[Array, "... S T"], worse: Float[Array, "... S T"]
) -> tuple[Float[Array, "... S"], Bool[Array, "..."]]:
    """The amount by which one training ends lower than another, by seed.

    Returns:
        The difference in powers of ten; where both end below rounding in all seeds, by how many measurements the first
        is sooner there. And where that is so.
    """
    xp, times = namespace(better, worse), better.shape[-1]
    first, second = arrivals(better), arrivals(worse)
    in_steps = ((first < times) & (second < times)).all(axis=-1)
    lower = powers(worse)[..., -1] - powers(better)[..., -1]
    return xp.where(in_steps[..., None], (second - first).astype(lower.dtype), lower), in_steps


def mean_and_error(values: Float[Array, "... S"]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """The mean over seeds and its standard error, from the sample standard deviation (n − 1); 0 for one seed."""
    count = values.shape[-1]
    mean = values.mean(axis=-1)
    return mean, values.std(axis=-1, ddof=1) / math.sqrt(count) if count > 1 else 0 * mean


def within_noise(difference: Any, error: Any, least: Any = 0.0) -> Any:
    """Whether a mean difference is within `NOISE` standard errors, or no more than the least that counts."""
    return (abs(difference) <= NOISE * error) | (abs(difference) <= least)


def tied(errors: Float[Array, "... R S T"], best: Int[Array, "..."]) -> Bool[Array, "... R"]:
    """A mask of the learning rates that are as good as the best: no seed diverges, and the difference is within noise.

    Times differ if they are more than one measurement apart.
    """
    xp = namespace(errors)
    lowest = xp.take_along_axis(errors, xp.asarray(best)[..., None, None, None], axis=-3)
    gain, in_steps = gains(xp.broadcast_to(lowest, errors.shape), errors)
    same = within_noise(*mean_and_error(gain), in_steps.astype(gain.dtype))
    return same & xp.isfinite(errors[..., -1]).all(axis=-1)
