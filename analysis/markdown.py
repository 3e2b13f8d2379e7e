"""Tables in Markdown, and foreign text, in which nothing may be markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.contract.printable import make_printable


def mark_as_code(text: str) -> str:
    """A name as code, also in a cell of a table."""
    return f"`{make_printable(text, keep='').replace('`', '').replace('|', '')}`"


def escape_markup(text: str) -> str:
    """Text in which nothing is markup, and nobody is mentioned: no space is seen behind an @."""
    line = make_printable(text, keep="")
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|#~&" else letter for letter in line)
    return escaped.replace("@", "@\u200b")


def write_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; whoever writes its cells sees to it that nothing in them is markup."""
    return [f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows)]
