"""Figures about nonlinear networks that are in no paper: target alignment, and what the linear theory says of it."""
