"""Where does inference settle?

Read `covariance` (``S``), `problem` (checked arguments), `hessian` and `routes` (four ways to solve one linear system),
and `equilibrium`, the interface.
"""
