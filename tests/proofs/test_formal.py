"""The Coq proofs in proofs/formal: what is listed is proved, without axioms, and false statements are not.

The oracle is Coq. Its tests need `coqc` and MathComp; the others read the files as text.
"""

import fcntl
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FORMAL = ROOT / "proofs/formal"
BUILD = ROOT / ".cache/formal"  # shared with `make -C proofs/formal`
SOURCES = {path.name: path.read_text("utf-8") for path in sorted(FORMAL.glob("*.v"))}
THEOREMS = tomllib.loads((FORMAL / "theorems.toml").read_text("utf-8"))["theorem"]
CLOSED = "Closed under the global context"

needs_coq = pytest.mark.skipif(
    shutil.which("coqc") is None,
    reason="no coqc; install the packages coq and libcoq-mathcomp-algebra",
)


def without_comments(source: str) -> str:
    """Coq's comments nest: take away the innermost until none is left."""
    while (shorter := re.sub(r"\(\*(?:(?!\(\*|\*\)).)*\*\)", " ", source, flags=re.DOTALL)) != source:
        source = shorter
    return source


def proof_lines(source: str, theorem: str) -> range:
    """The lines of the proof of a theorem, counted from one."""
    lines = source.splitlines()
    stated = next(i for i, line in enumerate(lines, 1) if re.match(rf"(Theorem|Lemma) {theorem}\b", line))
    begins = next(i for i, line in enumerate(lines, 1) if i >= stated and line.startswith("Proof."))
    ends = next(i for i, line in enumerate(lines, 1) if i >= begins and re.search(r"\bQed\.$", line))
    return range(begins, ends + 1)


def compile_file(directory: Path, file: str) -> subprocess.CompletedProcess[str]:
    command = ["coqc", "-Q", ".", "DLN", "-w", "-notation-overridden,-ambiguous-paths", file]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=120)


# --- always: the list, the files, and what they may not contain


def test_listed_theorems_are_stated_in_their_files() -> None:
    for theorem in THEOREMS:
        assert set(theorem) == {"id", "name", "file", "equation", "statement"}
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", theorem["id"])
        assert theorem["statement"]
        source = without_comments(SOURCES[theorem["file"]])
        assert re.search(rf"^Theorem {theorem['name']}\b", source, re.MULTILINE), theorem["name"]


def test_every_theorem_is_listed() -> None:
    stated = [
        (name, file)
        for file, source in SOURCES.items()
        for name in re.findall(r"^Theorem (\w+)", without_comments(source), re.MULTILINE)
    ]
    assert sorted(stated) == sorted((theorem["name"], theorem["file"]) for theorem in THEOREMS)
    assert max(Counter(theorem["id"] for theorem in THEOREMS).values()) == 1


def test_every_theorem_is_asked_for_its_axioms() -> None:
    together, question = re.fullmatch(
        r".*?(Definition theorems :=\n.*?)\n\n(.*)", SOURCES["Assumptions.v"], re.DOTALL
    ).groups()
    assert question == "Print Assumptions theorems.\n"
    asked = re.findall(r"^  [( ]@(\w+)\.(\w+)[,)]", together, re.MULTILINE)
    assert asked == [(theorem["file"].removesuffix(".v"), theorem["name"]) for theorem in THEOREMS]


def test_nothing_is_left_unproved() -> None:
    forbidden = r"\b(Admitted|Abort|Axioms?|Parameters?|Conjectures?|admit|give_up|Unset Guard Checking|bypass_check)\b"
    for file, source in SOURCES.items():
        code = without_comments(source)
        assert not re.search(forbidden, code), file
        if file != "Assumptions.v":
            assert len(re.findall(r"^(?:Theorem|Lemma) ", code, re.MULTILINE)) == len(re.findall(r"\bQed\.", code)), (
                file
            )


def test_every_file_is_built() -> None:
    built = re.findall(r"^\S+\.v$", (FORMAL / "_CoqProject").read_text("utf-8"), re.MULTILINE)
    assert sorted([*built, "Assumptions.v"]) == sorted(SOURCES)


