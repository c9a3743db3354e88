"""Runs of training: configuration, checkpoints, metrics, and the loop that can be killed at any moment."""
