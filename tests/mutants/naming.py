"""A mutant, and short names of the tests that must fail."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]


class Mutant(NamedTuple):
    """An edit of a file of the library, and the tests that must fail."""

    file: str
    name: str
    original: str
    mutated: str
    tests: tuple[str, ...]


def exactly(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_symbolic.py`, at some of its networks."""
    return of_file("test_symbolic", function, cases)


def learning(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_learning_rules.py`, at some cases of the grid."""
    return of_file("test_learning_rules", function, cases)


def alignment(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_alignment.py`, at some cases of the grid."""
    return of_file("test_alignment", function, cases)


def accuracy(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_accuracy.py`, at some of its networks."""
    return of_file("test_accuracy", function, cases)


def proof(name: str, tier: str = "by_induction") -> tuple[str, ...]:
    """A proof of `proofs/`, in one of its tiers."""
    return of_file("test_proofs", f"test_{tier}", [name])


def inference(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_inference.py`, at some of its cases."""
    return of_file("test_inference", function, cases)


def convolution(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_convolution.py`, at some of its layers."""
    return of_file("test_convolution", function, cases)


def training(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_pcn_engine.py`, at some of its cases."""
    return of_file("test_pcn_engine", function, cases)


def sweeping(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_sweeps.py`, at some of its cases."""
    return of_file("test_sweeps", function, cases)


def equilibrium(*cases: str) -> tuple[str, ...]:
    """The comparison with a dense solve, at a route and a case of the grid."""
    return of_file("test_equilibrium", "test_the_equilibrium_is_that_of_a_dense_solve", cases)


def of_file(file: str, function: str, cases: Iterable[str] = ()) -> tuple[str, ...]:
    [path] = TESTS.rglob(f"{file}.py")
    node = f"{path.relative_to(TESTS.parent)}::{function}"
    return tuple(f"{node}[{case}]" for case in cases) or (node,)


BOTH_ORDERS = exactly("test_both_orders_of_the_output_covariance_agree", "weighted")
STATIONARY = "test_the_equilibrium_is_stationary_and_its_errors_are_its_errors"
THEOREM_1 = exactly("test_theorem_1_is_exact", "dense")
THEOREM_2 = exactly("test_theorem_2_is_exact_and_its_printed_form_is_not", "dense")
BP = "test_backpropagation_descends_the_loss"
PC = "test_predictive_coding_descends_the_energy_of_the_equilibrium"
DERIVATIVES = "test_compiled_and_vectorised_each_batch_has_its_value_and_derivatives"
NATURAL = "test_the_natural_gradient_inverts_the_fisher_block_by_block"
SPECTRUM = "test_regularisation_lifts_the_smallest_eigenvalue_of_its_spectrum"
SPACING = of_file("test_initialisation", "test_conditioned_weights_have_linearly_spaced_singular_values")
