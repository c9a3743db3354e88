"""The figure of update kernels, which is in no paper: their spectra, and what they say of target alignment."""
