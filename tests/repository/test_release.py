"""Version, changelog and citation agree; the site has every page, and pages for beginners are short."""

import re
from pathlib import Path

import pytest
import yaml

import dlntheory as dln

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LONGEST = 1200
"""Words on a page of the tutorial or of the how-to."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_citation_has_the_version():
    assert yaml.safe_load(text("CITATION.cff"))["version"] == dln.__version__


def test_changelog_begins_with_the_version():
    """A version in development is announced as unreleased; a released one is dated."""
    base, _, development = dln.__version__.partition(".dev")
    heading, _, section = text("CHANGELOG.md").partition("\n## ")[2].partition("\n")
    if development:
        assert heading == "[Unreleased]"
        assert f"What will be {base}." in section
    else:
        assert re.fullmatch(rf"\[{re.escape(base)}\] - \d{{4}}-\d{{2}}-\d{{2}}", heading)


class Loader(yaml.SafeLoader):
    """Reads what names Python objects as nothing."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)
NAVIGATION = {
    section: pages if isinstance(pages, str) else [page for entry in pages for page in entry.values()]
    for item in yaml.load(text("website/mkdocs.yml"), Loader)["nav"]
    for section, pages in item.items()
}


def test_navigation_has_every_page():
    listed = {page for pages in NAVIGATION.values() for page in ([pages] if isinstance(pages, str) else pages)}
    assert {str(path.relative_to(DOCS)) for path in DOCS.glob("*.md")} <= listed


@pytest.mark.parametrize("page", ["tutorial.md", *NAVIGATION["How-to"]])
def test_page_for_beginners_is_short(page):
    assert len((DOCS / page).read_text(encoding="utf-8").split()) <= LONGEST