def test_the_table_of_the_readme_is_the_list() -> None:
    readme = (FORMAL / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| `(\w+)` \| \[(\w+\.v)\]\(\4\) \| (.*) \|$", readme, re.MULTILINE)
    shown = [theorem | {"statement": theorem["statement"].replace("*", r"\*")} for theorem in THEOREMS]
    assert rows == [tuple(theorem[key] for key in ("id", "statement", "name", "file", "equation")) for theorem in shown]


# --- where Coq is: the proofs hold


@pytest.fixture(scope="module")
def built() -> Path:
    """The compiled proofs. `make` compiles what has changed; test processes take turns."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "-C", FORMAL], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return BUILD


@needs_coq
@pytest.mark.slow
def test_theorems_hold_without_axioms(built: Path) -> None:
    assert (built / "assumptions.txt").read_text("utf-8").splitlines() == [CLOSED]


class Mutant(NamedTuple):
    """An edit that makes a statement false, and the theorem in the same file whose proof must fail."""

    name: str
    file: str
    original: str
    mutated: str
    theorem: str


MUTANTS = [
    Mutant("S without its last term", "Covariance.v", r"\sum_(l < L) downstream T L l.+1 *m C", r"\sum_(l < L.-1) downstream T L l.+1 *m C", "output_covariance_plain"),
    Mutant("S⁻¹ forgotten", "Updates.v", "*m invmx (output_covariance T C L) *m residual T X Y", "*m residual T X Y", "pc_change"),
    Mutant("energy without its half", "Equilibrium.v", r"E xstar = 2%:R^-1 * \tr", r"E xstar = \tr", "equilibrium_energy"),
    Mutant("the appendix's rate", "Theorem1.v", "with_rates (fun l => 1 / mean_dot (xstar l) (xhat l))", "with_rates (fun l => 1 / mean_dot (xstar l) (xstar l))", "theorem_1"),
    Mutant("\"Theorem 3\" with c upside down", "Theorem1.v", "(pc_update T (scalars s) X Y) = c^-1 *: r", "(pc_update T (scalars s) X Y) = c *: r", "theorem_3"),
    Mutant("A transposed", "Theorem2.v", "  (forall l, (l < L)%N -> generalised_inverse (mean_outer (xhat l) (xstar l))", "  (forall l, (l < L)%N -> generalised_inverse (mean_outer (xstar l) (xhat l))", "theorem_2_covariances"),
    Mutant("the batch's mean forgotten", "Theorem2.v", "*m xhat l = B%:R%:M) -> change A = r", "*m xhat l = 1%:M) -> change A = r", "theorem_2_identity"),
    Mutant("time from one", "Spike.v", "if l == (L - t)%N then gamma", "if l == (L - t.+1)%N then gamma", "spike_gain"),
    Mutant("the error a step late", "Spike.v", "error T (x (L - l.+1)) l = (downstream", "error T (x (L - l)) l = (downstream", "spike"),
    Mutant("the determinant changes twice as much", "Evidence.v", r"(\det (S L) * (\sum", r"(2%:R * \det (S L) * (\sum", "determinant_gradient"),
    Mutant("the determinant's update added", "Evidence.v", "(xstar l)^T - B%:R *: determinant_update", "(xstar l)^T + B%:R *: determinant_update", "fisher_identity"),
    Mutant("the posterior without S⁻¹", "Posterior.v", "given_output (invmx (S L)) l m.", "given_output 1%:M l m.", "posterior_covariance_clamped"),
    Mutant("the square without its half", "Posterior.v", r"+ 2%:R^-1 * \sum_(l < L.-1)", r"+ \sum_(l < L.-1)", "posterior_energy"),
    Mutant("a layer's own covariance for the posterior", "Posterior.v", "l l = S l - S l *m (D l)^T *m invmx (S L) *m D l *m S l.", "l l = S l.", "posterior_marginal"),
    Mutant("the mean of a layer moves the other way", "Likelihood.v", "quadratic K (z - gain *m y).", "quadratic K (z + gain *m y).", "pair_exponent"),
    Mutant("a determinant forgotten", "Likelihood.v", r"\det S * \det C * \det K = \det G", r"\det S * \det K = \det G", "pair_determinant"),
    Mutant("a smoother without its gain", "Likelihood.v", "l.+2 l.+2 *m (next_gain l)^T.", "l.+2 l.+2 *m (T l.+1).", "posterior_smoother"),
    Mutant("all outputs known", "Observation.v", "C observed_weight L L = S - S *m M^T *m invmx SM *m M *m S.", "C observed_weight L L = S - S *m invmx S *m S.", "observed_output_covariance"),
    Mutant("known outputs that may vary", "Observation.v", "M *m given_output T C observed_weight L m = 0.", "given_output T C observed_weight L m = 0.", "observed_covariance_clamped"),
    Mutant("twice the bias", "Langevin.v", "H - (step / 2%:R) *: (H *m H).", "H - step *: (H *m H).", "forward_square"),
    Mutant("no bias", "Langevin.v", "h * (1 - step * h / 2%:R) * quadratic P v = quadratic 1%:M v.", "h * quadratic P v = quadratic 1%:M v.", "langevin_variance"),
    Mutant("velocities that vary half as much", "Langevin.v", "((2%:R * (2%:R * c)) *: (H *m P)).", "((2%:R * c) *: (H *m P)).", "momentum_stationary"),
    Mutant("momentum that changes nothing", "Langevin.v", "h * (1 - step * h / (2%:R * (1 + kept))) *", "h * (1 - step * h / 2%:R) *", "momentum_variance"),
]  # fmt: skip


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(each, id=each.name, marks=[] if each.theorem == "theorem_1" else [pytest.mark.daily])
        for each in MUTANTS
    ],
)
def test_false_statements_are_not_proved(mutant: Mutant, built: Path, tmp_path: Path) -> None:
    for path in built.iterdir():
        if path.suffix in {".v", ".vo"}:
            shutil.copy2(path, tmp_path)
    source = SOURCES[mutant.file]
    assert source.count(mutant.original) == 1
    (tmp_path / mutant.file).write_text(source.replace(mutant.original, mutant.mutated), "utf-8")

    failed = compile_file(tmp_path, mutant.file)
    assert failed.returncode != 0
    place = re.search(rf'File "\./{mutant.file}", line (\d+)', failed.stderr)
    assert place
    assert int(place[1]) in proof_lines((tmp_path / mutant.file).read_text("utf-8"), mutant.theorem), failed.stderr
