"""Data sets with labels: their files, their normalisation, and random flips and crops on the device."""
