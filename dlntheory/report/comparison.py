"""Rules, rescalings and batch sizes compared on one network and data: a table, a frame and a picture."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Unpack

import numpy as np

from ..learning.alignment import target_alignment
from ..learning.problem import OPTIONS, UpdateOptions
from ..networks.network import LinearNetwork, as_network
from ..networks.samples import shaped
from ..numerics.checks import as_batch, as_count, as_list, as_seed, same_batch
from ..numerics.options import takes
from ..numerics.presentation import Presented
from .plot import batch_size, by_rule
from .words import fixed, rule_name

DEFAULT_RULES = ("bp", "pc", "pc:adaptive_positive", "pc:decorrelated")
BATCHES = (1, 8, 32, "all")
REPEATS = 20
"""The most batches that are drawn per size."""


class Row(NamedTuple):
    """The alignment of one rule in batches of one size: its mean over batches, and the mean's standard error."""

    rule: str
    rescaling: str | None
    batch: int
    batches: int
    mean: float
    error: float
    smallest: float


class Comparison(Presented):
    """Target alignment by rule, rescaling and batch size, from `compare`. ``rows`` holds one `Row` for each.

    ``print`` shows the means, with a column for each batch size; ``to_dict()`` and ``to_dataframe()`` have all numbers.
    """

    def __init__(self, rows: Sequence[Row]):
        self.rows = tuple(rows)

    def _facts(self) -> dict[str, Any]:
        return {"rows": len(self.rows)}

    def _columns(self) -> dict[str, Any]:
        return {name: [getattr(row, name) for row in self.rows] for name in Row._fields}

    def to_dict(self) -> dict[str, Any]:
        """The rows as columns."""
        return self._columns()

    def plot(self, ax: Any = None) -> Any:
        """Draw alignment against batch size, one line per rule; returns the axes."""
        return batch_size(self, ax=ax)

    def summary(self) -> str:
        """The means, a line for each rule and a column for each batch size."""
        sizes = list(dict.fromkeys(row.batch for row in self.rows))
        lines = ["alignment by batch size".ljust(26) + "".join(f"{size:>10}" for size in sizes)]
        for (rule, rescaling), rows in by_rule(self.rows):
            lines.append(rule_name(rule, rescaling).ljust(26) + "".join(f"{fixed(row.mean):>10}" for row in rows))
        return "\n".join(lines)


@takes(UpdateOptions, OPTIONS)
def compare(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rules: Any = None,
    batches: Any = None,
    learning_rate: Any = None,
    seed: int = 0,
    **options: Unpack[UpdateOptions],
) -> Comparison:
    """Compare the target alignment of rules and rescalings, by batch size.

    Batches of each size are drawn from the data without replacement, at most 20 of them and no sample twice; the
    alignment of a batch is the mean over its samples.

    Args:
        net: the network.
        x: inputs, ``(N, n_0)`` or ``(n_0,)``.
        y: targets, ``(N, n_L)`` or ``(n_L,)``.
        rules: such as ``["bp", "pc", "pc:decorrelated"]``, a rule and its rescaling; by default these and
            ``"pc:adaptive_positive"``.
        batches: sizes, and ``"all"`` for the whole data set; by default 1, 8, 32 and all.
        learning_rate: as in `target_alignment`.
        seed: the seed of the draws.
        **options: as in `weight_updates`.

    Returns:
        The `Comparison`: print it, ``to_dataframe()`` or ``plot()``.

    Raises:
        ValueError: as `target_alignment`; also for a size above the number of samples that is not ``"all"``.
        TypeError: as `target_alignment`.

    Source:
        Sample Efficiency, equation 5 and section 3.3.

    Example:
        >>> from dlntheory import LinearNetwork
        >>> net = LinearNetwork.random([4, 4, 4], key=0)
        >>> rng = np.random.default_rng(0)
        >>> print(compare(net, rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), ["pc:decorrelated"], [1, 3]))
        alignment by batch size            1         3
        PC, decorrelated              1.0000    1.0000
    """
    net = as_network("net", net)
    x, y = as_batch("x", x, net.shapes[0], net.dtype), as_batch("y", y, net.shapes[-1], net.dtype)
    same_batch(x, y)
    x, y = (shaped(np.atleast_2d(rows), shape) for rows, shape in ((x, net.shapes[0]), (y, net.shapes[-1])))
    names = _as_names(DEFAULT_RULES if rules is None else rules)
    sizes = _as_sizes(BATCHES if batches is None else batches, len(x), given=batches is not None)
    draws, measure = draw_batches(len(x), sizes, as_seed("seed", seed)), partial(batch_alignments, net, x, y)
    rows = []
    for rule, rescaling in names:
        for size, samples in draws.items():
            found = measure(samples, rule=rule, rescaling=rescaling, learning_rate=learning_rate, **options)
            rows.append(_row(rule, rescaling, size, found))
    return Comparison(rows)


def _as_names(rules: Any) -> list[tuple[Any, Any]]:
    names = as_list("rules", rules, "rules", empty=False)
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(f"`rules[{index}]` is {name!r}; wanted a rule and its rescaling such as 'pc:decorrelated'.")
    return [as_rule(name) for name in names]


def _as_sizes(batches: Any, samples: int, given: bool) -> list[int]:
    sizes = []
    for index, each in enumerate(as_list("batches", batches, "sizes")):
        size = samples if isinstance(each, str) and each == "all" else as_count(f"batches[{index}]", each)
        if size > samples and given:
            raise ValueError(f"`batches[{index}]` is {size} but there are {samples} samples; wanted no more, or 'all'.")
        if size <= samples and size not in sizes:
            sizes.append(size)
    if not sizes:
        raise ValueError("`batches` is empty; wanted at least one size.")
    return sizes


def as_rule(name: str) -> tuple[Any, Any]:
    """The rule and the rescaling of a name such as ``"pc:decorrelated"``."""
    rule, _, rescaling = name.partition(":")
    return rule, rescaling or None


def draw_batches(samples: int, sizes: Sequence[int], seed: int, repeats: int = REPEATS) -> dict[int, list[np.ndarray]]:
    """Batches of each size without a sample in common, at most ``repeats`` of them, as indices."""
    generator = np.random.default_rng(seed)
    return {size: _draw(generator, samples, size, repeats) for size in sizes}


def _draw(generator: np.random.Generator, samples: int, size: int, repeats: int) -> list[np.ndarray]:
    order = generator.permutation(samples)
    return [order[start : start + size] for start in range(0, samples - size + 1, size)][:repeats]


def batch_alignments(
    net: LinearNetwork, x: Any, y: Any, batches: Sequence[np.ndarray], **options: Any
) -> list[np.ndarray]:
    """The alignments of the samples of each batch."""
    return [np.asarray(target_alignment(net, x[each], y[each], **options)) for each in batches]


def _row(rule: str, rescaling: str | None, size: int, found: list[np.ndarray]) -> Row:
    means = [each[np.isfinite(each)].mean() for each in found if np.isfinite(each).any()]
    if not means:
        return Row(rule, rescaling, size, len(found), np.nan, np.nan, np.nan)
    error = np.std(means, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    smallest = min(float(np.nanmin(each)) for each in found if np.isfinite(each).any())
    return Row(rule, rescaling, size, len(found), float(np.mean(means)), float(error), smallest)
