"""The proofs hold, use the library, and can fail.

Oracles: the two sides of every step on random numbers; fractions worked out by hand; and for the normal form, which
decides the symbolic steps, NumPy on random expressions.
"""

import ast
import inspect
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import sympy
from hypothesis import given, settings

import proofs
from dlntheory.numerics.algebra import inverse_cholesky
from proofs.__main__ import table as proofs_table
from proofs.calculus import derivative, replaced
from proofs.framework import Step, appended, case
from proofs.machine_checked import theorems
from proofs.normal_form import Algebra, Assumption, Symmetric
from proofs.numbers import Numbers, agree
from proofs.shared import Shared

ROOT = Path(__file__).parents[2]
EACH = pytest.mark.parametrize("name", proofs.PROOFS)
QUICK = (1, 2, 3)
LENGTHY = {"pc-gradient": (5,)}
"""What takes a minute, and is left to `dlntheory prove`."""
n, m = sympy.symbols("n m", integer=True, positive=True)
A, B = (Shared(sympy.MatrixSymbol(name, 3, 3)) for name in "AB")
C = Shared(Symmetric("C", 3, 3))
UNIT = Shared(sympy.Identity(3))


def assert_holds(result):
    assert result.holds, [f"{where}: {step.text}" for where, step in result.failed]


@EACH
def test_on_numbers(name):
    assert_holds(proofs.on_numbers(proofs.PROOFS[name]))


@EACH
def test_at_fixed_depth(name):
    assert_holds(proofs.at_fixed_depth(proofs.PROOFS[name], QUICK))


@pytest.mark.daily
@pytest.mark.slow
@EACH
def test_at_the_greatest_depths(name):
    depths = set(proofs.DEPTHS) - set(QUICK) - set(LENGTHY.get(name, ()))
    assert_holds(proofs.at_fixed_depth(proofs.PROOFS[name], sorted(depths)))


@EACH
def test_by_induction(name):
    assert_holds(proofs.by_induction(proofs.PROOFS[name]))


@pytest.mark.parametrize("refutation", proofs.REFUTATIONS, ids=lambda each: each.name)
def test_counterexamples_are_exact(refutation):
    facts = list(refutation.facts())
    assert facts
    for fact in facts:
        assert fact.holds(), (fact.text, fact.found)


def test_every_erratum_that_a_number_can_refute_is_refuted():
    """Erratum 8 is about what was run."""
    numbers = {each.name.split("-")[1] for each in proofs.REFUTATIONS if each.name.startswith("erratum")}
    assert numbers == {str(number) for number in range(1, 13)} - {"8"}


def test_formal_theorems_are_assigned_once_and_exist():
    assigned = [each for names in proofs.FORMAL.values() for each in names]
    assert sorted(assigned) == sorted(theorems())
    assert set(proofs.FORMAL) <= set(proofs.PROOFS) | {each.name for each in proofs.REFUTATIONS}


KERNELS = ("equilibria", "inference", "learning", "networks", "random_networks")
"""The packages that compute: the others check, store, show and command."""


def kernels_of(work):
    """The library's functions that a call runs; classes that are made do not count."""
    found = set()

    def watch(frame, event, _):
        package, _, module = frame.f_globals.get("__name__", "").partition(".")
        name = frame.f_code.co_name
        if event == "call" and package == "dlntheory" and module.startswith(KERNELS) and not name.startswith("__"):
            found.add(f"{module}.{name}")

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


def kernels_of_proof(proof):
    """At depth 3 and in the step; without what runs whenever networks of symbols are made."""
    networks = kernels_of(lambda: (case(proof.kinds[0], 3, proof.samples), appended(proof.samples)))
    return kernels_of(lambda: [*proofs.derivation(proof, 3), *proofs.derivation(proof)]) - networks


@EACH
def test_proofs_run_the_librarys_kernels(name):
    """A proof is about the functions that users run, so it has to call them."""
    assert kernels_of_proof(proofs.PROOFS[name])


def test_a_proof_that_only_makes_networks_runs_no_kernel():
    def idle(case):
        yield Step("r = y − x.", case.y, case.y)

    assert not kernels_of_proof(proofs.Proof("idle", "", "", idle, lambda: idle(appended()), ""))


def test_proofs_define_nothing_that_the_library_defines():
    """No formula of the library is written a second time under its name; derivations, which yield steps, may have one."""
    library = {
        name for package in KERNELS for path in (ROOT / "dlntheory" / package).glob("*.py") for name in _functions(path)
    }
    assert "forward_covariance" in library
    ours = {name for path in (ROOT / "proofs").glob("*.py") for name in _functions(path)}
    assert "one_more" in ours
    assert not ours & library


