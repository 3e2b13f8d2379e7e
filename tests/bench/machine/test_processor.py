import platform
import sys
from pathlib import Path

import pytest

from bench.machine.processor import has_throttled, name_processor, read_governor, read_turbo
from bench.machine.system_files import read_system_file

CPUS = "sys/devices/system/cpu"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's name is Linux's")
def test_the_processors_name_is_the_kernels_letter_for_letter(make_files, monkeypatch):
    name = "Intel(R) Core(TM)   i5 CPU: M 520  @ 2.40GHz"
    lines = f"processor\t: 0\nmodel name\t: {name} \nmodel name\t: other\n"
    root = make_files({"proc/cpuinfo": lines})
    assert name_processor(root) == name
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert name_processor(root / "nowhere") == "unknown"


def test_the_processors_name_is_what_cpuinfo_says_too():
    cpuinfo = pytest.importorskip("cpuinfo")
    if "model name" not in (read_system_file(Path("/proc/cpuinfo")) or ""):
        pytest.skip("the kernel does not name this processor")
    assert name_processor() == cpuinfo.get_cpu_info()["brand_raw"]


def test_elsewhere_cpuinfo_names_the_processor(monkeypatch):
    cpuinfo = pytest.importorskip("cpuinfo")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(cpuinfo, "get_cpu_info", lambda: {"brand_raw": "Apple M1"})
    assert name_processor() == "Apple M1"
    monkeypatch.setattr(cpuinfo, "get_cpu_info", dict)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert name_processor() == "unknown"


def test_the_governor_is_the_first_processors(make_files):
    assert read_governor(make_files({})) is None
    root = make_files({f"{CPUS}/cpu0/cpufreq/scaling_governor": "performance\n"})
    assert read_governor(root) == "performance"


@pytest.mark.parametrize(
    ("files", "turbo"),
    [
        ({}, None),
        ({"intel_pstate/no_turbo": "0\n"}, "on"),
        ({"intel_pstate/no_turbo": "1\n"}, "off"),
        ({"cpufreq/boost": "1\n"}, "on"),
        ({"cpufreq/boost": "0\n"}, "off"),
    ],
    ids=str,
)
def test_turbo_is_read_from_either_driver(make_files, files, turbo):
    root = make_files({f"{CPUS}/{name}": content for name, content in files.items()})
    assert read_turbo(root) == turbo


@pytest.mark.parametrize(("count", "throttled"), [("0\n", False), ("3\n", True)])
def test_a_processor_that_was_too_hot_says_so(make_files, count, throttled):
    assert not has_throttled(make_files({}))
    root = make_files({f"{CPUS}/cpu0/thermal_throttle/core_throttle_count": count})
    assert has_throttled(root) is throttled
