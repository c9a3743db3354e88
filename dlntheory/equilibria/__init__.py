"""Where does inference settle?

Read `covariance` (``S``), `problem` (checked arguments), `hessian` and `routes` (four ways to solve one linear system),
`solve` and `differentiation` (its solution, and the derivative under JAX), and `equilibrium`, the interface.
"""
