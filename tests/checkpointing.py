"""What all tests of training runs share: the libraries that they need, and what those leave behind."""

import pytest

pytest.importorskip("optax", reason="optax is not installed")
pytest.importorskip("orbax.checkpoint", reason="orbax-checkpoint is not installed")

LEFTOVERS = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
"""Orbax and the libraries below it leave files and sockets for the garbage collector."""
