"""What should one expect of a random network, before any weights are drawn?

Read `expected`, which has the question and its answer; then where the answer comes from: `layer_kinds` (what the theory
needs of a layer; `given_singular_values` is one of them), `first_order` (traces and energies at equilibrium),
`backpropagation` and `predictive_coding` (second order: the limit of the alignment), `fluctuations` (finite width) and
`batches`. What builds on it stands alone: `covariance_spectrum`, `limit_covariances`, `batch_alignment` for given
weights, `batch_limit` for predictive coding in batches (with `pencil`, limits of any trace), and `activations` (with
`activated_pc`) for nonlinear networks. `arguments` checks inputs, and `recursion` loops over layers.
"""
