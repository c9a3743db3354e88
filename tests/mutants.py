"""The mutants that the tests must notice: each an edit of a formula, with the tests that must fail."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parent


class Mutant(NamedTuple):
    """An edit of a file of the library, and the tests that must fail."""

    file: str
    name: str
    original: str
    mutated: str
    tests: tuple[str, ...]


def exactly(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_symbolic.py`, at some of its networks."""
    return _tests("test_symbolic", function, cases)


def learning(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_learning_rules.py`, at some cases of the grid."""
    return _tests("test_learning_rules", function, cases)


def alignment(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_alignment.py`, at some cases of the grid."""
    return _tests("test_alignment", function, cases)


def accuracy(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_accuracy.py`, at some of its networks."""
    return _tests("test_accuracy", function, cases)


def proof(name: str, tier: str = "by_induction") -> tuple[str, ...]:
    """A proof of `proofs/`, in one of its tiers."""
    return _tests("test_proofs", f"test_{tier}", [name])


def inference(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_inference.py`, at some of its cases."""
    return _tests("test_inference", function, cases)


def convolution(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_convolution.py`, at some of its layers."""
    return _tests("test_convolution", function, cases)


def training(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_pcn_engine.py`, at some of its cases."""
    return _tests("test_pcn_engine", function, cases)


def sweeping(function: str, *cases: str) -> tuple[str, ...]:
    """A test of `test_sweeps.py`, at some of its cases."""
    return _tests("test_sweeps", function, cases)


def equilibrium(*cases: str) -> tuple[str, ...]:
    """The comparison with a dense solve, at a route and a case of the grid."""
    return _tests("test_equilibrium", "test_the_equilibrium_is_that_of_a_dense_solve", cases)


def _tests(file: str, function: str, cases: Iterable[str] = ()) -> tuple[str, ...]:
    [path] = TESTS.rglob(f"{file}.py")
    node = f"{path.relative_to(TESTS.parent)}::{function}"
    return tuple(f"{node}[{case}]" for case in cases) or (node,)


BOTH_ORDERS = exactly("test_both_orders_of_the_output_covariance_agree", "weighted")
STATIONARY = "test_the_equilibrium_is_stationary_and_its_errors_are_its_errors"
THEOREM_1 = exactly("test_theorem_1_is_exact", "dense")
THEOREM_2 = exactly("test_theorem_2_is_exact_and_its_printed_form_is_not", "dense")
BP = "test_backpropagation_descends_the_loss"
PC = "test_predictive_coding_descends_the_energy_of_the_equilibrium"
DERIVATIVES = "test_forward_and_reverse_derivatives_agree_with_differences"
NATURAL = "test_the_natural_gradient_inverts_the_fisher_block_by_block"
SPECTRUM = "test_regularisation_lifts_the_smallest_eigenvalue_of_its_spectrum"
SPACING = _tests("test_initialisation", "test_conditioned_weights_have_linearly_spaced_singular_values")

MUTANTS = (
    Mutant(
        "equilibria/covariance.py", "forward: forget the first layer's covariance",
        "crossed = scale(covariances[0], layers[1].matrix().T)", "crossed = layers[1].matrix().T", BOTH_ORDERS,
    ),
    Mutant(
        "equilibria/covariance.py", "a proof: the recursion drops a term of S",
        "return add_noise(covariances[-1], layers[-1].apply(crossed))", "return layers[-1].apply(crossed)",
        proof("covariance-recursion"),
    ),
    Mutant(
        "equilibria/covariance.py", "a proof: the sum drops a term of S",
        "for downstream, covariance in zip(maps[:-1], covariances[:-1], strict=True):",
        "for downstream, covariance in zip(maps[1:-1], covariances[1:-1], strict=True):",
        proof("covariance-recursion"),
    ),
    Mutant(
        "equilibria/routes.py", "a proof: errors swept down without the transpose's layer",
        "errors = backward_sweep(self.layers, multiplier, forces)", "errors = [multiplier for _ in self.layers]",
        proof("equilibrium-stationary"),
    ),
    Mutant(
        "equilibria/routes.py", "a proof: the multiplier with the wrong sign",
        "return through.sweep(through.divide(-_drift(layers, covariances, offsets, forces)), offsets, forces)",
        "return through.sweep(through.divide(_drift(layers, covariances, offsets, forces)), offsets, forces)", proof("equilibrium-clamp"),
    ),
    Mutant(
        "learning/rules.py", "a proof: forget the mean over the batch",
        "return [layer.weight_update(error, activity) / samples for", "return [layer.weight_update(error, activity) for",
        proof("pc-gradient"),
    ),
    Mutant(
        "learning/updates.py", "a proof: predictive coding with feedforward activities",
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
        "networks/passes.py", "a proof: the change of a layer is not carried on",
        "moved = layer.apply(moved) + layer.output_change(change, activity)\n", "moved = layer.output_change(change, activity)\n",
        proof("prediction-change"),
    ),
    Mutant(
        "networks/passes.py", "a proof: a finite step at activities that do not move",
        "layer.finite_change(change, activity + moved, learning_rate)",
        "layer.finite_change(change, 2 * activity + moved, learning_rate)",
        proof("prediction-change"),
    ),
    Mutant(
        "equilibria/problem.py", "a proof: β in place of 1/β",
        "return 1 / beta + (1 if", "return beta + (1 if", proof("soft-output"),
    ),
    Mutant(
        "inference/energy.py", "a proof: the error from above without its transpose's sign",
        "gradient[-1] - layer.transpose(weighted)", "gradient[-1] + layer.transpose(weighted)",
        proof("spike"),
    ),
    Mutant(
        "networks/layer.py", "a proof: a learned bias is not a feature",
        "return append_ones(columns) if self.learn_bias else columns", "return columns",
        proof("biases", "at_fixed_depth"),
    ),
    Mutant(
        "equilibria/covariance.py", "forward: drop a term of S",
        "following.apply(add_noise(covariance, layer.apply(crossed))).T",
        "following.apply(layer.apply(crossed)).T", BOTH_ORDERS,
    ),
    Mutant(
        "equilibria/covariance.py", "backward: drop a covariance of S",
        "downstream.T @ scale(covariance, downstream)", "downstream.T @ downstream", BOTH_ORDERS,
    ),
    Mutant(
        "networks/passes.py", "backward: drop a layer of D",
        "for layer in reversed(layers[1:-1]):", "for layer in reversed(layers[2:-1]):",
        BOTH_ORDERS,
    ),
    Mutant("networks/passes.py", "maps in the wrong order", "return maps[::-1]", "return maps", BOTH_ORDERS),
    Mutant(
        "equilibria/routes.py", "the multiplier with the wrong sign",
        "return forward_sweep(layers, offsets, pushed)[-1]", "return -1 * forward_sweep(layers, offsets, pushed)[-1]",
        exactly(STATIONARY, "dense"),
    ),
    Mutant(
        "equilibria/routes.py", "errors shifted by a layer",
        "for downstream in self.maps[:-1]] + [multiplier]", "for downstream in self.maps[1:]] + [multiplier]",
        exactly(STATIONARY, "wide"),
    ),
    Mutant(
        "networks/passes.py", "a force of the wrong sign, through S",
        "total(error, forces[index])", "total(error, -forces[index])",
        _tests("test_transformations", DERIVATIVES, ["equilibrium, covariance"]),
    ),
    Mutant(
        "equilibria/routes.py", "a force of the wrong sign, through the Hessian",
        "[total(*pair) for pair in zip(pulled, forces, strict=True)]",
        "[pull - force for pull, force in zip(pulled, forces, strict=True)]",
        _tests("test_transformations", DERIVATIVES, ["equilibrium, hessian"]),
    ),
    Mutant(
        "networks/passes.py", "an offset forgotten",
        "activities.append(total(layer.apply(activities[-1]), offset, noise))",
        "activities.append(total(layer.apply(activities[-1]), noise))",
        exactly(STATIONARY, "dense"),
    ),
    Mutant(
        "equilibria/routes.py", "the first step without the output's pull",
        "zip(zeros, pulled[1:], own,", "zip(zeros, own, own,", equilibrium("hessian-square-3-dense-B3-float64"),
    ),
    Mutant(
        "equilibria/routes.py", "the clamp is not looked at",
        "return _norms([activities[-1]]) / _size(offsets, forces)", "return 0 * _norms([activities[-1]])",
        accuracy("test_other_routes_refuse_growing_weights_or_say_how_wrong_they_are", "covariance-gain 4"),
    ),
    Mutant(
        "equilibria/routes.py", "the sweep is always trusted",
        "better = swept_loss < losses[index]", "better = swept_loss >= 0",
        accuracy("test_growing_weights_are_solved_by_orthogonal_elimination", "square_root-gain 4, deep"),
    ),
    Mutant(
        "equilibria/routes.py", "the sweep is never trusted",
        "better = swept_loss < losses[index]", "better = swept_loss < 0",
        accuracy("test_an_error_far_smaller_than_its_activity_keeps_its_digits", "square_root"),
    ),
    Mutant(
        "equilibria/hessian.py", "forget a whitener of the maps",
        "maps = [whiten(p, layer.matrix()) for p, layer in zip(whitening, layers, strict=True)]",
        "maps = [layer.matrix() for layer in layers]", equilibrium("hessian-square-3-dense-scalars-B3-float64"),
    ),
    Mutant(
        "equilibria/hessian.py", "forget a whitener of the couplings",
        "below = [-whiten(p.T, m) for", "below = [-m for", equilibrium("hessian-square-3-dense-scalars-B3-float64"),
    ),
    Mutant(
        "equilibria/hessian.py", "the whitener of the wrong side",
        "return 1 / xp.sqrt(covariance)", "return xp.sqrt(covariance)",
        equilibrium("hessian-square-3-dense-scalars-B3-float64"),
    ),
    Mutant(
        "equilibria/hessian.py", "Cholesky: forget the Schur complement",
        "inverse_cholesky(block - factor.below[-1] @ factor.below[-1].T)", "inverse_cholesky(block)",
        equilibrium("hessian-square-3-dense-B3-float64"),
    ),
    Mutant(
        "equilibria/hessian.py", "QR: the wrong block goes on",
        "root = upper[size:, size:]", "root = upper[:size, :size]",
        equilibrium("square_root-square-3-dense-B3-float64"),
    ),
    Mutant(
        "equilibria/hessian.py", "substitution up through C in place of its transpose",
        "block - below.T @ up[-1]", "block - below @ up[-1]", equilibrium("square_root-square-3-dense-B3-float64"),
    ),
    # Where NumPy and JAX take different lines, each kind has a mutant of its own; all other lines are shared.
    Mutant(
        "numerics/algebra.py", "NumPy: the other triangle of the factor",
        "substitute(factor, right, lower=1)[0]", "substitute(factor, right, lower=0)[0]",
        _tests("test_kinds", "test_positive_definite_systems_are_solved", ["7-numpy"]),
    ),
    Mutant(
        "theorems/conclusions.py", "JAX: samples that share an update",
        "return jax.vmap(change_one, in_axes=1, out_axes=1)(signals)", "return change(signals)",
        _tests(
            "test_theorems_by_jax", "test_both_kinds_find_the_same_verdict", ["1-square-3-dense-scalars-B3-float64"]
        ),
    ),
    Mutant(
        "theorems/conclusions.py", "NumPy: the first sample in place of each",
        "each[:, sample : sample + 1]", "each[:, :1]",
        _tests(
            "test_theorems_by_jax", "test_both_kinds_find_the_same_verdict", ["1-square-3-dense-scalars-B3-float64"]
        ),
    ),
    Mutant(
        "inference/propagation.py", "NumPy: coefficients from the wrong end",
        "np.convolve(a, b)[:depth]", "np.convolve(a, b)[-depth:]",
        _tests("test_inference_kinds", "test_numpy_and_jax_agree", ["energy_propagation-square-3-dense-B1-float64"]),
    ),
    Mutant(
        "inference/propagation.py", "JAX: a transposed product of steps",
        'einsum("ikm,kjmn->ijn", one, shifted)', 'einsum("kim,kjmn->ijn", one, shifted)',
        _tests("test_inference_kinds", "test_numpy_and_jax_agree", ["energy_propagation-square-3-dense-B1-float64"]),
    ),
    Mutant(
        "equilibria/observation.py", "NumPy: samples in the order of their masks",
        "order = np.argsort(np.concatenate(groups))", "order = np.arange(len(observed))",
        _tests(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-each-False-unit"],
        ),
    ),
    Mutant(
        "numerics/cholesky.py", "substitution with the wrong sign",
        "above = -jnp.tril(lower, -1)", "above = jnp.tril(lower, -1)",
        _tests("test_cholesky", "test_triangular_inverses", ["33"]),
    ),
    Mutant(
        "numerics/cholesky.py", "substitution row by row with the wrong sign",
        "left = left - lower[index, column] * row", "left = left + lower[index, column] * row",
        _tests("test_cholesky", "test_triangular_inverses", ["8"]),
    ),
    Mutant(
        "numerics/algebra.py", "JAX: the factor in place of its transpose",
        "return lambda right: inverse.T @ (inverse @ right)", "return lambda right: inverse @ (inverse @ right)",
        _tests("test_kinds", "test_positive_definite_systems_are_solved", ["7-jax"]),
    ),
    Mutant(
        "equilibria/equilibrium.py", "auto never falls back",
        'for route in ("hessian", "square_root"):', "for route in ():",
        accuracy("test_growing_weights_are_solved_by_orthogonal_elimination", "auto-gain 4"),
    ),
    Mutant(
        "equilibria/equilibrium.py", "nothing is refused",
        "if not np.asarray(accurate).all():", "if False:",
        _tests("test_transformations", "test_where_eager_code_raises_compiled_code_is_nan"),
    ),
    Mutant(
        "equilibria/equilibrium.py", "drop the ½ of the energy",
        "energy = total(*map(column_products, weighted, errors)) / 2",
        "energy = total(*map(column_products, weighted, errors))",
        equilibrium("covariance-square-1-dense-B3-float64"),
    ),
    Mutant(
        "equilibria/equilibrium.py", "the nudge is ignored",
        "target = predicted[-1] + nudge * residual", "target = y",
        equilibrium("covariance-square-2-dense-half-B3-float64"),
    ),
    Mutant(
        "equilibria/problem.py", "β in place of 1/β",
        "return 1 / beta + (1 if", "return beta + (1 if", equilibrium("covariance-square-2-dense-soft-B3-float64"),
    ),
    Mutant(
        "equilibria/equilibrium.py", "the soft output's energy forgotten",
        "energy = energy + nudge.beta * column_products(y - output, y - output) / 2", "energy = energy * 1",
        equilibrium("covariance-square-2-dense-soft-B3-float64"),
    ),
    Mutant(
        "networks/residual.py", "the transpose of a residual layer without its skip",
        "return v + self.inner.transpose(v)", "return self.inner.transpose(v)",
        exactly(STATIONARY, "residual"),
    ),
    Mutant(
        "networks/residual.py", "the matrix of a residual layer without its skip",
        "return identity(self.in_size, self.like) + self.inner.matrix()", "return self.inner.matrix()",
        exactly(STATIONARY, "residual"),
    ),
    Mutant(
        "networks/layer.py", "the learned bias taken from the wrong column",
        "return change[:, :-1], change[:, -1]", "return change[:, 1:], change[:, 0]",
        learning(BP, "expanding-2-learned-B3-float64"),
    ),
    Mutant(
        "networks/layer.py", "a learned bias is not a feature",
        "return append_ones(columns) if self.learn_bias else columns", "return columns",
        learning(BP, "expanding-2-learned-B3-float64"),
    ),
    Mutant(
        "learning/rules.py", "forget the mean over the batch",
        "layer.weight_update(error, activity) / samples", "layer.weight_update(error, activity)",
        learning(BP, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/updates.py", "predictive coding: activities shifted by a layer",
        "Signals(state.weighted_errors, state.activities[: len(layers)],",
        "Signals(state.weighted_errors, state.activities[1:],",
        learning(PC, "square-3-dense-B3-float64"),
    ),
    Mutant(
        "learning/updates.py", "predictive coding: feedforward activities in place of those at equilibrium",
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
        _tests("test_rescaling", "test_learning_rates_are_one_over_the_mean_product", ["bp-square-3-dense-B3-float64"]),
    ),
    Mutant(
        "learning/decorrelation.py", "regularisation: the smallest eigenvalue with the wrong sign",
        "values.max() - values.min()", "values.max() + values.min()",
        _tests("test_rescaling", SPECTRUM, ["symmetric-0.1"]),
    ),
    Mutant(
        "learning/updates.py", "negative nudging does not flip the update",
        "[sign(nudge) * change for change in changes]", "[change for change in changes]",
        learning(PC, "square-2-dense-negative-B3-float64"),
    ),
    Mutant(
        "learning/updates.py", "factors forget the covariance",
        "[factor if covariance is None else covariance * factor for covariance, factor in pairs]",
        "[factor for _, factor in pairs]",
        _tests("test_rescaling", "test_scalar_covariances_multiply_rates_and_matrices"),
    ),
    Mutant(
        "networks/passes.py", "a finite step at activities that do not move",
        "layer.finite_change(change, activity + moved, learning_rate)", "layer.finite_change(change, activity, learning_rate)",
        alignment("test_a_finite_step_is_the_network_run_again", "square-3-dense-B3-float64-pc-None"),
    ),
    Mutant(
        "networks/passes.py", "the change of a layer is not carried on",
        "moved = layer.apply(moved) + layer.output_change(change, activity)",
        "moved = moved + layer.output_change(change, activity)", THEOREM_1,
    ),
    Mutant(
        "learning/alignment.py", "a cosine without one of its norms",
        "squares = (left**2).sum(axis=0) * (right**2).sum(axis=0)",
        "squares = (left**2).sum(axis=0)",
        alignment("test_the_alignment_is_the_cosine_of_change_and_residual", "square-3-dense-B3-float64"),
    ),
    Mutant(
        "theorems/interference_free_search.py", "errors of the layers above enter a product",
        "self.sizes + pulls @ covariances", "self.sizes + pulls[:, ::-1] @ covariances",
        _tests("test_precision", "test_the_reduced_products_are_those_of_the_equilibrium", ["dense"]),
    ),
    Mutant(
        "theorems/interference_free.py", "covariances where none were found",
        "covariances=xp.where(found, covariances, xp.nan)", "covariances=covariances",
        _tests("test_precision", "test_a_chain_has_none_if_the_signs_differ_and_the_last_weight_is_not_the_smallest"),
    ),
    Mutant(
        "theorems/interference_free.py", "covariances on their way to zero",
        "    found = found & map_leaves(stop_gradient, reduced).is_located(stop_gradient(refined))\n", "",
        _tests("test_theorem_3_edges", "test_covariances_that_tend_to_zero_are_no_solution", ["(1, 1)", "(2, 1, 1)"]),
    ),
    Mutant(
        "theorems/interference_free_search.py", "slopes without the multiplier's own",
        "pulls - weighted @ divide((self.grams @ multiplier).T)", "pulls",
        _tests("test_theorem_3_edges", "test_a_chain_of_opposite_signs_has_a_solution_up_to_a_ratio"),
    ),
    Mutant(
        "theorems/conclusions.py", "the residual of a fitted sample counts",
        "np.where(fitted, terms, norms(residual))", "norms(residual)",
        _tests("test_theorem_edges", "test_a_fitted_sample_decides_nothing", ["2-1"]),
    ),
    Mutant(
        "training/train.py", "samples without an alignment count",
        "there = ~jnp.isnan(alignment)", "there = jnp.ones_like(alignment, bool)",
        _tests("test_learning", "test_samples_without_an_alignment_do_not_count"),
    ),
    Mutant(
        "theorems/interference_free_search.py", "the nudge is forgotten",
        "residual if problem.nudge is None else problem.nudge * residual", "residual",
        _tests("test_precision", "test_nudging_less_gives_a_solution_where_the_clamp_has_none"),
    ),
    Mutant(
        "theorems/interference_free_search.py", "no damping where a layer turns around",
        "xp.where(turned, walk.damping / 2, ", "xp.where(turned, walk.damping, ",
        _tests(
            "test_precision",
            "test_with_one_hidden_layer_the_search_finds_a_solution_exactly_if_there_is_one", ["widths0"],
        ),
    ),
    Mutant(
        "theorems/hypotheses.py", "any covariances are in proportion",
        "hypotheses[name] = Hypothesis(distance <= threshold, distance, threshold)",
        "hypotheses[name] = Hypothesis(True, distance, threshold)",
        _tests("test_precision", "test_theorem_3_needs_the_proportion"),
    ),
    Mutant(
        "inference/propagation.py", "the error of the layer below the spike",
        "prediction_errors(layers, hidden, residual)[-2 - time]", "prediction_errors(layers, hidden, residual)[-1]",
        _tests("test_spiking", "test_in_exact_arithmetic"),
    ),
    Mutant(
        "inference/propagation.py", "the layer below pulls the wrong way",
        "left = left + below.apply(below.transpose(error))", "left = left - below.apply(below.transpose(error))",
        _tests("test_spiking", "test_balanced_neighbours_leave_nothing_of_first_order"),
    ),
    Mutant(
        "theorems/conclusions.py", "an output precision is a nudge",
        "other = problem if nudged else", "other = problem if not nudged else",
        _tests("test_precision", "test_an_output_precision_is_a_soft_output_and_not_a_nudge"),
    ),
    Mutant(
        "theorems/verify.py", "the printed factor is the right one",
        "return [matrix.mT for matrix in", "return [matrix for matrix in",
        _tests("test_counterexamples", "test_the_printed_form_fails", ["printed-2"]),
    ),
    Mutant(
        "theorems/hypotheses.py", "the rank is always kept",
        "all(each.found == each.wanted for each in met)", "True",
        _tests("test_theorems", "test_theorem_2_needs_the_rank_of_the_correlation"),
    ),
    Mutant(
        "theorems/hypotheses.py", "a negative product counts as zero",
        "return Hypothesis(abs(value) > threshold", "return Hypothesis(value > threshold",
        _tests("test_counterexamples", "test_the_printed_form_fails", ["printed-residual"]),
    ),
    Mutant(
        "theorems/hypotheses.py", "every residual lies in the row space",
        "_distance(rows, spectrum.rows), threshold, condition)", "0.0, threshold, condition)",
        _tests("test_theorems", "test_sharp_theorem_2_fails_for_independent_targets_and_more_samples_than_inputs"),
    ),
    Mutant(
        "theorems/hypotheses.py", "a threshold of zero for what rounding leaves",
        "return 8 * len(layers) * epsilon(matrix.dtype) if rcond is None else rcond", "return 0.0",
        _tests("test_properties", "test_theorem_1_needs_activities_that_are_not_orthogonal"),
    ),
    Mutant(
        "training/singular_modes.py", "activities of a mode that inference does not move",
        "p * with_input + before * (weight * d) * with_itself", "p * with_input",
        _tests("test_mode_dynamics", "test_the_scalar_chain_of_the_theory"),
    ),
    Mutant(
        "training/landscape.py", "the origin's curvature with the sign turned",
        "own = -xp.kron(targets @ targets.T / count, units)", "own = xp.kron(targets @ targets.T / count, units)",
        _tests("test_landscape", "test_the_origin_in_closed_form"),
    ),
    Mutant(
        "training/hessians.py", "a Hessian without what activities change",
        "layer.weight_update(moved_error, activity) + layer.weight_update(error, moved)",
        "layer.weight_update(moved_error, activity)",
        _tests("test_landscape", "test_hessians_are_second_derivatives"),
    ),
    Mutant(
        "training/hessians.py", "a Hessian without what weights pull back",
        "pulled[:, columns] = along.transpose(error) - down", "pulled[:, columns] = 0",
        _tests("test_landscape", "test_hessians_are_second_derivatives"),
    ),
    Mutant(
        "networks/initialisation.py", "norm-preserving weights with the variance of LeCun's",
        "/ math.sqrt(shape[0])", "/ math.sqrt(shape[1])",
        _tests("test_initialisation", "test_entries_follow_the_distribution"),
    ),
    Mutant(
        "networks/initialisation.py", "geometric in place of linear spacing",
        "spaced = position + (1 - position) / condition", "spaced = condition ** (position - 1)",
        SPACING,
    ),
    Mutant(
        "networks/initialisation.py", "the Frobenius norm is not kept",
        "spaced = spaced * (xp.linalg.norm(values) / xp.linalg.norm(spaced))", "spaced = spaced * 1",
        SPACING,
    ),
    Mutant(
        "networks/passes.py", "the bias is dropped from the forward pass",
        "activities.append(layer.affine(activities[-1]))", "activities.append(layer.apply(activities[-1]))",
        exactly(STATIONARY, "learned biases"),
    ),
    Mutant(
        "inference/energy.py", "the gradient's second term with the wrong sign",
        "gradient[-1] - layer.transpose(weighted)", "gradient[-1] + layer.transpose(weighted)",
        inference("test_a_residual_is_the_gradients_norm"),
    ),
    Mutant(
        "inference/energy.py", "the gradient in the activities without what the layer above adds",
        "return [*(own - pull for own, pull in zip(gradient, pulled, strict=False)), *gradient[-1:]]",
        "return gradient",
        inference("test_the_gradient_in_the_errors_becomes_that_in_the_activities"),
    ),
    Mutant(
        "inference/methods.py", "momentum without its factor",
        "velocity = [settings.momentum * v", "velocity = [v",
        inference(
            "test_each_step_is_that_of_a_plain_simulation", "heavy ball-expanding-2-learned-single-float64",
        ),
    ),
    Mutant(
        "inference/precision_schedules.py", "spikes that count from one",
        "== depth - time", "== depth - time - 1",
        _tests("test_inference_schedules", "test_spikes_come_when_the_error_does"),
    ),
    Mutant(
        "inference/precision_schedules.py", "decaying precisions that leave out the last time",
        "steps - missing + 1, 1)", "steps - missing, 1)",
        _tests("test_inference_schedules", "test_decaying_precisions_sum_to_one_while_they_are_active", ("0.3",)),
    ),
    Mutant(
        "inference/responses.py", "forget the second column of a start at rest",
        "powers[0, 0] + powers[0, 1]", "powers[0, 0]",
        _tests(
            "test_inference_closed_form", "test_the_closed_form_is_the_simulation",
            ("random-expanding-2-dense-single-float64",),
        ),
    ),
    Mutant(
        "inference/spectrum.py", "a stability limit that momentum does not raise",
        "return 2 * (1 + momentum) /", "return 2 /",
        _tests("test_inference_closed_form", "test_an_unstable_step_diverges_alike", ("0.5",)),
    ),
    Mutant(
        "inference/settings.py", "what few steps find is the limit",
        "(1 - ROUGH) * limit_of(ROUGH)", "limit_of(ROUGH)",
        _tests("test_inference_spectrum", "test_a_step_is_stable_up_to_the_limit_however_little_is_known_of_it"),
    ),
    Mutant(
        "inference/propagation.py", "energy that loses γ once a layer",
        "shares[None] ** 2", "shares[None]",
        _tests("test_inference_schedules", "test_energy_that_has_just_arrived_is_exact"),
    ),
    Mutant(
        "learning/before_equilibrium.py", "forward updates without their precision",
        "scale(precision(covariance), after - before)", "after - before",
        _tests("test_inference_schedules", "test_forward_updates_move_away_from_the_feedforward_pass"),
    ),
    Mutant(
        "training/sweep_runs.py", "runs dealt out again with old layers",
        "leaf[runs] = new[there]", "leaf[runs] = leaf[runs]",
        sweeping("test_every_run_is_the_slow_loop"),
    ),
    Mutant(
        "training/sweep.py", "a sweep that goes on without runs",
        "if not any(each.going_on(span.start) for each in runs):", "if not runs:",
        sweeping("test_retired_runs_are_not_computed_again"),
    ),
    Mutant(
        "training/sweep.py", "a checkpoint of another spacing of errors",
        "fingerprint(numbers, chunk, error_every)", "fingerprint(numbers, chunk)",
        sweeping("test_a_checkpoint_of_something_else_is_refused", "error_every"),
    ),
    Mutant(
        "training/sweep.py", "errors of the steps before those that are measured",
        'by_axes("errors")[..., ::error_every]', 'by_axes("errors")[..., error_every - 1 :: error_every]',
        sweeping("test_an_error_that_is_not_measured_changes_nothing_else"),
    ),
    Mutant(
        "training/sweep.py", "minibatches condensed in spite of biases",
        "if all(layer.bias is None for layer in net.layers):", "if net.layers:",
        sweeping("test_every_run_is_that_of_train"),
    ),
    Mutant(
        "training/comparison.py", "the best rate by what rounding leaves of the error",
        "return xp.where(there, arrived.argmin(axis=-1), mean[..., -1].argmin(axis=-1))",
        "return mean[..., -1].argmin(axis=-1)",
        _tests("test_comparison", "test_a_course_that_leaves_rounding_again_has_not_arrived"),
    ),
    Mutant(
        "training/comparison.py", "a rate as good as the best at which a seed diverges",
        "return same & xp.isfinite(errors[..., -1]).all(axis=-1)", "return same",
        _tests("test_comparison", "test_the_best_rate_is_as_good_as_itself_unless_it_diverges"),
    ),
    Mutant(
        "training/comparison.py", "standard errors from n instead of n − 1",
        "values.std(axis=-1, ddof=1)", "values.std(axis=-1)",
        _tests("test_comparison", "test_rates_are_as_good_within_two_standard_errors"),
    ),
    Mutant(
        "training/sweep_program.py", "every chunk learns the first minibatches",
        "now = span.start + time", "now = time",
        sweeping("test_every_run_is_the_slow_loop"),
    ),
    Mutant(
        "training/sweep_program.py", "the targets of another seed",
        "data.x[seed, now], data.y[seed, now]", "data.x[seed, now], data.y[0, now]",
        sweeping("test_every_run_is_the_slow_loop"),
    ),
    Mutant(
        "training/sweep_program.py", "the error of a step before it",
        "map_error(step.model.layers, data.targets[seed])", "map_error(found.models.layers, data.targets[seed])",
        sweeping("test_every_run_is_the_slow_loop"),
    ),
    Mutant(
        "training/sweep_program.py", "groups that are left out",
        "jnp.where(group.used, span.count, 0)", "jnp.where(group.seeds[0] > 0, span.count, 0)",
        sweeping("test_every_run_is_the_slow_loop"),
    ),
    Mutant(
        "training/sweep_runs.py", "diverged runs that are dealt out",
        "(self.seeds == seed) & (self.steps == done)", "(self.seeds == seed) & (self.steps >= 0)",
        sweeping("test_diverged_runs_are_not_dealt_out"),
    ),
    Mutant(
        "training/sweep_runs.py", "blocks that are too few",
        "blocks = -(-seeds * per_seed // devices)", "blocks = seeds * per_seed // devices",
        sweeping("test_all_runs_find_a_place"),
    ),
    Mutant(
        "training/sweep_runs.py", "a sweep that begins again with what it had learned",
        'return int(note["done"])', "return 0",
        sweeping("test_interrupted_anywhere_it_ends_alike"),
    ),
    Mutant(
        "training/sweep_program.py", "condensed minibatches with larger moments",
        "np.sqrt(np.asarray(kept.shape[-2] / samples, x.dtype))", "np.sqrt(np.asarray(1.0, x.dtype))",
        sweeping("test_condensed_minibatches_have_the_same_moments"),
    ),
    Mutant(
        "training/train.py", "errors measured a step early",
        "(step + 1) % every == 0", "step % every == 0",
        sweeping("test_an_error_that_is_not_measured_changes_nothing_else"),
    ),
    Mutant(
        "training/train.py", "inference without digits goes on",
        "jnp.where(accuracy <= REFUSED, learning_rate, jnp.full_like(learning_rate, jnp.nan))", "learning_rate",
        _tests("test_learning", "test_inference_without_digits_ends_training", ["3"]),
    ),
    Mutant(
        "networks/image_kernels.py", "filters of the transpose that are not mirrored",
        "width)[:, :, ::-1, ::-1]", "width)",
        convolution("test_the_transpose_is_adjoint"),
    ),
    Mutant(
        "networks/image_kernels.py", "the transpose cut off by what the map adds",
        "before = self.window - 1 - self.before", "before = self.window - 1 + self.before",
        convolution("test_the_transpose_is_adjoint"),
    ),
    Mutant(
        "networks/convolution.py", "a bias learned from one position",
        "errors.reshape(self.channels[1], -1).sum(axis=1, keepdims=True)", "errors.reshape(self.channels[1], -1)[:, :1]",
        convolution("test_the_update_is_the_gradient_of_the_error_times_the_output"),
    ),
    Mutant(
        "numerics/conjugate_gradients.py", "directions that are not conjugate",
        "direction = _plus(downhill, ratio(decrease, run.decrease), run.direction)", "direction = downhill",
        _tests("test_matrix_free", "test_eight_hidden_layers_of_512_take_at_most_thirty_steps"),
    ),
    Mutant(
        "learning/any_model.py", "a finite step that keeps the prediction",
        "strict=True)]) - predicted", "strict=True)])",
        _tests("test_update_alignment", "test_a_finite_step_is_the_model_run_again_and_tends_to_the_derivative"),
    ),
    Mutant(
        "nonlinear/tangent.py", "tangents through the origin",
        "offset=(value - slope * activity).ravel()", "offset=(0 * value).ravel()",
        _tests("test_linearised", "test_it_is_what_the_formulas_say", ["dense"]),
    ),
    Mutant(
        "nonlinear/tangent.py", "a transpose without the slope",
        "return self.slope[:, None] * self.inner.transpose(v)", "return self.inner.transpose(v)",
        _tests("test_linearised", "test_it_is_what_the_formulas_say", ["rectified"]),
    ),
    Mutant(
        "nonlinear/newton.py", "curvature without the bend of the blocks",
        "back = pulls[index](above)[0] - bends[index](moved[index])", "back = pulls[index](above)[0]",
        _tests("test_nonlinear", "test_the_equilibrium_is_a_stationary_point_of_the_energy", ["tanh"]),
    ),
    Mutant(
        "nonlinear/newton.py", "a subgradient that takes the wrong side of a kink",
        "jnp.where(rises > falls, -rises, falls)", "jnp.where(rises > falls, falls, -rises)",
        _tests("test_nonlinear", "test_the_smallest_subgradient_at_a_kink"),
    ),
    Mutant(
        "pcn/choices/losses.py", "cross-entropy's error without the softmax",
        "state - jax.nn.softmax(prediction) * state.sum(axis=-1, keepdims=True)", "state - prediction",
        training("test_backpropagation_is_the_gradient_of_the_loss"),
    ),
    Mutant(
        "pcn/choices/relaxations.py", "momentum left out",
        "momentum * old + new", "new",
        training("test_linear_inference_follows_the_theory_at_every_time"),
    ),
    Mutant(
        "pcn/choices/relaxations.py", "Langevin's noise without its factor",
        "size = jnp.sqrt(2 * jnp.asarray(step))", "size = jnp.sqrt(jnp.asarray(step))",
        training("test_langevin_samples_the_posterior"),
    ),
    Mutant(
        "pcn/choices/outputs.py", "an update that negative nudging does not turn",
        "return Phase(sign * beta, sign)",
        "return Phase(sign * beta, 1)",
        _tests("test_pcn_variants", "test_nudging_scales_the_residual"),
    ),
    Mutant(
        "pcn/engine/multiplications.py", "a backward pass as long as the forward pass",
        "both_ways = 2 * layers - 1", "both_ways = 2 * layers",
        _tests("test_training_options", "test_sequential_multiplications"),
    ),
    Mutant(
        "pcn/engine/training.py", "one too many among the largest",
        "min(count, prediction.shape[-1])", "min(count + 1, prediction.shape[-1])",
        _tests("test_training_options", "test_the_right_class_is_among_the_five_largest"),
    ),
    Mutant(
        "pcn/engine/learning.py", "a batch's sign that is the epoch's",
        "jax.random.fold_in(self.run, DRAWN) if output.by_batch else self.epoch", "self.epoch",
        _tests("test_training_options", "test_the_sign_of_centred_nudging_is_drawn_by_epoch_or_batch"),
    ),
    Mutant(
        "pcn/data/augmentation.py", "images that are sheared",
        "down * cos + right * sin", "down * cos - right * sin",
        _tests("test_training_options", "test_quarter_turns_are_those_of_numpy"),
    ),
    Mutant(
        "pcn/choices/optimisers.py", "SGD without its momentum",
        "optax.sgd(rate, self.momentum)", "optax.sgd(rate)",
        _tests("test_training_options", "test_optimisers_step_as_their_papers_say"),
    ),
    Mutant(
        "pcn/engine/slopes.py", "blocks skipped for a step too long",
        "active = time >= network.waits[k]", "active = time > network.waits[k]",
        training("test_linear_inference_follows_the_theory_at_every_time"),
    ),
    Mutant(
        "nonlinear/images.py", "a transposed convolution whose kernel is not turned",
        "correlate(x, kernel[::-1, ::-1],", "correlate(x, kernel,",
        _tests("test_pcn_autoencoders", "test_the_transpose_of_a_convolution"),
    ),
    Mutant(
        "nonlinear/network.py", "states that move a step late",
        "1 + min(wait for k", "2 + min(wait for k",
        _tests("test_pcn_models", "test_inference_skips_only_what_has_no_error"),
    ),
    Mutant(
        "nonlinear/correlation.py", "images' derivative with the padding of no stride",
        "- (output - 1) * window.stride + before", "- (output - 1) + before",
        _tests("test_correlation", "test_every_derivative_is_that_of_jax"),
    ),
    Mutant(
        "pcn/engine/incremental.py", "the alignment of an incremental update's last step alone",
        "if not isinstance(update, Incremental | Averaged):", "if not isinstance(update, Averaged):",
        _tests("test_pcn_alignment", "test_alignment_is_where_predictions_go", ("iPC",)),
    ),
    Mutant(
        "pcn/engine/rescaling.py", "the decorrelation matrix as the paper prints it, transposed",
        "Signals((), own, [*plain, None],", "Signals((), plain, [*own, None],",
        _tests("test_pcn_rescaling", "test_nonlinear_networks_sample_by_sample"),
    ),
    Mutant(
        "pcn/choices/algorithms.py", "an incremental update that steps once a batch",
        "return self.steps if isinstance(self.update, Incremental) else 1", "return 1",
        _tests("test_training_runs", "test_the_learning_rate_falls_over_all_steps_of_the_optimiser"),
    ),
    Mutant(
        "learning/kernel.py", "predictive coding's errors without the nudge",
        "residual = nudge * residual", "residual = residual",
        _tests("test_kernels", "test_options_of_inference", ["half"]),
    ),
    Mutant(
        "learning/kernel.py", "the transposed map in the place of the map",
        "return columns.reshape(size, -1).T", "return columns.reshape(size, -1)",
        _tests("test_kernels", "test_predictive_coding_has_its_formula"),
    ),
    Mutant(
        "learning/best_factors.py", "directions left out",
        "(default_rcond(rows) if rcond is None else rcond)", "0.5",
        _tests("test_best_alignment", "test_it_is_the_brute_force_optimum", ["6-pc"]),
    ),
    Mutant(
        "learning/rules.py", "evidence: forget the log-determinant of the last layer",
        "pairs = zip(energy_updates[1:], determinant, strict=True)",
        "pairs = zip(energy_updates[1:], [*determinant[:-1], 0 * determinant[-1]], strict=True)",
        _tests("test_evidence", "test_evidence_ascends_the_likelihood", ["unit-dense"]),
    ),
    Mutant(
        "learning/rules.py", "evidence: learned biases move the log-determinant",
        "if layer.bias is not None else update", "if layer.bias is False else update",
        _tests("test_evidence", "test_evidence_ascends_the_likelihood", ["unit-learned biases"]),
    ),
    Mutant(
        "equilibria/hessian.py", "smoother: forget what the next layer does not know",
        "block = inverse.T @ inverse + gain @ blocks[-1] @ gain.T", "block = inverse.T @ inverse",
        _tests(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-all-False-unit"],
        ),
    ),
    Mutant(
        "equilibria/evidence.py", "the noise of outputs that are not known stays in the determinant",
        "halves = halves - (outputs - count)", "halves = halves - 0 * (outputs - count)",
        _tests(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-one-False-scalar"],
        ),
    ),
    Mutant(
        "equilibria/posterior.py", "recall forgets correlated noise of the outputs",
        "return problem.layers[-1].affine(settled.activities[-2]) + scale(problem.covariances[-1], multiplier)",
        "return problem.layers[-1].affine(settled.activities[-2]) + multiplier",
        _tests(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-one-False-matrix"],
        ),
    ),
    Mutant(
        "inference/langevin.py", "momentum does not change the bias",
        "half = step_size / (2 * (1 + kept))", "half = step_size / 2",
        _tests(
            "test_sampling", "test_the_law_of_langevin_dynamics_solves_lyapunovs_equation", ["widths2-0.3"]
        ),
    ),
    Mutant(
        "learning/rules.py", "evidence: activities without the layers' covariances",
        "noises = scale_all(covariances, downstream_maps(layers))", "noises = downstream_maps(layers)",
        proof("evidence-gradient"),
    ),
    Mutant(
        "learning/rules.py", "evidence: errors of the first output alone",
        "errors = backward_sweep(layers, solve(raw_output_covariance(layers, covariances), unit))",
        "errors = backward_sweep(layers, unit)",
        proof("fisher-identity"),
    ),
    Mutant(
        "learning/rules.py", "the output's variance learns without the posterior's share",
        "mean(axis=1) - precision) / 2", "mean(axis=1) - 1) / 2",
        _tests("test_evidence_learning", "test_the_slope_in_the_variances"),
    ),
    Mutant(
        "pcn/engine/slopes.py", "observed outputs move",
        "return (*change[:-1], jnp.where(self.observed, jnp.zeros_like(change[-1]), change[-1]))", "return change",
        _tests("test_pcn_generation", "test_linear_blocks_settle_at_the_closed_forms", ["one-True"]),
    ),
    Mutant(
        "pcn/engine/derivatives.py", "a latent without its prior",
        "SquaredError(prior_variance(network.blocks[k]))", "SquaredError()",
        _tests("test_pcn_generation", "test_linear_blocks_settle_at_the_closed_forms", ["all-True"]),
    ),
    Mutant(
        "pcn/engine/incremental.py", "an average over all times",
        "counts = total.steps >= self.first", "counts = total.steps >= 0",
        _tests("test_pcn_generation", "test_an_average_is_the_mean_over_time"),
    ),
)  # fmt: skip
