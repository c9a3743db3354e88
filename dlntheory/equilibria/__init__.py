"""Where does inference settle?

Read `covariance` (``S``), `nudging` (an output that is not clamped), `problem` (checked arguments), `hessian` and
`routes` (four ways to solve one linear system), `solve_derivative` (its derivative under JAX), `settling` (the
equilibrium by one route), and `equilibrium`, the interface.

Then the network as a generative model: `observation` (which outputs are known, and a prior of the input), `evidence`
(the likelihood), `posterior` (the hidden layers' covariances), `recall` (missing outputs) and `sampling`.
"""
