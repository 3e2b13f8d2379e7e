"""Tables that sort, filter and copy: their rows as data, for the DataTables library that the page embeds.

What a cell holds is always text to the page, never markup.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

TEXT, NUMBER, VERDICT = "text", "number", "verdict"


@dataclass(frozen=True)
class Column:
    """``kind`` says how it sorts and looks; what is not ``shown`` can be switched on."""

    title: str
    kind: str = TEXT
    shown: bool = True


@dataclass(frozen=True)
class Detail:
    """A line below a row: words, and where they lead if anywhere; a command is shown to be copied."""

    words: str
    link: str = ""
    command: str = ""


@dataclass(frozen=True)
class Table:
    """``rows`` are texts, a column each; ``details`` are what opens below a row."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: list[list[str]]
    details: list[list[Detail]] = field(default_factory=list)

    def as_dict(self) -> dict:
        """For the page's script."""
        return {
            "title": self.title,
            "columns": [vars(column) for column in self.columns],
            "rows": self.rows,
            "details": [[vars(detail) for detail in line] for line in self.details],
        }


@dataclass(frozen=True)
class Library:
    """What the page embeds once: the library's style sheet, and one script of the library and our code."""

    css: str
    script: str

    @property
    def digest(self) -> str:
        """What a content security policy allows the script by."""
        return "sha256-" + base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()


@cache
def load_library() -> Library:
    """From the package ``itables``, which carries DataTables with its extensions as a module."""
    html = resources.files("itables") / "html"
    bundle = (html / "dt_bundle.js").read_text("utf-8")
    exported = re.search(r"export\{[^}]*?\b([\w$]+) as jQuery\b[^}]*\};", bundle)
    if not exported:
        raise RuntimeError("this release of itables carries another bundle than the report knows")
    own = resources.files("analysis.report").joinpath("templates/tables.js").read_text("utf-8")
    script = f"{bundle.replace(exported[0], '')}\nconst $ = {exported[1]};\n{own}"
    return Library((html / "dt_bundle.css").read_text("utf-8"), re.sub("</(?=script)", r"<\\/", script))
