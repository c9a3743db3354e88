"""How does inference get there?

Read `energy` and its gradient, `precision_schedules` (spikes, decay), `relaxation` (a state of inference and its
residual) and `outcomes` (how a run ended); `hessian_products` and `spectrum` (stability and rates), `settings` (checked
options), `methods` and `simulation` (step by step); then the closed forms at finite time: `responses`, `eigenmodes`,
`chebyshev`, `finite_time`, and `modes_derivative` (their derivative under JAX); `propagation` (how far the output's
error has come, with spikes too); and `langevin` (the distribution of noisy inference).
"""
