"""What does one update do?

Read `rules` (the formulas of backpropagation, predictive coding, natural gradient and evidence), `rescaling`
(Theorems 1 and 2) with `regularisation`, `updates` (the interface of them all), and `alignment`; then
`before_equilibrium` (updates of unfinished inference), `kernel`, `best_factors`, and `any_model` (the alignment of any
model's update).
"""
