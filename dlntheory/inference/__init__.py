"""How does inference get there?

Read `energy` and its gradient, `schedules` (precisions that change), `relaxation` (a state and what it shows) and
`outcomes` (how it ended); `spectrum` (stability and rates), `settings` (checked options), `methods` and `simulation`
(step by step); then closed forms at finite time: `responses`, `eigenmodes`, `chebyshev`, `finite_time`, and
`differentiation` (their derivative under JAX); `propagation` (how far the error has come, and spikes); and `langevin`
(what noisy inference samples from).
"""
