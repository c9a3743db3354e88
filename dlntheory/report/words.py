"""Numbers and names as reports write them."""

import itertools
import math
from collections.abc import Iterable, Sequence

LABELS = {"bp": "BP", "pc": "PC", "natural": "natural gradient", "evidence": "evidence"}
RESCALINGS = {"adaptive_positive": "adaptive, positive"}
DATA = {
    "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "kmnist": "KMNIST", "cifar10": "CIFAR-10",
    "cifar10-jpeg": "CIFAR-10 (JPEG)", "cifar100": "CIFAR-100", "tiny-imagenet": "Tiny ImageNet",
    "emnist-letters": "EMNIST letters", "notmnist": "notMNIST", "celeba": "CelebA", "celeba-200": "CelebA, 200 × 200",
}  # fmt: skip

KAIMING = "Kaiming uniform, U(±1/√n_in)"
"""The law of the random networks that a network is compared with, and its scale."""


def number(value: float | int | None) -> str:
    """A number to three digits; a dash where there is none."""
    if value is None or math.isnan(value):
        return "—"
    return str(int(value)) if abs(value) < 1e4 and value == int(value) else f"{value:.3g}"


def fixed(value: float | None) -> str:
    """An alignment to four decimals, never rounded up to one."""
    return _rounded(value, 4)


def shortly(value: float | None) -> str:
    """An alignment to three decimals, never rounded up to one."""
    return _rounded(value, 3)


def _rounded(value: float | None, decimals: int) -> str:
    if value is None or math.isnan(value):
        return "—"
    most = math.inf if value > 1 - 1e-9 else 1 - 10.0**-decimals
    return f"{min(value, most):z.{decimals}f}"


def size(value: float) -> str:
    """A loss or an error to four digits."""
    return f"{value:.3e}" if math.isfinite(value) else "∞"


def rule_name(rule: str, rescaling: str | None) -> str:
    """The name of a rule with a rescaling."""
    return LABELS[rule] if rescaling is None else f"{LABELS[rule]}, {RESCALINGS.get(rescaling, rescaling)}"


def count(number: int, what: str) -> str:
    """A number of things: ``1 seed``, ``10 seeds``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def with_unit(name: str, unit: str) -> str:
    """A quantity with its unit, ``best, %``; a ratio, of unit ``1``, has none."""
    return name if unit == "1" else f"{name}, {unit}"


def mean_over(seeds: int) -> str:
    """Say that bands and bars are standard deviations; one seed has none."""
    return "1 seed" if seeds == 1 else f"mean ± standard deviation of {seeds} seeds"


def runs_in_words(seeds: int) -> str:
    """Say what `style.draw_runs` draws."""
    return f"median and quartiles of {seeds} seeds" if seeds >= 5 else f"median and each of {count(seeds, 'seed')}"


def data_title(name: str) -> str:
    """A data set as titles name it."""
    return DATA.get(name, name.replace("_", " "))


def hidden_layers(widths: Sequence[int]) -> str:
    """Hidden layers in words: ``8 hidden layers of 20``."""
    if len(set(widths)) == 1:
        return f"{count(len(widths), 'hidden layer')} of {widths[0]}"
    return f"hidden layers of {', '.join(map(str, widths))}" if widths else "no hidden layer"


def chain(widths: Iterable[int]) -> str:
    """The widths of a network; a long run of the same one is counted."""
    runs = [(str(width), len(list(run))) for width, run in itertools.groupby(widths)]
    return "-".join("-".join([width] * count) if count < 5 else f"{width} ({count}×)" for width, count in runs)