def _functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [each for each in tree.body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")]
    return {each.name for each in functions if "Step]" not in ast.unparse(each.returns)}


def test_a_wrong_statement_is_not_proved():
    found = case("dense", 2)
    for right in (A + B, A @ B.T, B @ A, 2 * (A @ B)):
        assert not Step("", A @ B, right).holds()
        assert not agree(Step("", A @ B, right), Numbers(0))
    first, second = (layer.matrix() for layer in found.layers)
    assert not Step("", second @ first, first @ second if first.shape == second.shape else 2 * second @ first).holds()


def test_identities_of_inverses():
    S = UNIT + A @ A.T
    assert Algebra().equal(S @ S.inverse(), UNIT)
    assert Algebra().equal(S.inverse() @ S, UNIT)
    assert Algebra().equal(S.inverse().T, S.inverse())
    assert Algebra().equal((UNIT + C).inverse() @ (UNIT + C) @ A, A)
    assert not Algebra().equal(S.inverse() @ A, A)
    assert Algebra().equal((2 * UNIT).inverse(), UNIT / 2)


def test_an_inverse_cholesky_factor_has_one_rule():
    S = UNIT + A @ A.T
    factor = inverse_cholesky(S)
    assert Algebra().equal(factor.T @ factor, S.inverse())
    assert Algebra().equal(S @ factor.T @ factor, UNIT)
    assert not Algebra().equal(factor @ factor.T, S.inverse())
    for right, same in ((S.inverse(), True), (UNIT, False)):
        assert agree(Step("", factor.T @ factor, right), Numbers(0)) == same


def test_traces_are_cyclic():
    left, right = sympy.Trace(A @ B @ C), sympy.Trace(B.T @ A.T @ C)
    assert Algebra().equal(left, sympy.Trace(C @ A @ B))
    assert Algebra().equal(left, right)
    assert not Algebra().equal(left, sympy.Trace(A @ C @ B))


def test_assumptions_are_used_and_no_others():
    given_ = (Assumption("AB = I", A @ B, UNIT),)
    assert Algebra(given_).equal(C @ A @ B, C)
    assert Algebra(given_).equal(B.T @ A.T, UNIT)
    assert not Algebra(given_).equal(B @ A, UNIT)
    assert not Algebra().equal(C @ A @ B, C)


def test_scalars_leave_words():
    column, row = Shared(sympy.MatrixSymbol("c", 3, 1)), Shared(sympy.MatrixSymbol("r", 1, 3))
    assert Algebra().equal(column @ (row @ column), sympy.Trace(row @ column) * column)


ATOMS = st.sampled_from([A, B, C, A.T, B.T, UNIT])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] @ pair[1]),
        st.tuples(st.integers(-2, 2), inner).map(lambda pair: pair[0] * pair[1]),
        inner.map(lambda each: each.T),
        inner.map(lambda each: (UNIT + each @ each.T).inverse()),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, EXPRESSIONS)
@settings(max_examples=60)
def test_the_normal_form_agrees_with_numbers(left, right):
    """It keeps values: what it calls equal is equal, and a sum minus itself is zero."""
    assert Algebra().equal(left + right, right + left)
    assert Algebra().equal((left @ right).T, right.T @ left.T)
    if Algebra().equal(left, right):
        assert agree(Step("", left, right), Numbers(1))


@given(EXPRESSIONS)
@settings(max_examples=30)
def test_derivatives_are_those_of_differences(expression):
    direction = Shared(sympy.MatrixSymbol("H", 3, 3))
    numbers, size = Numbers(2), 1e-6
    slope = numbers.of(derivative(expression, A.inside, direction))
    moved = [numbers.of(replaced(expression, A.inside, (A + s * size * direction).inside)) for s in (1, -1)]
    scale = max(1.0, np.abs(slope).max(), np.abs(moved[0]).max())
    assert np.abs((moved[0] - moved[1]) / (2 * size) - slope).max() <= 1e-7 * scale**2


def test_statements_name_their_source():
    for each in (*proofs.PROOFS.values(), *proofs.REFUTATIONS):
        assert each.source.startswith(("docs/theory.md", "docs/errata.md")), each.name
    assert inspect.getdoc(proofs)


def test_the_tables_are_up_to_date():
    assert proofs_table() in (ROOT / "proofs/README.md").read_text(encoding="utf-8"), "run `python -m proofs`"
