import inspect
import shutil
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.contract.cases import ConvCase
from bench.contract.fingerprint import (
    are_one_machine,
    compute_fingerprint,
    find_differences,
    hash_code,
    identify_machine,
)
from bench.mnist import experiment, training
from bench.mnist.data import Mnist
from bench.mnist.experiment import Experiment, compute_key
from bench.mnist.models import Model, build_model
from bench.mnist.samples import Prepared, prepare_samples
from bench.mnist.training import Repeat
from bench.processes.journal import Journal
from bench.session.keeping import PACKAGE
from bench.timing.measuring import Measurements
from bench.workloads.preparing import prepare

FACTS = {
    "host": "a", "tensorflow": "2.21.0", "cores": 2, "flags": {"TF_NUM_INTEROP_THREADS": "1"},
    "load_at_start": 0.1, "turbo": None,
}  # fmt: skip


def test_the_fingerprint_changes_with_what_lasts_and_with_nothing_else():
    one = compute_fingerprint(FACTS)
    assert compute_fingerprint({**FACTS, "load_at_start": 7.0}) == one
    assert compute_fingerprint({**FACTS, "tensorflow": "2.22.0"}) != one
    assert compute_fingerprint(dict(reversed(FACTS.items()))) == one


def test_differences_name_what_lasts_and_differs():
    other = {**FACTS, "tensorflow": "2.20.0", "load_at_start": 3.0}
    (found,) = find_differences(other, FACTS)
    assert str(found) == "tensorflow: 2.20.0 → 2.21.0"
    assert not found.is_of_machine


def test_nested_facts_are_told_one_by_one():
    other = {**FACTS, "host": "b", "flags": {}}
    host, flag = find_differences(FACTS, other)
    assert (host.name, host.is_of_machine) == ("host", True)
    assert str(flag) == "flags.TF_NUM_INTEROP_THREADS: 1 → none"


NEW_FACTS = {**FACTS, "cpu": "A CPU", "memory_bytes": 16 * 2**30 - 5_000_000}


def test_a_container_that_is_started_twice_is_one_environment():
    again = {**NEW_FACTS, "host": "b", "memory_bytes": 16 * 2**30 - 9_000_000}
    assert compute_fingerprint(again) == compute_fingerprint(NEW_FACTS)
    assert find_differences(NEW_FACTS, again) == []
    assert identify_machine(again) == identify_machine(NEW_FACTS)


@pytest.mark.parametrize(
    "change", [{"cpu": "B"}, {"cores": 4}, {"memory_bytes": 8 * 2**30}, {"gpus": [{"name": "X"}]}]
)
def test_other_hardware_is_another_machine(change):
    other = {**NEW_FACTS, **change}
    assert compute_fingerprint(other) != compute_fingerprint(NEW_FACTS)
    assert identify_machine(other) != identify_machine(NEW_FACTS)
    assert [found.is_of_machine for found in find_differences(NEW_FACTS, other)] == [True]


def test_a_driver_is_no_machine():
    gpu = {"name": "X", "memory_bytes": 2**36, "driver": "550"}
    base, new = {**NEW_FACTS, "gpus": [gpu]}, {**NEW_FACTS, "gpus": [{**gpu, "driver": "560"}]}
    (found,) = find_differences(base, new)
    assert str(found) == "gpus.0.driver: 550 → 560"
    assert not found.is_of_machine
    assert identify_machine(base) == identify_machine(new)
    assert compute_fingerprint(base) != compute_fingerprint(new)


def test_frameworks_that_name_a_device_differently_are_on_one_machine():
    base = {**NEW_FACTS, "devices": {"CPU:0": {}, "GPU:0": {"device_name": "X", "compute_capability": "9.0"}}}
    new = {**NEW_FACTS, "devices": {"CPU:0": {}, "GPU:0": {"device_name": "X"}}}
    assert identify_machine(base) == identify_machine(new)


def test_a_release_is_no_machine():
    other = {**NEW_FACTS, "tensorflow": "2.22.0"}
    assert compute_fingerprint(other) != compute_fingerprint(NEW_FACTS)
    assert identify_machine(other) == identify_machine(NEW_FACTS)


def test_files_of_before_memory_was_known_are_told_apart_by_their_host():
    assert compute_fingerprint({**FACTS, "host": "b"}) != compute_fingerprint(FACTS)
    assert identify_machine({**FACTS, "host": "b"}) != identify_machine(FACTS)
    # The digest that such files carry, so that they are counted as before.
    assert compute_fingerprint(FACTS) == "a670866a65"


def test_an_old_file_and_a_new_one_of_the_same_host_are_of_one_machine():
    old = {name: value for name, value in NEW_FACTS.items() if name != "memory_bytes"}
    assert find_differences(old, NEW_FACTS) == []
    (host,) = find_differences(old, {**NEW_FACTS, "host": "b"})
    assert (host.name, host.is_of_machine) == ("host", True)


@pytest.mark.parametrize("package", [PACKAGE, Path(training.__file__).parent], ids=["all", "mnist"])
def test_a_change_of_any_file_of_a_package_makes_another_version(package, tmp_path):
    copied = shutil.copytree(package, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    before = hash_code(copied)
    assert before == hash_code(package)
    files = sorted(copied.rglob("*.py"))
    assert files
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content + b"# changed\n")
        assert hash_code(copied) != before, file
        file.write_bytes(content)


def test_what_is_kept_depends_on_all_code_that_measures():
    assert Path(bench.__file__).parent == PACKAGE
    for part in (Journal, Measurements, prepare, ConvCase):
        assert Path(inspect.getfile(part)).is_relative_to(PACKAGE)


def test_kept_epochs_depend_on_all_code_that_trains(monkeypatch):
    asked = []
    monkeypatch.setattr(experiment, "hash_code", lambda folder: asked.append(folder) or "")
    data = prepare_samples(Mnist(*(np.zeros((5, 28, 28), np.uint8), np.zeros(5, np.uint8)) * 2, "made"))
    compute_key({"fingerprint": ""}, data, 1)
    (folder,) = asked
    for part in (Experiment, Repeat, Prepared, Model, build_model):
        assert Path(inspect.getfile(part)).is_relative_to(folder)


def test_one_machine_is_known_across_versions_of_this_suite_by_its_host():
    old = {**FACTS, "cpu": NEW_FACTS["cpu"]}
    assert are_one_machine(old, {**NEW_FACTS, "host": old["host"]})
    assert not are_one_machine(old, {**NEW_FACTS, "host": "elsewhere"})
    assert not are_one_machine(old, {**NEW_FACTS, "host": old["host"], "cpu": "Another CPU"})


def test_where_both_know_their_memory_the_host_does_not_matter():
    assert are_one_machine(NEW_FACTS, {**NEW_FACTS, "host": "elsewhere"})
    assert not are_one_machine(NEW_FACTS, {**NEW_FACTS, "cores": 64})
