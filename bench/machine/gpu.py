"""What NVIDIA's driver says: what its GPUs are, and for how long something held them back.

Through NVML, in the package nvidia-ml-py; without it, or without a driver, there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

#: NVML counts the time for which each of these kept the clocks down. Of its policies, "low utilization" is
#: left out: an idle GPU lowers its clocks by itself.
_HELD_BACK = ("POWER", "THERMAL", "BOARD_LIMIT", "RELIABILITY")


def describe_gpus() -> list[dict[str, Any]]:
    """Of each GPU: name, driver, compute capability, memory, greatest clocks, power limit, MIG.

    What a GPU does not tell is ``None``.
    """
    nvml, handles = load_nvml()
    return [
        {
            "name": _ask(nvml.nvmlDeviceGetName, handle),
            "driver": _ask(nvml.nvmlSystemGetDriverVersion),
            "compute_capability": _ask(
                lambda h: ".".join(map(str, nvml.nvmlDeviceGetCudaComputeCapability(h))), handle
            ),
            "memory_bytes": _ask(lambda h: nvml.nvmlDeviceGetMemoryInfo(h).total, handle),
            "greatest_sm_clock_mhz": _ask(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM),
            "greatest_memory_clock_mhz": _ask(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_MEM),
            "power_limit_watts": _ask(lambda h: nvml.nvmlDeviceGetEnforcedPowerLimit(h) / 1e3, handle),
            "mig": _ask(lambda h: bool(nvml.nvmlDeviceGetMigMode(h)[0]), handle),
        }
        for handle in handles
    ]


def read_clocks() -> list[dict[str, Any]]:
    """Of each GPU at this moment: clocks in MHz, temperature in degrees Celsius."""
    nvml, handles = load_nvml()
    return [
        {
            "sm_clock_mhz": _ask(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
            "memory_clock_mhz": _ask(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM),
            "celsius": _ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        }
        for handle in handles
    ]


def read_held_back_seconds() -> tuple[float, ...]:
    """For how long, so far, each of power, heat and the board kept the clocks of each GPU down.

    Several may do so at the same time, so the numbers are not to be added.
    """
    nvml, handles = load_nvml()
    return tuple(
        _ask(
            lambda h, p: nvml.nvmlDeviceGetViolationStatus(h, p).violationTime / 1e9,
            handle,
            getattr(nvml, f"NVML_PERF_POLICY_{policy}"),
        )
        or 0.0
        for handle in handles
        for policy in _HELD_BACK
    )


@cache
def load_nvml() -> tuple[Any, tuple[Any, ...]]:
    """The library and a handle for each GPU; none without a driver."""
    try:
        import pynvml
    except ImportError:
        return None, ()
    try:
        pynvml.nvmlInit()
        return pynvml, tuple(map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount())))
    except pynvml.NVMLError:
        return None, ()


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    """The answer, or ``None`` from a GPU that does not tell."""
    nvml, _ = load_nvml()
    try:
        return question(*arguments)
    except nvml.NVMLError:
        return None
