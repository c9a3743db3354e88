"""Mutants of nonlinear networks."""

from .naming import Mutant, of_file

MUTANTS = (
    Mutant(
        "nonlinear/tangent.py", "tangents through the origin",
        "offset=(value - slope * activity).ravel()", "offset=(0 * value).ravel()",
        of_file("test_linearised", "test_it_is_what_the_formulas_say", ["dense"]),
    ),
    Mutant(
        "nonlinear/tangent.py", "a transpose without the slope",
        "return self.slope[:, None] * self.inner.transpose(v)", "return self.inner.transpose(v)",
        of_file("test_linearised", "test_it_is_what_the_formulas_say", ["rectified"]),
    ),
    Mutant(
        "nonlinear/curvature.py", "curvature without the bend of the blocks",
        "back = pulls[index](above)[0] - bends[index](moved[index])", "back = pulls[index](above)[0]",
        of_file("test_nonlinear", "test_the_equilibrium_is_a_stationary_point_of_the_energy", ["tanh"]),
    ),
    Mutant(
        "nonlinear/clamped.py", "a subgradient that takes the wrong side of a kink",
        "jnp.where(rises > falls, -rises, falls)", "jnp.where(rises > falls, falls, -rises)",
        of_file("test_nonlinear", "test_the_smallest_subgradient_at_a_kink"),
    ),
    Mutant(
        "nonlinear/images.py", "a transposed convolution whose kernel is not turned",
        "correlate(x, kernel[::-1, ::-1],", "correlate(x, kernel,",
        of_file("test_pcn_autoencoders", "test_the_transpose_of_a_convolution"),
    ),
    Mutant(
        "nonlinear/network.py", "a forward pass that a cycle does not end",
        "> len(states):", "> len(states) + 9:",
        of_file("test_pcn_graphs", "test_what_needs_a_forward_pass_refuses_a_cycle"),
    ),
    Mutant(
        "nonlinear/network.py", "errors that arrive a step early",
        "reached = {self.depth}", "reached = self._touched(self.depth - 1)",
        of_file("test_pcn_graphs", "test_a_block_on_a_cycle_waits_until_an_error_arrives"),
    ),
    Mutant(
        "nonlinear/network.py", "states that move a step late",
        "1 + min(wait for k", "2 + min(wait for k",
        of_file("test_pcn_models", "test_inference_skips_only_what_has_no_error", ["1000-2-None-long"]),
    ),
    Mutant(
        "nonlinear/correlation.py", "images' derivative with the padding of no stride",
        "- (output - 1) * window.stride + before", "- (output - 1) + before",
        of_file("test_correlation", "test_every_derivative_is_that_of_jax"),
    ),
    Mutant(
        "nonlinear/correlation.py", "spread images whose first outputs are those of no padding",
        "spread - 1 - before % spread", "spread - 1",
        of_file("test_correlation", "test_every_derivative_is_that_of_jax"),
    ),
)  # fmt: skip
