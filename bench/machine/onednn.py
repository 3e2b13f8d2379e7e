"""What oneDNN says of itself.

oneDNN reads ``ONEDNN_VERBOSE`` when it is loaded, and logging costs time. So it is asked in a child process,
which runs one small convolution with this process's other settings.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass

#: A small convolution on the backend that this process measures, too; PyTorch gives single images to others.
_PROBE = (
    "from bench.contract.cases import ConvCase; from bench.frameworks.loading import load_framework; "
    "from bench.workloads.preparing import prepare; "
    "prepare(load_framework(), ConvCase(batch=8, height=16, width=16, in_channels=16, filters=16))"
)
_TIMEOUT_SECONDS = 120


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


class Probe:
    """Asks in the background. Enter it early, and wait for the answer before anything is timed."""

    def __init__(self) -> None:
        # oneDNN runs on the processor: a GPU's memory is for what is measured.
        environment = {**os.environ, "ONEDNN_VERBOSE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROBE],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        """End the child, if nobody waited for its answer."""
        with self._process:
            self._process.kill()

    def answer(self) -> OneDnn | None:
        """Wait for what oneDNN says; ``None`` where the child did not finish, so that nothing is known."""
        try:
            log, _ = self._process.communicate(timeout=_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        return parse_log(log) if self._process.returncode == 0 else None


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
