"""Without a GPU: against a made library that answers as NVML does."""

import sys
import types

import pytest

from bench.machine import gpu
from bench.machine.disturbance import Disturbance, Reading


class NVMLError(Exception):
    pass


def made(count=1, held_back=0, refuses=()):
    def refuse(*_):
        raise NVMLError

    answers = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: count,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlSystemGetDriverVersion": lambda: "550.54",
        "nvmlDeviceGetName": lambda handle: f"GPU {handle}",
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (9, 0),
        "nvmlDeviceGetMemoryInfo": lambda handle: types.SimpleNamespace(total=80 * 2**30),
        "nvmlDeviceGetMaxClockInfo": lambda handle, kind: 1980 if kind == 1 else 2619,
        "nvmlDeviceGetClockInfo": lambda handle, kind: 1200,
        "nvmlDeviceGetTemperature": lambda handle, kind: 41,
        "nvmlDeviceGetEnforcedPowerLimit": lambda handle: 700_000,
        "nvmlDeviceGetMigMode": lambda handle: (0, 0),
        "nvmlDeviceGetViolationStatus": lambda handle, policy: types.SimpleNamespace(violationTime=held_back),
    }
    constants = {"NVML_CLOCK_SM": 1, "NVML_CLOCK_MEM": 2, "NVML_TEMPERATURE_GPU": 0}
    constants |= {
        f"NVML_PERF_POLICY_{name}": 0 for name in ("POWER", "THERMAL", "BOARD_LIMIT", "RELIABILITY")
    }
    return types.SimpleNamespace(NVMLError=NVMLError, **constants, **answers | dict.fromkeys(refuses, refuse))


@pytest.fixture
def with_library(monkeypatch):
    def put(library):
        monkeypatch.setitem(sys.modules, "pynvml", library)
        gpu.load_nvml.cache_clear()

    yield put
    gpu.load_nvml.cache_clear()


def test_a_gpu_is_described_by_what_the_driver_says(with_library):
    with_library(made())
    (found,) = gpu.describe_gpus()
    assert found == {
        "name": "GPU 0", "driver": "550.54", "compute_capability": "9.0", "memory_bytes": 80 * 2**30,
        "greatest_sm_clock_mhz": 1980, "greatest_memory_clock_mhz": 2619, "power_limit_watts": 700.0,
        "mig": False,
    }  # fmt: skip
    assert gpu.read_clocks() == [{"sm_clock_mhz": 1200, "memory_clock_mhz": 1200, "celsius": 41}]


def test_what_a_gpu_does_not_tell_is_missing_and_the_rest_is_not(with_library):
    with_library(made(refuses=("nvmlDeviceGetMigMode", "nvmlDeviceGetViolationStatus")))
    assert gpu.describe_gpus()[0]["mig"] is None
    assert gpu.describe_gpus()[0]["name"] == "GPU 0"
    assert gpu.read_held_back_seconds() == (0,) * 4


@pytest.mark.parametrize("library", [None, made(refuses=("nvmlInit",)), made(count=0)])
def test_without_library_driver_or_gpu_there_is_nothing_to_say(with_library, library):
    with_library(library)
    assert gpu.describe_gpus() == []
    assert gpu.read_clocks() == []
    assert gpu.read_held_back_seconds() == ()


def test_a_gpu_that_was_held_back_contaminates_what_was_measured_meanwhile(with_library):
    with_library(made(held_back=3_000_000_000))
    assert gpu.read_held_back_seconds() == (3,) * 4
    # What has been held back for long, and is no longer, hides nothing.
    assert Reading.now("GPU:0").held_back_seconds == (3,) * 4
    assert Reading.now("CPU:0").held_back_seconds == ()
    start = Reading(0, 0, 0, clock_seconds=10.0, held_back_seconds=(1000.0, 1.0))
    little = Reading(0, 0, 0, clock_seconds=12.0, held_back_seconds=(1000.0, 1.05))
    assert Disturbance.between(start, little).contaminated is False
    much = Reading(0, 0, 0, clock_seconds=12.0, held_back_seconds=(1000.0, 1.5))
    noise = Disturbance.between(start, much)
    assert noise.held_back == 0.25
    assert noise.contaminated
    assert Disturbance.from_dict(noise.as_dict()) == noise
