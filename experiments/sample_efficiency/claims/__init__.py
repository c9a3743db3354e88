"""The checkable claims of *Understanding Sample Efficiency in Predictive Coding*, and verdicts from data.

A claim (`verdicts.Claim`) makes comparisons, its cases: one number each against a threshold, under factors such as the
initialisation or the depth. If all are right, it holds; if none, it fails; otherwise it holds in part, and the cases
are a plain table (`grid`). Nothing is decided by hand: other data give other verdicts.
"""

from difflib import get_close_matches

from . import autoencoder, by_formula, one_step, residual, theory, training
from .data import Results as Results
from .verdicts import Claim as Claim

CLAIMS: tuple[Claim, ...] = (
    *one_step.CLAIMS,
    *residual.CLAIMS,
    *training.CLAIMS,
    *autoencoder.CLAIMS,
    *theory.CLAIMS,
    *by_formula.CLAIMS,
)
"""Every claim."""


def named(name: str) -> list[Claim]:
    """The claim with that name, alone."""
    found = [claim for claim in CLAIMS if claim.id == name]
    if not found:
        near = ", ".join(get_close_matches(name, [claim.id for claim in CLAIMS], cutoff=0.3)) or CLAIMS[0].id
        raise ValueError(f"{name!r} is no claim; wanted one that `dlntheory claims` lists, such as {near}.")
    return found
