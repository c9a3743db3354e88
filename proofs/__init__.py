"""Proofs of what the library computes, run on the library's own kernels: see README.md."""

from . import (
    covariance,
    dynamics,
    equilibrium,
    errata,
    evidence,
    gaussian_chains,
    generative,
    hypotheses,
    inference,
    langevin,
    learning,
    random_networks,
    smoother,
    theorems,
)
from .counterexamples import Refutation
from .framework import DEPTHS as DEPTHS
from .framework import Proof
from .framework import at_fixed_depth as at_fixed_depth
from .framework import by_induction as by_induction
from .framework import derivation as derivation
from .machine_checked import FORMAL as FORMAL
from .machine_checked import formal_results as formal_results
from .numbers import on_numbers as on_numbers
from .shared import plain as plain

_PARTS = (
    covariance, equilibrium, learning, generative, smoother, evidence, langevin, theorems, inference, dynamics, random_networks,
    gaussian_chains,
)  # fmt: skip

PROOFS: dict[str, Proof] = {proof.name: proof for part in _PARTS for proof in part.PROOFS}
"""Every proof, by name."""

REFUTATIONS: tuple[Refutation, ...] = tuple(
    each for part in (errata, hypotheses, dynamics, langevin) for each in part.REFUTATIONS
)
"""Every exact counterexample."""
