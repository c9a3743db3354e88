"""Training in parts, so that an interruption keeps the parts that are finished."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..networks.network import LinearNetwork
    from ..training.train import Training

PARTS = 20
"""About how many parts a training has."""


def train_in_parts(
    net: "LinearNetwork", x: Any, y: Any, steps: int, batch: int | None, seed: int, every: int, **options: Any
) -> tuple["Training", bool]:
    """Train as `train` does, which measures the alignment at every ``every``-th step; and say whether Ctrl-C came.

    Ctrl-C ends a training after the part under way, with fewer steps than wanted unless that is the last; a second
    Ctrl-C at once. Before the first part has ended there is nothing to keep.
    """
    import numpy as np

    from ..pcn.runs.interruptions import end_as_if_interrupted, held_back
    from ..training.train import train

    end_as_if_interrupted()
    drawn, parts = np.random.default_rng(seed), []
    try:
        for count in _sizes(steps, every):
            with held_back():
                parts.append(train(net, x, y, steps=count, batch=batch, key=drawn, alignment_every=every, **options))
            net = parts[-1].net
            if parts[-1].outcome != "finished":
                break
    except KeyboardInterrupt:
        if not parts:
            raise
        return _joined(parts, sum(len(part.loss) for part in parts)), True
    return _joined(parts, steps), False


def _sizes(steps: int, every: int) -> Iterator[int]:
    """Steps of each part: whole multiples of ``every``, but for the last."""
    size = every * -(-steps // (every * PARTS))
    for start in range(0, steps, size):
        yield min(size, steps - start)


def _joined(parts: list["Training"], steps: int) -> "Training":
    """The parts as one training of so many steps; after a divergence, missing values are infinite, or NaN."""
    import numpy as np

    from ..numerics.record import with_fields

    every = parts[0].alignment_every or 1
    errors = np.concatenate([np.asarray(part.error)[number > 0 :] for number, part in enumerate(parts)])
    loss, alignment = (np.concatenate([getattr(part, name) for part in parts]) for name in ("loss", "alignment"))
    return with_fields(
        parts[-1],
        error=_extended(errors, steps + 1, np.inf),
        loss=_extended(loss, steps, np.inf),
        alignment=_extended(alignment, -(-steps // every), np.nan),
        steps=np.sum([int(part.steps) for part in parts]),
        accuracy=np.max([part.accuracy for part in parts]),
    )


def _extended(curve: Any, length: int, value: float) -> Any:
    import numpy as np

    return np.concatenate([curve, np.full(length - len(curve), value, curve.dtype)])
