"""Mutants of trainers of nonlinear networks."""

from .naming import Mutant, of_file, training

MUTANTS = (
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
        of_file("test_pcn_variants", "test_nudging_scales_the_residual"),
    ),
    Mutant(
        "pcn/engine/multiplications.py", "a backward pass as long as the forward pass",
        "return 2 * longest_path(network) - 1", "return 2 * longest_path(network)",
        of_file("test_training_options", "test_sequential_multiplications"),
    ),
    Mutant(
        "pcn/engine/training.py", "one too many among the largest",
        "min(count, prediction.shape[-1])", "min(count + 1, prediction.shape[-1])",
        of_file("test_training_options", "test_the_right_class_is_among_the_five_largest"),
    ),
    Mutant(
        "pcn/engine/learning.py", "a batch's sign that is the epoch's",
        "jax.random.fold_in(self.run, DRAWN) if output.by_batch else self.epoch", "self.epoch",
        of_file("test_training_options", "test_the_sign_of_centred_nudging_is_drawn_by_epoch_or_batch"),
    ),
    Mutant(
        "pcn/data/augmentation.py", "images that are sheared",
        "down * cos + right * sin", "down * cos - right * sin",
        of_file("test_training_options", "test_quarter_turns_are_those_of_numpy"),
    ),
    Mutant(
        "pcn/choices/optimisers.py", "SGD without its momentum",
        "optax.sgd(rate, self.momentum)", "optax.sgd(rate)",
        of_file("test_training_options", "test_optimisers_step_as_their_papers_say"),
    ),
    Mutant(
        "pcn/runs/run.py", "the best epoch chosen on the test set in spite of a validation",
        "else (validation, self.best_validation)", "else (accuracy, self.best_accuracy)",
        of_file("test_training_runs", "test_the_best_epoch_is_chosen_in_validation"),
    ),
    Mutant(
        "pcn/data/mnist.py", "EMNIST's letters on their side",
        "split.samples.swapaxes(2, 3)", "split.samples",
        of_file("test_pictures_of_letters_and_faces", "test_letters_of_emnist_stand_upright_and_begin_at_zero", ["gzip"]),
    ),
    Mutant(
        "pcn/data/celeba.py", "faces that are stretched and not cut",
        "Image.Resampling.LANCZOS, box=square.box", "Image.Resampling.LANCZOS",
        of_file("test_pictures_of_letters_and_faces", "test_celeba_is_cut_in_the_middle"),
    ),
    Mutant(
        "pcn/data/resizing.py", "images that shrink by leaving pixels out",
        "reach = max(1.0, old / new)", "reach = 1.0",
        of_file("test_pcn_batches", "test_images_are_resized_as_pillow_does"),
    ),
    Mutant(
        "pcn/choices/hopfield.py", "one head's recollection instead of the sum",
        'jnp.einsum("bhp,hpu->bu", self.attention(each, x, y), each.values)',
        'jnp.einsum("bp,pu->bu", self.attention(each, x, y)[:, 0], each.values[0])',
        of_file("test_pcn_starts", "test_a_memory_of_the_latent_is_a_softmax_recall_and_a_forward_pass", ["3"]),
    ),
    Mutant(
        "pcn/choices/hopfield.py", "a memory that is fitted anew to every batch",
        "jax.lax.cond(memory.filled, lambda: memory, lambda: self._fitted(memory, network, x, y, key))",
        "self._fitted(memory, network, x, y, key)",
        of_file("test_pcn_starts", "test_values_are_fitted_to_the_untrained_start_before_the_first_batch", ["2-1"]),
    ),
    Mutant(
        "pcn/choices/initial_states.py", "samples that all take the first kept state",
        "turns = np.arange(len(x)) % len(memory.states[0])", "turns = np.zeros(len(x), int)",
        of_file("test_pcn_starts", "test_evaluation_goes_on_from_the_kept_states", ["3-1"]),
    ),
    Mutant(
        "pcn/runs/config.py", "a memory's schedule as long as the weights' steps",
        "each = 1 if by_batch else self.make_algorithm().weight_steps", "each = self.make_algorithm().weight_steps",
        of_file("test_pcn_starts", "test_a_memory_without_a_rate_learns_as_the_weights_do"),
    ),
    Mutant(
        "nonlinear/blocks.py", "a block that forgets its third source",
        "return sum(sources[2:], z), statistics", "return z, statistics",
        of_file("test_pcn_graphs", "test_the_second_source_alone_passes_through_the_shortcut"),
    ),
    Mutant(
        "pcn/engine/slopes.py", "blocks skipped for a step too long",
        "active = time >= network.waits[k]", "active = time > network.waits[k]",
        training("test_linear_inference_follows_the_theory_at_every_time"),
    ),
    Mutant(
        "pcn/engine/incremental.py", "the alignment of an incremental update's last step alone",
        "if not isinstance(update, Incremental | Averaged):", "if not isinstance(update, Averaged):",
        of_file("test_pcn_alignment", "test_alignment_is_where_predictions_go", ("iPC",)),
    ),
    Mutant(
        "pcn/engine/rescaling.py", "the decorrelation matrix as the paper prints it, transposed",
        "Signals((), own, [*plain, None],", "Signals((), plain, [*own, None],",
        of_file("test_pcn_rescaling", "test_nonlinear_networks_sample_by_sample"),
    ),
    Mutant(
        "pcn/choices/algorithms.py", "an incremental update that steps once per batch",
        "return self.steps if isinstance(self.update, Incremental) else 1", "return 1",
        of_file("test_training_runs", "test_the_learning_rate_falls_over_all_steps_of_the_optimiser"),
    ),
    Mutant(
        "pcn/engine/slopes.py", "observed outputs move",
        "return (*change[:-1], jnp.where(self.observed, jnp.zeros_like(change[-1]), change[-1]))", "return change",
        of_file("test_pcn_generation", "test_linear_blocks_settle_at_the_closed_forms", ["one-True"]),
    ),
    Mutant(
        "pcn/engine/derivatives.py", "a latent without its prior",
        "SquaredError(prior_variance(network.blocks[k]))", "SquaredError()",
        of_file("test_pcn_generation", "test_linear_blocks_settle_at_the_closed_forms", ["all-True"]),
    ),
    Mutant(
        "pcn/engine/incremental.py", "an average over all times",
        "counts = total.steps >= self.first", "counts = total.steps >= 0",
        of_file("test_pcn_generation", "test_an_average_is_the_mean_over_time"),
    ),
)  # fmt: skip
