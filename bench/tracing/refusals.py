"""What oneDNN refused, for every case that runs a primitive: it says so only when it creates one.

Cases of one process share primitives. oneDNN keeps them, and with the second case it would not say again what
it refused for the first. So what it said is repeated in the log of each case that runs the same.
"""

from __future__ import annotations

import re

from bench.contract.onednn_log import parse_refusal

#: The execution of a convolution, without the time that it took.
_CONVOLUTION = re.compile(r"^((?:onednn|dnnl)_verbose,.*\bexec,cpu,convolution,.*),[^,]*$")


class Refusals:
    """The refusals of one process so far, by the primitive that was created instead."""

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}

    def repeat(self, log: str) -> str:
        """``log``, of a case that was made ready, with what oneDNN said of its convolutions before."""
        lines: list[str] = []
        refused: list[str] = []
        for line in log.splitlines(keepends=True):
            if parse_refusal(line.rstrip("\n")):
                refused.append(line)
            ran = _CONVOLUTION.match(line)
            if ran:
                if not refused:
                    lines += self._known.get(ran[1], [])
                self._known.setdefault(ran[1], refused)
                refused = []
            lines.append(line)
        return "".join(lines)
