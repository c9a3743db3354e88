"""The findings in a few sentences."""

from collections.abc import Iterator
from typing import Any

from ..words import KAIMING, fixed, number


def sentences(found: dict[str, Any]) -> Iterator[str]:
    """Sentences to read before the charts, each with its number."""
    yield (
        "Alignment is the cosine between a sample's residual and the change of its prediction when an update begins: "
        "1 is straight at the target, 0 sideways, below 0 away from it."
    )
    yield from _alignment(found)
    for each in found["diagnosis"]:
        yield " ".join(filter(None, (each["text"], each["advice"] and f"To try: {each['advice']}")))
    yield from _inference(found["inference"])
    yield from _random(found["random"])


def _alignment(found: dict[str, Any]) -> Iterator[str]:
    known = [each for each in found["alignment"] if each.get("mean") is not None]
    for batch in dict.fromkeys((1, found["samples"])):
        of_size = sorted((each for each in known if each["batch"] == batch), key=lambda each: -each["mean"])
        if of_size:
            listed = "; ".join(f"{each['label']} {fixed(each['mean'])}" for each in of_size)
            yield f"{'One sample at a time' if batch == 1 else f'All {batch} samples together'}: {listed}."


def _inference(inference: dict[str, Any]) -> Iterator[str]:
    if "refused" not in inference:
        middle = inference["steps"][1]
        yield (
            f"Inference has a condition number of {number(inference['condition_number'])}: with the best step size, "
            f"{number(middle['plain'])} steps leave a thousandth of the way; with momentum, "
            f"{number(middle['momentum'])} do."
        )


def _random(random: dict[str, Any]) -> Iterator[str]:
    for row in random.get("rows", [])[-2:]:
        samples = "single samples" if row["batch"] == 1 else f"{row['batch']} samples together"
        place = "differs from" if row["differs"] else "is among"
        yield (
            f"{row['label']} on {samples}: {fixed(row['value'])} {place} {random['draws']} random networks of "
            f"these widths ({KAIMING}), {fixed(row['low'])} to {fixed(row['high'])}."
        )
