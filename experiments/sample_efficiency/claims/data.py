"""The figures' data as claims read them: results by figure, points of one-step panels, and trainings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...results import CONFIG, Result, arrays_of, load

INITIALISATIONS = {"kaiming_uniform": "Kaiming", "norm_preserving": "norm-preserving", "lecun_normal": "LeCun"}


DATA_SETS = {9: " --data-dir MNIST"}
"""The additional options of commands whose figures read a data set."""


class NoData(Exception):  # noqa: N818 (it is a finding, and the message is the command that helps)
    """Data that a claim needs are not there."""

    def __init__(self, figure: int, option: str = ""):
        super().__init__(f"dlntheory figure {figure} --full{option}{DATA_SETS.get(figure, '')}")


@dataclass(frozen=True)
class Results:
    """The results in the folders of a folder, by figure and setting."""

    found: Mapping[tuple[int, str], Result]

    @classmethod
    def load(cls, folder: Path) -> "Results":
        """Read them.

        Raises:
            ValueError: for a folder that is not there or holds no figure, or data that cannot be read.
        """
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder; wanted one that `dlntheory figures --out` wrote.")
        results = [load(path.parent) for path in sorted(folder.glob(f"*/{CONFIG}"))]
        numbered = [each for each in results if isinstance(each.config.get("figure"), int)]
        if not numbered:
            raise ValueError(f"{folder} holds no figure of the paper; wanted what `dlntheory figures --out` wrote.")
        return cls({(each.config["figure"], each.config["setting"]): each for each in numbered})

    def figure(self, number: int, settings: tuple[str, ...] = ()) -> list[Result]:
        """The figure in every setting; in those named, or whichever are there."""
        for setting in settings:
            if (number, setting) not in self.found:
                raise NoData(number, f" --setting {setting}")
        chosen = [result for (figure, _), result in self.found.items() if figure == number]
        if not chosen:
            raise NoData(number)
        return chosen

    def panels(self, number: int, settings: tuple[str, ...] = ()) -> Iterator["PanelData"]:
        """Every panel of the figure, in every setting."""
        for result in self.figure(number, settings):
            for letter, config in result.config["panels"].items():
                yield PanelData(result.config["setting"], letter, config, arrays_of(letter, result.arrays))


class PanelData(NamedTuple):
    """A panel's setting, letter, configuration and arrays."""

    setting: str
    letter: str
    config: dict[str, Any]
    arrays: Mapping[str, np.ndarray]
