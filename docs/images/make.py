"""The README's two heatmaps from the example's one: ``python docs/images/make.py``.

The report's figure follows the reader's system into the dark. A page of documentation may be dark where the
system is not, so that the README names one image for each.
"""

from __future__ import annotations

import re
from pathlib import Path

IMAGES = Path(__file__).parent
HEATMAP = IMAGES.parents[1] / "reports" / "example" / "figures" / "plane.svg"
_DARK_RULES = re.compile(r"<style>@media \(prefers-color-scheme: dark\) \{(.*)\}</style>", re.DOTALL)


def make_light(svg: str) -> str:
    """``svg`` without its rules for dark pages."""
    return _DARK_RULES.sub("", svg)


def make_dark(svg: str) -> str:
    """``svg`` with these rules, whatever the system says."""
    return _DARK_RULES.sub(r"<style>\1</style>", svg)


if __name__ == "__main__":
    found = HEATMAP.read_text(encoding="utf-8")
    for name, make in (("light", make_light), ("dark", make_dark)):
        (IMAGES / f"heatmap-{name}.svg").write_text(make(found), encoding="utf-8")
