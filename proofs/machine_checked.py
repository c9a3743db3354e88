"""The proofs in Coq: which of them proves what, and whether Coq accepts them."""

import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

FOLDER = Path(__file__).parent / "formal"

FORMAL: dict[str, tuple[str, ...]] = {
    "covariance-recursion": ("covariance-recursion", "covariance-first", "covariance-plain"),
    "covariance-positive": ("covariance-symmetric", "covariance-bound", "covariance-positive", "covariance-invertible"),
    "equilibrium-clamp": ("equilibrium-clamp", "equilibrium-error", "equilibrium-smoothing"),
    "equilibrium-stationary": ("equilibrium-stationary",),
    "equilibrium-minimum": ("equilibrium-minimal", "equilibrium-unique"),
    "energy-identity": ("equilibrium-energy",),
    "nudged-clamp": ("nudged-clamp", "theorem-1-nudged"),
    "soft-output": ("soft-output-minimal", "soft-output-unique", "soft-output-limit", "soft-output-change"),
    "pc-gradient": ("pc-gradient",),
    "bp-gradient": ("bp-gradient",),
    "prediction-change": ("prediction-derivative", "first-order"),
    "prediction-changes-of-the-rules": ("pc-change", "bp-change"),
    "theorem-1": ("theorem-1", "theorem-1-covariances", "theorem-1-residual", "residual-step", "residual-covariance"),
    "theorem-2": (
        "theorem-2", "theorem-2-identity", "theorem-2-covariances", "theorem-2-independent", "theorem-2-linear",
        "theorem-2-necessary", "theorem-2-residual", "exact-matrix", "identity-bound", "identity-bound-widths",
    ),
    "bp-adaptive": ("bp-adaptive",),
    "theorem-3": ("theorem-3", "theorem-3-aligned"),
    "inference-gradient": ("energy-gradient",),
    "hessian": ("hessian-blocks",),
    "likelihood": ("likelihood-exponent", "likelihood-determinant", "pair-exponent", "pair-determinant"),
    "posterior": (
        "posterior-energy", "posterior-inverse", "posterior-unique", "posterior-clamped", "posterior-marginal",
        "posterior-neighbours",
    ),
    "smoother": ("posterior-smoother", "pair-conditional"),
    "partial-observation": (
        "observed-mean", "observed-clamp", "observed-minimal", "observed-unique", "observed-output-covariance",
        "observed-covariance-clamped", "observed-covariance-inverse", "observed-missing-inverse",
    ),
    "langevin-law": (
        "langevin-stationary", "langevin-bias", "langevin-variance", "langevin-limit", "langevin-momentum-stationary",
        "langevin-momentum",
    ),
    "evidence-gradient": ("determinant-gradient", "determinant-derivative"),
    "fisher-identity": ("fisher-identity", "error-covariance"),
    "attenuation": ("attenuation",),
    "spike": ("spike", "spike-update", "inference-exists"),
    "erratum-1": ("printed-2",),
    "erratum-3-batch": ("printed-1",),
    "erratum-4": ("printed-residual",),
}  # fmt: skip
"""The formal theorems that stand for each statement or counterexample."""


def theorems() -> dict[str, dict[str, str]]:
    """The list of formal theorems, by identifier."""
    listed = tomllib.loads((FOLDER / "theorems.toml").read_text(encoding="utf-8"))["theorem"]
    return {each["id"]: each for each in listed}


def formal_results() -> dict[str, bool]:
    """Whether Coq accepts each theorem, without axioms; empty where Coq, or make, is not installed."""
    if shutil.which("coqc") is None or shutil.which("make") is None:
        return {}
    with tempfile.TemporaryDirectory() as scratch:  # an installed package's folder may not be written to
        build = [] if (FOLDER.parents[1] / "Makefile").exists() else [f"BUILD={scratch}"]
        done = subprocess.run(["make", "-C", str(FOLDER), *build], capture_output=True, check=False)
    return dict.fromkeys(theorems(), done.returncode == 0)
