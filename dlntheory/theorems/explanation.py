"""Reasons why a theorem does not apply, and the smallest change of batch, rank or layer with which it would."""

from collections.abc import Callable, Iterator
from typing import Any

from .hypotheses import Hypotheses, by_layer, failed

ONE_BY_ONE = (1, 3, "printed-residual")
"""Statements about samples on their own; the others that depend on samples are about a batch."""
LISTED = 8
"""The number of samples or layers that a sentence lists."""


def remedies(theorem: Any, hypotheses: Hypotheses, samples: int, applies: Callable[[slice], bool]) -> Iterator[str]:
    """Sentences about an inapplicable theorem: what fails, and what would do.

    Args:
        theorem: the statement's name.
        hypotheses: by name, some of which fail.
        samples: the size of the batch.
        applies: whether the theorem applies to a part of the batch.

    Yields:
        A sentence for each kind of change.
    """
    unmet = failed(hypotheses)
    shared = _layers(unmet, "one ")
    if shared:
        yield (
            f"Layer: the weight of layer {_list(shared)} must meet each sample once; a dense or residual layer does, a "
            "convolution over several patches or a chain of weights does not."
        )
    if all(name.startswith("precision") for name in unmet):
        yield (
            "Precision: rounding leaves too few digits to decide; give 64-bit numbers, or weights and activities of a "
            "smaller condition number."
        )
    if any(name.startswith("Σ") for name in unmet):
        yield "Covariances: leave them out; the theorem is about identities."
    if not shared and theorem in ONE_BY_ONE:
        yield from _without_samples(samples, applies)
    elif theorem in (2, "printed-1", "printed-2"):
        yield from _smaller_batch(samples, applies)
        yield from _more_directions(hypotheses, samples)


def longest_start(samples: int, applies: Callable[[slice], bool]) -> int:
    """The number of first samples to which a theorem applies together, by doubling and halving.

    Where it applies to a batch, it is taken to apply to the batch's first samples: a part of a residual in the row
    space lies in the part of the row space.

    Example:
        >>> longest_start(64, lambda part: part.stop <= 15), longest_start(64, lambda part: True)
        (15, 64)
    """
    low, high = 0, 1
    while high <= samples and applies(slice(high)):
        low, high = high, 2 * high
    high = min(high, samples + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if applies(slice(middle)) else (low, middle)
    return low


def _without_samples(samples: int, applies: Callable[[slice], bool]) -> Iterator[str]:
    if samples == 1:
        yield "Targets: others would do, and those near enough to the prediction do, unless x̂ is zero in a layer."
        return
    bad = [index for index in range(samples) if not applies(slice(index, index + 1))]
    if len(bad) == samples:
        yield "Batch: it applies to none of the samples."
    elif bad:
        yield f"Batch: it applies to {samples - len(bad)} of the {samples} samples; leave out {_list(bad)} (from 0)."


def _smaller_batch(samples: int, applies: Callable[[slice], bool]) -> Iterator[str]:
    most = longest_start(samples, applies)
    if most == samples:
        return
    if most == 0:
        yield "Batch: it does not even apply to the first sample alone."
    else:
        alone = "the first sample alone" if most == 1 else f"the first {most} samples together"
        yield f"Batch: it applies to {alone}, not to the first {most + 1}; the batch has {samples}."


def _more_directions(hypotheses: Hypotheses, samples: int) -> Iterator[str]:
    """The ranks that Theorem 2 would need."""
    outside = _layers(failed(hypotheses), "rows of R in")
    ranks = dict(by_layer(hypotheses, "rank("))
    short = [(layer, int(ranks[layer].threshold)) for layer in outside if ranks[layer].threshold < samples]
    if short:
        layer, rank = min(short, key=lambda each: each[1])
        yield (
            f"Rank: the inputs of layer {layer} span {_directions(rank)}, and {samples} hold every residual of "
            f"{samples} samples: {samples - rank} more."
        )
        layers = [layer for layer, _ in short]
        need = "layer {} needs" if len(layers) == 1 else "layers {} need"
        yield (
            f"Layer: {need.format(_list(layers))} inputs of {samples} units and more, and as many independent samples."
        )
    for layer, each in list(by_layer(failed(hypotheses), "rank("))[:LISTED]:
        yield (
            f"Rank: at equilibrium layer {layer} keeps {int(each.value)} of the {_directions(int(each.threshold))} of "
            "its feedforward inputs; targets nearer to the predictions lose fewer."
        )


def _directions(count: int) -> str:
    return f"{count} direction{'' if count == 1 else 's'}"


def _layers(hypotheses: Hypotheses, kind: str) -> list[int]:
    return [layer for layer, _ in by_layer(hypotheses, kind)]


def _list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:LISTED]))
    return shown + (f" and {len(numbers) - LISTED} more" if len(numbers) > LISTED else "")
