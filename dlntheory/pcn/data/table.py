"""Samples and labels in a ``.csv`` file: what may be names, or count the lines, is asked for and not guessed."""

import csv
import re
from pathlib import Path

import numpy as np

INDEX_NAMES = ("", "unnamed: 0")
"""Names, in lower case, of a first column that numbers the lines."""
LARGEST = 2**53
"""Whole numbers up to here are told apart in any notation."""


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """The columns but the last as numbers, and the last as it stands; the first line may have names.

    Raises:
        ValueError: for text that is no table of numbers with a label each, for a first line that may be names or a
            sample, and a first column that may be a feature or count the lines.
    """
    rows = _rows(path)
    names = None if not rows or all(map(_is_number, rows[0][:-1])) else rows.pop(0)
    if not rows or len(rows[0]) < 2:
        raise ValueError(f"{path} has no line of numbers with a label; wanted one sample per line, its label last.")
    for line, row in enumerate(rows):
        if len(row) != len(rows[0]) or not all(map(_is_number, row[:-1])) or not row[-1].strip():
            raise ValueError(
                f"{path} has {','.join(row)[:60]!r} as its sample {line}; "
                f"wanted {len(rows[0]) - 1} numbers and a label."
            )
    x, labels = np.array([list(map(float, row[:-1])) for row in rows]), [row[-1].strip() for row in rows]
    _check_names(path, names, x, labels)
    return {"x": x, "y": _as_labels(labels)}


def _rows(path: Path) -> list[list[str]]:
    """The lines that are not empty."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            return [row for row in csv.reader(file) if row]
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no text in UTF-8: {error.reason}; save it as UTF-8.") from error
        except csv.Error as error:
            raise ValueError(f"{path} cannot be read as .csv: {error}.") from error


def _check_names(path: Path, names: list[str] | None, x: np.ndarray, labels: list[str]) -> None:
    """Refuse a first line that may be names or a sample, and a first column that may count the lines."""
    if names is not None and names[-1].strip() in labels:
        raise ValueError(
            f"{path} begins with {','.join(names)[:60]!r}, which ends in a label that other samples have, and is not "
            "all numbers; wanted numbers if it is a sample, or another last word if it is names."
        )
    counts = np.array_equal(x[0], np.arange(x.shape[1])) and x.shape[1] > 1
    odd = not _is_number(labels[0]) and all(map(_is_number, labels[1:]))
    if names is None and (counts or odd) and len(labels) > 1 and labels[0] not in labels[1:]:
        raise ValueError(
            f"{path} begins with a line of numbers that may be names, as no other sample has its label {labels[0]!r}; "
            "write words into it if it is names, and a line of names before it if it is a sample."
        )
    unnamed = names is None or names[0].strip().lower() in INDEX_NAMES
    if unnamed and len(x) > 2 and np.array_equal(x[:, 0], np.arange(len(x))):
        raise ValueError(
            f"{path} has a first column without a name that counts the lines; leave it out (in pandas: index=False), "
            "or write a line of names in which it has one if it is a feature."
        )


def _as_labels(labels: list[str]) -> np.ndarray:
    """Whole numbers, where all labels are such and none is a code such as 007 or too long; words otherwise."""
    if any(re.fullmatch(r"[+-]?0\d+", label) for label in labels) or not all(map(_is_number, labels)):
        return np.array(labels)
    if any(abs(float(label)) >= LARGEST and float(label) % 1 == 0 for label in labels):
        return np.array(labels)
    return np.array(list(map(float, labels)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
