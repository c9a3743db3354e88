"""Which operations does every kernel share?

Read `algebra` (the few operations that arrays and SymPy matrices spell differently), then `checks` (what the interface
accepts), `cholesky` and `conjugate_gradients` (two ways to solve), `sympy_expressions`, and `extras` (optional
packages).
"""
