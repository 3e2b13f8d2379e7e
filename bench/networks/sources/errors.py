"""What is said where there is no network: one sentence."""

from __future__ import annotations

import re

from bench.contract.printable import make_printable

#: What Keras 3 puts around the words of an error, for a terminal in colours.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: Where Keras starts to write out all that a saved model says of a layer.
_WRITTEN_OUT = re.compile(r" (?:Full object config:|using config=).*")
#: Where Keras says what went wrong inside what it has said first.
_INNER = "Exception encountered: "
_LONGEST_LINE = 300


class ModelError(ValueError):
    """One sentence about why there is no model, with nothing in it that a terminal would obey.

    ``__cause__`` is the error of the user's code, or of Keras, if one raised.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(make_printable(sentence, keep=""))


def describe_error(error: BaseException) -> str:
    """The class of ``error`` and its first line that says something."""
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    lines = [_WRITTEN_OUT.sub("", line) for line in lines]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        del lines[0]  # Keras says which layer, and then what the layer said
    inner = next((line for line in lines[1:] if line.startswith(_INNER)), None)
    if inner:
        lines[0] = f"{lines[0]}: {inner.removeprefix(_INNER)}"
    return f"{type(error).__name__}: {lines[0][:_LONGEST_LINE] if lines else 'no message'}"
