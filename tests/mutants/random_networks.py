"""Mutants of random networks."""

from .naming import Mutant, of_file, proof

SINGLE = of_file("test_batch_limit", "test_one_sample_s_traces_are_the_recursions", ["False-None"])
BACKPROPAGATION = of_file("test_batch_limit", "test_without_hidden_covariances_it_is_backpropagation", ["64-linear"])

MUTANTS = (
    Mutant(
        "random_networks/layer_kinds.py", "random networks: dense layers leave half the room",
        "return 1 / self.variance + 0 * occupied", "return 0.5 / self.variance + 0 * occupied",
        proof("random-saddle"),
    ),
    Mutant(
        "random_networks/predictive_coding.py", "random networks: a slope without the layers below",
        "slope = 1 / (R + R_slope * below / n)", "slope = 1 / (R + 0 * below)",
        proof("random-slope"),
    ),
    Mutant(
        "random_networks/predictive_coding.py", "random networks: the curvature of R is forgotten in Z",
        "d + below / n * d_slope, R * d_slope + d * R_slope)", "d + below / n * d_slope, R * d_slope)",
        proof("random-sum-rules"),
    ),
    Mutant(
        "random_networks/predictive_coding.py", "random networks: products forget kkᵀ",
        "X = Q - _scaled(quadratic * e / n, kk)", "X = Q", proof("random-sum-rules"),
    ),
    Mutant(
        "random_networks/backpropagation.py", "random networks: BP forgets the third cumulant",
        "k2 * s2 / n + k3 * (s1 / n) ** 2", "k2 * s2 / n", proof("random-backpropagation"),
    ),
    Mutant(
        "random_networks/backpropagation.py", "random networks: a layer's second cumulant twice",
        "s2=s2 + k2 * s1**2 / n", "s2=s2 + 2 * k2 * s1**2 / n", proof("gaussian-chains"),
    ),
    Mutant(
        "networks/aligned_variances.py", "random networks: traces that are too large",
        "traces.append((width - sum(traces)) / (1 + growth))", "traces.append((width - sum(traces)) / growth)",
        proof("random-aligned"),
    ),
    Mutant(
        "random_networks/pencil.py", "random networks: systems of a chain share no backward noise",
        "found[FORWARD, low, BACKWARD, high] = variance * self.widths[high]", "found[FORWARD, low, BACKWARD, high] = 0", SINGLE,
    ),
    Mutant(
        "random_networks/batch_limit.py", "random networks: batches forget the overlap of samples",
        "+ batch * found.squares * found.overlaps", "", BACKPROPAGATION,
    ),
)  # fmt: skip
