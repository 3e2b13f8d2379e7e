"""Runs the tests of a contract with one backend, in a process of its own: Keras has one backend."""

import importlib.util
import os
import subprocess
import sys

import pytest


def hold_to_contract(backend, tests):
    """Run the file ``tests`` with ``backend``, or skip where that is not installed."""
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", tests, "-q", "-p", "no:cacheprovider"],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
