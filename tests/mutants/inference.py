"""Mutants of inference."""

from .naming import Mutant, inference, of_file, proof

MUTANTS = (
    Mutant(
        "inference/energy.py", "a proof: the error from above without its transpose's sign",
        "gradient[-1] - layer.transpose(weighted)", "gradient[-1] + layer.transpose(weighted)",
        proof("spike"),
    ),
    Mutant(
        "inference/energy.py", "a proof: inference goes up the energy",
        "return [own - step_size * slope for", "return [own + step_size * slope for",
        proof("langevin-law"),
    ),
    Mutant(
        "inference/propagation.py", "NumPy: coefficients from the wrong end",
        "np.convolve(a, b)[:depth]", "np.convolve(a, b)[-depth:]",
        of_file("test_inference_kinds", "test_numpy_and_jax_agree", ["energy_propagation-square-3-dense-B1-float64"]),
    ),
    Mutant(
        "inference/propagation.py", "JAX: a transposed product of steps",
        'einsum("ikm,kjmn->ijn", one, shifted)', 'einsum("kim,kjmn->ijn", one, shifted)',
        of_file("test_inference_kinds", "test_numpy_and_jax_agree", ["energy_propagation-square-3-dense-B1-float64"]),
    ),
    Mutant(
        "inference/propagation.py", "the precisions of the last layers at every time",
        "precisions(time)[pair]", "precisions(time)[-2:]",
        of_file("test_spiking", "test_in_exact_arithmetic"),
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
        of_file("test_inference_schedules", "test_spikes_come_when_the_error_does"),
    ),
    Mutant(
        "inference/precision_schedules.py", "decaying precisions that leave out the last time",
        "steps - missing + 1, 1)", "steps - missing, 1)",
        of_file("test_inference_schedules", "test_decaying_precisions_sum_to_one_while_they_are_active", ("0.3",)),
    ),
    Mutant(
        "inference/responses.py", "forget the second column of a start at rest",
        "powers[0, 0] + powers[0, 1]", "powers[0, 0]",
        of_file(
            "test_inference_closed_form", "test_the_closed_form_is_the_simulation",
            ("random-expanding-2-dense-single-float64",),
        ),
    ),
    Mutant(
        "inference/spectrum.py", "a stability limit that momentum does not raise",
        "return 2 * (1 + momentum) /", "return 2 /",
        of_file("test_inference_closed_form", "test_an_unstable_step_diverges_alike", ("0.5",)),
    ),
    Mutant(
        "inference/hessian_products.py", "many equal layers whose end is free",
        "weighted[-1] += last.transpose(", "weighted[-1] += 0 * last.transpose(",
        of_file("test_inference_spectrum", "test_many_equal_layers_are_multiplied_at_once"),
    ),
    Mutant(
        "inference/settings.py", "what few steps find is the limit",
        "(1 - ROUGH) * limit_of(ROUGH)", "limit_of(ROUGH)",
        of_file("test_inference_spectrum", "test_a_step_is_stable_up_to_the_limit_however_little_is_known_of_it"),
    ),
    Mutant(
        "inference/propagation.py", "energy that loses γ once per layer",
        "shares[None] ** 2", "shares[None]",
        of_file("test_inference_schedules", "test_energy_that_has_just_arrived_is_exact"),
    ),
    Mutant(
        "inference/langevin.py", "momentum does not change the bias",
        "half = step_size / (2 * (1 + momentum))", "half = step_size / 2",
        of_file(
            "test_sampling", "test_the_law_of_langevin_dynamics_solves_lyapunovs_equation", ["widths2-0.3"]
        ),
    ),
)  # fmt: skip
