"""What does one update do?

Read `rules` (the local updates), `rescaling` (Theorems 1 and 2), `updates` (the interface of both), `alignment`;
then `before_equilibrium` (updates of unfinished inference), `kernel`, `best_factors`, and `any_model` (the alignment
of an update of any model).
"""
