"""Which network?

Read `layer` (the protocol, and the dense layer), `residual`, `scaled`, `image_kernels` and `convolution`, `weightless`
(pooling, reshaping) and `folding` (how a network keeps its layers); then `samples`, `passes` (up with activities, down
with errors), `initialisation` with `aligned_variances`, `parameterisation`, `network` itself, and `chain` (several
weights that share an error).
"""
