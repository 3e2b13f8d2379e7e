"""Asks oneDNN what it is, in a child process: ``python -m bench.session.onednn_probe``.

oneDNN reads ``ONEDNN_VERBOSE`` when it is loaded, and logging costs time. So the child runs one small
convolution with this process's other settings, and its log is read here.
"""

from __future__ import annotations

import os
import subprocess
import sys

from bench.contract.cases import ConvCase
from bench.frameworks.loading import load_framework
from bench.machine.onednn import OneDnn, parse_log
from bench.workloads.preparing import prepare

#: What the child runs. PyTorch gives single images to others, so it is a batch.
_CASE = ConvCase(batch=8, height=16, width=16, in_channels=16, filters=16)
_TIMEOUT_SECONDS = 120


class Probe:
    """Asks in the background. Enter it early, and wait for the answer before anything is timed."""

    def __init__(self) -> None:
        # oneDNN runs on the processor: a GPU's memory is for what is measured.
        environment = {**os.environ, "ONEDNN_VERBOSE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.session.onednn_probe"],
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


def main() -> None:
    """Run a small convolution on the backend that the parent measures, too."""
    prepare(load_framework(), _CASE)


if __name__ == "__main__":
    main()
