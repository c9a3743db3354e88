"""Mutants of the operations that kernels share."""

from .naming import Mutant, of_file

MUTANTS = (
    # Where NumPy and JAX take different lines, each kind has a mutant of its own; all other lines are shared.
    Mutant(
        "numerics/algebra.py", "NumPy: the other triangle of the factor",
        "(factor, right, lower=1)[0]", "(factor, right, lower=0)[0]",
        of_file("test_kinds", "test_positive_definite_systems_are_solved", ["7-numpy"]),
    ),
    Mutant(
        "numerics/cholesky.py", "substitution with the wrong sign",
        "below = -jnp.tril(lower, -1)", "below = jnp.tril(lower, -1)",
        of_file("test_cholesky", "test_triangular_inverses", ["33"]),
    ),
    Mutant(
        "numerics/cholesky.py", "substitution without the last row",
        "lower.shape[0] - 1, spread", "lower.shape[0] - 2, spread",
        of_file("test_cholesky", "test_triangular_inverses", ["16"]),
    ),
    Mutant(
        "numerics/algebra.py", "JAX: the factor in place of its transpose",
        "return factor.T @ (factor @ right)", "return factor @ (factor @ right)",
        of_file("test_kinds", "test_positive_definite_systems_are_solved", ["7-jax"]),
    ),
    Mutant(
        "numerics/algebra.py", "NumPy: a square matrix is inverted whatever its rank",
        "return inverse if 2 * rcond * condition < 1 else None", "return inverse",
        of_file("test_pseudoinverse", "test_a_square_matrix_loses_the_singular_values_below_the_threshold_alone", ["None-0.1-numpy"]),
    ),
    Mutant(
        "numerics/pseudoinverse.py", "the derivative of a pseudoinverse without its null space",
        "return inverse, inverse @ rows + columns @ inverse - inside", "return inverse, -inside",
        of_file("test_pseudoinverse", "test_the_derivative_is_that_of_the_product", ["zero"]),
    ),
    Mutant(
        "numerics/conjugate_gradients.py", "directions that are not conjugate",
        "direction = _plus(downhill, ratio(decrease, run.decrease), run.direction)", "direction = downhill",
        of_file("test_matrix_free", "test_eight_hidden_layers_of_512_take_at_most_thirty_steps"),
    ),
)  # fmt: skip
