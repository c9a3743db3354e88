"""Toy figures are drawn as PNG alone, with few dots, but where the printed files themselves are tested."""

from collections.abc import Iterator

import pytest

from dlntheory.report import pictures
from experiments import results

BOTH_FORMATS = {"test_autoencoder", "test_figure_panels", "test_figures"}


@pytest.fixture(autouse=True, scope="module")
def rough_pictures(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__ != "test_print":
            patch.setattr(pictures, "DPI", 100)
        if request.module.__name__ not in BOTH_FORMATS:
            patch.setattr(results, "FORMATS", (".png",))
        yield
