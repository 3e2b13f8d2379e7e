"""JAX and PyTorch end to end: measured, traced, explained. Each run is a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from analysis.pairs.table import tabulate_pairs
from analysis.reasons.explaining import explain_pairs
from analysis.results.loading import load_results

BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(not importlib.util.find_spec(name), reason=f"{name} is not installed"),
    )
    for name in ("jax", "torch")
]
#: One image is too few for PyTorch to use oneDNN, and so is a small one.
SHAPE = "name,batch,height,width,in_channels,filters\none,8,32,32,32,32\n"


@pytest.fixture(scope="module", params=BACKENDS)
def measured(request, tmp_path_factory):
    """The file of a run with traces, and the folder that it was made in."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "shapes.csv").write_text(SHAPE)
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                os.path.abspath("bench"),
                "-c",
                os.path.abspath("pyproject.toml"),
            ),
            *("--rootdir", os.path.abspath("."), "--shapes", "shapes.csv", "--profile", "3"),
            *("--benchmark-max-time=0.05", "--benchmark-json=saved.json", "-p", "no:cacheprovider"),
        ],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": os.path.abspath(".")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return request.param, folder / "saved.json"


def test_a_run_is_saved_under_the_same_contract_and_says_whose_it_is(measured):
    backend, file = measured
    loaded = load_results([file])
    assert loaded.environment["backend"] == backend
    assert loaded.environment["onednn"] == ("on" if backend == "torch" else "off")
    assert set(loaded.environment["modes"]) == {"eager", "graph", "xla"}
    assert loaded.not_measured.empty
    assert len(tabulate_pairs(loaded)) == 3
    assert not loaded.ceilings.empty


def test_traces_name_every_convolution_of_both_layers(measured, monkeypatch):
    _, file = measured
    monkeypatch.chdir(file.parent)
    loaded = load_results([file])
    found = explain_pairs(loaded, tabulate_pairs(loaded))
    assert found.missing.empty, found.missing["reason"].tolist()
    assert found.problems == ()
    wanted = {
        "forward": {("depthwise", "forward"), ("pointwise", "forward")},
        "backward": {
            (part, role)
            for part in ("depthwise", "pointwise")
            for role in ("input_gradient", "weight_gradient")
        },
    }
    wanted["train"] = wanted["forward"] | wanted["backward"]
    for one in found.pairs:
        own = one.operations[one.operations["layer"] == "separable_conv2d"]
        rows = set(zip(own["operation"], own["role"], strict=True))
        assert wanted[one.direction] <= rows
        assert min(one.accounted.values()) > 0.8


def test_kernels_are_tested_as_far_as_they_can_be(measured, monkeypatch):
    backend, file = measured
    monkeypatch.chdir(file.parent)
    loaded = load_results([file])
    found = explain_pairs(loaded, tabulate_pairs(loaded))
    assert found.controls[1] > 0
    tried = {cause for one in found.pairs for each in one.operations["tried"] if each for cause in each}
    # Only oneDNN's clock, which PyTorch has, sees a kernel inside its step.
    assert ("cold_data" in tried) == (backend == "torch")
    assert "threads" in tried


def test_each_backend_is_an_environment_of_its_own(measured):
    backend, file = measured
    facts = json.loads(file.read_text())["machine_info"]["environment"]
    assert facts["flags"]["KERAS_BACKEND"] == backend
