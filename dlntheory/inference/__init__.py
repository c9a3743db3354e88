"""How does inference get there?

Read `energy` and its gradient, `schedules` (precisions that change), `relaxation` (a state and what it shows),
`methods` and `simulation` (step by step), `spectrum` (stability and rates); then closed forms at finite time:
`responses`, `eigenmodes`, `chebyshev`, `finite_time`; and `propagation` (how far the error has come, and spikes).
"""
