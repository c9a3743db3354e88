"""What does one update do?

Read `rules` (the formulas of backpropagation, predictive coding, natural gradient and evidence), `adaptive_rates`
(Theorem 1) and `decorrelation` (Theorem 2), both by name in `rescaling`; `problem` (checked arguments), `updates` (the
interface of rules and rescalings), `prediction_change`, and `alignment`; then `before_equilibrium` (updates of
unfinished inference), `kernel`, `best_factors`, and `any_model` (the alignment of any model's update).
"""
