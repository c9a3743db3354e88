"""Mutants of rules, rescalings and alignment."""

from .naming import BP, NATURAL, PC, SPECTRUM, THEOREM_1, THEOREM_2, Mutant, alignment, learning, of_file, proof

MUTANTS = (
    Mutant(
        "learning/rules.py", "a proof: forget the mean over the batch",
        "return [layer.weight_update(error, activity) / samples for", "return [layer.weight_update(error, activity) for",
        proof("pc-gradient"),
    ),
    Mutant(
        "learning/problem.py", "a proof: predictive coding with feedforward activities",
        "Signals(state.weighted_errors, state.activities[: len(layers)],", "Signals(state.weighted_errors, state.predicted[:-1],",
        proof("pc-gradient"),
    ),
    Mutant(
        "learning/rules.py", "a proof: the natural gradient forgets 1/L",
        "updates.append(update / len(layers))", "updates.append(1 * update)",
        proof("natural-gradient", "at_fixed_depth"),
    ),
    Mutant(
        "learning/decorrelation.py", "a proof: transpose A_l",
        "return samples * pinv_product(left, right, rcond)", "return samples * pinv_product(right, left, rcond)",
        proof("theorem-2", "at_fixed_depth"),
    ),
    Mutant(
        "learning/adaptive_rates.py", "a proof: the rates of x* alone",
        "others = signals.activities if positive else signals.feedforward[:-1]", "others = signals.activities",
        proof("theorem-1"),
    ),
    Mutant(
        "learning/rules.py", "forget the mean over the batch",
        "layer.weight_update(error, activity) / samples", "layer.weight_update(error, activity)",
        learning(BP, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/problem.py", "predictive coding: activities shifted by a layer",
        "Signals(state.weighted_errors, state.activities[: len(layers)],",
        "Signals(state.weighted_errors, state.activities[1:],",
        learning(PC, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/problem.py", "predictive coding: feedforward activities in place of those at equilibrium",
        "Signals(state.weighted_errors, state.activities[: len(layers)],",
        "Signals(state.weighted_errors, state.predicted[:-1],",
        learning(PC, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/rules.py", "backpropagation: activities shifted by a layer",
        "Signals(backward_sweep(layers, residual), predicted[:-1], predicted, residual)",
        "Signals(backward_sweep(layers, residual), predicted[1:], predicted, residual)",
        learning(BP, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/rules.py", "natural gradient: the gradient's D in place of its pseudoinverse",
        "pinv(downstream.T, rcond) @ residual", "downstream @ residual",
        learning(NATURAL, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/rules.py", "natural gradient: forget 1/L",
        "updates.append(update / len(layers))", "updates.append(update)",
        learning(NATURAL, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/decorrelation.py", "transpose A_l",
        "samples * pinv_product(left, right, rcond)", "samples * pinv_product(right, left, rcond)", THEOREM_2,
    ),
    Mutant(
        "learning/decorrelation.py", "A_l of the feedforward activities alone",
        "left, right = layer.features(plain), layer.features(own)",
        "left, right = layer.features(plain), layer.features(plain)", THEOREM_2,
    ),
    Mutant(
        "learning/decorrelation.py", "A_l: forget the mean over the batch",
        "samples * pinv_product(left, right, rcond)", "pinv_product(left, right, rcond)", THEOREM_2,
    ),
    Mutant(
        "learning/adaptive_rates.py", "learning rates: x* and x̂ swapped",
        "signals.activities if positive else signals.feedforward[:-1]",
        "signals.feedforward[:-1] if positive else signals.activities", THEOREM_1,
    ),
    Mutant(
        "learning/adaptive_rates.py", "learning rates: forget the mean over the batch",
        "return [signals.residual.shape[1] / product", "return [1 / product",
        of_file("test_rescaling", "test_learning_rates_are_one_over_the_mean_product", ["bp-square-3-dense-B3-float64"]),
    ),
    Mutant(
        "learning/decorrelation.py", "regularisation: the smallest eigenvalue with the wrong sign",
        "values.max() - values.min()", "values.max() + values.min()",
        of_file("test_rescaling", SPECTRUM, ["symmetric-0.1"]),
    ),
    Mutant(
        "learning/problem.py", "negative nudging does not flip the update",
        "[sign(nudge) * change for change in changes]", "[change for change in changes]",
        learning(PC, "square-2-dense-negative-B3-float64"),
    ),
    Mutant(
        "learning/problem.py", "factors forget the covariance",
        "[factor if covariance is None else covariance * factor for covariance, factor in pairs]",
        "[factor for _, factor in pairs]",
        of_file("test_rescaling", "test_scalar_covariances_multiply_rates_and_matrices"),
    ),
    Mutant(
        "learning/alignment.py", "a cosine without one of its norms",
        "squares = (left**2).sum(axis=0) * (right**2).sum(axis=0)",
        "squares = (left**2).sum(axis=0)",
        alignment("test_the_alignment_is_the_cosine_of_change_and_residual", "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/alignment.py", "a step from signals of size one at the rate of its own signals",
        "abs(learning_rate * size)", "abs(learning_rate)",
        of_file("test_sizes", "test_steps_of_signals_of_size_one_are_steps"),
    ),
    Mutant(
        "learning/before_equilibrium.py", "forward updates without their precision",
        "scale(precision(covariance), after - before)", "after - before",
        of_file("test_inference_schedules", "test_forward_updates_move_away_from_the_feedforward_pass"),
    ),
    Mutant(
        "learning/any_model.py", "a finite step that keeps the prediction",
        "strict=True)]) - predicted", "strict=True)])",
        of_file("test_update_alignment", "test_a_finite_step_is_the_model_run_again_and_tends_to_the_derivative"),
    ),
    Mutant(
        "learning/kernel.py", "predictive coding's errors without the nudge",
        "residual = nudge * residual", "residual = residual",
        of_file("test_kernels", "test_options_of_inference", ["half"]),
    ),
    Mutant(
        "learning/kernel.py", "the transposed map in the place of the map",
        "return columns.reshape(size, -1).T", "return columns.reshape(size, -1)",
        of_file("test_kernels", "test_predictive_coding_has_its_formula"),
    ),
    Mutant(
        "learning/best_factors.py", "directions left out",
        "(default_rcond(rows) if rcond is None else rcond)", "0.5",
        of_file("test_best_alignment", "test_it_is_the_brute_force_optimum", ["6-pc"]),
    ),
    Mutant(
        "learning/rules.py", "evidence: forget the log-determinant of the last layer",
        "pairs = zip(energy_updates[1:], determinant, strict=True)",
        "pairs = zip(energy_updates[1:], [*determinant[:-1], 0 * determinant[-1]], strict=True)",
        of_file("test_evidence", "test_evidence_ascends_the_likelihood", ["unit-dense"]),
    ),
    Mutant(
        "learning/rules.py", "evidence: learned biases move the log-determinant",
        "if layer.shift is not None else update", "if layer.shift is False else update",
        of_file("test_evidence", "test_evidence_ascends_the_likelihood", ["unit-learned biases"]),
    ),
    Mutant(
        "equilibria/problem.py", "unit residuals: without the layers' covariances",
        "problem.layers)), problem.covariances, x,", "problem.layers)), (None,) * len(problem.layers), x,",
        of_file("test_evidence", "test_evidence_ascends_the_likelihood", ["matrix-residual"]),
    ),
    Mutant(
        "networks/residual.py", "unit residuals: with the biases",
        "return layer if layer.shift is None else Unbiased(layer)", "return layer",
        of_file("test_evidence", "test_evidence_ascends_the_likelihood", ["matrix-residual"]),
    ),
    Mutant(
        "learning/rules.py", "evidence: activities of another layer",
        "downstream_maps(layers)[1:], unit_activities, strict=True)",
        "downstream_maps(layers)[1:], unit_activities[::-1], strict=True)",
        of_file("test_evidence", "test_evidence_ascends_the_likelihood", ["unit-units"]),
    ),
    Mutant(
        "learning/rules.py", "the output's variance learns without the posterior's share",
        "mean(axis=1) - unit_multiplier.diagonal()) / 2", "mean(axis=1) - 1) / 2",
        of_file("test_evidence_learning", "test_the_slope_in_the_variances"),
    ),
)  # fmt: skip
