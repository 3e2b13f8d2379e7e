"""Lines on the terminal: coloured where it is one, and never with what a terminal would obey."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable

import click

from bench.contract.printable import make_printable

_COLOURS = {
    **dict.fromkeys(("slower", "refuted", "Error"), "red"),
    **dict.fromkeys(("faster", "holds"), "green"),
    **dict.fromkeys(("undecided", "mixed", "warning", "caution"), "yellow"),
}
_WORD = re.compile(rf"( *)({'|'.join(_COLOURS)})(?=:)")


def print_lines(lines: Iterable[str]) -> None:
    """Print ``lines``; the word that a line begins with in colour, where it has one."""
    for line in map(make_printable, lines):
        word = _WORD.match(line)
        if word:
            styled = click.style(word[2], fg=_COLOURS[word[2]], bold=True)
            line = f"{word[1]}{styled}{line[word.end() :]}"
        click.echo(line)


class StepReporter:
    """Says what is being done, a line each, once two seconds have gone."""

    _AFTER_SECONDS = 2.0

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._start = time.monotonic()

    def __call__(self, doing: str) -> None:
        seconds = time.monotonic() - self._start
        if seconds > self._AFTER_SECONDS:
            self._write(f"  {seconds:.0f} s: {doing}")
