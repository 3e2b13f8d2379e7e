"""The pages of the documentation, and what is in them."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
README, CONTRIBUTING, CHANGELOG = (
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "CHANGELOG.md",
)
#: Pages that every reader shall find, from every other.
GUIDES = (README, CONTRIBUTING, *sorted((PROJECT / "docs").rglob("*.md")))
PAGES = (*GUIDES, CHANGELOG)

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def read(page):
    return page.read_text("utf-8")


def name(page):
    return page.relative_to(PROJECT).as_posix()


def find_blocks(page, language):
    """The texts of a page's fenced blocks in this language."""
    return [text for kind, text in _BLOCK.findall(read(page)) if kind == language]


def find_codes(page):
    """What stands between single backticks, outside blocks."""
    return _CODE.findall(_BLOCK.sub("", read(page)))


def find_links(page):
    return _LINK.findall(read(page))


def find_anchors(page):
    """What a link to a heading of ``page`` ends with, as Git hosts make it."""
    titles = re.findall(r"^#+ (.*)$", _BLOCK.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
