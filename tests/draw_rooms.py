"""Draw the rooms of the library from their imports: `python tests/draw_rooms.py` writes docs/rooms.svg.

A room stands above all that it imports. A line leads to each room that it imports and that none of its others leads to.
"""

import ast
from itertools import groupby
from textwrap import wrap

from imports import PACKAGE, ROOT, between_rooms, heights

PICTURE = ROOT / "docs" / "rooms.svg"
WIDTH, HIGH, STEP = 960, 58, 92


def picture() -> str:
    """The drawing, as SVG."""
    graph = between_rooms()
    graph.pop("__main__")
    height = heights(graph)
    places = {}
    for level, rooms in groupby(sorted(graph, key=lambda name: (height[name], name)), key=height.get):
        row = list(rooms)
        for column, name in enumerate(row):
            x = WIDTH * (2 * column + 1) / (2 * len(row))
            places[name] = (x, STEP * (max(height.values()) - level) + HIGH, min(270, WIDTH / len(row) - 14))
    lines = [line(places[name], places[other]) for name in graph for other in sorted(direct(graph, name))]
    boxes = [box(name, *place) for name, place in places.items()]
    size = STEP * max(height.values()) + HIGH // 2
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {size}" font-family="sans-serif">',
        "<title>The rooms of dlntheory; each imports the rooms below that its lines lead to</title>",
        f'<rect width="{WIDTH}" height="{size}" fill="white"/>', *lines, *boxes, "</svg>\n",
    ])  # fmt: skip


def direct(graph: dict[str, set[str]], name: str) -> set[str]:
    """The rooms that it imports, less those that one of them leads to."""
    return graph[name] - set().union(*(below(graph, other) for other in graph[name]))


def below(graph: dict[str, set[str]], name: str) -> set[str]:
    """All rooms that it leads to."""
    return graph[name].union(*(below(graph, other) for other in graph[name]))


def question(name: str) -> str:
    """The first line of the room's `__init__`, or of its file."""
    folder = PACKAGE / name
    path = folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{name}.py"
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()[0]


def line(start: tuple[float, ...], end: tuple[float, ...]) -> str:
    """A line from below one box to the top of another; around the boxes between, where they stand on one axis."""
    (x, y, _), (to_x, to_y, _) = start, end
    aside = 300 if to_y - y > STEP and abs(x - to_x) < 100 else 0
    curve = f"C{x + aside:g} {y + HIGH:g} {to_x + aside:g} {to_y - HIGH:g} {to_x:g} {to_y - HIGH / 2:g}"
    return f'<path d="M{x:g} {y + HIGH / 2:g} {curve}" stroke="#888" fill="none"/>'


def box(name: str, x: float, y: float, width: float) -> str:
    """A room: its name, and below it what it is about."""
    rows = "".join(
        f'<text x="{x:g}" y="{y + 4 + 12 * index:g}" font-size="10" fill="#333">{row}</text>'
        for index, row in enumerate(wrap(question(name), int(width / 5.8)))
    )
    return (
        f'<g text-anchor="middle"><rect x="{x - width / 2:g}" y="{y - HIGH / 2:g}" width="{width:g}" height="{HIGH}" '
        f'rx="6" fill="#eef4fb" stroke="#0072b2"/><text x="{x:g}" y="{y - 12:g}" font-size="13" font-weight="bold" '
        f'fill="#003b5c">{name}</text>{rows}</g>'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
