"""Proofs of what the library computes, run on the library's own kernels."""

from . import covariance, equilibrium, inference, learning, theorems
from .framework import Proof

PROOFS: dict[str, Proof] = {proof.name: proof for part in (covariance, equilibrium, learning, theorems, inference) for proof in part.PROOFS}
"""Every proof, by name."""
