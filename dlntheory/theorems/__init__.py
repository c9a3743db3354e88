"""What is proved, and does it hold here?

Read `hypotheses` and `conclusions` (statements as numbers with thresholds), `verify` (the interface),
`interference_free` (covariances that make plain predictive coding exact) with `interference_free_search` and
`interference_free_derivative`, and `counterexamples`.
"""
