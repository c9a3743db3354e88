"""How does training go?

Read `train`; `sweep` with `sweep_program` and `sweep_runs` (many trainings at once); `flow` (continuous time),
`aligned_networks` and `singular_modes` (its closed form), `landscape` with `hessians`, and `escape` (saddles).
"""
