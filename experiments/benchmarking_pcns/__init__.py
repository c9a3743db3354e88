"""Figures and tables of Pinchetti et al., *Benchmarking Predictive Coding Networks – Made Simple*."""
