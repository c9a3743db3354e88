"""The five choices that make an algorithm: start, output, precisions, relaxation, update; and optimisers."""
