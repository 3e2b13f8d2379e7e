"""From an id back to its case: what tables and reports print can be asked for by the same name.

Needs nothing but the standard library.
"""

from __future__ import annotations

import re
from typing import Any

from bench.contract.cases import (
    DIRECTIONS,
    DTYPES,
    LAYERS,
    LAYERS_1D,
    MODES,
    PADDINGS,
    ConvCase,
)
from bench.contract.printable import quote

#: What a saved file has for the grid's name where cases were asked for by their ids.
ASKED_BY_ID = "--case"
#: What every message shows: the centre of the default grid, in training.
_EXAMPLE = "train-8x32x32x64-f64-k3"


def _name_one_of(name: str, words: tuple[str, ...]) -> str:
    return f"(?P<{name}>{'|'.join(words)})"


_SIZE = "[1-9][0-9]{0,18}"
_PAIR = f"{_SIZE}(?:x{_SIZE})?"
#: The words of an id in their order. A word is an activation only where it can be nothing else.
_ID = re.compile(
    rf"""
    (?:{_name_one_of("layer", LAYERS)}-)?
    {_name_one_of("direction", DIRECTIONS)}
    -(?P<sizes>{_SIZE}(?:x{_SIZE}){{2,3}}) -f(?P<filters>{_SIZE}) -k(?P<kernel_size>{_PAIR})
    (?:-1d)?
    (?:-s(?P<strides>{_PAIR}))?
    (?:-{_name_one_of("padding", PADDINGS)})?
    (?:-d(?P<dilation_rate>{_PAIR}))?
    (?:-m(?P<depth_multiplier>{_SIZE}))?
    (?P<channels_first>-nchw)?
    (?:-(?P<activation>[A-Za-z_][A-Za-z0-9_]{{0,63}}))??
    (?P<no_bias>-nobias)?
    (?P<first>-first)?
    (?:-{_name_one_of("dtype", DTYPES)})?
    (?:-{_name_one_of("mode", MODES)})?
    (?:-(?P<device>cpu|gpu)(?P<device_number>[0-9]{{1,4}}))?
    """,
    re.VERBOSE | re.ASCII,
)
#: A remedy's id and a contrast's hold that of a case, behind other words.
_CASE_WITHIN = re.compile(rf"-(?:{'|'.join(LAYERS)})-(?:{'|'.join(DIRECTIONS)})-")


def parse_id(text: str) -> ConvCase:
    """The case whose ``id`` is ``text``; of a comparison's id, the dense layer.

    An activation that is called as another word of ids (*first*, *xla*) is read as that word. Raises
    ``ValueError`` with one sentence where no case and no comparison is called so.
    """
    found = _ID.fullmatch(text)
    if not found:
        raise ValueError(_explain_no_id(text))
    try:
        case = ConvCase(**_read_fields(found.groupdict()))
    except ValueError as error:
        raise ValueError(f"there is no case {quote(text)}: {error}") from None
    written = case.id if found["layer"] else case.comparison
    if written != text:
        raise ValueError(f"there is no case {quote(text)}: it is called {written}")
    return case


def _read_fields(words: dict[str, Any]) -> dict[str, Any]:
    """The fields of the case whose id has these ``words``; what is not among them is usual."""
    batch, *image, channels = map(int, words["sizes"].split("x"))
    is_1d = words["layer"] in LAYERS_1D if words["layer"] else len(image) == 1
    fields: dict[str, Any] = {
        "layer": words["layer"] or ("conv1d" if is_1d else "conv2d"),
        "direction": words["direction"],
        "batch": batch,
        "height": 1 if len(image) == 1 else image[0],
        "width": image[-1],
        "in_channels": channels,
        "data_format": "channels_first" if words["channels_first"] else "channels_last",
        "use_bias": not words["no_bias"],
        "input_gradient": not words["first"],
    }
    fields |= {name: int(words[name]) for name in ("filters", "depth_multiplier") if words[name]}
    for name in ("kernel_size", "strides", "dilation_rate"):
        if words[name]:
            first, _, last = words[name].partition("x")
            fields[name] = (int(first), int(last)) if last else (1 if is_1d else int(first), int(first))
    fields |= {name: words[name] for name in ("padding", "activation", "dtype", "mode") if words[name]}
    if words["device"]:
        fields["device"] = f"{words['device'].upper()}:{words['device_number']}"
    return fields


def _explain_no_id(text: str) -> str:
    """Why ``text`` is no id, in one sentence."""
    if _CASE_WITHIN.search(text):
        return f"{quote(text)} is no case, but a remedy or a contrast: give the id of the case in it"
    return f"there is no case {quote(text)}: give an id as tables and reports print it, such as {_EXAMPLE}"
