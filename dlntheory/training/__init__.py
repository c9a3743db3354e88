"""How does training go?

Read `algorithm` and `train`; `sweep` with `sweep_program` and `sweep_runs` (many trainings at once) and `comparison`
(which is best); `flow` (continuous time), `aligned_networks`, `singular_modes` and `two_layers` (its closed forms),
`landscape` with `hessians`, and `escape` (saddles).
"""
