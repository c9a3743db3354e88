"""Mutants of theorems and their hypotheses."""

from .naming import Mutant, of_file

MUTANTS = (
    Mutant(
        "theorems/conclusions.py", "JAX: samples that share an update",
        "return jax.vmap(change_one, in_axes=1, out_axes=1)(signals)", "return change(signals)",
        of_file(
            "test_theorems_by_jax", "test_both_kinds_find_the_same_verdict", ["1-square-3-dense-scalars-B3-float64"]
        ),
    ),
    Mutant(
        "theorems/conclusions.py", "NumPy: the first sample in place of each",
        "each[:, sample : sample + 1]", "each[:, :1]",
        of_file(
            "test_theorems_by_jax", "test_both_kinds_find_the_same_verdict", ["1-square-3-dense-scalars-B3-float64"]
        ),
    ),
    Mutant(
        "theorems/interference_free_search.py", "errors of the layers above enter a product",
        "self.sizes + pulls @ covariances", "self.sizes + pulls[:, ::-1] @ covariances",
        of_file("test_precision", "test_the_reduced_products_are_those_of_the_equilibrium", ["dense"]),
    ),
    Mutant(
        "theorems/interference_free.py", "covariances where none were found",
        "covariances=xp.where(found, covariances, xp.nan)", "covariances=covariances",
        of_file("test_precision", "test_a_chain_has_none_if_the_signs_differ_and_the_last_weight_is_not_the_smallest"),
    ),
    Mutant(
        "theorems/interference_free.py", "covariances on their way to zero",
        "    found = found & map_leaves(stop_gradient, reduced).is_located(stop_gradient(refined))\n", "",
        of_file("test_theorem_3_edges", "test_covariances_that_tend_to_zero_are_no_solution"),
    ),
    Mutant(
        "theorems/interference_free_search.py", "slopes without the multiplier's own",
        "pulls - weighted @ divide((self.grams @ multiplier).T)", "pulls",
        of_file("test_theorem_3_edges", "test_a_chain_of_opposite_signs_has_a_solution_up_to_a_ratio"),
    ),
    Mutant(
        "theorems/conclusions.py", "the residual of a fitted sample counts",
        "np.where(fitted, terms, norms(residual))", "norms(residual)",
        of_file("test_theorem_edges", "test_a_fitted_sample_decides_nothing", ["2-1"]),
    ),
    Mutant(
        "theorems/interference_free_search.py", "the nudge is forgotten",
        "residual if problem.nudge is None else problem.nudge * residual", "residual",
        of_file("test_precision", "test_nudging_less_gives_a_solution_where_the_clamp_has_none"),
    ),
    Mutant(
        "theorems/interference_free_search.py", "no damping where a layer turns around",
        "xp.where(turned, walk.damping / 2, ", "xp.where(turned, walk.damping, ",
        of_file(
            "test_precision",
            "test_with_one_hidden_layer_the_search_finds_a_solution_exactly_if_there_is_one", ["widths0"],
        ),
    ),
    Mutant(
        "theorems/hypotheses.py", "any covariances are in proportion",
        "hypotheses[name] = Hypothesis(distance <= threshold, distance, threshold)",
        "hypotheses[name] = Hypothesis(True, distance, threshold)",
        of_file("test_precision", "test_theorem_3_needs_the_proportion"),
    ),
    Mutant(
        "theorems/conclusions.py", "an output precision is a nudge",
        "other = problem if nudged else", "other = problem if not nudged else",
        of_file("test_precision", "test_an_output_precision_is_a_soft_output_and_not_a_nudge"),
    ),
    Mutant(
        "theorems/verify.py", "the printed factor is the right one",
        "return [matrix.mT for matrix in", "return [matrix for matrix in",
        of_file("test_counterexamples", "test_the_printed_form_fails", ["printed-2"]),
    ),
    Mutant(
        "theorems/hypotheses.py", "the rank is always kept",
        "all(each.found == each.wanted for each in met)", "True",
        of_file("test_theorems", "test_theorem_2_needs_the_rank_of_the_correlation"),
    ),
    Mutant(
        "theorems/hypotheses.py", "a negative product counts as zero",
        "return Hypothesis(abs(value) > threshold", "return Hypothesis(value > threshold",
        of_file("test_counterexamples", "test_the_printed_form_fails", ["printed-residual"]),
    ),
    Mutant(
        "theorems/hypotheses.py", "every residual lies in the row space",
        "_distance(rows, spectrum.rows), threshold, condition)", "0.0, threshold, condition)",
        of_file("test_theorems", "test_sharp_theorem_2_fails_for_independent_targets_and_more_samples_than_inputs"),
    ),
    Mutant(
        "theorems/hypotheses.py", "a threshold of zero for what rounding leaves",
        "return 8 * len(layers) * epsilon(matrix.dtype) if rcond is None else rcond", "return 0.0",
        of_file("test_properties", "test_theorem_1_needs_activities_that_are_not_orthogonal"),
    ),
)  # fmt: skip
