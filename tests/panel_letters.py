"""The letters of a figure's panels, as their headers have them."""

import re
from typing import Any

LETTER = re.compile(r"\$\\bf\{([A-Z])\}\$")


def panel_letters(axes: list[Any]) -> list[str]:
    """In the order of the panels; panels without a letter are left out."""
    return [found[1] for each in axes if (found := LETTER.match(each.get_title(loc="left")))]
