"""Inference and learning of a batch: derivatives, slopes, relaxation, gradients, training."""
