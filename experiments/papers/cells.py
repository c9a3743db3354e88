"""The trainings of a row: one for every cell and seed, each with its configuration and a fingerprint of it."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from dlntheory.numerics.checks import meant
from dlntheory.pcn.choices.algorithms import Algorithm
from dlntheory.pcn.choices.presets import OF_PAPERS, infers
from dlntheory.pcn.runs.config import CIRCUMSTANCES, HYPERPARAMETERS, OF_INITIAL, TrainingConfig
from dlntheory.pcn.runs.spaces import has_use

from .own_code import run_file
from .row import TESTED, Place, Row, folded
from .theory import THEORIES, has_theory

CROPPED = {"flip": False, "crop": None, "padding": 0}
STAND_INS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "quick": {
        **{name: {"data": "digits"} for name in ("mnist", "fashion-mnist", "kmnist")},
        **{name: {"data": "digits-32", **CROPPED} for name in ("cifar10", "cifar100", "tiny-imagenet", "celeba-200")},
    },
    "cpu": {"cifar10": {"data": "cifar10-jpeg"}},
}
"""By scale, the data that stand in for others."""
SIZES: Mapping[str, Mapping[str, Any]] = {
    "quick": {"train_samples": 64, "test_samples": 30, "batch_size": 16, "epochs": 1, "schedule_epochs": None},
}
"""By scale, options of every cell."""
OF_IMAGES = {"train_samples": 8, "test_samples": 10, "batch_size": 4}
"""The data of a convolutional network at the quick scale."""
DENSE = ("MLP", "AE", "Decoder")
INFERENCE = {*HYPERPARAMETERS, *OF_INITIAL} - {"rescaling"}
CHOICES = {"initial": "initial", "nudging": "output", "precisions": "schedule"}
"""The options that replace a choice of an algorithm, and which."""

USUAL = TrainingConfig().as_json()
"""Every option at its default."""


@dataclass(frozen=True)
class Cell:
    """A training of a row."""

    place: dict[str, str]
    config: TrainingConfig
    paper: TrainingConfig
    """The configuration at the paper's scale."""
    theory: tuple[str, ...] = ()
    """The measures that the linear theory predicts for the trained network."""
    reconstructions: int = 0
    """The number of test pictures whose reconstructions are kept."""
    tests: tuple[str, ...] = ()
    """Where one training is tested with several numbers of steps, these as they stand on their axis."""
    code: str = ""
    """A fingerprint of the file that registers the row's own algorithms."""

    @property
    def readings(self) -> list["Cell"]:
        """The cell, once for every number of steps that it is tested with."""
        return [replace(self, place={**self.place, TESTED: steps}, tests=()) for steps in self.tests] or [self]

    @property
    def seed(self) -> int:
        """The seed."""
        return self.config.seed

    def with_seed(self, seed: int) -> "Cell":
        """The cell with another seed."""
        return replace(self, config=replace(self.config, seed=seed), paper=replace(self.paper, seed=seed))

    @property
    def label(self) -> str:
        """A name for people."""
        return f"{' '.join(self.place.values())}, seed {self.seed}"

    @property
    def key(self) -> str:
        """A name for files: what is trained, with a fingerprint of the options that its numbers depend on.

        Options at their defaults are left out, so that an option that is added later leaves the name as it is. The code
        of an algorithm of one's own counts, since its name says nothing of what it does.
        """
        options = self.config.as_json().items()
        depends = {name: each for name, each in options if name not in CIRCUMSTANCES and each != USUAL[name]}
        depends |= {} if self.config.algorithm in OF_PAPERS else {"code": self.code}
        fingerprint = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:12]
        return f"{'-'.join([*self.place.values(), str(self.seed)])}-{fingerprint}".replace("/", "-")


def make_cells(row: Row, scale: str, only: Sequence[str] = ()) -> list[Cell]:
    """The trainings of a scale, every cell with one seed and then with the next.

    With entries, of those cells alone that have all the words of one entry.

    Args:
        row: with axes.
        scale: ``"quick"``, ``"cpu"`` or ``"paper"``.
        only: entries of words with commas between them; none for every cell.

    Raises:
        ValueError: for a scale that the row does not have, a word on no axis, words that no cell has together, theory
            that there is none of, or options that a training refuses.
    """
    if not row.has(scale):
        raise ValueError(f"`{row.name}` has no {scale} scale; wanted quick, or paper, its full sizes.")
    if strange := set(row.theory) - THEORIES.keys():
        raise ValueError(f"`{row.name}` has theory of {', '.join(sorted(strange))}; wanted of {', '.join(THEORIES)}.")
    return _cells(row, scale, _wanted(row, scale, only) if only else row.places(scale))


