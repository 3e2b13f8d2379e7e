"""Text that a terminal can be given, whatever it is made of: needs nothing but the standard library."""

from __future__ import annotations

_LONGEST_QUOTED = 60


def make_printable(text: str, keep: str = "\n") -> str:
    """``text`` with a question mark for what a terminal would obey. Letters in ``keep`` stay."""
    return "".join(letter if letter.isprintable() or letter in keep else "?" for letter in text)


def quote(value: object) -> str:
    """``value`` as a message has it: short, and with nothing in it that a terminal would obey."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python prints, or a list in lists
        return f"such a {type(value).__name__}"
    if len(text) <= _LONGEST_QUOTED:
        return text
    return f"{text[:_LONGEST_QUOTED]}... ({len(text)} characters)"
