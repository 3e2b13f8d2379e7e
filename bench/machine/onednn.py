"""What oneDNN says of itself, in its log."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class OneDnn:
    """oneDNN as the framework uses it here; ``enabled`` is whether a convolution ran in it.

    The rest is empty where nothing was said. ``threads`` is as oneDNN prints it.
    """

    enabled: bool
    version: str = ""
    isa: str = ""
    runtime: str = ""
    threads: str = ""


def parse_log(log: str) -> OneDnn:
    """Read the header and the primitives of an ``ONEDNN_VERBOSE=1`` log, of oneDNN 2 or 3."""

    def find(pattern: str) -> str:
        match = re.search(rf"^(?:onednn|dnnl)_verbose,(?:v1,)?info,{pattern}", log, re.MULTILINE)
        return match[1].strip() if match else ""

    return OneDnn(
        enabled=bool(re.search(r"^(?:onednn|dnnl)_verbose,.*\bconvolution\b", log, re.MULTILINE)),
        version=find(r"oneDNN v(\S+)"),
        isa=find(r"cpu,isa:(.*)"),
        runtime=find(r"cpu,runtime:([^,\n]*)"),
        threads=find(r"cpu,runtime:[^,\n]*,nthr:(\d+)"),
    )
