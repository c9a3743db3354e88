"""Random networks by formula: lines in other experiments' figures, where PC beats BP, and how good it is."""
