"""Which operations does every kernel share?

Read `presentation` (how objects show themselves), `record` (immutable records of arrays, pytrees once JAX is there),
`kinds` (NumPy, JAX or SymPy: the inputs decide), `algebra` (the few operations that the kinds spell differently),
`checks` (what the interface accepts) and `precision` (what it does not return); then `programs`, `cholesky` and
`pseudoinverse` (JAX's), `conjugate_gradients`, `sympy_expressions`, `options` (keywords with their names) and `extras`
(optional packages).
"""
