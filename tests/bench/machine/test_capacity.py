"""Limits of containers, in made trees of files."""

import os

import psutil
import pytest

from bench.machine import capacity
from bench.machine.capacity import count_cores, count_processors, measure_memory, read_asked_threads

MANY = 8
TOTAL = 64 * 2**30


@pytest.fixture
def machine(monkeypatch):
    """A machine with 8 processors and 64 GiB."""
    monkeypatch.setattr(capacity, "count_processors", lambda: MANY)
    memory = psutil.virtual_memory()._replace(total=TOTAL)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, MANY),
        ({"cpu.max": "max 100000\n"}, MANY),
        ({"cpu.max": "max\n"}, MANY),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "5000 100000\n"}, 1),
        ({"cpu.max": "6400000 100000\n"}, MANY),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, MANY),
        ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "150000\n"}, MANY),
        ({"cpu.max": "a lot\n"}, MANY),
        ({"cpu.max": ""}, MANY),
        ({"cpu.max": "150000 0\n"}, MANY),
        ({"cpu.max": "1 2 3\n"}, MANY),
        ({"cpu.max": "-150000 100000\n"}, MANY),
        ({"cpu.max": f"{'9' * 5000} 1\n"}, MANY),
        ({"cpu/cpu.cfs_quota_us": "x\n", "cpu/cpu.cfs_period_us": "\n"}, MANY),
    ],
    ids=str,
)
def test_cores_are_those_that_a_containers_quota_comes_to(make_files, machine, files, cores):
    root = make_files({f"sys/fs/cgroup/{name}": content for name, content in files.items()})
    found = count_cores(root)
    assert found == cores
    assert type(found) is int


@pytest.mark.parametrize(
    ("files", "memory"),
    [
        ({}, TOTAL),
        ({"memory.max": "max\n"}, TOTAL),
        ({"memory.max": f"{4 * 2**30}\n"}, 4 * 2**30),
        ({"memory.max": f"{128 * 2**30}\n"}, TOTAL),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, TOTAL),
        ({"memory/memory.limit_in_bytes": f"{4 * 2**30}\n"}, 4 * 2**30),
        ({"memory.max": "much\n"}, TOTAL),
        ({"memory.max": "0\n"}, TOTAL),
        ({"memory.max": ""}, TOTAL),
    ],
    ids=str,
)
def test_memory_is_a_containers_limit_where_that_is_lower(make_files, machine, files, memory):
    root = make_files({f"sys/fs/cgroup/{name}": content for name, content in files.items()})
    assert measure_memory(root) == memory


@pytest.mark.parametrize(
    ("listed", "folder"),
    [
        ("0::/jobs/one\n", "sys/fs/cgroup/jobs/one"),
        ("0::/jobs/one\n", "sys/fs/cgroup/jobs"),
        ("3:cpuset:/\n2:cpu,cpuacct:/jobs/one\n4:memory:/jobs/one\n", "sys/fs/cgroup/{}/jobs/one"),
        ("3:cpuset:/\n2:cpu,cpuacct:/jobs/one\n4:memory:/jobs/one\n", "sys/fs/cgroup/{}/jobs"),
    ],
)
def test_limits_of_the_process_own_group_and_of_those_around_it_count(make_files, machine, listed, folder):
    root = make_files({"proc/self/cgroup": listed})
    cpu, memory = folder.format("cpu"), folder.format("memory")
    if "{}" in folder:
        make_files({f"{cpu}/cpu.cfs_quota_us": "300000", f"{cpu}/cpu.cfs_period_us": "100000"})
        make_files({f"{memory}/memory.limit_in_bytes": "1000000"})
    else:
        make_files({f"{cpu}/cpu.max": "300000 100000", f"{memory}/memory.max": "1000000"})
    assert count_cores(root) == 3
    assert measure_memory(root) == 1_000_000


def test_limits_of_other_groups_do_not_count(make_files, machine):
    root = make_files(
        {"proc/self/cgroup": "0::/jobs/one\n", "sys/fs/cgroup/jobs/two/cpu.max": "100000 100000"}
    )
    assert count_cores(root) == MANY


@pytest.mark.parametrize("listed", ["", "nonsense", "0", ":::::", "0::/../..", "0::relative"])
def test_a_list_of_groups_that_makes_no_sense_limits_nothing(make_files, machine, listed):
    root = make_files({"proc/self/cgroup": listed})
    assert count_cores(root) == MANY


def test_what_this_process_may_use_here_can_be_counted():
    assert count_processors() == len(os.sched_getaffinity(0))
    assert 1 <= count_cores() <= count_processors()
    assert 2**20 < measure_memory() <= psutil.virtual_memory().total


@pytest.mark.parametrize(("value", "threads"), [("3", 3), ("", 0), ("many", 0), ("-1", 0), (None, 0)])
def test_threads_are_asked_for_by_a_number(value, threads):
    variables = {} if value is None else {"TF_NUM_INTRAOP_THREADS": value}
    assert read_asked_threads(variables) == threads
