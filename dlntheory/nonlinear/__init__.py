"""What is true of nonlinear networks?

The networks first: `activations`, `layers`, also on images (`images`, `correlation`), `blocks` and the `network` of
blocks, and its `latent` input; `building`, the papers' `models` and `autoencoders`; `chains`, the theory's
networks. Then the theory: `clamped`, `curvature`, `newton` and `equilibrium` (inference to a residual), `updates` (and
alignment), and `tangent` (the linear network near a nonlinear one).
"""
