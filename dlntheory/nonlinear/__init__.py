"""What of nonlinear networks?

Read `network`, `newton` and `equilibrium` (inference to a residual), `updates` (and alignment), and `tangent` (the
linear network that answers for a nonlinear one).
"""
