"""Mutants of layers, passes and initialisations."""

from .naming import (
    BOTH_ORDERS,
    BP,
    DERIVATIVES,
    SPACING,
    STATIONARY,
    THEOREM_1,
    Mutant,
    alignment,
    convolution,
    exactly,
    learning,
    of_file,
    proof,
)

MUTANTS = (
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
        "networks/layer.py", "a proof: a learned bias is not a feature",
        "return append_ones(columns) if self.learn_bias else columns", "return columns",
        proof("biases", "at_fixed_depth"),
    ),
    Mutant(
        "networks/passes.py", "backward: drop a layer of D",
        "for layer in reversed(layers[1:-1]):", "for layer in reversed(layers[2:-1]):",
        BOTH_ORDERS,
    ),
    Mutant("networks/passes.py", "maps in the wrong order", "return maps[::-1]", "return maps", BOTH_ORDERS),
    Mutant(
        "networks/passes.py", "a force of the wrong sign, through S",
        "total(error, forces[index])", "total(error, -forces[index])",
        of_file("test_transformations", DERIVATIVES, ["equilibrium, covariance"]),
    ),
    Mutant(
        "networks/passes.py", "an offset forgotten",
        "activities.append(total(layer.apply(activities[-1]), offset, noise))",
        "activities.append(total(layer.apply(activities[-1]), noise))",
        exactly(STATIONARY, "dense"),
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
        "networks/initialisation.py", "norm-preserving weights with the variance of LeCun's",
        "/ math.sqrt(shape[0])", "/ math.sqrt(shape[1])",
        of_file("test_initialisation", "test_entries_follow_the_distribution"),
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
)  # fmt: skip
