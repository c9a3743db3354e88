"""Networks of blocks: images and their correlation, layers, blocks, the network, and the papers' models."""
