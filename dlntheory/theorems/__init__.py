"""What is proved, and does it hold here?

Read `hypotheses` and `conclusions` (statements as numbers with thresholds), `explanation` (what would make a theorem
apply), `verify` (the interface), `interference_free` with `interference_free_search` and
`interference_free_derivative` (covariances that make plain predictive coding exact), and `counterexamples`.
"""
