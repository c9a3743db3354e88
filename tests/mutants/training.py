"""Mutants of training, flows and curvature."""

from .naming import Mutant, of_file, sweeping

MUTANTS = (
    Mutant(
        "training/train.py", "samples without an alignment count",
        "there = ~jnp.isnan(alignment)", "there = jnp.ones_like(alignment, bool)",
        of_file("test_learning", "test_samples_without_an_alignment_do_not_count"),
    ),
    Mutant(
        "training/singular_modes.py", "activities of a mode that inference does not move",
        "p * with_input + before * (weight * d) * with_itself", "p * with_input",
        of_file("test_mode_dynamics", "test_the_scalar_chain_of_the_theory"),
    ),
    Mutant(
        "training/landscape.py", "the origin's curvature with the sign turned",
        "own = -xp.kron(targets @ targets.T / count, units)", "own = xp.kron(targets @ targets.T / count, units)",
        of_file("test_hessians", "test_the_origin_in_closed_form"),
    ),
    Mutant(
        "training/hessians.py", "a Hessian without what activities change",
        "layer.weight_update(moved_error, activity) + layer.weight_update(error, moved)",
        "layer.weight_update(moved_error, activity)",
        of_file("test_hessians", "test_hessians_are_second_derivatives"),
    ),
    Mutant(
        "training/hessians.py", "a Hessian without what weights pull back",
        "pulled[:, columns] = along.transpose(error) - down", "pulled[:, columns] = 0",
        of_file("test_hessians", "test_hessians_are_second_derivatives"),
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
        "training/sweep_arguments.py", "minibatches condensed in spite of biases",
        "if all(layer.bias is None for layer in net.layers):", "if net.layers:",
        sweeping("test_every_run_is_that_of_train"),
    ),
    Mutant(
        "training/comparison.py", "the best rate by what rounding leaves of the error",
        "return xp.where(there, arrived.argmin(axis=-1), mean[..., -1].argmin(axis=-1))",
        "return mean[..., -1].argmin(axis=-1)",
        of_file("test_comparison", "test_a_course_that_leaves_rounding_again_has_not_arrived"),
    ),
    Mutant(
        "training/comparison.py", "a rate as good as the best at which a seed diverges",
        "return same & xp.isfinite(errors[..., -1]).all(axis=-1)", "return same",
        of_file("test_comparison", "test_the_best_rate_is_as_good_as_itself_unless_it_diverges"),
    ),
    Mutant(
        "training/comparison.py", "standard errors from n instead of n − 1",
        "values.std(axis=-1, ddof=1)", "values.std(axis=-1)",
        of_file("test_comparison", "test_rates_are_as_good_within_two_standard_errors"),
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
        "map_error(step.model.layers, targets)", "map_error(found.models.layers, targets)",
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
        "training/sweep_checkpoint.py", "a sweep that begins again with what it had learned",
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
        of_file("test_learning", "test_inference_without_digits_ends_training", ["0.12"]),
    ),
)  # fmt: skip
