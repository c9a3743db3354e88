"""The checkable claims of *Understanding Sample Efficiency in Predictive Coding*, and verdicts from data.

A claim (`verdicts.Claim`) makes comparisons, its cases: one number each against a threshold, under factors such as the
initialisation or the depth. If all are right, it holds; if none, it fails; otherwise it holds only where the factors
say (`conditions`). Nothing is decided by hand: other data give other verdicts.
"""

from . import one_step, residual, theory, training
from .data import Results as Results
from .verdicts import Claim as Claim

CLAIMS: tuple[Claim, ...] = (*one_step.CLAIMS, *residual.CLAIMS, *training.CLAIMS, *theory.CLAIMS)
"""Every claim."""
