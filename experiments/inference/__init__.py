"""Figures about inference that are in no paper: how energy travels, what precision does, and the way from BP to PC."""
