"""Predictive coding as a generative model, at work: memory, samples, reconstructions, and what energies can tell."""
