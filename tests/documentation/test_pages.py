"""Every file and link in a page leads somewhere, and every page is found."""

import re

import pytest

from bench.plan.shape_files import read_shapes
from tests.documentation.pages import (
    GUIDES,
    PAGES,
    PROJECT,
    README,
    find_anchors,
    find_blocks,
    find_codes,
    find_links,
    name,
    read,
)

_FILE = re.compile(r"(?:bench|analysis|tests|docs|reports/example)/[\w./*-]*")
_MODULE = re.compile(r"(?:bench|analysis|tests)(?:\.\w+)+")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for link in find_links(page):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file
        assert target.exists(), link
        assert not anchor or anchor in find_anchors(target), link


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_every_guide_leads_to_every_other(page):
    linked = {(page.parent / link.partition("#")[0]).resolve() for link in find_links(page)}
    assert [name(other) for other in GUIDES if other != page and other not in linked] == []


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_every_file_and_module_that_a_guide_names_is_there(page):
    for code in find_codes(page):
        if _FILE.fullmatch(code):
            assert list(PROJECT.glob(code.rstrip("/"))), code
        elif _MODULE.fullmatch(code):
            assert list(PROJECT.glob(f"{code.replace('.', '/')}*")), code


def test_the_tree_of_rooms_is_the_folders_that_are_there():
    _, tree = find_blocks(PROJECT / "docs/architecture.md", "text")
    for package in ("bench", "analysis"):
        part = re.search(rf"^{package}/.*?\n\n", tree, re.MULTILINE | re.DOTALL)[0]
        rooms = {path.parent.name for path in (PROJECT / package).glob("*/__init__.py")}
        assert set(re.findall(r"^  (\w+)/", part, re.MULTILINE)) == rooms


def test_the_readme_is_short():
    assert len(read(README).splitlines()) <= 120


def test_shapes_files_that_pages_show_can_be_read(tmp_path):
    shown = [text for page in PAGES for text in find_blocks(page, "csv")]
    assert len(shown) >= 2
    for number, text in enumerate(shown):
        file = tmp_path / f"{number}.csv"
        file.write_text(text)
        assert len(read_shapes(file)) == len(text.splitlines()) - 1