def all_cells(row: Row, scale: str) -> list[Cell]:
    """The trainings of a scale, and those that ``only`` may add to it."""
    own = _cells(row, scale, row.places(scale))
    there = {tuple(cell.place.items()) for cell in own}
    return [*own, *(cell for cell in _cells(row, scale, row.places()) if tuple(cell.place.items()) not in there)]


def _cells(row: Row, scale: str, places: Sequence[Place]) -> list[Cell]:
    code = run_file(row.python)
    first = [_cell(row, scale, *each, code) for each in folded(places)]
    return [cell.with_seed(seed) for seed in range(row.count(scale)) for cell in first]


def _wanted(row: Row, scale: str, only: Sequence[str]) -> list[Place]:
    """The places of a scale, and where it has none the paper's, that have all words of one entry."""
    wanted = [set(map(str.strip, entry.split(","))) for entry in only]
    if unknown := min(set().union(*wanted) - row.words, default=None):
        axes = "; ".join(f"{axis} {', '.join(values)}" for axis, values in row.axes.items())
        raise ValueError(f"--only: {unknown!r} is on no axis; wanted of {axes}.{meant(unknown, row.words)}")
    found = [_having(words, row.places(scale)) or _having(words, row.places()) for words in wanted]
    if [] in found:
        raise ValueError(f"--only: no cell has {' and '.join(only[found.index([])].split(','))} together.")
    return list({tuple(place.items()): place for each in found for place in each}.values())


def _having(words: set[str], places: Sequence[Place]) -> list[Place]:
    """The places that have all of these words."""
    return [place for place in places if words <= set(place.values())]


def _cell(row: Row, scale: str, place: Place, tests: Sequence[str], code: str) -> Cell:
    paper = row.options_of(place)
    if "seed" in {**paper, **row.scale_options(scale)}:
        raise ValueError(f"`{row.name}`, {' '.join(place.values())}: a study has no option `seed`, but a key `seeds`.")
    if tests:
        paper[TESTED] = tuple(row.axes[TESTED][steps][TESTED] for steps in tests)
    changed = paper | STAND_INS.get(scale, {}).get(paper.get("data", "digits"), {}) | SIZES.get(scale, {})
    if scale == "quick" and paper.get("model", "MLP") not in DENSE:
        changed |= OF_IMAGES
    of_scale = row.scales.get(scale, {})
    changed |= of_scale.get("options", {})
    for words, options in of_scale.get("of", {}).items():
        if set(words.split(",")) <= row.words_of(place):
            changed |= options
    try:
        own = row.own_options(place)
        config = configured(changed, own)
        asked = bool(row.theory) and config.model == "MLP"
        theory = tuple(row.theory) if asked and has_theory(config.make_algorithm()) else ()
        return Cell(dict(place), config, configured(paper, own), theory, row.reconstructions, tuple(tests), code)
    except (ValueError, TypeError) as error:
        raise ValueError(f"`{row.name}`, {' '.join(place.values())}: {error}") from error


def configured(options: Mapping[str, Any], own: Collection[str] = ()) -> TrainingConfig:
    """The configuration, without the options of inference from elsewhere that its algorithm has no use for.

    An axis of models may bring inference steps, which backpropagation does not take.

    Args:
        options: of the training.
        own: options that are the algorithm's own, which stay, so that they are refused where they have no use.
    """
    algorithm = options.get("algorithm", TrainingConfig.algorithm)
    brought = INFERENCE.intersection(options).difference(own)
    if algorithm not in OF_PAPERS and infers(algorithm):
        brought = _useless(algorithm, options, brought)
    elif infers(algorithm):
        brought = set()
    return TrainingConfig.from_json({name: value for name, value in options.items() if name not in brought})


def _useless(algorithm: str, options: Mapping[str, Any], brought: Set[str]) -> set[str]:
    """The options that an algorithm of one's own has no use for: of choices that it makes itself, or does not have."""
    made, usual = TrainingConfig(algorithm=algorithm).make_algorithm(), Algorithm()
    makes = {word for word, name in CHOICES.items() if type(getattr(made, name)) is not type(getattr(usual, name))}
    overruled = brought & makes
    chosen = {word: options[word] for word in CHOICES if word in options and word not in overruled}
    config = TrainingConfig(algorithm=algorithm, **chosen)
    return overruled | {option for option in brought - CHOICES.keys() if not has_use(config, option)}
