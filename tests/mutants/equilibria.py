"""Mutants of the equilibrium and the generative model."""

from .naming import BOTH_ORDERS, DERIVATIVES, STATIONARY, Mutant, accuracy, equilibrium, exactly, of_file, proof

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
        "errors = backward_sweep(layers, multiplier, forces)", "errors = [multiplier for _ in layers]",
        proof("equilibrium-stationary"),
    ),
    Mutant(
        "equilibria/routes.py", "a proof: the multiplier with the wrong sign",
        "divide(factor, -_drift(layers, covariances, offsets, forces))",
        "divide(factor, _drift(layers, covariances, offsets, forces))", proof("equilibrium-clamp"),
    ),
    Mutant(
        "equilibria/covariance.py", "a proof: a layer's noise with the wrong sign",
        "return scale(covariance, identity(predicted.shape[0], predicted)) + predicted",
        "return scale(covariance, identity(predicted.shape[0], predicted)) - predicted",
        proof("likelihood"),
    ),
    Mutant(
        "equilibria/routes.py", "a proof: the clamp forgets the forces on hidden layers",
        "backward_sweep(layers, 0 * offsets[-1], forces)", "backward_sweep(layers, 0 * offsets[-1])",
        proof("posterior"),
    ),
    Mutant(
        "equilibria/hessian.py", "a proof: the next layer's covariance taken away",
        "block = inverse.T @ inverse + gain @ blocks[-1] @ gain.T",
        "block = inverse.T @ inverse - gain @ blocks[-1] @ gain.T",
        proof("smoother"),
    ),
    Mutant(
        "networks/passes.py", "a proof: activities without their errors",
        "total(layer.apply(activities[-1]), offset, noise)", "total(layer.apply(activities[-1]), offset)",
        proof("partial-observation", "at_fixed_depth"),
    ),
    Mutant(
        "equilibria/nudging.py", "a proof: β in place of 1/β",
        "return 1 / beta + (1 if", "return beta + (1 if", proof("soft-output"),
    ),
    Mutant(
        "equilibria/covariance.py", "forward: drop a term of S",
        "following.apply(add_noise(covariance, layer.apply(crossed)).T).T",
        "following.apply(layer.apply(crossed)).T", BOTH_ORDERS,
    ),
    Mutant(
        "equilibria/covariance.py", "backward: drop a covariance of S",
        "downstream.T @ scale(covariance, downstream)", "downstream.T @ downstream", BOTH_ORDERS,
    ),
    Mutant(
        "equilibria/routes.py", "the multiplier with the wrong sign",
        "return forward_sweep(layers, offsets, pushed)[-1]", "return -1 * forward_sweep(layers, offsets, pushed)[-1]",
        exactly(STATIONARY, "dense"),
    ),
    Mutant(
        "equilibria/routes.py", "a correction that doubles the error",
        "first.weighted_errors[-1] - divide(factor, missed)", "first.weighted_errors[-1] + divide(factor, missed)",
        accuracy("test_one_correction_squares_the_error_in_every_program"),
    ),
    Mutant(
        "equilibria/routes.py", "errors shifted by a layer",
        "for downstream in maps[:-1]] + [multiplier]", "for downstream in maps[1:]] + [multiplier]",
        exactly(STATIONARY, "wide"),
    ),
    Mutant(
        "equilibria/routes.py", "a force of the wrong sign, through the Hessian",
        "[total(*pair) for pair in zip(pulled, forces, strict=True)]",
        "[pull - force for pull, force in zip(pulled, forces, strict=True)]",
        of_file("test_transformations", DERIVATIVES, ["equilibrium, hessian"]),
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
        "below = [-whiten(p if is_scalar(p) else p.T, m) for", "below = [-m for", equilibrium("hessian-square-3-dense-scalars-B3-float64"),
    ),
    Mutant(
        "equilibria/hessian.py", "the whitener of the wrong side",
        "return 1 / square_root(covariance) if", "return square_root(covariance) if",
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
    Mutant(
        "equilibria/observation.py", "NumPy: samples in the order of their masks",
        "order = np.argsort(np.concatenate(groups))", "order = np.arange(len(observed))",
        of_file(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-each-False-unit"],
        ),
    ),
    Mutant(
        "equilibria/equilibrium.py", "auto never falls back",
        'for route in ("hessian", "square_root"):', "for route in ():",
        accuracy("test_growing_weights_are_solved_by_orthogonal_elimination", "auto-gain 4"),
    ),
    Mutant(
        "equilibria/equilibrium.py", "nothing is refused",
        "if not np.asarray(accurate).all():", "if False:",
        of_file("test_transformations", "test_where_eager_code_raises_compiled_code_is_nan"),
    ),
    Mutant(
        "equilibria/settling.py", "drop the ½ of the energy",
        "energy = total(*map(column_products, weighted, errors)) / 2",
        "energy = total(*map(column_products, weighted, errors))",
        equilibrium("covariance-square-1-dense-B3-float64"),
    ),
    Mutant(
        "equilibria/settling.py", "the nudge is ignored",
        "weighted = tuple(nudge * each for each in weighted)", "weighted = tuple(weighted)",
        equilibrium("covariance-square-2-dense-half-B3-float64"),
    ),
    Mutant(
        "equilibria/nudging.py", "β in place of 1/β",
        "return 1 / beta + (1 if", "return beta + (1 if", equilibrium("covariance-square-2-dense-soft-B3-float64"),
    ),
    Mutant(
        "equilibria/settling.py", "the soft output's energy forgotten",
        "energy = energy + nudge.beta * column_products(y - output, y - output) / 2", "energy = energy * 1",
        equilibrium("covariance-square-2-dense-soft-B3-float64"),
    ),
    Mutant(
        "equilibria/hessian.py", "smoother: forget what the next layer does not know",
        "block = inverse.T @ inverse + gain @ blocks[-1] @ gain.T", "block = inverse.T @ inverse",
        of_file(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-all-False-unit"],
        ),
    ),
    Mutant(
        "equilibria/evidence.py", "the noise of outputs that are not known stays in the determinant",
        "halves = halves - (outputs - count)", "halves = halves - 0 * (outputs - count)",
        of_file(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-one-False-scalar"],
        ),
    ),
    Mutant(
        "equilibria/posterior.py", "recall forgets correlated noise of the outputs",
        "return problem.layers[-1].affine(settled.activities[-2]) + scale(problem.covariances[-1], multiplier)",
        "return problem.layers[-1].affine(settled.activities[-2]) + multiplier",
        of_file(
            "test_generative", "test_everything_is_dense_gaussian_conditioning",
            ["((4, 5, 3, 6), 'biased')-one-False-matrix"],
        ),
    ),
)  # fmt: skip
