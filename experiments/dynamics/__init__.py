"""Figures about learning in time that are in no paper: modes, saddles, and what regularises decorrelation."""
