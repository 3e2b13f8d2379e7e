"""Every framework module against the same contract, each in a process of its own: Keras has one backend."""

import importlib.util
import os
import subprocess
import sys

import pytest

from bench.frameworks.loading import AVAILABLE, load_framework
from tests.bench.frameworks.contracts import hold_to_contract


@pytest.mark.parametrize("backend", AVAILABLE)
def test_a_framework_does_what_the_interface_says(backend):
    hold_to_contract(backend, "tests/bench/framework_contract.py")


def test_a_backend_that_nobody_knows_is_one_sentence(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "caffe")
    with pytest.raises(
        ValueError, match="KERAS_BACKEND is 'caffe'; this suite measures: tensorflow, jax, torch"
    ):
        load_framework()


def test_a_framework_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "bench.frameworks.jax", raising=False)
    with pytest.raises(ValueError, match=r'jax is not installed: pip install -e "\.\[bench,jax\]"'):
        load_framework()


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")
def test_a_framework_that_does_not_start_says_so_in_one_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "bench/", "--collect-only", "-p", "no:cacheprovider"],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "foo"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "jax does not start: RuntimeError" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
