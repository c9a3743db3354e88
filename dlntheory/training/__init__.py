"""How does training go?

Read `algorithm` and `train`; `sweep` with `sweep_arguments`, `sweep_program`, `sweep_runs` and `sweep_checkpoint` (many
trainings at once) and `comparison` (which is best); `flow` (continuous time), `aligned_networks`, `singular_modes` and
`two_layers` (its closed forms), `landscape` with `hessians`, and `escape` (saddles).
"""
